//! Timeouts: the age of a reply decides, not the time of the check.

use std::time::Duration;

use super::oracle::{self, Met, OracleServer};
use super::{MS, START, assert_told, constant, due, edges, load, poisson, run};
use crate::wire::virtual_time::{Costs, Fate, Laws};
use crate::{Arrivals, Load};

const WORK_NS: u64 = 2 * MS + 1;

const TIMEOUT_NS: u64 = 430_000_003;

/// When the generator checks its connections, given the send times of the requests that are not answered
/// in time: at the beginning, and whenever the next request becomes overdue, but at most once in a
/// twentieth of the timeout, and at least every 100 ms.
fn looks(mut sent: Vec<u64>) -> Vec<u64> {
    let mut looks = vec![START];
    while looks.len() < 1_000 {
        let now = looks[looks.len() - 1];
        sent.retain(|sent| sent + TIMEOUT_NS >= now);
        let under_way = sent.iter().filter(|sent| **sent <= now);
        let next = under_way.map(|sent| sent + TIMEOUT_NS + 1).min().unwrap_or(u64::MAX);
        looks.push(next.clamp(now + TIMEOUT_NS / 20, now + 100 * MS));
    }
    looks
}

#[test]
fn a_timeout_has_the_age_at_which_it_was_found() {
    // Every tenth request is answered after 3 s, and the timeout is 430 ms.
    let load =
        Load { request_timeout: Duration::from_nanos(TIMEOUT_NS), ..load(900, constant(1_000.0)) };
    let slow = |tag| tag % 10 == 4;
    let laws = || Laws {
        work: Box::new(move |tag, _| if slow(tag) { 3_000 * MS } else { WORK_NS }),
        ..Laws::fixed(1)
    };
    let outcome = run(&load, &laws, Costs::default());
    let (begin, ..) = edges(&load);
    let work = |_, _| WORK_NS;
    let all = oracle::open_loop(&load, &OracleServer::new(&work));
    let (late, right): (Vec<_>, Vec<_>) =
        all.into_iter().zip(due(&load)).partition(|(_, (tag, _))| slow(*tag));
    let right: Vec<Met> = right.into_iter().map(|(met, _)| met).collect();
    let mut truth = oracle::reported(&load, &right);
    let looks = looks(late.iter().map(|(met, _)| met.sent).collect());
    for (met, _) in late.into_iter().filter(|(met, _)| met.due >= begin) {
        let found = looks.iter().copied().find(|look| *look > met.sent + TIMEOUT_NS).unwrap();
        truth.census.offered += 1;
        truth.census.sent += 1;
        truth.census.timeouts += 1;
        truth.response.push(found - met.due);
        truth.service.push(found - met.sent);
        truth.belong_at.push(met.due - begin);
        truth.sched_lag.push(0);
        truth.conn_wait.push(0);
    }
    assert_eq!(truth.census.timeouts, 500);
    assert_told(&outcome, truth);
}

/// The numbers of requests in the census: answered correctly, timed out, failed otherwise.
fn fates(load: &Load, laws: &dyn Fn() -> Laws) -> (u64, u64, u64) {
    let census = run(load, laws, Costs::default()).census;
    assert_eq!((census.unfinished, census.never_sent), (0, 0));
    (census.ok, census.timeouts, census.errors_total())
}

/// Both kinds of loop, with few and with many connections, and a timeout of 10 ms.
fn of_10_ms() -> impl Iterator<Item = Load> {
    [(Arrivals::Closed, 1), (Arrivals::Closed, 20), (constant(100.0), 60), (poisson(200.0), 90)]
        .into_iter()
        .map(|(arrivals, connections)| {
            let request_timeout = Duration::from_millis(10);
            Load { request_timeout, ..load(connections, arrivals) }
        })
}

#[test]
fn a_reply_that_comes_too_late_is_a_timeout_each_time() {
    for load in of_10_ms() {
        // The age decides, and not the time of the check: each of these is a timeout.
        for work in [50 * MS, 10 * MS + 1, 11 * MS, 180 * MS] {
            let (ok, timeouts, errors) = fates(&load, &|| Laws::fixed(work));
            assert_eq!((ok, errors), (0, 0), "{:?} after {work} ns", load.arrivals);
            assert!(timeouts > 20, "{timeouts} timeouts");
        }
        for work in [9 * MS, 10 * MS] {
            let (ok, timeouts, errors) = fates(&load, &|| Laws::fixed(work));
            assert_eq!((timeouts, errors), (0, 0), "{:?} after {work} ns", load.arrivals);
            assert!(ok > 20, "{ok} replies");
        }
    }
}

#[test]
fn what_ends_too_late_is_a_timeout_however_it_ends() {
    let fates_of = [Fate::Reset, Fate::Goodbye, Fate::Says("ERR busy no\n"), Fate::Says("what\n")];
    for load in of_10_ms() {
        for fate in fates_of {
            let laws = || Laws { fate: Box::new(move |_| fate), ..Laws::fixed(50 * MS) };
            let (ok, timeouts, errors) = fates(&load, &laws);
            assert_eq!((ok, errors), (0, 0), "{:?} {fate:?}", load.arrivals);
            assert!(timeouts > 20, "{timeouts} timeouts");
        }
    }
}

#[test]
fn a_timeout_is_noticed_soon() {
    for load in of_10_ms() {
        let outcome = run(&load, &|| Laws::fixed(50 * MS), Costs::default());
        let service = &outcome.latency.service;
        assert!(service.min() > 9_990_000 && service.max() < 11_100_000, "{}", service.max());
    }
}

#[test]
fn what_is_in_flight_when_a_closed_loop_is_measured_belongs_to_it() {
    // The reply arrives after warm-up and measurement, and the census counts it.
    let load = Load {
        warmup: Duration::from_secs(1),
        measure: Duration::from_secs(1),
        ..load(4, Arrivals::Closed)
    };
    let outcome = run(&load, &|| Laws::fixed(3_000 * MS), Costs::default());
    assert_eq!((outcome.census.offered, outcome.census.ok, outcome.completed), (4, 4, 0));
    assert!((3_000..3_003).contains(&(outcome.latency.service.max() / MS)));
    // A measurement in which nothing can be sent.
    let short = Load { measure: Duration::from_nanos(1), ..load };
    let outcome = run(&short, &|| Laws::fixed(3 * MS + 1), Costs::default());
    assert_eq!((outcome.census.offered, outcome.census.ok, outcome.completed), (4, 4, 0));
    // One of them is never answered, and the others are.
    let laws = || Laws {
        fate: Box::new(|tag| if tag == 2 { Fate::Silence } else { Fate::Reply }),
        ..Laws::fixed(5 * MS)
    };
    let outcome = run(&Load { measure: Duration::from_secs(1), ..short }, &laws, Costs::default());
    assert_eq!(outcome.census.unfinished, 1);
    assert!((4_000..4_005).contains(&(outcome.censored_ages.max() / MS)), "since it was sent");
}
