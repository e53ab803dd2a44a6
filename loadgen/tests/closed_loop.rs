//! Closed loop against servers that do as they should.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::net::TcpListener;
use std::time::Duration;

use loadgen::Load;
use protocol::{App, Framing, Recipe, Request};
use support::{check, echo_server, load, recipe, run, serve, serve_in_turn, serve_on};

#[test]
fn every_request_to_a_right_server_is_ok() {
    let load = load(echo_server());
    let outcome = run(&load);
    assert!(outcome.census.ok > 0);
    assert_eq!(outcome.census.ok, outcome.census.offered);
    assert!(outcome.latency.response.is_none(), "a closed loop has no response times");
    assert!(outcome.latency.service.min() > 0);
    assert_eq!(outcome.latency.connect.len(), 3);
    let connections = outcome.connections;
    assert_eq!((connections.opened, connections.served), (3, 3));
    assert_eq!((connections.reconnects, connections.connect_failures), (0, 0));
    assert!(!outcome.interrupted && outcome.wrong_example.is_none());
    assert!(outcome.batch.mean() >= 1.0 && outcome.batch.max <= 64);
    assert!(!outcome.cost.cpu.is_zero() && outcome.cost.cpu_max_share > 0.0);
}

#[test]
fn connections_are_split_over_threads() {
    let load = Load { connections: 5, threads: 3, ..load(echo_server()) };
    let outcome = run(&load);
    assert_eq!(outcome.connections.opened, 5);
    assert_eq!(outcome.connections.served, 5);
    assert!(outcome.connections.ok_min > 0);
    assert_eq!(outcome.cost.threads, 3);
}

#[test]
fn a_connection_has_one_request_in_flight() {
    // The reply to a request says what else had arrived by then, and that must be nothing.
    let load = load(serve(|mut talk| {
        while let Some(text) = talk.request() {
            std::thread::sleep(Duration::from_millis(5));
            talk.stream.set_nonblocking(true).unwrap();
            let more = talk.stream.peek(&mut [0]).is_ok();
            talk.stream.set_nonblocking(false).unwrap();
            if more { talk.say("OK two in flight\n") } else { talk.echo(&text) }
        }
    }));
    let outcome = run(&load);
    assert!(outcome.census.ok > 0);
    assert_eq!(outcome.census.errors_total(), 0);
}

#[test]
fn a_reply_may_come_in_pieces() {
    let load = load(serve(|mut talk| {
        while let Some(text) = talk.request() {
            for byte in format!("OK {text}\n").chars() {
                talk.say(&byte.to_string());
                std::thread::yield_now();
            }
        }
    }));
    let outcome = run(&load);
    assert!(outcome.census.ok > 0);
    assert_eq!(outcome.census.errors_total(), 0);
}

#[test]
fn long_messages_go_through_a_narrow_pipe() {
    // Short segments make the kernel take less than a request from the client at a time, and a
    // server that waits before it reads makes it stay that way.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    socket2::SockRef::from(&listener).set_tcp_mss(536).unwrap();
    socket2::SockRef::from(&listener).set_recv_buffer_size(1).unwrap();
    let target = serve_on(listener, |mut talk| {
        std::thread::sleep(Duration::from_millis(50));
        talk.echo_all();
    });
    let load = Load { recipe: recipe(60_000), ..load(target) };
    let outcome = run(&load);
    assert!(outcome.census.ok > 0);
    assert_eq!(outcome.census.ok, outcome.census.offered);
}

#[test]
fn replies_without_terminator_are_checked_too() {
    use std::io::{Read, Write};
    let target = serve(|mut talk| {
        let mut buffer = [0; 1024];
        while let Ok(n @ 1..) = talk.stream.read(&mut buffer) {
            let _ = talk.stream.write_all(&buffer[..n]);
        }
    });
    let recipe = Recipe::new(App::Echo, Framing::Raw, Request::Echo { bytes: 32 }).unwrap();
    let outcome = run(&Load { recipe: recipe.into(), ..load(target) });
    assert!(outcome.census.ok > 0);
    assert_eq!(outcome.census.ok, outcome.census.offered);
}

#[test]
fn a_server_that_serves_one_at_a_time_gets_to_all_in_the_drain() {
    let load = load(serve_in_turn(|mut talk| talk.echo_all()));
    let outcome = run(&load);
    assert_eq!(outcome.census.unfinished, 0);
    // Two connections had their first request answered only when the load was over: it is in the
    // census, and neither in the throughput nor in who was served.
    assert!(outcome.completed > 0 && outcome.completed + 2 <= outcome.census.ok);
    assert_eq!((outcome.connections.served, outcome.connections.ok_min), (1, 0));
    assert!(outcome.connections.jain < 0.5);
    // Neither is it in the requests in service: one after the other, they fit the measurement.
    let service = outcome.connections.service;
    assert!(!service.is_zero() && service <= outcome.phases.measure, "{service:?}");
}

#[test]
fn a_goodbye_that_comes_with_the_last_reply_costs_no_next_request() {
    let load = load(serve(|mut talk| {
        if let Some(text) = talk.request() {
            talk.echo_and_leave(&text);
        }
    }));
    let outcome = run(&load);
    assert!(outcome.census.ok > 0);
    // Not none: once in tens of thousands of replies the kernel reports the data of a segment
    // before the goodbye in it. A client that does not look for it loses every second request.
    assert!(outcome.census.errors_total() * 10 < outcome.census.ok, "{:?}", outcome.census);
    // One connection for each reply, so for each but the first of three there was a reconnect.
    assert!(outcome.connections.reconnects + 3 >= outcome.census.ok);
    // Had they waited as after a failure, it would have been 10 a second; thousands are usual.
    assert!(outcome.connections.reconnects > support::backed_off_reconnects_max(&outcome));
}

#[test]
fn a_long_measurement_has_a_bounded_number_of_intervals() {
    let load = Load { interval: Duration::from_micros(7), ..load(echo_server()) };
    let outcome = run(&load);
    assert!((900..=1_000).contains(&outcome.intervals.len()), "{}", outcome.intervals.len());
    let starts = outcome.intervals.iter().map(|interval| interval.start);
    assert!(starts.is_sorted());
    check(&load, &outcome);
}
