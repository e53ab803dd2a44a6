//! Servers that do what they should not. `run` checks each time that every request has exactly
//! one fate.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::net::SocketAddr;
use std::sync::Barrier;
use std::thread::sleep;
use std::time::Duration;

use loadgen::{Load, Outcome};
use support::{about, constant, load, run, serve};

/// The names of the errors that occurred.
fn errors(outcome: &Outcome) -> Vec<&'static str> {
    outcome.census.errors.keys().copied().collect()
}

/// Asserts that no connection was opened more often than one that is of no use may be.
fn assert_backed_off(outcome: &Outcome) {
    let most = support::backed_off_reconnects_max(outcome);
    assert!(outcome.connections.reconnects <= most, "{:?}", outcome.connections);
    assert!(outcome.connections.reconnects > 0);
}

fn always_says(text: &'static str) -> SocketAddr {
    serve(move |mut talk| {
        while talk.request().is_some() {
            talk.say(text);
        }
    })
}

#[test]
fn a_wrong_reply_is_an_error() {
    let outcome = run(&load(always_says("OK but not what was asked for\n")));
    assert_eq!(errors(&outcome), ["wrong_reply"]);
    assert_eq!(outcome.census.ok, 0);
    assert_eq!(outcome.wrong_example.as_deref(), Some("OK but not what was asked for"));
    assert_eq!((outcome.connections.served, outcome.connections.jain), (0, 0.0));
    assert_backed_off(&outcome);
}

#[test]
fn the_reply_to_the_request_before_is_wrong() {
    let outcome = run(&load(serve(|mut talk| {
        let mut last = talk.request().unwrap_or_default();
        talk.echo(&last.clone());
        while let Some(text) = talk.request() {
            talk.echo(&std::mem::replace(&mut last, text));
        }
    })));
    assert!(outcome.census.errors["wrong_reply"] > 0);
    assert!(outcome.census.ok > 0, "the first reply of each connection is right");
}

#[test]
fn a_reply_sent_twice_does_not_count_twice() {
    let outcome = run(&load(serve(|mut talk| {
        while let Some(text) = talk.request() {
            talk.say(&format!("OK {text}\nOK {text}\n"));
        }
    })));
    assert!(outcome.connections.unsolicited > 0);
    assert!(outcome.wrong_example.is_some());
}

#[test]
fn a_reset_instead_of_a_reply_is_an_error() {
    let outcome = run(&load(serve(|mut talk| {
        for _ in 0..3 {
            let Some(text) = talk.request() else { return };
            talk.echo(&text);
        }
        // Not before the request is here, or the client might see the reset while it is idle.
        talk.request();
        talk.reset();
    })));
    assert_eq!(errors(&outcome), ["reset"]);
    assert!(outcome.census.ok > 0);
    assert!(outcome.connections.reconnects > 0);
}

#[test]
fn a_goodbye_instead_of_a_reply_is_an_error() {
    let outcome = run(&load(serve(|mut talk| {
        talk.request();
    })));
    assert_eq!(errors(&outcome), ["closed"]);
    assert_backed_off(&outcome);
}

#[test]
fn a_server_that_closes_after_each_reply_is_reconnected_to_at_once() {
    let target = serve(|mut talk| {
        if let Some(text) = talk.request() {
            talk.echo(&text);
        }
    });
    for arrivals in [loadgen::Arrivals::Closed, constant(100.0)] {
        let outcome = run(&Load { arrivals, ..load(target) });
        // The client may send before it learns that the server has left.
        assert!(errors(&outcome).iter().all(|name| ["closed_early", "reset"].contains(name)));
        assert!(outcome.census.ok > 0);
        assert!(outcome.connections.reconnects > 0);
    }
}

#[test]
fn a_busy_server_is_not_stormed() {
    let target = serve(|mut talk| {
        talk.say(std::str::from_utf8(protocol::app::BUSY).unwrap());
        sleep(Duration::from_millis(5));
    });
    let outcome = run(&load(target));
    assert!(
        errors(&outcome)
            .iter()
            .all(|name| ["refused:busy", "closed", "closed_early", "reset"].contains(name))
    );
    assert!(outcome.census.errors_total() + outcome.connections.unsolicited > 0);
    assert_backed_off(&outcome);

    let open = run(&Load { arrivals: constant(500.0), drain: Duration::ZERO, ..load(target) });
    assert_eq!(open.census.ok, 0);
    assert!(open.census.never_sent > 0);
}

#[test]
fn a_server_that_gets_busy_is_not_stormed_either() {
    let outcome = run(&load(serve(|mut talk| {
        if let Some(text) = talk.request() {
            talk.echo(&text);
        }
        talk.request();
        talk.say(std::str::from_utf8(protocol::app::BUSY).unwrap());
        talk.listen_only();
    })));
    assert!(errors(&outcome).contains(&"refused:busy"));
    assert!(outcome.census.ok > 0);
    assert_backed_off(&outcome);
}

#[test]
fn a_refusal_is_an_error_and_the_connection_goes_on() {
    for (reply, name) in [
        ("ERR unknown-verb no\n", "refused:unknown-verb"),
        ("ERR bad-argument no\n", "refused:bad-argument"),
        ("ERR too-long no\n", "refused:too-long"),
        ("ERR whatever\n", "refused:other"),
    ] {
        let measure = Duration::from_millis(100);
        let outcome = run(&Load { measure, ..load(always_says(reply)) });
        assert_eq!(errors(&outcome), [name]);
        assert_eq!(outcome.connections.reconnects, 0);
        assert_eq!(outcome.latency.service.len(), 0, "a refusal has no latency");
    }
}

#[test]
fn a_request_without_reply_is_unfinished_and_has_an_age() {
    let drain = Duration::from_millis(150);
    let load = Load { drain, ..load(serve(|mut talk| talk.listen_only())) };
    let outcome = run(&load);
    assert_eq!((outcome.census.offered, outcome.census.unfinished), (3, 3));
    assert!(outcome.censored_ages.min() >= about(drain));
    assert!(outcome.phases.drain >= drain);
}

#[test]
fn a_request_that_the_warm_up_leaves_behind_is_counted() {
    let load = Load {
        warmup: Duration::from_millis(500),
        drain: Duration::from_millis(50),
        ..load(serve(|mut talk| talk.listen_only()))
    };
    let census = run(&load).census;
    assert_eq!((census.offered, census.unfinished), (3, 3), "nothing else was sent");
}

#[test]
fn a_request_that_takes_too_long_is_a_timeout() {
    let timeout = Duration::from_millis(120);
    let load = Load {
        measure: Duration::from_millis(500),
        request_timeout: timeout,
        ..load(serve(|mut talk| talk.listen_only()))
    };
    let outcome = run(&load);
    assert!(outcome.census.timeouts >= 3);
    assert_eq!(outcome.census.timeouts, outcome.census.offered);
    assert!(outcome.latency.service.min() >= about(timeout), "the age is the latency");
    assert!(outcome.connections.reconnects > 0);

    let open = run(&Load { arrivals: constant(10.0), ..load });
    assert!(open.census.timeouts > 0);
    assert!(open.latency.response.unwrap().min() >= about(timeout));
}

#[test]
fn a_server_that_dies_leaves_a_backlog() {
    // One reply to the only connection, then there is no server any more.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let target = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        drop(listener);
        std::io::Read::read(&mut stream, &mut [0; 64]).unwrap();
    });
    let load = Load {
        connections: 1,
        arrivals: constant(200.0),
        drain: Duration::from_millis(50),
        ..load(target)
    };
    let outcome = run(&load);
    assert_eq!(outcome.census.errors_total(), 1);
    assert_eq!(outcome.census.never_sent, outcome.census.offered - 1);
    let failures = outcome.connections.connect_failures;
    assert!(failures > 0);
    assert_eq!(outcome.connect_errors, [("refused", failures)].into());
}

#[test]
fn a_reply_after_the_drain_is_too_late_to_count() {
    let answers: &'static Barrier = Box::leak(Box::new(Barrier::new(2)));
    let target = serve(move |mut talk| {
        let text = talk.request();
        answers.wait();
        text.iter().for_each(|text| talk.echo(text));
    });
    let drain = Duration::from_millis(100);
    let outcome = run(&Load { connections: 1, drain, ..load(target) });
    answers.wait();
    assert_eq!((outcome.census.offered, outcome.census.unfinished), (1, 1));
    assert_eq!(outcome.completed, 0);
    assert!(outcome.censored_ages.min() >= about(drain));
}
