//! Checks of clients: whether the server kept up and served all of them.

use super::replies::{NO_REPLY, NOTHING_OFFERED};
use super::{About, Check, Status, Trial, check, not_judged, share, unless};
use crate::base::units::as_f64;

/// An open loop in which less of the offered load is answered does not compare at equal load.
const ACHIEVED_LIMIT: f64 = 0.99;
/// Requests in flight over connections, in a closed loop.
const EFFECTIVE_CONCURRENCY_LIMIT: f64 = 0.90;
/// Jain's index of replies per connection, in a closed loop.
const FAIRNESS_LIMIT: f64 = 0.80;
/// Replies per connection below which chance alone makes connections uneven.
const FAIRNESS_REPLIES_MIN: f64 = 10.0;

pub(super) fn achieved(trial: &Trial) -> Check {
    if trial.census.offered == 0 {
        return not_judged("kept-up", About::Server, NOTHING_OFFERED);
    }
    // Replies within the measurement, divided by the requests due in it. Not divided by a rate: a
    // replay has none, and a random schedule does not offer exactly its rate.
    let answered = trial.throughput_per_s * as_f64(trial.phases.measure_ns) / 1e9;
    let offered = as_f64(trial.census.offered);
    let achieved = answered / offered;
    // The numbers of requests in flight at the two edges differ, by chance and if the rate changes.
    // A difference of four times the square root of all requests is not a finding.
    let chance = 4.0 / as_f64(trial.census.offered).sqrt();
    let limit = (ACHIEVED_LIMIT - chance).max(0.5);
    let left = trial.census.unfinished + trial.census.never_sent;
    let kept_up = achieved >= limit && share(left, trial.census.offered) <= 1.0 - ACHIEVED_LIMIT;
    let message = format!(
        "overloaded: only {:.0} % of the offered load was answered in time; do not compare these latencies with \
         others",
        achieved * 100.0
    );
    // With a changing rate there is no equal load: each step has its own figures.
    let status = if trial.load.arrivals.changes() { Status::Warn } else { Status::Fail };
    check("kept-up", About::Server, unless(kept_up, status), (achieved, limit), message)
}

pub(super) fn fairness(trial: &Trial) -> Check {
    let connections = &trial.connections;
    if trial.census.ok == 0 {
        return not_judged("fairness", About::Server, NO_REPLY);
    }
    let per_connection = share(trial.census.ok, connections.asked as u64);
    let judged = turns_of_thinkers(trial) >= FAIRNESS_REPLIES_MIN
        && (per_connection >= FAIRNESS_REPLIES_MIN || connections.served < connections.asked);
    let even = connections.jain >= FAIRNESS_LIMIT || !judged;
    let message = format!(
        "starved: of {} clients, the best served got {} replies and the worst served {}",
        connections.asked, connections.ok_max, connections.ok_min
    );
    let seen = (connections.jain, FAIRNESS_LIMIT);
    check("fairness", About::Server, unless(even, Status::Warn), seen, message)
}

pub(super) fn effective_concurrency(trial: &Trial) -> Check {
    let Trial { connections, .. } = trial;
    if trial.throughput_per_s <= 0.0 {
        return not_judged("effective-concurrency", About::Server, NO_REPLY);
    }
    // A connection with a limited number of requests or lifetime does not always use its full
    // depth.
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
            "only {:.1} requests were in service on average, although each of {} connections allows up to {depth}",
            connections.effective_concurrency, connections.asked
        )
    } else {
        format!(
            "only {:.1} of {} clients had a request in service on average: latency covers only the \
             few that were served",
            connections.effective_concurrency, connections.asked
        )
    };
    // Only clients that were answered in time count, so a client that waits for its turn is not in
    // service.
    let status = unless(share >= EFFECTIVE_CONCURRENCY_LIMIT, Status::Warn);
    let seen = (share, EFFECTIVE_CONCURRENCY_LIMIT);
    check("effective-concurrency", About::Server, status, seen, message)
}

/// How many requests a thinking client can send in the measurement, if it only thinks: a client
/// that thinks for longer than the measurement is not starved. The mean think time follows from
/// Little's law: thinking clients divided by the request rate. Clients that do not think have no
/// such limit.
fn turns_of_thinkers(trial: &Trial) -> f64 {
    let measured_s = as_f64(trial.phases.measure_ns) / 1e9;
    let thinking = trial.connections.thinking;
    if thinking > 0.0 { measured_s * trial.throughput_per_s / thinking } else { f64::INFINITY }
}

pub(super) fn never_served(trial: &Trial) -> Check {
    let connections = &trial.connections;
    if trial.census.offered == 0 {
        return not_judged("never-served", About::Server, NOTHING_OFFERED);
    }
    let never = connections.asked.saturating_sub(connections.served) as u64;
    // An open loop gives every connection its turn, if there are requests enough.
    let turns = share(trial.census.offered, connections.asked as u64);
    let judged = turns_of_thinkers(trial) >= FAIRNESS_REPLIES_MIN
        && (trial.load.arrivals.rate_per_s().is_none() || turns >= FAIRNESS_REPLIES_MIN);
    let message = format!(
        "starved: {never} of {} clients got no reply during the measurement; percentiles exclude those still \
         waiting after the drain",
        connections.asked
    );
    let status = unless(never == 0 || !judged, Status::Warn);
    check("never-served", About::Server, status, (as_f64(never), 0.0), message)
}
