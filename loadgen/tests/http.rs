//! HTTP servers of other makes: replies of every kind of end, and connections that end with them.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::net::SocketAddr;
use std::sync::Arc;

use loadgen::{Load, Outcome};
use protocol::http::Method;
use protocol::{Ask, Recipe};
use support::{constant, run, serve};

fn load(target: SocketAddr) -> Load {
    let method = Method::new("GET").unwrap();
    let ask = Ask::new(&method, "/", "host", &[], b"").unwrap();
    Load { recipe: Arc::new(Recipe::asking(ask)), ..support::load(target) }
}

/// Says this to each request, on a connection that stays open.
fn always_says(text: &'static str) -> SocketAddr {
    serve(move |mut talk| {
        while talk.http_request() {
            talk.say(text);
        }
    })
}

/// Says this to the first request of a connection and closes.
fn says_and_leaves(text: &'static str) -> SocketAddr {
    serve(move |mut talk| {
        if talk.http_request() {
            talk.say(text);
        }
        talk.leave();
    })
}

fn errors(outcome: &Outcome) -> Vec<&'static str> {
    outcome.census.errors.keys().copied().collect()
}

#[test]
fn replies_with_a_length_and_in_chunks_are_right() {
    for text in [
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
        "HTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    ] {
        let outcome = run(&load(always_says(text)));
        assert!(outcome.census.ok > 0 && errors(&outcome).is_empty(), "{text}: {outcome:?}");
        assert_eq!(outcome.connections.reconnects, 0);
    }
}

#[test]
fn a_connection_that_ends_with_its_reply_is_a_reconnect_and_no_error() {
    for text in [
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello",
        "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\n\r\nas long as it lasts",
    ] {
        for arrivals in [loadgen::Arrivals::Closed, constant(500.0)] {
            let outcome = run(&Load { arrivals, ..load(says_and_leaves(text)) });
            assert!(outcome.census.ok > 0, "{text}: {outcome:?}");
            assert_eq!(errors(&outcome), [""; 0], "{text}");
            let reconnects = outcome.connections.reconnects;
            assert!(reconnects > 0 && reconnects + 3 >= outcome.census.ok, "{reconnects}");
        }
    }
}

#[test]
fn a_server_that_says_close_and_stays_is_left() {
    // Whoever waited for it to close would wait for ever.
    let text = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    let outcome = run(&load(always_says(text)));
    assert!(outcome.census.ok > 3 && errors(&outcome).is_empty(), "{outcome:?}");
    assert!(outcome.connections.reconnects > 0);
}

#[test]
fn a_body_that_is_cut_short_is_a_lost_connection() {
    let outcome = run(&load(says_and_leaves("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello")));
    assert_eq!((errors(&outcome), outcome.census.ok), (vec!["closed"], 0));
}

#[test]
fn statuses_are_told_apart_and_leave_the_connection_open() {
    for (text, name) in [
        ("HTTP/1.1 304 Not Modified\r\n\r\n", "status:3xx"),
        ("HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno", "status:4xx"),
        ("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", "status:5xx"),
        ("HTTP/1.1 999 ?\r\nContent-Length: 0\r\n\r\n", "status:other"),
    ] {
        let outcome = run(&load(always_says(text)));
        assert_eq!((errors(&outcome), outcome.census.ok), (vec![name], 0), "{text}");
        assert_eq!(outcome.connections.reconnects, 0);
    }
}

#[test]
fn a_reply_that_comes_before_the_body_was_read_counts_and_ends_the_connection() {
    // More than any socket buffer takes. The server reads the head, and answers.
    let body = vec![b'x'; 16 << 20];
    let method = Method::new("POST").unwrap();
    let asking = |status: u16| {
        let ask = Ask::new(&method, "/", "host", &[], &body).unwrap();
        Arc::new(Recipe::asking(ask.expect_status(status).unwrap()))
    };
    let refuses = || {
        serve(|mut talk| {
            if talk.http_request() {
                talk.say("HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nno");
            }
            talk.leave();
        })
    };
    for arrivals in [loadgen::Arrivals::Closed, constant(100.0)] {
        let load = Load { recipe: asking(413), arrivals, ..load(refuses()) };
        // On a busy machine the time may be over before a second connection.
        let again = (0..20).any(|_| {
            let outcome = run(&load);
            assert!(outcome.census.ok > 0, "{:?} {:?}", outcome.census, outcome.wrong_example);
            assert_eq!(errors(&outcome), [""; 0], "{:?}", outcome.wrong_example);
            outcome.connections.reconnects > 0
        });
        assert!(again, "it connects again");
    }
    let outcome = run(&Load { recipe: asking(200), ..load(refuses()) });
    assert_eq!((outcome.census.ok, errors(&outcome)), (0, vec!["status:4xx"]));
}

#[test]
fn bodies_of_different_lengths_are_wrong() {
    let outcome = run(&load(serve(|mut talk| {
        let mut n = 0;
        while talk.http_request() {
            n += 1;
            let body = "x".repeat(n.min(2));
            talk.say(&format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()));
        }
    })));
    assert!(outcome.census.ok > 0);
    assert_eq!(errors(&outcome), ["wrong_reply"]);
    let example = outcome.wrong_example.as_deref();
    assert_eq!(example, Some("a body of 2 bytes instead of 1"));
    assert_eq!(outcome.connections.reconnects, 0, "and what follows is as good as ever");
}

#[test]
fn what_comes_unasked_is_no_reply() {
    let outcome = run(&load(serve(|mut talk| {
        talk.say("HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        talk.leave();
    })));
    let unasked = outcome.connections.unsolicited;
    assert!(unasked > 0 || !outcome.census.errors.is_empty(), "{outcome:?}");
    assert_eq!(outcome.census.ok, 0);
}
