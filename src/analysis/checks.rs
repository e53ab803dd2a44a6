//! Checks: whether a figure can be trusted.
//!
//! Every check is recorded, passed or not. Checks of the generator and the host find spoiled
//! measurements. Checks of the server are findings: they say that a figure does not mean what it
//! means for a server that kept up.

mod clients;
mod connections;
mod contention;
pub(crate) mod fates;
mod generator;
mod reach;
mod replies;
mod sessions;
mod standstill;
mod steadiness;
#[cfg(test)]
mod tests;

use crate::base::units::{as_f64, show_ns};
use crate::document::{About, Check, ShardRecord, StartRecord, Status, Trial, Validity};

pub(crate) use reach::{is_outside, reaches};

/// Steal over all CPU time.
const STEAL_WARNING: f64 = 0.01;
/// Steal over all CPU time.
const STEAL_LIMIT: f64 = 0.05;

/// Checks a trial.
#[must_use]
pub fn check_trial(trial: &Trial, steal_share: Option<f64>) -> Vec<Check> {
    if trial.phases.interrupted && trial.phases.measure_ns == 0 {
        // A server without requests cannot be judged.
        return vec![complete(trial), census(trial)];
    }
    let mut checks = vec![complete(trial), census(trial)];
    checks.extend([replies::wrong_replies(trial), replies::errors(trial), connected(trial)]);
    checks.extend(connections::connection_checks(trial));
    checks.extend(fates::checks(trial));
    let is_sum = |shard: &&ShardRecord| shard.parts.len() > 1 || !trial.merged.is_empty();
    checks.extend(trial.load.shard.as_ref().filter(is_sum).map(shards));
    let start = trial.load.shard.as_ref().and_then(|shard| shard.start.as_ref());
    checks.extend(start.map(clock_kept));
    if let Some(found) = &trial.greetings {
        checks.push(replies::greetings(found));
        checks.push(replies::one_clock(found));
    }
    checks.extend(trial.sessions.iter().flat_map(sessions::session_checks));
    checks.push(generator::generator_busy(trial));
    let standstill = trial.client.standstill.as_ref();
    checks.extend(standstill.map(|found| standstill::standstill(trial, found)));
    checks.extend(standstill.and_then(standstill::share));
    if trial.load.arrivals.is_open() {
        checks.push(clients::achieved(trial));
        checks.push(generator::sched_lag(trial));
    } else {
        checks.push(clients::fairness(trial));
        checks.push(clients::effective_concurrency(trial));
    }
    checks.push(clients::never_served(trial));
    // Where the rate was to change, latency changes with it.
    if let Some(steadiness) = trial.steadiness.as_ref().filter(|_| !trial.load.arrivals.changes()) {
        checks.extend(steadiness::steadiness_checks(steadiness, &trial.phases));
    }
    checks.extend(trial.sent_gaps.as_ref().map(steadiness::arrivals_as_asked));
    if trial.server.is_some() {
        checks.push(listen_queue(trial));
        checks.push(shared_processors(trial));
    }
    checks.extend(trial.contention.map(|found| contention::load_above_cores(trial, &found)));
    checks.extend(steal_share.map(steal));
    checks
}

/// What the checks come to: the worst of them.
#[must_use]
pub fn validity(checks: &[Check]) -> Validity {
    match checks.iter().map(|check| check.status).max() {
        Some(Status::Fail) => Validity::Invalid,
        Some(Status::Warn) => Validity::Suspect,
        Some(Status::Pass) | None => Validity::Valid,
    }
}

pub(crate) fn check(
    name: &str,
    about: About,
    status: Status,
    (observed, limit): (f64, f64),
    message: String,
) -> Check {
    let message = if status == Status::Pass { String::new() } else { message };
    Check { name: name.into(), about, status, observed, limit, message }
}

/// How the message of a check begins that had nothing to judge.
pub const NOT_JUDGED: &str = "not judged: ";

/// A check without data has not passed.
pub(crate) fn not_judged(name: &str, about: About, why: &str) -> Check {
    check(name, about, Status::Warn, (0.0, 0.0), format!("{NOT_JUDGED}{why}"))
}

/// `bad` unless `good`.
pub(crate) fn unless(good: bool, bad: Status) -> Status {
    if good { Status::Pass } else { bad }
}

pub(crate) fn share(part: u64, of: u64) -> f64 {
    if of == 0 { 0.0 } else { as_f64(part) / as_f64(of) }
}

fn complete(trial: &Trial) -> Check {
    let status = unless(!trial.phases.interrupted, Status::Fail);
    let seen = f64::from(u8::from(trial.phases.interrupted));
    let message = match trial.phases.measure_ns {
        0 => "interrupted before the measurement".into(),
        measured => format!("interrupted after {} of measurement", show_ns(measured)),
    };
    check("complete", About::Generator, status, (seen, 0.0), message)
}

fn census(trial: &Trial) -> Check {
    let census = &trial.census;
    let ended = census.ok + census.failed() + census.unfinished + census.never_sent;
    let message = format!("{} requests were due, but the census counts {ended}", census.offered);
    let greetings = trial.greetings.as_ref().is_none_or(|greetings| greetings.reconciles);
    let message = if greetings { message } else { "the greeting counts do not add up".into() };
    let status = unless(census.reconciles && greetings, Status::Fail);
    check("census", About::Generator, status, (as_f64(ended), as_f64(census.offered)), message)
}

fn connected(trial: &Trial) -> Check {
    let connections = &trial.connections;
    let (opened, asked) = (connections.opened, connections.asked);
    let status = unless(opened == asked, Status::Fail);
    let message = format!("only {opened} of {asked} connections could be opened");
    let seen = (as_f64(opened as u64), as_f64(asked as u64));
    check("connected", About::Server, status, seen, message)
}

/// At most this many missing parts are named.
const NAMED_MAX: usize = 10;

/// A sum of some generators is not the load that all of them made.
fn shards(shard: &ShardRecord) -> Check {
    let (there, of) = (shard.parts.len() as u64, shard.of);
    let absent = (0..of).filter(|part| !shard.parts.contains(part));
    let host = |part: u64| shard.hosts.get(usize::try_from(part).ok()?);
    let name = |part| host(part).map_or(format!("{part}"), |host| format!("{part} (on {host})"));
    let named: Vec<String> = absent.take(NAMED_MAX).map(name).collect();
    let more = usize::try_from(of - there).unwrap_or(0) > named.len();
    let message = format!(
        "only {there} of {of} parts were merged; missing: {}{}; the server's load was higher than this document says",
        named.join(", "),
        if more { " and more" } else { "" }
    );
    let seen = (as_f64(there), as_f64(of));
    check("shards", About::Generator, unless(there == of, Status::Fail), seen, message)
}

/// A part whose clock was set did not begin with the others, whatever its stamps say.
pub(crate) fn clock_kept(start: &StartRecord) -> Check {
    let by = start.jumped_ns.unwrap_or(0);
    let way = if by < 0 { "back" } else { "forward" };
    let message = format!(
        "the clock was set {way} by {} during the load: this part did not begin with the others",
        show_ns(by.unsigned_abs())
    );
    let seen = (as_f64(by.unsigned_abs()), 0.0);
    check("clock-kept", About::Generator, unless(by == 0, Status::Fail), seen, message)
}

fn listen_queue(trial: &Trial) -> Check {
    let tcp = trial.server.as_ref().map(|server| server.tcp).unwrap_or_default();
    let dropped = tcp.listen_drops.max(tcp.listen_overflows);
    let message = format!(
        "a full listen queue dropped {dropped} connections: expect connect times of 1 s and 3 s"
    );
    let status = unless(dropped == 0, Status::Warn);
    check("listen-queue", About::Server, status, (as_f64(dropped), 0.0), message)
}

fn shared_processors(trial: &Trial) -> Check {
    let (server, client) = (&trial.target.cpus, &trial.load.cpus);
    let apart =
        !server.is_empty() && !client.is_empty() && !server.iter().any(|cpu| client.contains(cpu));
    let message = "server and generator shared processors: compare CPU per request only".into();
    let seen = f64::from(u8::from(!apart));
    check("own-processors", About::Host, unless(apart, Status::Warn), (seen, 0.0), message)
}

fn steal(steal: f64) -> Check {
    let status = match steal {
        steal if steal <= STEAL_WARNING => Status::Pass,
        steal if steal <= STEAL_LIMIT => Status::Warn,
        _ => Status::Fail,
    };
    let message = format!(
        "the hypervisor gave {:.1} % of this machine's processor time to other \
        guests",
        steal * 100.0
    );
    check("steal", About::Host, status, (steal, STEAL_WARNING), message)
}
