//! Open loop: response and service times, both waits, and the census, for servers of many kinds.

use std::num::NonZeroU32;
use std::time::Duration;

use protocol::Service;

use super::oracle::{self, OracleServer};
use super::{MS, S, START, Truth, assert_equal, assert_told, at_quantile};
use super::{QUANTILES, constant, edges, laws_of, load, poisson, run};
use crate::wire::virtual_time::{Costs, Laws};
use crate::{Arrivals, Load, Outcome};

/// Works for 1 ms on most requests, and for 50 ms on every hundredth.
fn bimodal(tag: u64, _: u64) -> u64 {
    if tag % 100 == 99 { 50 * MS + 3 } else { MS + 1 }
}

/// Takes 1 ms at first, and 9 ms more 5 s later.
fn ramp(_: u64, arrived: u64) -> u64 {
    MS + (arrived - START) * 9 / 5_000
}

/// Runs a load, asserts that its report is the truth, and returns both.
fn told(load: &Load, work: fn(u64, u64) -> u64, server: &OracleServer<'_>) -> (Outcome, Truth) {
    let outcome = run(load, &|| laws_of(server, work), Costs::default());
    let all = oracle::open_loop(load, server);
    assert_told(&outcome, oracle::reported(load, &all));
    (outcome, oracle::reported(load, &all))
}

#[test]
fn a_fixed_latency_is_reported_as_it_is() {
    for arrivals in [constant(5_000.0), poisson(5_000.0)] {
        let work = |_, _| 3 * MS + 17;
        let (_, truth) = told(&load(200, arrivals), work, &OracleServer::new(&work));
        assert!(truth.response.iter().all(|latency| *latency == 3 * MS + 17));
        assert_eq!(truth.census.ok, truth.census.offered);
    }
}

#[test]
fn two_modes_are_reported_in_their_shares() {
    for arrivals in [constant(4_000.0), poisson(4_000.0)] {
        let (_, truth) = told(&load(400, arrivals), bimodal, &OracleServer::new(&bimodal));
        let slow = truth.response.iter().filter(|latency| **latency > 50 * MS).count();
        let share = slow as f64 / truth.response.len() as f64;
        assert!((share - 0.01).abs() < 1e-3, "one in a hundred: {share}");
    }
}

#[test]
fn a_stall_is_felt_by_all_that_were_due_in_it() {
    for arrivals in [constant(2_000.0), poisson(2_000.0)] {
        let work = |_, _| 200_001;
        let server = OracleServer { stall: Some((S, 100 * MS)), ..OracleServer::new(&work) };
        let (outcome, truth) = told(&load(400, arrivals), work, &server);
        // A twentieth was due in the first half of a stall and waited for longer than its second half.
        let response = outcome.latency.response.unwrap();
        let slow = response.count_between(50 * MS, S) as f64 / response.len() as f64;
        assert!((slow - 0.05).abs() < 0.01, "{slow}");
        assert!(truth.conn_wait.iter().all(|wait| *wait == 0), "there are connections enough");
    }
}

#[test]
fn a_stall_behind_few_connections_is_a_wait_for_them_and_in_the_response_time() {
    let work = |_, _| 200_001;
    let server = OracleServer { stall: Some((S, 100 * MS)), ..OracleServer::new(&work) };
    let (outcome, truth) = told(&load(4, poisson(2_000.0)), work, &server);
    assert!(truth.conn_wait.iter().any(|wait| *wait > 50 * MS));
    let response = outcome.latency.response.unwrap();
    let slow = |h: &crate::Histogram<u64>| h.count_between(50 * MS, S);
    assert!(slow(&response) > 20 * slow(&outcome.latency.service), "service time hides it");
}

#[test]
fn a_ramp_of_latencies_is_in_the_series_and_in_the_quantiles() {
    for arrivals in [constant(3_000.0), poisson(3_000.0)] {
        let load = load(300, arrivals);
        let (outcome, _) = told(&load, ramp, &OracleServer::new(&ramp));
        let medians = outcome.intervals.iter().map(|piece| piece.latency.value_at_quantile(0.5));
        let medians: Vec<u64> = medians.collect();
        assert_eq!(medians.len(), 50);
        assert!(medians.is_sorted() && medians[49] > 5 * medians[0], "{medians:?}");
    }
}

#[test]
fn few_connections_make_requests_wait_for_one() {
    // Three connections can carry 1,500 requests per second, and the load is 1,200.
    let work = |tag, _| MS + (tag % 7) * 333_333;
    let (_, truth) = told(&load(3, poisson(1_200.0)), work, &OracleServer::new(&work));
    let waited = truth.conn_wait.iter().filter(|wait| **wait > 0).count();
    assert!(waited > truth.conn_wait.len() / 2, "{waited} waited");
}

#[test]
fn a_queue_in_the_server_is_service_time() {
    // Two at a time can do 2,000 per second.
    let work = |_, _| MS + 1;
    let server = OracleServer { at_a_time: 2, ..OracleServer::new(&work) };
    let (_, truth) = told(&load(500, poisson(1_800.0)), work, &server);
    assert!(truth.service.iter().any(|service| *service > 3 * MS));
    assert!(truth.conn_wait.iter().all(|wait| *wait == 0));
}

/// For a server that works on two at a time for 10 ms each: it does 200 of 300 requests per second.
fn overloaded(connections: usize) -> Load {
    Load { drain: Duration::from_nanos(500_000_111), ..load(connections, poisson(300.0)) }
}

#[test]
fn overload_leaves_requests_unfinished_and_never_sent_with_their_ages() {
    let work = |_, _| 10 * MS + 1;
    let server = OracleServer { at_a_time: 2, ..OracleServer::new(&work) };
    for (connections, unfinished, never_sent) in [(2_000, true, false), (50, true, true)] {
        let load = overloaded(connections);
        let (outcome, truth) = told(&load, work, &server);
        assert_eq!(truth.census.unfinished > 0, unfinished);
        assert_eq!(truth.census.never_sent > 0, never_sent);

        // A lower bound is not above the value that a wait for all replies would have shown.
        let (begin, ..) = edges(&load);
        let whole = oracle::open_loop(&load, &server);
        let mut whole: Vec<u64> =
            whole.iter().filter(|met| met.due >= begin).map(|met| met.done - met.due).collect();
        whole.sort_unstable();
        let mut all = outcome.latency.response.unwrap();
        all.add(&outcome.censored_ages).unwrap();
        assert_eq!(all.len(), whole.len() as u64);
        for q in QUANTILES {
            let (bound, exact) = (all.value_at_quantile(q), at_quantile(&whole, q).unwrap());
            assert!(all.lowest_equivalent(bound) <= exact, "quantile {q}: {bound} above {exact}");
        }
    }
}

#[test]
fn a_reply_in_the_drain_counts_with_its_whole_latency() {
    // Everything takes longer than the measurement.
    let work = |_, _| 700 * MS + 1;
    let load = Load { measure: Duration::from_millis(500), ..load(600, poisson(500.0)) };
    let (outcome, truth) = told(&load, work, &OracleServer::new(&work));
    assert_eq!(truth.census.ok, truth.census.offered);
    assert_eq!(outcome.completed, 0, "none arrived in time");
}

#[test]
fn threads_add_up_to_the_load_of_one() {
    // Several threads, also with an unequal number of connections, report the same as one.
    let one = run(&load(300, poisson(3_000.0)), &fixed_bimodal, Costs::default());
    for threads in [1, 2, 3, 7] {
        let load = Load { threads, ..load(300, poisson(3_000.0)) };
        let outcome = run(&load, &fixed_bimodal, Costs::default());
        let all = oracle::open_loop(&load, &OracleServer::new(&bimodal));
        assert_told(&outcome, oracle::reported(&load, &all));
        assert_eq!(outcome.latency.response, one.latency.response, "{threads} threads");
        assert_eq!(outcome.cost.threads, threads);
    }
}

fn fixed_bimodal() -> Laws {
    Laws { work: Box::new(bimodal), ..Laws::fixed(1) }
}

#[test]
fn a_reconnect_is_waited_for_like_a_reply() {
    // One connection, closed by the server after each third reply; 5 ms to open it again.
    let work = |_, _| MS + 1;
    let load = load(1, poisson(250.0));
    let service = Service { close_after: NonZeroU32::new(3), ..Service::BENCH };
    let laws = || Laws { connect_ns: 5 * MS, service, ..Laws::fixed(MS + 1) };
    let outcome = run(&load, &laws, Costs::default());
    let server = OracleServer { closes: Some((3, 5 * MS)), ..OracleServer::new(&work) };
    let all = oracle::open_loop(&load, &server);
    assert_told(&outcome, oracle::reported(&load, &all));
    let replies = all.iter().filter(|met| met.done < edges(&load).1).count() as u64;
    let reconnects = outcome.connections.reconnects;
    assert!((replies / 3 - 1..=replies / 3 + 1).contains(&reconnects), "{reconnects} of {replies}");
    let opened = vec![5 * MS; usize::try_from(reconnects).unwrap() + 1];
    assert_equal("connect", &outcome.latency.connect, opened);
}

#[test]
fn a_seed_makes_the_same_samples_every_time() {
    let again = |seed| {
        let arrivals = Arrivals::Poisson { rate_per_s: 2_000.0, seed };
        run(&load(3, arrivals), &fixed_bimodal, Costs::default()).latency.response.unwrap()
    };
    assert_eq!(again(1), again(1));
    assert_ne!(again(1), again(2));
}

#[test]
fn a_rate_that_nothing_could_send_is_counted_to_the_end_in_bounded_time() {
    // Ten billion requests, of which a few thousand are sent.
    let of = |arrivals| Load {
        warmup: Duration::ZERO,
        measure: Duration::from_secs(10),
        drain: Duration::from_millis(1),
        ..load(2, arrivals)
    };
    let even = constant(1e9);
    let steps = Arrivals::Staircase {
        rates_per_s: [1e9, 5e8].into(),
        step: Duration::from_secs(5),
        seed: None,
    };
    for (arrivals, offered, random) in [
        (even, 10_000_000_000_u64, false),
        (poisson(1e9), 10_000_000_000, true),
        (steps, 7_500_000_000, false),
    ] {
        for threads in [1, 2] {
            let load = Load { threads, ..of(arrivals.clone()) };
            let outcome = run(&load, &|| Laws::fixed(5 * MS), Costs::default());
            let census = &outcome.census;
            assert!(census.reconciles() && census.ok > 1_000, "{census:?}");
            let off = census.offered.abs_diff(offered);
            // For random arrivals, the first million are counted, and the rest is the expected number.
            assert!(off <= if random { 1_000_000 } else { 0 }, "{arrivals:?}: {census:?}");
            let ages = &outcome.censored_ages;
            assert_eq!(ages.len(), census.never_sent + census.unfinished);
            // Half of them were due in the first five seconds; in the staircase, whose first step is
            // twice as fast as the second, two thirds.
            let median = ages.value_at_quantile(0.5) as f64 / S as f64;
            let expected = if outcome.steps.is_empty() { 5.0 } else { 6.25 };
            assert!((median - expected).abs() < 0.02, "{median} s");
            let offered: u64 = outcome.steps.iter().map(|step| step.offered).sum();
            assert!(outcome.steps.is_empty() || offered == census.offered);
        }
    }
}
