//! When a figure is not what it seems.
//!
//! Every check is written down, passed or not. What is about the generator or the host can
//! spoil a measurement; what is about the server is a finding, and makes the figure mean
//! something else than it would for a server that kept up.

mod connections;
mod contention;
mod fates;
mod sessions;
mod standstill;
mod steadiness;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use crate::base::units::{as_f64, show_ns, show_ns_f64};
use crate::document::{
    About, Check, Distribution, Greetings, ShardRecord, Status, Trial, Validity,
};

/// Busiest generator thread, CPU over elapsed time: from here on the generator is the limit.
const GENERATOR_BUSY_LIMIT: f64 = 0.90;
/// From here on, in an open loop, requests begin to be sent late in bursts.
const GENERATOR_BUSY_WARNING: f64 = 0.70;
/// An open loop in which less of the offered load is answered does not compare at equal load.
const ACHIEVED_LIMIT: f64 = 0.99;
/// Requests in flight over connections, in a closed loop.
const EFFECTIVE_CONCURRENCY_LIMIT: f64 = 0.90;
/// Jain's index of replies per connection, in a closed loop.
const FAIRNESS_LIMIT: f64 = 0.80;
/// Replies per connection below which chance alone makes connections uneven.
const FAIRNESS_REPLIES_MIN: f64 = 10.0;
/// Share of failed requests, and of connections without the greeting that was due.
const ERRORS_LIMIT: f64 = 0.01;
/// Steal over all CPU time.
const STEAL_WARNING: f64 = 0.01;
/// Steal over all CPU time.
const STEAL_LIMIT: f64 = 0.05;
/// The generator may be late by so much at p99, or by a tenth of what it measures.
const LAG_WARNING_NS: f64 = 200_000.0;
/// Lateness over the measured p99 from which on the generator measures itself.
const LAG_LIMIT_SHARE: f64 = 0.5;

/// Checks a trial.
#[must_use]
pub fn of(trial: &Trial, steal_share: Option<f64>) -> Vec<Check> {
    if trial.phases.interrupted && trial.phases.measure_ns == 0 {
        // There is nothing to say about a server that nobody has asked anything.
        return vec![complete(trial), census(trial)];
    }
    let mut checks = vec![complete(trial), census(trial), wrong_replies(trial), errors(trial)];
    checks.push(connected(trial));
    checks.extend(connections::of(trial));
    checks.extend(fates::checks(trial));
    checks.extend(trial.load.shard.as_ref().filter(|shard| shard.parts.len() > 1).map(shards));
    if let Some(found) = &trial.greetings {
        checks.push(greetings(found));
        checks.push(one_clock(found));
    }
    checks.extend(trial.sessions.iter().flat_map(sessions::of));
    checks.push(generator_busy(trial));
    let standstill = trial.client.standstill.as_ref();
    checks.extend(standstill.map(|found| standstill::standstill(trial, found)));
    if trial.load.arrivals.is_open() {
        checks.push(achieved(trial));
        checks.push(sched_lag(trial));
    } else {
        checks.push(fairness(trial));
        checks.push(effective_concurrency(trial));
    }
    checks.push(never_served(trial));
    // Where the rate was to change, latency changes with it.
    if let Some(steadiness) = trial.steadiness.as_ref().filter(|_| !trial.load.arrivals.changes()) {
        checks.extend(steadiness::of(steadiness, &trial.phases));
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
        0 => "interrupted before anything was measured".into(),
        measured => format!("interrupted after {} of measurement", show_ns(measured)),
    };
    check("complete", About::Generator, status, (seen, 0.0), message)
}

fn census(trial: &Trial) -> Check {
    let census = &trial.census;
    let ended = census.ok + census.failed() + census.unfinished + census.never_sent;
    let message = format!("{} requests were offered and {ended} accounted for", census.offered);
    let greetings = trial.greetings.as_ref().is_none_or(|greetings| greetings.reconciles);
    let message = if greetings { message } else { "greetings do not add up".into() };
    let status = unless(census.reconciles && greetings, Status::Fail);
    check("census", About::Generator, status, (as_f64(ended), as_f64(census.offered)), message)
}

fn wrong_replies(trial: &Trial) -> Check {
    let wrong = trial.census.wrong();
    let example = trial.census.wrong_example.as_deref().unwrap_or_default();
    // Whoever asks a server of HTTP in lines is told so by its first one.
    let speaks_http = example.starts_with("HTTP/1.") && trial.load.framing != "http";
    let hint = if speaks_http { "; it speaks HTTP: say --framing http --path /" } else { "" };
    let message = format!("{wrong} replies were wrong, the first: {example:?}{hint}");
    let status = unless(wrong == 0, Status::Fail);
    check("right-replies", About::Server, status, (as_f64(wrong), 0.0), message)
}

fn errors(trial: &Trial) -> Check {
    let census = &trial.census;
    let mut errors = census.errors.clone();
    // A check of its own.
    let lost = errors.remove(sessions::LOST).unwrap_or(0);
    let failed = share(census.failed() - lost, census.offered);
    let kinds = kinds(&errors, census.timeouts);
    let message = format!("{:.2} % of requests failed: {kinds}", failed * 100.0);
    check("errors", About::Server, by_share(failed), (failed, ERRORS_LIMIT), message)
}

fn by_share(failed: f64) -> Status {
    match failed {
        0.0 => Status::Pass,
        failed if failed <= ERRORS_LIMIT => Status::Warn,
        _ => Status::Fail,
    }
}

fn kinds(errors: &BTreeMap<String, u64>, timeouts: u64) -> String {
    let mut kinds = vec![fates::explained(errors, fates::of_request)];
    kinds.retain(|kinds| !kinds.is_empty());
    kinds.extend((timeouts > 0).then(|| format!("{timeouts} timeouts")));
    kinds.join(", ")
}

fn greetings(greetings: &Greetings) -> Check {
    let (failed, expected) = (greetings.failed(), greetings.expected);
    let kinds = kinds(&greetings.errors, greetings.timeouts);
    let message = format!("{failed} of {expected} connections were not greeted: {kinds}");
    let failed = share(failed, expected);
    check("greetings", About::Server, by_share(failed), (failed, ERRORS_LIMIT), message)
}

fn one_clock(greetings: &Greetings) -> Check {
    let other = greetings.other_clock;
    let message = format!(
        "{other} of {} greetings have stamps that cannot be of this machine's clock: accept and \
         queue delay are known only where server and generator share it",
        greetings.received
    );
    check("one-clock", About::Host, unless(other == 0, Status::Fail), (as_f64(other), 0.0), message)
}

fn connected(trial: &Trial) -> Check {
    let connections = &trial.connections;
    let (opened, asked) = (connections.opened, connections.asked);
    let status = unless(opened == asked, Status::Fail);
    let message = format!("{opened} of {asked} connections could be opened");
    let seen = (as_f64(opened as u64), as_f64(asked as u64));
    check("connected", About::Server, status, seen, message)
}

/// A sum of some generators is not the load that all of them made.
fn shards(shard: &ShardRecord) -> Check {
    let (there, of) = (shard.parts.len() as u64, shard.of);
    let message = format!(
        "only {there} of {of} parts were added up: the server had more to do than this document \
         says"
    );
    let seen = (as_f64(there), as_f64(of));
    check("shards", About::Generator, unless(there == of, Status::Fail), seen, message)
}

fn generator_busy(trial: &Trial) -> Check {
    let busy = trial.client.busiest_thread_share;
    let percent = busy * 100.0;
    let (status, message) = match (trial.load.arrivals.is_open(), busy) {
        (false, busy) if busy >= GENERATOR_BUSY_LIMIT => (
            Status::Warn,
            format!(
                "generator-limited: its busiest thread used {percent:.0} % of a core, so capacity \
                 is this or more; compare CPU per request"
            ),
        ),
        (true, busy) if busy >= GENERATOR_BUSY_LIMIT => (
            Status::Fail,
            format!("the generator used {percent:.0} % of a core: it measured itself"),
        ),
        (true, busy) if busy >= GENERATOR_BUSY_WARNING => (
            Status::Warn,
            format!("the generator used {percent:.0} % of a core: expect some lateness"),
        ),
        _ => (Status::Pass, String::new()),
    };
    check("generator-cpu", About::Generator, status, (busy, GENERATOR_BUSY_LIMIT), message)
}

fn achieved(trial: &Trial) -> Check {
    // What was answered within the measurement, over what became due in it. Not over a rate: a
    // replay has none, and of a random schedule it is not what was offered.
    let answered = trial.throughput_per_s * as_f64(trial.phases.measure_ns) / 1e9;
    let offered = as_f64(trial.census.offered);
    let achieved = if offered > 0.0 { answered / offered } else { 1.0 };
    // What is in flight at the two edges differs, by chance and where the rate changes; four times
    // the root of all requests is no finding about the server.
    let chance = 4.0 / as_f64(trial.census.offered.max(1)).sqrt();
    let limit = (ACHIEVED_LIMIT - chance).max(0.5);
    let left = trial.census.unfinished + trial.census.never_sent;
    let kept_up = achieved >= limit && share(left, trial.census.offered) <= 1.0 - ACHIEVED_LIMIT;
    let message = format!(
        "overloaded: {:.0} % of the offered rate was answered in time, so its latencies are not \
         at equal load",
        achieved * 100.0
    );
    // Where the rate was to change, nothing is said to be at equal load: each step has its own figures.
    let status = if trial.load.arrivals.changes() { Status::Warn } else { Status::Fail };
    check("kept-up", About::Server, unless(kept_up, status), (achieved, limit), message)
}

/// Lateness is judged by the farthest of these quantiles that both it and what is measured have
/// enough samples for.
const LAG_QUANTILES: [f64; 5] = [0.99, 0.95, 0.9, 0.75, 0.5];

fn sched_lag(trial: &Trial) -> Check {
    let (late, headline) = (&trial.latency.sched_lag, trial.latency.headline());
    let known = |distribution: &Distribution, q| {
        distribution.quantile(q).filter(|found| found.admitted).map(|found| as_f64(found.value))
    };
    let judged =
        LAG_QUANTILES.into_iter().find_map(|q| Some((q, known(late, q)?, known(headline, q)?)));
    let Some((q, lag, measured)) = judged else {
        let message = format!(
            "not judged: {} requests with a latency are too few to say how late the generator sent",
            headline.count.min(late.count)
        );
        let seen = (late.mean, LAG_WARNING_NS);
        return check("sched-lag", About::Generator, Status::Warn, seen, message);
    };
    let limit = LAG_WARNING_NS.max(measured / 10.0);
    let status = match lag {
        lag if lag <= limit => Status::Pass,
        lag if lag <= measured * LAG_LIMIT_SHARE => Status::Warn,
        _ => Status::Fail,
    };
    let message = format!(
        "the generator sent late by {} at p{:.0}, of {} measured",
        show_ns_f64(lag),
        q * 100.0,
        show_ns_f64(measured)
    );
    check("sched-lag", About::Generator, status, (lag, limit), message)
}

fn fairness(trial: &Trial) -> Check {
    let connections = &trial.connections;
    let per_connection = share(trial.census.ok, connections.asked as u64);
    let judged = turns_of_thinkers(trial) >= FAIRNESS_REPLIES_MIN
        && (per_connection >= FAIRNESS_REPLIES_MIN || connections.served < connections.asked);
    let even = connections.jain >= FAIRNESS_LIMIT || !judged;
    let message = format!(
        "starved: of {} clients the luckiest got {} replies and the last {}",
        connections.asked, connections.ok_max, connections.ok_min
    );
    let seen = (connections.jain, FAIRNESS_LIMIT);
    check("fairness", About::Server, unless(even, Status::Warn), seen, message)
}

fn effective_concurrency(trial: &Trial) -> Check {
    let Trial { connections, .. } = trial;
    // A connection that carries so many requests or lives so long is not always as deep as it may.
    let depth = trial.load.conduct.as_ref().map_or(1, |conduct| match conduct.pipeline {
        _ if conduct.requests_per_connection.is_some() || conduct.lifetime_ns.is_some() => 1,
        depth => depth,
    });
    // The interactive response time law, R = N/X - Z, read as N = X (R + Z).
    let accounted =
        connections.effective_concurrency + connections.thinking + connections.connecting;
    let share = accounted / as_f64((connections.asked * depth).max(1) as u64);
    let message = if depth > 1 {
        format!(
            "only {:.1} requests were in service on average, of {depth} on each of {} connections",
            connections.effective_concurrency, connections.asked
        )
    } else {
        format!(
            "only {:.1} of {} clients had a request in service on average: latency is that of \
             the few who were served",
            connections.effective_concurrency, connections.asked
        )
    };
    // Only who was answered in time counts, so a client that waits for its turn is not in service.
    let status = unless(share >= EFFECTIVE_CONCURRENCY_LIMIT, Status::Warn);
    let seen = (share, EFFECTIVE_CONCURRENCY_LIMIT);
    check("effective-concurrency", About::Server, status, seen, message)
}

/// How often a client that thinks between its requests has its turn in the measurement, if it waits for nothing
/// else: who thinks for longer than is measured is not starved. The mean of thinking is known by Little's law, as those
/// who think over the requests. Clients that do not think have any number of turns.
fn turns_of_thinkers(trial: &Trial) -> f64 {
    let measured_s = as_f64(trial.phases.measure_ns) / 1e9;
    let thinking = trial.connections.thinking;
    if thinking > 0.0 { measured_s * trial.throughput_per_s / thinking } else { f64::INFINITY }
}

fn never_served(trial: &Trial) -> Check {
    let connections = &trial.connections;
    let never = connections.asked.saturating_sub(connections.served) as u64;
    // An open loop gives every connection its turn, if there are requests enough.
    let turns = share(trial.census.offered, connections.asked as u64);
    let judged = turns_of_thinkers(trial) >= FAIRNESS_REPLIES_MIN
        && (trial.load.arrivals.rate_per_s().is_none() || turns >= FAIRNESS_REPLIES_MIN);
    let message = format!(
        "{never} of {} clients were never served in the measurement: no figure knows of their wait \
         unless it was over by the end of the drain",
        connections.asked
    );
    let status = unless(never == 0 || !judged, Status::Warn);
    check("never-served", About::Server, status, (as_f64(never), 0.0), message)
}

fn listen_queue(trial: &Trial) -> Check {
    let tcp = trial.server.as_ref().map(|server| server.tcp).unwrap_or_default();
    let dropped = tcp.listen_drops.max(tcp.listen_overflows);
    let message = format!(
        "{dropped} connections were dropped at a full listen queue of this machine: expect \
         connect times of 1 s and 3 s"
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
    let message = format!("the hypervisor took {:.1} % of the processors' time", steal * 100.0);
    check("steal", About::Host, status, (steal, STEAL_WARNING), message)
}
