//! Failed requests and connections: a sentence for each kind of failure, and the checks on them.

use std::collections::BTreeMap;

use super::{check, share, unless};
use crate::base::units::{as_f64, show_ns};
use crate::document::{About, Check, Status, Trial};

/// What a failure of a request or of a greeting means, by its name in the census.
#[must_use]
pub fn of_request(name: &str) -> &'static str {
    match name {
        "reset" => "the server reset the connection instead of replying",
        "closed" => {
            "the server closed the connection instead of replying, or in the middle of a reply"
        }
        "closed_early" => "the server closed the connection while this request was on its way",
        "abandoned" => "an earlier request on the same connection failed",
        "wrong_reply" => "the reply was not the expected one",
        "refused:busy" => "the server has reached its client limit",
        "refused:too-long" => "the request was too long for the server",
        "refused:unknown-verb" => "the server does not know this request: is --app right?",
        "refused:bad-argument" => "the server rejected the request's argument",
        "lost_session" => {
            "the server no longer had the session: it expired, or ended with its connection"
        }
        "refused:bad-token" => "the server did not know the session's reference: is --state right?",
        "refused:bad-step" => "the step does not follow the session's last one",
        "refused:table-full" => "the server has reached its session limit",
        "refused:store" => "the server could not reach its session store",
        "refused:other" => "the server refused for a reason that is not in the protocol",
        "status:2xx" => "the status was 2xx, but not the expected one",
        "status:3xx" => "the server redirects: request the path in its Location field",
        "status:4xx" => "the server rejected the request (4xx): is the path right?",
        "status:5xx" => "the server failed or is overloaded (5xx)",
        "status:other" => "the status code is not in the standard",
        "io" => "the kernel refused to read or to write",
        _ => "see docs/method.md",
    }
}

/// What a failure to open a connection means, by its name.
#[must_use]
pub fn of_connect(name: &str) -> &'static str {
    match name {
        "refused" => "no server listened there",
        "timed_out" => "it did not open within the connect timeout: the listen queue may be full",
        "reset" => "aborted during the handshake",
        "unreachable" => "no route to the host",
        "no_port" => {
            "no local port was left for this address: reconnect less often, or set \
             net.ipv4.tcp_tw_reuse=1"
        }
        "no_descriptor" => "no descriptor was left: raise the limit with ulimit -n",
        "io" => "the kernel refused",
        _ => "see docs/method.md",
    }
}

/// Counts with their names, and what each means.
#[must_use]
pub fn explained(kinds: &BTreeMap<String, u64>, meaning: fn(&str) -> &'static str) -> String {
    let kinds: Vec<_> =
        kinds.iter().map(|(kind, n)| format!("{n} {kind} ({})", meaning(kind))).collect();
    kinds.join(", ")
}

/// Whether replies came, connections could be opened, and everything fits its histogram.
pub(crate) fn checks(trial: &Trial) -> Vec<Check> {
    vec![answered(trial), connects(trial), unasked(trial), in_range(trial)]
}

/// Right replies that arrived within the measurement.
fn completed(trial: &Trial) -> f64 {
    let by_rate = || trial.throughput_per_s * as_f64(trial.phases.measure_ns) / 1e9;
    trial.sums.map_or_else(by_rate, |sums| as_f64(sums.completed))
}

/// A server that answers nothing makes no error and has no latency.
fn answered(trial: &Trial) -> Check {
    let (census, measured) = (&trial.census, show_ns(trial.phases.measure_ns));
    let replies = completed(trial);
    let unfinished = share(census.unfinished, census.offered);
    let (status, message) = match (census.ok, census.sent) {
        (0, 1..) => (
            Status::Fail,
            format!(
                "none of {} requests got a correct reply: {} had none when the drain ended, {} \
                 timed out, {} failed",
                census.sent,
                census.unfinished,
                census.timeouts,
                census.failed() - census.timeouts
            ),
        ),
        (0, 0) => {
            let why = "no connection was free, or no request was due";
            (
                Status::Fail,
                format!(
                    "no request was sent during the measurement of {measured}: \
                {why}"
                ),
            )
        }
        _ if replies <= 0.0 => (
            Status::Fail,
            format!(
                "no reply arrived during the measurement of {measured}, {} arrived later: measure \
                 for longer than a reply takes",
                census.ok
            ),
        ),
        // An open loop that leaves too many has not kept up, which is a check of its own.
        _ if census.unfinished > 0 => (
            Status::Warn,
            format!(
                "{} requests had no reply when the drain ended: latencies include them with their age at that time; \
                 use a longer --drain",
                census.unfinished
            ),
        ),
        _ => (Status::Pass, String::new()),
    };
    check("answered", About::Server, status, (unfinished, 0.0), message)
}

fn connects(trial: &Trial) -> Check {
    let connections = &trial.connections;
    let mut kinds = connections.connect_errors.clone();
    if connections.opened == connections.asked {
        // A server may start to listen while its load is trying already.
        for (kind, before) in &connections.connect_errors_before_load {
            kinds.entry(kind.clone()).and_modify(|all| *all = all.saturating_sub(*before));
        }
        kinds.retain(|_, count| *count > 0);
    }
    let failures: u64 = kinds.values().sum();
    let ours = ["no_port", "no_descriptor"].iter().any(|kind| kinds.contains_key(*kind));
    // If no process listens, there was no server for a while, and no figure describes one.
    let bad = if kinds.contains_key("refused") { Status::Fail } else { Status::Warn };
    let message = format!("{failures} connects failed: {}", explained(&kinds, of_connect));
    let about = if ours { About::Generator } else { About::Server };
    check("connects", about, unless(failures == 0, bad), (as_f64(failures), 0.0), message)
}

fn unasked(trial: &Trial) -> Check {
    let unsolicited = trial.connections.unsolicited;
    let message = format!(
        "{unsolicited} unsolicited messages arrived: refused connections, or replies sent twice"
    );
    let status = unless(unsolicited == 0, Status::Warn);
    check("unasked", About::Server, status, (as_f64(unsolicited), 0.0), message)
}

fn in_range(trial: &Trial) -> Check {
    let saturated = trial.latency.saturated;
    let message = format!(
        "{saturated} times exceed the histogram's range and are recorded as its maximum: the \
         generator stood still"
    );
    let status = unless(saturated == 0, Status::Fail);
    check("in-range", About::Generator, status, (as_f64(saturated), 0.0), message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use loadgen::{ConnectFailure, Failure};

    /// A trial that went well, of those that are kept, after something was done to it.
    fn after(change: impl FnOnce(&mut Trial)) -> BTreeMap<String, (Status, About, String)> {
        let mut trial = crate::document::example::closed();
        change(&mut trial);
        let checks = checks(&trial).into_iter();
        checks.map(|check| (check.name, (check.status, check.about, check.message))).collect()
    }

    #[test]
    fn a_trial_in_which_nothing_went_wrong_passes() {
        assert!(after(|_| {}).values().all(|(status, ..)| *status == Status::Pass));
    }

    #[test]
    fn times_that_did_not_fit_make_it_invalid() {
        let (status, about, message) =
            after(|trial| trial.latency.saturated = 3)["in-range"].clone();
        assert_eq!((status, about), (Status::Fail, About::Generator));
        assert!(message.starts_with("3 times exceed"), "{message}");
    }

    #[test]
    fn connects_fail_by_the_server_or_for_want_of_ports() {
        let failing = |kind: &str| {
            let checks = after(|trial| {
                trial.connections.connect_failures = 7;
                trial.connections.connect_errors.insert(kind.into(), 7);
            });
            checks["connects"].clone()
        };
        let (status, about, message) = failing("no_port");
        assert_eq!((status, about), (Status::Warn, About::Generator));
        assert!(message.contains("7 no_port (no local port was left"), "{message}");
        let (status, about, _) = failing("refused");
        assert_eq!((status, about), (Status::Fail, About::Server));
        assert_eq!(failing("timed_out").0, Status::Warn);
    }

    #[test]
    fn a_server_that_answers_nothing_has_no_result_and_one_that_is_slow_has() {
        let (status, _, message) = after(|trial| {
            (trial.census.ok, trial.census.unfinished) = (0, trial.census.sent);
        })["answered"]
            .clone();
        assert_eq!(status, Status::Fail);
        assert!(message.starts_with("none of"), "{message}");
        assert_eq!(after(|trial| trial.census.unfinished = 1)["answered"].0, Status::Warn);
        assert_eq!(after(|trial| trial.connections.unsolicited = 1)["unasked"].0, Status::Warn);
    }

    #[test]
    fn every_way_to_fail_has_a_sentence_of_its_own() {
        let requests = Failure::ALL.map(|failure| of_request(failure.name()));
        let connects = ConnectFailure::ALL.map(|failure| of_connect(failure.name()));
        let mut all: Vec<_> = requests.into_iter().chain(connects).collect();
        let n = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), n);
        assert!(!all.contains(&"see docs/method.md"));
    }
}
