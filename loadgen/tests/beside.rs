//! Connections beside the load: idle ones, and clients that misbehave.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::io::Read;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use loadgen::{Conduct, Load, Misbehaved, Misbehaviour, Moment, Outcome};
use support::{check, echo_server, load, run, serve};

fn with(target: SocketAddr, conduct: Conduct) -> Load {
    Load { conduct, ..load(target) }
}

fn idle(idle: usize) -> Conduct {
    Conduct { idle, ..Conduct::default() }
}

/// Two clients that misbehave in this way beside three good ones, until `enough` or until the
/// deadline of a broken generator. The good ones must all be served.
fn misbehave(target: SocketAddr, way: Misbehaviour, enough: impl Fn() -> bool) -> Misbehaved {
    let misbehaving = [(way, 2)].into_iter().collect();
    let conduct = Conduct { misbehaving, ..Conduct::default() };
    let load = Load { measure: Duration::from_secs(60), ..with(target, conduct) };
    let (stop, began) = (AtomicBool::new(false), Instant::now());
    let outcome = loadgen::run(&load, &stop, &mut |moment| {
        let long_enough = began.elapsed() > Duration::from_millis(300) && enough();
        if matches!(moment, Moment::Tick(_)) && long_enough {
            stop.store(true, Ordering::Relaxed);
        }
    });
    let outcome: Outcome = outcome.unwrap();
    check(&load, &outcome);
    assert!(outcome.interrupted, "it took too long");
    assert_eq!(outcome.census.ok, outcome.census.offered, "{:?}", outcome.census);
    assert_eq!((outcome.connections.asked, outcome.connections.served), (3, 3));
    let misbehaved = outcome.misbehaving[&way].clone();
    assert_eq!(misbehaved.connections, 2);
    assert!(misbehaved.opened >= 2 && misbehaved.connect_failures == 0, "{misbehaved:?}");
    misbehaved
}

/// A counter for a server to count in and a test to wait for.
fn counter() -> (Arc<AtomicUsize>, Arc<AtomicUsize>) {
    let counter = Arc::new(AtomicUsize::new(0));
    (Arc::clone(&counter), counter)
}

#[test]
fn idle_connections_are_there_before_the_load_and_say_nothing() {
    let (silent, counted) = counter();
    let target = serve(move |mut talk| {
        // The first seven are the idle ones.
        if talk.number < 7 {
            let said = talk.stream.read(&mut [0; 8]);
            counted.fetch_add(usize::from(matches!(said, Ok(0))), Ordering::Relaxed);
        }
        talk.echo_all();
    });
    let outcome = run(&with(target, idle(7)));
    assert_eq!((outcome.idle.asked, outcome.idle.opened, outcome.idle.lost), (7, 7, 0));
    assert_eq!((outcome.connections.asked, outcome.connections.served), (3, 3));
    assert_eq!(outcome.census.ok, outcome.census.offered);
    let deadline = Instant::now() + Duration::from_secs(30);
    while silent.load(Ordering::Relaxed) < 7 {
        assert!(Instant::now() < deadline, "an idle connection said something");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn idle_connections_that_the_server_drops_are_counted() {
    let loaded = AtomicBool::new(false);
    let target = serve(move |mut talk| {
        while talk.number < 2 && !loaded.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(1));
        }
        match talk.number {
            0 => talk.reset(),
            1 => {}
            _ => {
                while let Some(text) = talk.request() {
                    loaded.store(true, Ordering::Relaxed);
                    talk.echo(&text);
                }
            }
        }
    });
    let outcome = run(&with(target, idle(5)));
    assert_eq!((outcome.idle.opened, outcome.idle.lost), (5, 2));
}

#[test]
fn what_the_server_says_to_an_idle_connection_does_not_close_it() {
    let target = serve(|mut talk| {
        talk.say("hello\n");
        talk.listen_only();
    });
    let drain = Duration::ZERO;
    let outcome = run(&Load { drain, ..with(target, idle(2)) });
    assert_eq!((outcome.idle.opened, outcome.idle.lost), (2, 0));
}

#[test]
fn a_load_can_be_beside_idle_connections_to_a_server_that_takes_no_more() {
    // Nobody accepts, and the kernel's queue is full: the run goes on with what it has.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    rustix::net::listen(&listener, 0).unwrap();
    let load = Load {
        connect_timeout: Duration::from_millis(200),
        drain: Duration::ZERO,
        ..with(listener.local_addr().unwrap(), idle(9))
    };
    match loadgen::run(&load, &AtomicBool::new(false), &mut |_| {}) {
        Ok(outcome) => assert!(outcome.idle.opened < 9, "{:?}", outcome.idle),
        Err(error) => assert!(matches!(error, loadgen::LoadError::Unreachable { .. }), "{error}"),
    }
}

#[test]
fn a_half_closer_gets_its_reply_and_comes_again() {
    let (seen, half) = counter();
    let target = serve(move |mut talk| {
        let mut requests = 0;
        while let Some(text) = talk.request() {
            talk.echo(&text);
            requests += 1;
        }
        half.fetch_add(usize::from(requests == 1), Ordering::Relaxed);
    });
    let tally = misbehave(target, Misbehaviour::HalfCloser, || seen.load(Ordering::Relaxed) > 4);
    assert!(tally.right >= 3 && tally.requests >= tally.right, "{tally:?}");
    assert_eq!(tally.ended["done"], tally.right);
    assert_eq!(tally.ended.len(), 1, "{tally:?}");
}

#[test]
fn a_half_closer_without_reply_has_found_a_fault() {
    let (seen, left) = counter();
    let target = serve(move |mut talk| {
        while let Some(text) = talk.request() {
            // This server takes the end of input for the end of the client.
            std::thread::sleep(Duration::from_millis(20));
            talk.stream.set_nonblocking(true).unwrap();
            if matches!(talk.stream.peek(&mut [0]), Ok(0)) {
                left.fetch_add(1, Ordering::Relaxed);
                return;
            }
            talk.stream.set_nonblocking(false).unwrap();
            talk.echo(&text);
        }
    });
    let tally = misbehave(target, Misbehaviour::HalfCloser, || seen.load(Ordering::Relaxed) > 4);
    assert_eq!(tally.right, 0, "{tally:?}");
    assert!(tally.ended["closed"] > 2, "{tally:?}");
}

#[test]
fn a_resetter_sends_half_a_request_and_resets() {
    let (seen, resets) = counter();
    let target = serve(move |mut talk| {
        let (mut got, mut buffer) = (Vec::new(), [0; 256]);
        loop {
            match talk.stream.read(&mut buffer) {
                Ok(0) => return,
                Ok(n) => got.extend_from_slice(&buffer[..n]),
                Err(_) => {
                    let half = got.starts_with(b"ECHO") && !got.contains(&b'\n');
                    resets.fetch_add(usize::from(half), Ordering::Relaxed);
                    return;
                }
            }
            if got.ends_with(b"\n") {
                talk.say(&String::from_utf8(got.clone()).unwrap().replace("ECHO", "OK"));
                got.clear();
            }
        }
    });
    let tally = misbehave(target, Misbehaviour::Resetter, || seen.load(Ordering::Relaxed) > 4);
    assert!(tally.ended["reset_by_us"] > 4 && tally.requests == 0, "{tally:?}");
}

#[test]
fn a_slow_sender_sends_byte_by_byte_and_its_request_is_whole() {
    let (seen, slow) = counter();
    let target = serve(move |mut talk| {
        let (mut got, mut pieces, mut buffer) = (Vec::new(), 0, [0; 256]);
        while let Ok(n @ 1..) = talk.stream.read(&mut buffer) {
            got.extend_from_slice(&buffer[..n]);
            pieces += 1;
            if got.ends_with(b"\n") {
                talk.say(&String::from_utf8(got.clone()).unwrap().replace("ECHO", "OK"));
                slow.fetch_add(usize::from(pieces > got.len() / 2), Ordering::Relaxed);
                (got, pieces) = (Vec::new(), 0);
            }
        }
    });
    let tally = misbehave(target, Misbehaviour::SlowSender, || seen.load(Ordering::Relaxed) >= 2);
    assert!(tally.requests >= 2 && tally.ended.is_empty(), "{tally:?}");
}

#[test]
fn a_slow_reader_fills_the_pipe() {
    let (seen, stuck) = counter();
    let target = serve(move |mut talk| {
        use std::io::Write;
        rustix::net::sockopt::set_socket_send_buffer_size(&talk.stream, 4_096).unwrap();
        while let Some(text) = talk.request() {
            // A long reply, from which a good client reads on at once.
            let timeout = Duration::from_millis(100);
            talk.stream.set_write_timeout(Some(timeout)).unwrap();
            let reply = format!("OK {text}\n");
            let mut rest = reply.as_bytes();
            while !rest.is_empty() {
                match talk.stream.write(rest) {
                    Ok(n) => rest = &rest[n..],
                    Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                        stuck.fetch_add(1, Ordering::Relaxed);
                    }
                    Err(_) => return,
                }
            }
        }
    });
    let misbehaving = [(Misbehaviour::SlowReader, 2)].into_iter().collect();
    let long_reply = Some(support::recipe(60_000));
    let conduct = Conduct { misbehaving, long_reply, ..Conduct::default() };
    let load = Load { measure: Duration::from_secs(60), ..with(target, conduct) };
    let stop = AtomicBool::new(false);
    let outcome = loadgen::run(&load, &stop, &mut |_| {
        if seen.load(Ordering::Relaxed) > 3 {
            stop.store(true, Ordering::Relaxed);
        }
    });
    let outcome = outcome.unwrap();
    assert!(outcome.interrupted, "nobody was stuck");
    assert_eq!(outcome.census.ok, outcome.census.offered);
    let tally = &outcome.misbehaving[&Misbehaviour::SlowReader];
    assert!(tally.requests >= 2 && tally.right == 0, "{tally:?}");
}

#[test]
fn clients_that_misbehave_expect_a_greeting_too() {
    let target = serve(|mut talk| {
        talk.say("HELLO 0 0 0 0\n");
        talk.echo_all();
    });
    let misbehaving = [(Misbehaviour::HalfCloser, 1)].into_iter().collect();
    let conduct = Conduct { misbehaving, ..Conduct::default() };
    let outcome = run(&Load { greeting: true, ..with(target, conduct) });
    let tally = &outcome.misbehaving[&Misbehaviour::HalfCloser];
    assert!(tally.opened > 0 && !tally.ended.contains_key("wrong_reply"), "{tally:?}");
}

#[test]
fn there_is_nobody_beside_a_usual_load() {
    let outcome = run(&load(echo_server()));
    assert!(outcome.misbehaving.is_empty());
    assert_eq!(outcome.idle, loadgen::IdleTally::default());
}
