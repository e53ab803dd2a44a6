//! A stopped generator: the delay of requests that became due or were answered meanwhile is its
//! own.

use std::time::Duration;

use super::oracle::OracleServer;
use super::{MS, S, START, constant, laws_of, load, poisson, run};
use crate::wire::virtual_time::{Costs, Laws};
use crate::{Arrivals, Load, Outcome};

/// The work of the server of these tests: short, but long enough that a virtual second does not take a
/// real one.
const WORK_NS: u64 = 1_000_001;

/// Runs a load whose generator is stopped, from `after` the beginning of the load, for `length`.
fn stopped(load: &Load, (after, length): (u64, u64), laws: &dyn Fn() -> Laws) -> Outcome {
    let stopped = Some((START + after, START + after + length));
    run(load, laws, Costs { stopped, ..Costs::default() })
}

fn quick() -> Laws {
    Laws::fixed(WORK_NS)
}

fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap()
}

#[test]
fn a_stop_of_two_seconds_is_the_generators_and_not_a_wait_for_connections() {
    for arrivals in [constant(500.0), poisson(500.0)] {
        let load = load(2, arrivals);
        let outcome = stopped(&load, (S, 2 * S), &quick);
        let p90 = |h: &crate::Histogram<u64>| h.value_at_quantile(0.9) / MS;
        assert_eq!(p90(&outcome.latency.conn_wait), 0);
        // The stop takes two seconds of five: of ten requests, four were due in it, one of them in its
        // first quarter.
        let lag = p90(&outcome.latency.sched_lag);
        assert!((1_400..1_700).contains(&lag), "{lag} ms");
        let still = &outcome.standstill;
        assert_eq!((still.gaps, ms(still.longest)), (1, ms(still.measured)));
        assert!((1_980..=2_000).contains(&ms(still.longest)), "{still:?}");
        assert_eq!(still.outside, Duration::ZERO);
        let at = still.longest_at_ns / 1_000_000;
        assert!((850..870).contains(&at), "the warm-up is over: {at}");
        assert!((900..1_100).contains(&still.touched.len()), "{}", still.touched.len());
        assert_eq!(still.touched.max(), outcome.latency.response.unwrap().max());
    }
}

#[test]
fn what_waited_for_a_connection_before_a_stop_did_so() {
    // One connection that is 90 % busy: many requests wait for it, with the stop and without.
    let laws = || Laws::fixed(9 * MS + 1);
    let load = Load { measure: Duration::from_secs(20), ..load(1, poisson(100.0)) };
    let without = stopped(&load, (1_000 * S, 1), &laws);
    let with = stopped(&load, (5 * S, 200 * MS), &laws);
    let mean = |outcome: &Outcome| outcome.latency.conn_wait.mean() / MS as f64;
    assert_eq!(without.standstill.gaps, 0);
    assert!(mean(&without) > 20.0, "{}", mean(&without));
    // The queue of twenty takes seconds to drain. Requests that were due in the stop are charged to the
    // generator.
    assert!(mean(&with) > mean(&without) / 2.0, "{}", mean(&with));
    assert!(with.latency.sched_lag.max() > 190 * MS);
}

#[test]
fn a_closed_loop_is_told_too_with_one_connection_and_with_many() {
    for connections in [1, 2, 20, 200] {
        let load = load(connections, Arrivals::Closed);
        let outcome = stopped(&load, (S, 2 * S), &|| Laws::fixed(7 * MS));
        let still = &outcome.standstill;
        assert_eq!((still.gaps, ms(still.longest)), (1, ms(still.measured)), "{still:?}");
        assert!((1_993..=2_000).contains(&ms(still.longest)), "{still:?}");
        // Each connection had a request under way.
        assert_eq!(still.touched.len(), connections as u64);
        assert!(still.touched.min() >= 1_990 * MS);
        let slow = outcome.latency.service.count_between(S, 3 * S);
        assert_eq!(slow, connections as u64);
        let late = outcome.latency.sched_lag.count_between(S, 3 * S);
        assert_eq!(late, connections as u64, "their next ones were sent late");
    }
}

#[test]
fn many_short_stops_add_up() {
    // 20 ms of each 70 ms, over the whole load, the drain included.
    let stops = Some((70 * MS, 20 * MS, u64::MAX));
    for arrivals in [Arrivals::Closed, constant(500.0), poisson(600.0)] {
        for connections in [1, 4, 20] {
            let measure = Duration::from_secs(2);
            let load = Load { measure, ..load(connections, arrivals.clone()) };
            let outcome = run(&load, &quick, Costs { stops, ..Costs::default() });
            let still = &outcome.standstill;
            let share = still.measured.as_secs_f64() / load.measure.as_secs_f64();
            assert!((0.24..0.29).contains(&share), "{arrivals:?} {connections}: {share}");
            assert!((28..=62).contains(&still.gaps), "{arrivals:?}: {}", still.gaps);
        }
    }
}

#[test]
fn a_stop_in_the_warm_up_or_the_drain_is_told_apart() {
    for arrivals in [Arrivals::Closed, constant(500.0)] {
        let load = Load { warmup: Duration::from_secs(2), ..load(4, arrivals) };
        let early = stopped(&load, (500 * MS, S), &quick).standstill;
        assert_eq!((early.gaps, early.measured), (1, Duration::ZERO));
        assert!((990..=1_000).contains(&ms(early.outside)) && early.longest_at_ns < 0, "{early:?}");
        assert_eq!(early.touched.len(), 0);
        // Half of it before the measurement begins, and half of it after.
        let across = stopped(&load, (1_500 * MS, S), &quick).standstill;
        assert!((490..=500).contains(&ms(across.measured)), "{across:?}");
        assert!((490..=500).contains(&ms(across.outside)), "{across:?}");
    }
    // All replies arrive in the drain, and the generator stands still for longer than the drain lasts.
    let laws = || Laws::fixed(S + 1);
    let load = Load { drain: Duration::from_millis(1_500), ..load(600, constant(200.0)) };
    let end = 5_150 * MS;
    for (after, length) in [(end + 100 * MS, 9 * S), (end - 900 * MS, 9 * S)] {
        let late = stopped(&load, (after, length), &laws);
        assert_eq!((late.census.unfinished, late.census.never_sent), (0, 0), "{:?}", late.census);
        assert_eq!(late.census.ok, late.census.offered);
        assert!(late.standstill.outside > Duration::from_secs(8), "{:?}", late.standstill);
    }
}

#[test]
fn a_stop_for_longer_than_the_timeout_is_no_timeout() {
    let request_timeout = Duration::from_millis(700);
    for arrivals in [Arrivals::Closed, constant(500.0)] {
        let load = Load { request_timeout, ..load(4, arrivals) };
        let outcome = stopped(&load, (S, 2 * S), &quick);
        assert_eq!(outcome.census.timeouts, 0);
        assert_eq!(outcome.census.ok, outcome.census.offered);
    }
}

#[test]
fn a_stop_while_connecting_is_not_the_servers() {
    let connect_timeout = Duration::from_millis(300);
    let load = Load { connect_timeout, ..load(20, Arrivals::Closed) };
    let laws = || Laws { connect_ns: 100 * MS, ..quick() };
    let stopped = Some((MS, 900 * MS));
    let outcome = run(&load, &laws, Costs { stopped, ..Costs::default() });
    assert_eq!((outcome.connections.opened, outcome.connections.connect_failures), (20, 0));
    assert_eq!(outcome.standstill.gaps, 0, "there was no load");
}

#[test]
fn a_server_that_stands_still_is_not_the_generator() {
    let work = |_, _| WORK_NS;
    for arrivals in [Arrivals::Closed, constant(500.0)] {
        for (connections, stall) in [(2, 900 * MS), (50, 900 * MS), (1, 50 * MS)] {
            let server = OracleServer { stall: Some((2 * S, stall)), ..OracleServer::new(&work) };
            let load = load(connections, arrivals.clone());
            let outcome = run(&load, &|| laws_of(&server, work), Costs::default());
            assert_eq!(outcome.standstill.gaps, 0, "{arrivals:?}: {:?}", outcome.standstill);
            assert_eq!(outcome.standstill.touched.len(), 0);
            assert!(outcome.latency.service.max() > stall / 2);
        }
    }
    let slow = run(&load(3, Arrivals::Closed), &|| Laws::fixed(700 * MS), Costs::default());
    assert_eq!(slow.standstill.gaps, 0);
}

#[test]
fn threads_stand_still_each_for_itself_and_the_time_is_that_of_all() {
    let load = Load { threads: 4, ..load(8, constant(500.0)) };
    let still = stopped(&load, (S, 2 * S), &quick).standstill;
    assert_eq!(still.gaps, 4);
    assert!((7_900..=8_000).contains(&ms(still.measured)), "{still:?}");
    assert!((1_970..=2_000).contains(&ms(still.longest)), "{still:?}");
}
