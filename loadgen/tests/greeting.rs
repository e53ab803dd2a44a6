//! Servers that begin with a greeting, those that should and do not, and what becomes of each
//! connection. `run` checks each time that every connection has exactly one fate.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::Duration;

use loadgen::{Greetings, Histogram, Load, LoadError, Outcome};
use protocol::{App, Framing, Recipe, Request};
use support::{Talk, about, constant, ns, run, serve, serve_in_turn};

/// Nanoseconds of the clock that greetings have.
fn now() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    u64::try_from(now.tv_sec).unwrap() * 1_000_000_000 + u64::try_from(now.tv_nsec).unwrap()
}

fn hello(worker: usize) -> String {
    format!("HELLO {worker} 0 {0} {0}\n", now())
}

/// A load that expects greetings.
fn load(target: std::net::SocketAddr) -> Load {
    Load { greeting: true, ..support::load(target) }
}

fn greetings(outcome: &Outcome) -> &Greetings {
    outcome.greetings.as_ref().unwrap()
}

/// How many values are that long, as far as three digits tell.
fn at_least(histogram: &Histogram<u64>, duration: Duration) -> u64 {
    histogram.len() - histogram.count_between(0, about(duration) - 1)
}

/// Connection 0 is greeted and served, and `others` say what they like.
fn one_good(others: impl Fn(&mut Talk) + Send + Sync + 'static) -> std::net::SocketAddr {
    serve(move |mut talk| {
        if talk.number == 0 {
            talk.say(&hello(0));
            talk.echo_all();
        } else {
            others(&mut talk);
        }
    })
}

#[test]
fn every_connection_is_counted_for_the_worker_that_took_it() {
    for threads in [1, 2] {
        let target = serve(|mut talk| {
            talk.say(&hello(talk.number % 2 * 7));
            talk.echo_all();
        });
        let outcome = run(&Load { connections: 5, threads, ..load(target) });
        let greetings = greetings(&outcome);
        assert_eq!(greetings.received, 5);
        assert_eq!(greetings.workers, [(0, 3), (7, 2)].into());
        assert_eq!((greetings.accept_delay.len(), greetings.queue_delay.len()), (5, 5));
        assert_eq!(greetings.queue_delay.max(), 0, "both stamps are one");
        assert!(greetings.latency.max() >= greetings.accept_delay.max());
        assert!(outcome.census.ok > 0 && outcome.connections.served == 5);
    }
}

#[test]
fn without_a_greeting_there_is_nothing_to_tell() {
    assert!(run(&support::load(support::echo_server())).greetings.is_none());
}

#[test]
fn nothing_is_sent_before_the_greeting_is_there() {
    let target = serve(|mut talk| {
        let line = hello(talk.number);
        for piece in line.as_bytes().chunks(9) {
            // The first to be greeted starts the load; the last must not send with it.
            sleep(Duration::from_millis(2 + 15 * talk.number as u64));
            talk.stream.set_nonblocking(true).unwrap();
            let early = talk.stream.peek(&mut [0; 1]);
            talk.stream.set_nonblocking(false).unwrap();
            if early.is_ok() {
                // It spoke too early, and gets no reply at all.
                return;
            }
            talk.say(std::str::from_utf8(piece).unwrap());
        }
        talk.echo_all();
    });
    for arrivals in [loadgen::Arrivals::Closed, constant(300.0)] {
        let outcome = run(&Load { arrivals, ..load(target) });
        assert_eq!(greetings(&outcome).received, 3, "{:?}", greetings(&outcome).errors);
        assert_eq!(outcome.census.errors_total(), 0);
        assert!(outcome.census.ok > 0);
    }
}

#[test]
fn who_waits_for_the_others_to_leave_is_greeted_late_and_the_drain_waits_for_it() {
    // One client at a time: the next is accepted when the one before has left, which is when
    // the measurement is over.
    let target = serve_in_turn(|mut talk| {
        talk.say(&hello(0));
        talk.echo_all();
    });
    let load = load(target);
    let outcome = run(&load);
    let greetings = greetings(&outcome);
    assert_eq!((greetings.received, greetings.unfinished), (3, 0));
    assert!(at_least(&greetings.latency, load.measure) >= 2);
    assert!(at_least(&greetings.accept_delay, load.measure) >= 2);
    assert_eq!(outcome.connections.served, 1);
    assert_eq!(outcome.census.offered, outcome.census.ok, "the others have asked for nothing");
    assert!(outcome.phases.drain < load.drain, "there is nothing left to wait for");
}

#[test]
fn an_open_loop_waits_for_a_greeting_as_for_a_connection() {
    // The one greeted connection holds its first request until the other is greeted, which is
    // 50 ms later: all that becomes due meanwhile finds no connection.
    let (asked, greeted) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let until = |flag: &AtomicBool| {
        while !flag.load(Ordering::SeqCst) {
            sleep(Duration::from_millis(1));
        }
    };
    let hold = Duration::from_millis(50);
    let target = serve(move |mut talk| {
        if talk.number == 0 {
            talk.say(&hello(0));
            let first = talk.request().unwrap();
            asked.store(true, Ordering::SeqCst);
            until(&greeted);
            talk.echo(&first);
        } else {
            until(&asked);
            sleep(hold);
            talk.say(&hello(1));
            greeted.store(true, Ordering::SeqCst);
        }
        talk.echo_all();
    });
    let load = Load { connections: 2, arrivals: constant(100.0), ..load(target) };
    let outcome = run(&load);
    assert_eq!(outcome.census.ok, outcome.census.offered);
    let second_due = Duration::from_millis(10);
    assert!(outcome.latency.conn_wait.max() >= about(hold - second_due));
}

#[test]
fn what_comes_instead_is_counted_by_its_name() {
    let busy = std::str::from_utf8(protocol::app::BUSY).unwrap();
    let too_long = format!("HELLO 1 {}", "1".repeat(100_000));
    for (text, name) in [
        ("GARBAGE\n", "wrong_reply"),
        (&*too_long, "wrong_reply"),
        ("ERR unknown-verb who asked\n", "wrong_reply"),
        ("OK 1\n", "wrong_reply"),
        (busy, "refused:busy"),
        ("HELLO 1 2 3", "closed"),
        ("", "closed"),
    ] {
        let text = text.to_string();
        let outcome = run(&load(one_good(move |talk| talk.say(&text))));
        let greetings = greetings(&outcome);
        assert_eq!(greetings.received, 1);
        let names: Vec<_> = greetings.errors.keys().copied().collect();
        // Closing with something unread makes a reset of what was said.
        assert!(names.iter().all(|n| [name, "reset"].contains(n)), "{names:?} for {name}");
        assert!(greetings.errors[name] >= 2, "both other connections: {names:?}");
        assert!(outcome.census.ok > 0 && outcome.census.errors_total() == 0);
        assert_eq!(outcome.wrong_example.is_some(), name == "wrong_reply");
        assert!(outcome.connections.reconnects <= support::backed_off_reconnects_max(&outcome));
        assert_eq!(outcome.connections.unsolicited, 0);
    }
}

#[test]
fn a_server_whose_every_greeting_is_wrong_is_measured_and_not_waited_for() {
    let outcome = run(&load(serve(|mut talk| {
        talk.say("220 mail.example ESMTP\n");
        talk.listen_only();
    })));
    assert!(greetings(&outcome).errors["wrong_reply"] >= 3);
    assert_eq!((greetings(&outcome).received, outcome.census.offered), (0, 0));
    assert_eq!(outcome.wrong_example.as_deref(), Some("220 mail.example ESMTP"));
}

#[test]
fn a_server_that_says_nothing_is_told_as_one_that_does_not_greet() {
    for threads in [1, 3] {
        let within = Duration::from_millis(150);
        let load = Load { request_timeout: within, threads, ..load(support::echo_server()) };
        let error = loadgen::run(&load, &AtomicBool::new(false), &mut |_| {}).unwrap_err();
        let LoadError::NoGreeting { within: waited, .. } = error else { panic!("{error}") };
        assert_eq!(waited, within);
        let text = error.to_string();
        assert!(text.contains("--greeting") && text.contains("150ms"), "{text}");
    }
}

#[test]
fn a_silent_server_is_not_given_up_as_unreachable_while_connections_open() {
    // One connection fits its queue, and nobody takes it out; the others try until they give up,
    // which is longer than a greeting is waited for.
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    let any: std::net::SocketAddr = ([127, 0, 0, 1], 0).into();
    socket.bind(&any.into()).unwrap();
    socket.listen(0).unwrap();
    let load = Load {
        request_timeout: Duration::from_millis(100),
        connect_timeout: Duration::from_millis(600),
        ..load(socket.local_addr().unwrap().as_socket().unwrap())
    };
    let error = loadgen::run(&load, &AtomicBool::new(false), &mut |_| {}).unwrap_err();
    assert!(matches!(error, LoadError::NoGreeting { .. }), "{error}");
}

#[test]
fn a_greeting_that_does_not_come_is_a_timeout_with_its_age() {
    let timeout = Duration::from_millis(500);
    let load = Load {
        request_timeout: timeout,
        measure: Duration::from_millis(1_200),
        ..load(one_good(|talk| talk.listen_only()))
    };
    let outcome = run(&load);
    let greetings = greetings(&outcome);
    assert!(greetings.timeouts >= 2 && greetings.received == 1, "{greetings:?}");
    assert!(at_least(&greetings.latency, timeout) >= greetings.timeouts);
    assert!(outcome.connections.reconnects > 0, "they are tried again");
    assert_eq!(outcome.census.timeouts, 0, "no request was on its way");
}

#[test]
fn a_greeting_still_waited_for_at_the_end_is_unfinished_and_has_an_age() {
    let load =
        Load { drain: Duration::from_millis(50), ..load(one_good(|talk| talk.listen_only())) };
    let outcome = run(&load);
    let greetings = greetings(&outcome);
    assert_eq!((greetings.received, greetings.unfinished), (1, 2));
    assert!(greetings.censored_ages.min() >= about(load.measure + load.drain));
    assert_eq!(greetings.latency.len(), 1);
}

#[test]
fn stamps_of_another_clock_are_counted_and_their_connections_served() {
    let target = serve(|mut talk| {
        talk.say("HELLO 0 0 17 18\n");
        talk.echo_all();
    });
    let outcome = run(&load(target));
    let greetings = greetings(&outcome);
    assert_eq!((greetings.received, greetings.other_clock), (3, 3));
    assert_eq!((greetings.accept_delay.len(), greetings.latency.len()), (0, 3));
    assert!(outcome.census.ok > 0);
}

#[test]
fn a_connection_that_is_opened_again_is_greeted_again() {
    let target = serve(|mut talk| {
        talk.say(&hello(0));
        if let Some(text) = talk.request() {
            talk.echo(&text);
        }
    });
    let outcome = run(&load(target));
    let opened = 3 + outcome.connections.reconnects;
    assert!(outcome.connections.reconnects > 0);
    assert_eq!(greetings(&outcome).expected, opened);
    assert!(greetings(&outcome).received > 3);
}

#[test]
fn a_greeting_that_nobody_expects_is_a_wrong_reply() {
    let outcome = run(&support::load(serve(|mut talk| {
        talk.say(&hello(0));
        talk.echo_all();
    })));
    assert!(outcome.connections.unsolicited + outcome.census.errors_total() > 0);
    assert!(outcome.wrong_example.unwrap().starts_with("HELLO 0 0 "));
}

#[test]
fn a_raw_load_cannot_expect_greetings() {
    let echo = Request::Echo { bytes: 8 };
    let raw = Recipe::new(App::Bench, Framing::Raw, echo).unwrap().into();
    let load = Load { recipe: raw, ..load(support::echo_server()) };
    let error = loadgen::run(&load, &AtomicBool::new(false), &mut |_| {}).unwrap_err();
    assert!(matches!(error, LoadError::Invalid { .. }), "{error}");
    assert!(error.to_string().contains("line framing"), "{error}");
}

#[test]
fn a_stopped_run_does_not_wait_for_greetings() {
    let load = load(serve(|mut talk| talk.listen_only()));
    let outcome = loadgen::run(&load, &AtomicBool::new(true), &mut |_| {}).unwrap();
    assert!(outcome.interrupted);
    assert!(ns(outcome.phases.connect) < ns(load.request_timeout));
}
