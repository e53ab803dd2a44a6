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
    // What was answered within the measurement, over what became due in it. Not over a rate: a
    // replay has none, and of a random schedule it is not what was offered.
    let answered = trial.throughput_per_s * as_f64(trial.phases.measure_ns) / 1e9;
    let offered = as_f64(trial.census.offered);
    let achieved = answered / offered;
    // What is in flight at the two edges differs, by chance and where the rate changes; four times
    // the root of all requests is no finding about the server.
    let chance = 4.0 / as_f64(trial.census.offered).sqrt();
    let limit = (ACHIEVED_LIMIT - chance).max(0.5);
    let left = trial.census.unfinished + trial.census.never_sent;
    let kept_up = achieved >= limit && share(left, trial.census.offered) <= 1.0 - ACHIEVED_LIMIT;
    let message = format!(
        "overloaded: only {:.0} % of the offered load was answered in time; do not compare its \
         latencies with those of others",
        achieved * 100.0
    );
    // Where the rate was to change, nothing is said to be at equal load: each step has its own figures.
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
        "starved: among {} clients the best served got {} replies and the worst {}",
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
            "only {:.1} requests were in service on average, although up to {depth} are allowed on \
             each of {} connections",
            connections.effective_concurrency, connections.asked
        )
    } else {
        format!(
            "only {:.1} of {} clients had a request in service on average: latency covers only the \
             few that were served",
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
        "starved: {never} of {} clients got no reply during the measurement; percentiles lack \
         those still waiting after the drain",
        connections.asked
    );
    let status = unless(never == 0 || !judged, Status::Warn);
    check("never-served", About::Server, status, (as_f64(never), 0.0), message)
}
