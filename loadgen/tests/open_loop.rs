//! Open loop: the schedule, the two waits, the backlog.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::sleep;
use std::time::Duration;

use hdrhistogram::Histogram;
use loadgen::{Arrivals, Load, Outcome};
use support::{about, constant, echo_server, load, run, serve, serve_in_turn};

/// A server that answers one request at a time and once, at request `at`, sleeps for `stall`.
fn stalling(at: usize, stall: Duration) -> std::net::SocketAddr {
    let served = AtomicUsize::new(0);
    let one_at_a_time = Mutex::new(());
    serve(move |mut talk| {
        while let Some(text) = talk.request() {
            let _turn = one_at_a_time.lock().unwrap();
            if served.fetch_add(1, Ordering::Relaxed) == at {
                sleep(stall);
            }
            talk.echo(&text);
        }
    })
}

fn response(outcome: &Outcome) -> &Histogram<u64> {
    outcome.latency.response.as_ref().expect("an open loop has response times")
}

#[test]
fn the_schedule_is_the_same_for_any_number_of_threads() {
    // `run` compares what was offered with the schedule.
    for threads in [1, 2, 3] {
        let arrivals = Arrivals::Poisson { rate_per_s: 500.0, seed: 5 };
        for arrivals in [constant(500.0), arrivals] {
            let warmup = Duration::from_millis(77);
            let load = Load { threads, arrivals, warmup, ..load(echo_server()) };
            let outcome = run(&load);
            assert_eq!(outcome.census.ok, outcome.census.offered);
            assert!(outcome.census.offered > 100);
        }
    }
}

#[test]
fn response_is_the_sum_of_its_parts() {
    let load = Load { arrivals: constant(2_000.0), connections: 2, ..load(echo_server()) };
    let outcome = run(&load);
    let latency = &outcome.latency;
    assert_eq!(outcome.census.ok, outcome.census.offered);
    let parts = latency.conn_wait.mean() + latency.sched_lag.mean() + latency.service.mean();
    let whole = response(&outcome).mean();
    assert!((parts / whole - 1.0).abs() < 0.003, "{parts} ns in parts, {whole} ns");
}

#[test]
fn a_stall_is_felt_by_all_that_it_kept_waiting() {
    let stall = Duration::from_millis(300);
    let load = Load {
        connections: 2,
        arrivals: constant(200.0),
        measure: Duration::from_millis(600),
        ..load(stalling(20, stall))
    };
    let outcome = run(&load);
    assert_eq!(outcome.census.ok, outcome.census.offered);
    assert!(outcome.latency.service.max() >= about(stall));
    assert!(response(&outcome).max() >= about(stall));
    // Two requests are in flight in the stall. Of the 60 that become due in its 300 ms, the
    // first to find no connection does so within 3 gaps of 5 ms and waits for the rest of it,
    // and all that are due in its first half wait for half of it.
    let rest = Duration::from_millis(300 - 15 - 5);
    // What this thread slept through itself is not counted as a wait for a connection.
    let ours = outcome.standstill.measured;
    assert!(outcome.latency.conn_wait.max() >= about(rest.saturating_sub(ours)));
    let half = (stall / 2).saturating_sub(ours);
    let long = |h: &Histogram<u64>| h.count_between(about(half), u64::MAX);
    assert!(long(&outcome.latency.conn_wait) >= 25);
    assert!(long(response(&outcome)) >= 25);
}

#[test]
fn the_longest_free_connection_is_next() {
    // The last one free would be the same one again and again, when replies are quick.
    let load = Load { connections: 4, arrivals: constant(100.0), ..load(echo_server()) };
    assert_eq!(run(&load).connections.served, 4);
}

#[test]
fn the_backlog_is_sent_in_the_drain() {
    // The first request stalls until after the measurement, and there is one connection.
    let load = Load {
        connections: 1,
        arrivals: constant(100.0),
        measure: Duration::from_millis(200),
        ..load(stalling(0, Duration::from_millis(400)))
    };
    let outcome = run(&load);
    assert_eq!(outcome.census.offered, 20);
    assert_eq!(outcome.census.ok, 20);
    assert!(outcome.phases.drain >= Duration::from_millis(195));
}

#[test]
fn what_is_never_sent_is_counted_with_its_age() {
    let drain = Duration::from_millis(150);
    let load = Load {
        connections: 2,
        arrivals: constant(100.0),
        measure: Duration::from_millis(200),
        drain,
        ..load(serve(|mut talk| talk.listen_only()))
    };
    let outcome = run(&load);
    assert_eq!((outcome.census.offered, outcome.census.sent), (20, 2));
    assert_eq!((outcome.census.unfinished, outcome.census.never_sent), (2, 18));
    assert!(outcome.censored_ages.min() >= about(drain));
    // The first was due when the measurement began.
    assert!(outcome.censored_ages.max() >= about(drain + load.measure));
    assert_eq!(response(&outcome).len(), 0);
}

#[test]
fn a_server_that_serves_one_at_a_time_gets_to_all_in_the_drain() {
    let load =
        Load { arrivals: constant(200.0), ..load(serve_in_turn(|mut talk| talk.echo_all())) };
    let outcome = run(&load);
    assert_eq!(outcome.census.ok, outcome.census.offered);
    // The other two were served when the load was over.
    assert_eq!(outcome.connections.served, 1);
}

#[test]
fn connections_closed_while_free_are_reopened_and_no_error() {
    // Nothing is due in the measurement: the only request is made in the warm-up.
    let load = Load {
        arrivals: constant(0.001),
        warmup: Duration::from_millis(1),
        ..load(serve(|mut talk| {
            if talk.number > 2 {
                return;
            }
            sleep(Duration::from_millis(20));
            talk.say("");
        }))
    };
    let outcome = run(&load);
    assert_eq!(outcome.census.offered, 0);
    assert!(outcome.connections.reconnects > 0);
}

#[test]
fn random_arrivals_are_noted_as_they_were_sent() {
    let arrivals = Arrivals::Poisson { rate_per_s: 2_000.0, seed: 7 };
    let load = Load { arrivals, connections: 8, threads: 2, ..load(echo_server()) };
    let outcome = run(&load);
    let sent = outcome.sent.unwrap().windows();
    let noted: usize = sent.iter().map(|(_, sent)| sent.len()).sum();
    // At this rate the windows cover the measurement; what was sent after its end is in none.
    assert!(noted > 0 && noted as u64 <= outcome.census.sent);
    assert!(sent.iter().all(|(length, sent)| sent.iter().all(|at| at < length)));

    let even = run(&Load { arrivals: constant(2_000.0), ..load });
    assert!(even.sent.is_none());
}
