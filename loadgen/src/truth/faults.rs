//! Faulty servers: the generator must count every fault.

use std::sync::Arc;
use std::time::Duration;

use protocol::{App, Framing, Recipe, Request};

use super::oracle::{self, Met, OracleServer};
use super::{MS, S, Truth, assert_equal, assert_told, due, edges, load, poisson, run};
use crate::wire::virtual_time::{Costs, Fate, Laws};
use crate::{Arrivals, Load};

const WORK_NS: u64 = 2 * MS + 1;

/// Runs a load against a server that fails some requests. Each of them has to be counted under its name,
/// without a latency.
fn fails(load: &Load, fate: fn(u64) -> Fate, name: fn(u64) -> Option<&'static str>) {
    let laws = || Laws { fate: Box::new(fate), ..Laws::fixed(WORK_NS) };
    let mut outcome = run(load, &laws, Costs::default());
    // Whether a closed connection had a reply before depends on the connection of each request, which
    // the server's laws do not determine.
    let early = outcome.census.errors.remove("closed_early").unwrap_or(0);
    assert!(early > 0, "most had a reply");
    *outcome.census.errors.entry("closed").or_default() += early;
    let (begin, end, _) = edges(load);
    let work = |_, _| WORK_NS;
    let all = oracle::open_loop(load, &OracleServer::new(&work));
    let mut truth = Truth::default();
    let mut right: Vec<Met> = Vec::new();
    for (met, (tag, _)) in all.into_iter().zip(due(load)) {
        match name(tag) {
            None => right.push(met),
            Some(name) if (begin..end).contains(&met.due) => {
                truth.failed(name);
                truth.census.offered += 1;
                truth.census.sent += 1;
                truth.sched_lag.push(0);
                truth.conn_wait.push(0);
            }
            Some(_) => {}
        }
    }
    let mut all = oracle::reported(load, &right);
    all.census.add(&truth.census);
    all.sched_lag.extend(truth.sched_lag);
    all.conn_wait.extend(truth.conn_wait);
    assert!(all.census.errors_total() > 10 && all.census.ok > 10);
    assert_told(&outcome, all);
}

#[test]
fn every_failure_is_counted_under_its_name_and_has_no_latency() {
    // Enough connections, although some are closed and wait to be opened again.
    let load = load(800, poisson(2_000.0));
    fails(
        &load,
        |tag| match tag % 40 {
            3 => Fate::Reset,
            7 => Fate::Goodbye,
            11 => Fate::Says("OK something else\n"),
            13 => Fate::Says("ERR busy come back later\n"),
            17 => Fate::Says("ERR unknown-verb what\n"),
            19 => Fate::Says("ERR bad-argument that\n"),
            23 => Fate::Says("ERR too-long no\n"),
            29 => Fate::Says("ERR never-heard-of\n"),
            31 => Fate::Says("OK a reply that goes on for longer than the right one would\n"),
            _ => Fate::Reply,
        },
        |tag| match tag % 40 {
            3 => Some("reset"),
            7 => Some("closed"),
            11 | 31 => Some("wrong_reply"),
            13 => Some("refused:busy"),
            17 => Some("refused:unknown-verb"),
            19 => Some("refused:bad-argument"),
            23 => Some("refused:too-long"),
            29 => Some("refused:other"),
            _ => None,
        },
    );
}

#[test]
fn a_reply_in_two_parts_is_done_with_the_last() {
    let load = load(300, poisson(2_000.0));
    let gap = 31 * MS + 5;
    let laws = || Laws { fate: Box::new(move |_| Fate::InTwoParts(gap)), ..Laws::fixed(WORK_NS) };
    let outcome = run(&load, &laws, Costs::default());
    let work = |_, _| WORK_NS + gap;
    let all = oracle::open_loop(&load, &OracleServer::new(&work));
    assert_told(&outcome, oracle::reported(&load, &all));
}

#[test]
fn a_request_that_goes_out_in_parts_is_sent_with_the_first() {
    // 1,000 bytes with its verb and line feed, 100 at a time, 1 ms apart: nine times.
    let recipe = Recipe::new(App::Bench, Framing::Line, Request::Echo { bytes: 994 }).unwrap();
    let load = Load { recipe: Arc::new(recipe), ..load(300, poisson(1_000.0)) };
    let laws = || Laws { takes: (100, MS), ..Laws::fixed(WORK_NS) };
    let outcome = run(&load, &laws, Costs::default());
    let work = |_, _| WORK_NS + 9 * MS;
    let all = oracle::open_loop(&load, &OracleServer::new(&work));
    assert_told(&outcome, oracle::reported(&load, &all));
}

#[test]
fn a_server_that_never_answers_leaves_all_that_was_sent_unfinished() {
    let laws = || Laws { fate: Box::new(|_| Fate::Silence), ..Laws::fixed(1) };
    let never = |_, _| 1_000_000 * S;
    for connections in [3_000, 30] {
        let load = load(connections, poisson(500.0));
        let outcome = run(&load, &laws, Costs::default());
        let all = oracle::open_loop(&load, &OracleServer::new(&never));
        let truth = oracle::reported(&load, &all);
        assert_eq!(truth.census.ok, 0);
        assert_eq!(truth.census.never_sent > 0, connections == 30);
        assert_told(&outcome, truth);
    }
    let closed = load(30, Arrivals::Closed);
    let outcome = run(&Load { warmup: Duration::ZERO, ..closed.clone() }, &laws, Costs::default());
    assert_eq!((outcome.census.offered, outcome.census.unfinished), (30, 30));
    let age = 7_000_000_111;
    assert_equal("ages", &outcome.censored_ages, vec![age; 30]);
    // All requests were sent in the warm-up, and were in flight when the measurement began.
    let outcome = run(&closed, &laws, Costs::default());
    assert_eq!((outcome.census.offered, outcome.census.unfinished), (30, 30));
    assert_eq!(outcome.census.sent, 30);
    assert_equal("ages", &outcome.censored_ages, vec![age + 150 * MS; 30]);
}

#[test]
fn an_answer_after_the_drain_is_unfinished_with_the_age_it_had() {
    let load = Load { drain: Duration::from_nanos(20_000_111), ..load(900, poisson(500.0)) };
    let outcome = run(&load, &|| Laws::fixed(900 * MS), Costs::default());
    let work = |_, _| 900 * MS;
    let truth = oracle::reported(&load, &oracle::open_loop(&load, &OracleServer::new(&work)));
    assert!(truth.census.unfinished > 400 && truth.census.ok > 1_000);
    assert_told(&outcome, truth);
}

#[test]
fn connects_that_are_refused_are_counted_and_tried_again() {
    // Each connection is refused twice; one in ten always.
    let laws = || Laws {
        connect_ns: 3 * MS,
        refuses: Box::new(|token, tried| tried < 2 || token % 10 == 9),
        ..Laws::fixed(WORK_NS)
    };
    for threads in [1, 5] {
        let load = Load { threads, ..load(50, poisson(500.0)) };
        let outcome = run(&load, &laws, Costs::default());
        let connections = &outcome.connections;
        assert_eq!((connections.asked, connections.opened), (50, 45));
        assert_equal("connect", &outcome.latency.connect, vec![3 * MS; 45]);
        assert!(connections.connect_failures > 45 * 2 + 5 * 10, "{connections:?}");
        assert_eq!(outcome.connect_errors, [("refused", connections.connect_failures)].into());
        // One connection in ten is tried every 100 ms, within the second that connecting may take here.
        let before = outcome.connect_errors_before["refused"];
        assert!((45 * 2 + 5 * 8..=45 * 2 + 5 * 12).contains(&before), "{before}");
        let work = |_, _| WORK_NS;
        let all =
            oracle::open_loop(&Load { connections: 45, ..load.clone() }, &OracleServer::new(&work));
        assert_told(&outcome, oracle::reported(&load, &all));
    }
}
