//! Meetings of parts on threads: all parts get the same answer.

use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use serde_json::json;

use super::clock::{Exchange, fastest};
use super::words::{Said, say};
use super::{Agreed, GONE, Meeting, Terms};
use crate::base::exit::code_of;
use crate::document::ClockRecord;

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

fn terms(k: u64, n: u64, port: u16) -> Terms {
    Terms {
        k,
        n,
        place: ("127.0.0.1".into(), port),
        host: format!("node{k}"),
        gather: Duration::from_secs(20),
        start_at: None,
        version: "1".into(),
        load: [("--seed".to_string(), json!(1))].into(),
    }
}

/// Begins those meetings, with connections that are open at once, and ends them when they are over.
fn met(all: Vec<Terms>) -> Vec<Result<Agreed, String>> {
    let begin = |terms| {
        let meeting = Meeting::begin(terms).expect("it begins");
        meeting.agreement().opened();
        meeting
    };
    let meetings: Vec<Meeting> = all.into_iter().map(begin).collect();
    let end = |meeting: Meeting| {
        while !meeting.thread.is_finished() {
            std::thread::sleep(Duration::from_millis(1));
        }
        meeting.end(GONE).map_err(|error| {
            assert_eq!(code_of(&error), 4, "{error}");
            error.to_string()
        })
    };
    meetings.into_iter().map(end).collect()
}

/// What every part is told that was to begin.
fn refused(all: Vec<Terms>) -> Vec<String> {
    met(all).into_iter().map(|one| one.expect_err("no start")).collect()
}

#[test]
fn all_are_told_one_start_and_compare_their_clocks() {
    let port = free_port();
    let found: Vec<Agreed> = met((0..4).rev().map(|k| terms(k, 4, port)).collect())
        .into_iter()
        .map(|one| one.expect("a start"))
        .collect();
    for one in &found {
        assert_eq!(one.at, found[0].at);
        assert_eq!(one.hosts, ["node0", "node1", "node2", "node3"]);
        let ClockRecord::Compared { offset_ns, bound_ns } = one.clock else { panic!("{one:?}") };
        // It is one clock: it differs by no more than is not known.
        assert!(offset_ns.unsigned_abs() <= bound_ns, "{one:?}");
        let apart = one.here.abs_diff(one.at).as_nanos();
        assert_eq!(apart, u128::from(offset_ns.unsigned_abs()));
    }
    assert_eq!(found[3].clock, ClockRecord::Compared { offset_ns: 0, bound_ns: 0 }, "part 0");
}

#[test]
fn a_start_that_was_given_is_kept_or_there_is_none() {
    let with = |start_at| {
        let port = free_port();
        met((0..2).map(|k| Terms { start_at: Some(start_at), ..terms(k, 2, port) }).collect())
    };
    let at = super::now() + Duration::from_secs(60);
    assert!(with(at).iter().all(|one| one.as_ref().is_ok_and(|one| one.at == at)));
    for one in with(Duration::from_secs(1)) {
        let error = one.expect_err("it is over");
        assert!(error.contains("choose a later time"), "{error}");
    }
}

#[test]
fn who_does_not_come_is_named_to_those_who_do() {
    let port = free_port();
    let short = |k| Terms { gather: Duration::from_millis(800), ..terms(k, 4, port) };
    for error in refused(vec![short(0), short(2)]) {
        assert!(error.contains("parts 1, 3 of 4 did not connect within 800ms"), "{error}");
    }
    let alone = refused(vec![Terms { gather: Duration::from_millis(50), ..terms(1, 2, port) }]);
    assert!(alone[0].contains("part 1 of 2 did not find part 0"), "{alone:?}");
}

#[test]
fn who_comes_twice_or_with_another_load_is_named_to_all() {
    let with = |other: &dyn Fn(u16) -> Terms| {
        let port = free_port();
        refused(vec![terms(0, 3, port), terms(1, 3, port), other(port)])
    };
    let doubled = with(&|port| terms(1, 3, port));
    assert!(doubled.iter().all(|error| error.contains("part 1 came twice")), "{doubled:?}");
    let load = [("--seed".to_string(), json!(2))];
    let other = with(&|port| Terms { load: load.clone().into(), ..terms(2, 3, port) });
    let named =
        |error: &String| error.contains("sends another load: its --seed is 2, that of part 0 is 1");
    assert!(other.iter().all(named), "{other:?}");
    let other = with(&|port| Terms { version: "0".into(), ..terms(2, 3, port) });
    assert!(other.iter().all(|error| error.contains("has version 0, part 0 has 1")), "{other:?}");
    let other = with(&|port| terms(2, 4, port));
    assert!(
        other.iter().all(|error| error.contains("expects 4 parts, part 0 expects 3")),
        "{other:?}"
    );
}

#[test]
fn who_leaves_before_the_start_is_named() {
    let port = free_port();
    let stays = Meeting::begin(terms(0, 3, port)).expect("it begins");
    stays.agreement().opened();
    let leaves = Meeting::begin(terms(1, 3, port)).expect("it begins");
    // Its generator ends, as with no connection to the server.
    assert!(
        leaves
            .end("no connection to it")
            .expect_err("no start")
            .to_string()
            .contains("no connection to it")
    );
    let hello = Said::Hello {
        part: 2,
        of: 3,
        host: "node2".into(),
        version: "1".into(),
        load: terms(0, 3, port).load,
    };
    // If part 1 was gone before it had said who it is, part 2 is who leaves.
    let stream = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    say(&stream, &hello).expect("it is heard");
    drop(stream);
    while !stays.thread.is_finished() {
        std::thread::sleep(Duration::from_millis(1));
    }
    let error = stays.end(GONE).expect_err("no start").to_string();
    assert!(error.contains("left before the start"), "{error}");
}

#[test]
fn strangers_at_the_port_are_nobody() {
    let port = free_port();
    let first = Meeting::begin(terms(0, 2, port)).expect("it begins");
    first.agreement().opened();
    let stranger = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    say(&stranger, &json!({"GET": "/"})).expect("it is heard");
    let second = Meeting::begin(terms(1, 2, port)).expect("it begins");
    second.agreement().opened();
    while !(first.thread.is_finished() && second.thread.is_finished()) {
        std::thread::sleep(Duration::from_millis(1));
    }
    assert!(first.end(GONE).is_ok() && second.end(GONE).is_ok());
}

#[test]
fn the_fastest_answer_says_most_of_a_clock() {
    let exchange = |asked_ns, there_ns, answered_ns| Exchange { asked_ns, there_ns, answered_ns };
    // The other clock is 1,000 ahead; answers take 100 and 20, read at once and at the end.
    let found = fastest(&[exchange(500, 1_500, 600), exchange(700, 1_720, 720)]);
    assert_eq!(found, ClockRecord::Compared { offset_ns: 1_010, bound_ns: 10 });
    let behind = fastest(&[exchange(5_000, 1_000, 5_000)]);
    assert_eq!(behind, ClockRecord::Compared { offset_ns: -4_000, bound_ns: 0 });
    assert_eq!(fastest(&[]), ClockRecord::Unknown);
}
