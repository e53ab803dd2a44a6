//! How connections behave beside sending requests: how long they live, how many requests they
//! carry and at a time, where they come from, and what clients do between requests.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeSet;
use std::io::Read;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use loadgen::{Conduct, Load, LoadError, Outcome, Think, ThinkTime, ports};
use protocol::{App, Framing, Recipe, Request};
use support::{constant, echo_server, load, ns, run, serve};

fn with(target: SocketAddr, conduct: Conduct) -> Load {
    Load { conduct, ..load(target) }
}

fn once() -> Conduct {
    Conduct { requests_per_connection: NonZeroU64::new(1), ..Conduct::default() }
}

fn thinks(time: ThinkTime) -> Conduct {
    Conduct { think: Some(Think { time, seed: 1 }), ..Conduct::default() }
}

fn assert_all_right(outcome: &Outcome) {
    assert!(outcome.census.ok > 0);
    assert_eq!(outcome.census.ok, outcome.census.offered, "{:?}", outcome.census);
}

/// A server that notes how many requests each of its connections has carried.
fn counting() -> (SocketAddr, Arc<Mutex<Vec<u64>>>) {
    let carried = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&carried);
    let target = serve(move |mut talk| {
        let mut requests = 0;
        while let Some(text) = talk.request() {
            talk.echo(&text);
            requests += 1;
        }
        noted.lock().unwrap().push(requests);
    });
    (target, carried)
}

#[test]
fn a_connection_carries_as_many_requests_as_it_may_and_no_error_is_counted() {
    for (k, pipeline, arrivals) in [
        (1, 1, loadgen::Arrivals::Closed),
        (3, 1, loadgen::Arrivals::Closed),
        (3, 2, loadgen::Arrivals::Closed),
        (3, 1, constant(300.0)),
        (3, 4, constant(300.0)),
    ] {
        let (target, carried) = counting();
        let conduct = Conduct { requests_per_connection: NonZeroU64::new(k), pipeline, ..once() };
        let outcome = run(&Load { arrivals: arrivals.clone(), ..with(target, conduct) });
        assert_all_right(&outcome);
        let tally = outcome.connections;
        assert!(tally.closed_by_us > 0 && tally.connect_failures == 0, "{tally:?}");
        // One is closed when the load is over, at the end of its requests or before.
        let carried = carried.lock().unwrap();
        let short = carried.iter().filter(|requests| **requests != k).count();
        assert!(short <= 3 && carried.iter().all(|requests| *requests <= k), "{k}: {carried:?}");
        // A closed loop that backed off would reopen ten times a second.
        if arrivals == loadgen::Arrivals::Closed {
            assert!(tally.reconnects > support::backed_off_reconnects_max(&outcome), "{tally:?}");
        }
        assert_eq!(outcome.latency.connect.len(), 3 + tally.reconnects);
    }
}

#[test]
fn every_connection_has_its_time_to_connect() {
    let outcome = run(&with(echo_server(), once()));
    assert!(outcome.connections.connecting > Duration::ZERO);
    assert!(outcome.connections.connecting <= outcome.phases.measure * 3);
    assert!(outcome.latency.connect.len() >= outcome.census.ok);
}

#[test]
fn connections_that_are_old_are_renewed_at_an_idle_moment() {
    for arrivals in [loadgen::Arrivals::Closed, constant(100.0)] {
        let lifetime = Some(Duration::from_millis(20));
        let conduct = Conduct { lifetime, ..Conduct::default() };
        let outcome = run(&Load { arrivals, ..with(echo_server(), conduct) });
        assert_all_right(&outcome);
        assert!(outcome.connections.closed_by_us > 0, "{:?}", outcome.connections);
    }
    // Those that nobody uses get old too: there is one request, on one of them.
    let conduct = Conduct { lifetime: Some(Duration::from_millis(1)), ..Conduct::default() };
    let unused = Load {
        arrivals: constant(0.001),
        measure: Duration::from_secs(1),
        ..with(echo_server(), conduct)
    };
    assert!(run(&unused).connections.closed_by_us > 1);
}

/// A server that answers only when so many requests have come, and tells the most it has seen.
fn in_batches(of: usize) -> SocketAddr {
    serve(move |mut talk| {
        loop {
            let mut texts = Vec::new();
            for _ in 0..of {
                match talk.request() {
                    Some(text) => texts.push(text),
                    None => return,
                }
            }
            texts.iter().for_each(|text| talk.echo(text));
        }
    })
}

#[test]
fn a_closed_loop_keeps_as_many_in_flight_as_it_was_told() {
    // With fewer in flight this server never answers.
    let conduct = Conduct { pipeline: 4, ..Conduct::default() };
    let drain = Duration::from_millis(100);
    let outcome = run(&Load { drain, ..with(in_batches(4), conduct.clone()) });
    assert!(outcome.census.ok > 12, "{:?}", outcome.census);
    assert_eq!(outcome.census.errors_total(), 0, "{:?}", outcome.census);
    // With more it would answer that one too.
    let outcome = run(&Load { drain, ..with(in_batches(5), conduct) });
    assert_eq!((outcome.census.ok, outcome.census.unfinished), (0, 12), "{:?}", outcome.census);
}

#[test]
fn pipelined_requests_travel_in_one_write() {
    const DEPTH: usize = 16;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let target = listener.local_addr().unwrap();
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut first = vec![0; 64 * 1024];
        let got = stream.read(&mut first).unwrap();
        first[..got].iter().filter(|byte| **byte == b'\n').count()
    });
    let pipeline = Conduct { pipeline: DEPTH, ..Conduct::default() };
    let load = Load { connections: 1, requests: Some(DEPTH as u64), ..with(target, pipeline) };
    run(&load);
    assert_eq!(server.join().unwrap(), DEPTH, "requests in the first read");
}

#[test]
fn an_open_loop_prefers_the_emptiest_connection() {
    let most = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&most);
    let target = serve(move |mut talk| {
        let mut requests = 0;
        while talk.request().is_some() {
            requests += 1;
            seen.fetch_max(requests, Ordering::Relaxed);
        }
    });
    // Nobody is answered: 7 requests on 3 connections are 3, 2 and 2.
    let load = Load {
        arrivals: constant(1_000.0),
        measure: Duration::from_micros(6_500),
        interval: Duration::from_millis(1),
        drain: Duration::from_millis(300),
        ..with(target, Conduct { pipeline: 100, ..Conduct::default() })
    };
    let outcome = run(&load);
    assert_eq!((outcome.census.offered, outcome.census.unfinished), (7, 7));
    assert_eq!(most.load(Ordering::Relaxed), 3);
}

#[test]
fn replies_are_checked_in_order() {
    let target = serve(|mut talk| {
        while let (Some(first), Some(second)) = (talk.request(), talk.request()) {
            talk.echo(&second);
            talk.echo(&first);
        }
    });
    let outcome = run(&with(target, Conduct { pipeline: 2, ..Conduct::default() }));
    let errors = &outcome.census.errors;
    assert_eq!(outcome.census.ok, 0);
    // The first of each pair was answered wrongly, and nobody knows what became of the second.
    assert_eq!(errors["wrong_reply"], errors["abandoned"], "{errors:?}");
}

#[test]
fn a_long_request_does_not_run_into_the_next() {
    let conduct = Conduct { pipeline: 8, ..Conduct::default() };
    // Short segments and a small buffer make the kernel take less than a request at a time.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    socket2::SockRef::from(&listener).set_tcp_mss(536).unwrap();
    socket2::SockRef::from(&listener).set_recv_buffer_size(1).unwrap();
    let target = support::serve_on(listener, |mut talk| {
        thread::sleep(Duration::from_millis(50));
        talk.echo_all();
    });
    let outcome = run(&Load { recipe: support::recipe(60_000), ..with(target, conduct) });
    assert_all_right(&outcome);
}

#[test]
fn clients_think_between_reply_and_request() {
    let think = Duration::from_millis(40);
    for conduct in [
        thinks(ThinkTime::Constant(think)),
        Conduct {
            requests_per_connection: NonZeroU64::new(2),
            ..thinks(ThinkTime::Constant(think))
        },
        Conduct { lifetime: Some(think * 2), ..thinks(ThinkTime::Constant(think)) },
    ] {
        let outcome = run(&with(echo_server(), conduct));
        assert_all_right(&outcome);
        // At most one each 40 ms and client, and the first of each.
        let most = 3 * (outcome.phases.measure.as_millis() / 40 + 1);
        assert!(u128::from(outcome.census.ok) <= most, "{}", outcome.census.ok);
        assert!(outcome.connections.thinking > Duration::ZERO);
        assert!(outcome.connections.thinking <= outcome.phases.measure * 3);
    }
    let outcome = run(&with(echo_server(), thinks(ThinkTime::Constant(Duration::ZERO))));
    assert!(outcome.census.ok > 3 * 10, "thinking for no time is no thinking");
}

#[test]
fn a_client_thinks_to_the_end_although_its_server_leaves() {
    let think = Duration::from_millis(50);
    let target = serve(|mut talk| {
        if let Some(text) = talk.request() {
            talk.echo_and_leave(&text);
        }
    });
    let outcome = run(&with(target, thinks(ThinkTime::Constant(think))));
    let most = 3 * (outcome.phases.measure.as_millis() / 50 + 1);
    assert!((4..=most).contains(&u128::from(outcome.census.ok)), "{:?}", outcome.census);
}

#[test]
fn connections_come_from_all_source_addresses() {
    let peers = Arc::new(Mutex::new(BTreeSet::new()));
    let seen = Arc::clone(&peers);
    let target = serve(move |mut talk| {
        seen.lock().unwrap().insert(talk.stream.peer_addr().unwrap().ip());
        talk.echo_all();
    });
    let sources = ports::loopback_sources(3);
    let conduct = Conduct { sources: sources.clone(), ..Conduct::default() };
    assert_all_right(&run(&with(target, conduct.clone())));
    let expected: BTreeSet<IpAddr> = sources.into_iter().collect();
    assert_eq!(*peers.lock().unwrap(), expected);

    // And those that are opened again, on more threads than there are addresses.
    peers.lock().unwrap().clear();
    let again = Conduct { requests_per_connection: NonZeroU64::new(1), ..conduct };
    assert_all_right(&run(&Load { connections: 4, threads: 4, ..with(target, again) }));
    assert_eq!(*peers.lock().unwrap(), expected);
}

#[test]
fn a_request_into_a_connection_that_has_said_goodbye_is_an_error_of_its_own() {
    // The next request is here when the server leaves, but nothing tells the client whether it
    // was read.
    let leaves = |unanswered| {
        serve(move |mut talk| {
            let Some(text) = talk.request() else { return };
            talk.echo(&text);
            (0..unanswered).for_each(|_| drop(talk.request()));
        })
    };
    let outcome = run(&load(leaves(1)));
    let names: Vec<_> = outcome.census.errors.keys().copied().collect();
    assert_eq!(names, ["closed_early"]);
    // Where a part of the reply came, the server had read it.
    let outcome = run(&load(serve(|mut talk| {
        let Some(text) = talk.request() else { return };
        talk.echo(&text);
        talk.request();
        talk.say("OK");
    })));
    let names: Vec<_> = outcome.census.errors.keys().copied().collect();
    assert_eq!(names, ["closed"]);
    // All that were in flight met the goodbye.
    let pipeline = Conduct { pipeline: 3, ..Conduct::default() };
    let drain = Duration::from_millis(100);
    let errors = run(&Load { drain, ..with(leaves(3), pipeline) }).census.errors;
    assert_eq!(errors.keys().copied().collect::<Vec<_>>(), ["closed_early"], "{errors:?}");
}

#[test]
fn a_timeout_abandons_what_was_pipelined_behind_it() {
    let load = Load {
        request_timeout: Duration::from_millis(100),
        measure: Duration::from_millis(400),
        ..with(serve(|mut talk| talk.listen_only()), Conduct { pipeline: 3, ..Conduct::default() })
    };
    let census = run(&load).census;
    assert!(census.timeouts > 0);
    assert_eq!(census.errors["abandoned"], 2 * census.timeouts, "{census:?}");
}

#[test]
fn what_cannot_be_is_refused() {
    let refused = |load: &Load| {
        let error = loadgen::run(load, &AtomicBool::new(false), &mut |_| {}).unwrap_err();
        match error {
            LoadError::Invalid { what } => what,
            other => panic!("{other}"),
        }
    };
    let target = echo_server();
    let raw = Recipe::new(App::Echo, Framing::Raw, Request::Echo { bytes: 8 }).unwrap();
    let raw = Arc::new(raw);
    let deep = Conduct { pipeline: 2, ..Conduct::default() };
    let thinking = thinks(ThinkTime::Constant(Duration::from_millis(1)));
    let backwards =
        ThinkTime::Uniform { low: Duration::from_secs(2), high: Duration::from_secs(1) };
    for (load, part) in [
        (with(target, Conduct { pipeline: 0, ..Conduct::default() }), "from 1 to"),
        (Load { recipe: raw, ..with(target, deep.clone()) }, "boundaries"),
        (
            Load { arrivals: constant(1.0), ..with(target, thinking.clone()) },
            "is for a closed loop",
        ),
        (with(target, Conduct { pipeline: 2, ..thinking }), "exclude each other"),
        (with(target, thinks(backwards)), "below its end"),
        (
            with(target, Conduct { sources: vec!["::1".parse().unwrap()], ..deep }),
            "the same family",
        ),
    ] {
        let what = refused(&load);
        assert!(what.contains(part), "{what}");
    }
}

#[test]
fn a_port_range_that_is_too_small_is_an_error_before_anything_is_opened() {
    let load = Load {
        arrivals: constant(1_000_000.0),
        measure: Duration::from_secs(100),
        ..with(([127, 0, 0, 1], 1).into(), once())
    };
    let error = loadgen::run(&load, &AtomicBool::new(false), &mut |_| {}).unwrap_err();
    assert!(matches!(error, LoadError::Ports { .. }), "{error}");
    assert!(error.to_string().contains("--source-addresses"), "{error}");
}

#[test]
fn sched_lag_begins_when_a_client_has_thought() {
    let think = Duration::from_millis(100);
    let outcome = run(&with(echo_server(), thinks(ThinkTime::Constant(think))));
    // Were thinking in it, every one but the first of each client would be 100 ms.
    assert!(outcome.latency.sched_lag.value_at_quantile(0.5) < ns(think), "{outcome:?}");
}

#[test]
fn each_place_in_a_pipeline_is_free_since_its_own_reply() {
    let conduct = Conduct { pipeline: 4, ..Conduct::default() };
    let outcome = run(&with(echo_server(), conduct));
    assert_all_right(&outcome);
    // Counted from the opening of the connection, most would be late by more than a third of the
    // run; counted from their replies only a few can be, however slow the machine.
    let third = ns(outcome.phases.measure) / 3;
    assert!(outcome.latency.sched_lag.value_at_quantile(0.5) < third / 10);
}
