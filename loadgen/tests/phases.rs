//! What a caller sees of a run, and why there may be none.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::net::{SocketAddr, TcpListener};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use loadgen::{Arrivals, Conduct, Load, LoadError, Moment, Outcome, Phase};
use support::{Talk, check, constant, echo_server, load, run, serve};

const PHASES: [Phase; 4] = [Phase::Connect, Phase::Warmup, Phase::Measure, Phase::Drain];

fn run_until(load: &Load, stop_at: impl Fn(Moment) -> bool) -> (Outcome, Vec<Moment>) {
    let (stop, mut moments) = (AtomicBool::new(false), Vec::new());
    let outcome = loadgen::run(load, &stop, &mut |moment| {
        if stop_at(moment) {
            stop.store(true, Ordering::Relaxed);
        }
        moments.push(moment);
    });
    let outcome = outcome.unwrap();
    check(load, &outcome);
    (outcome, moments)
}

fn phases(moments: &[Moment]) -> Vec<Phase> {
    let phase = |moment: &Moment| match moment {
        Moment::Begins(phase) => Some(*phase),
        _ => None,
    };
    moments.iter().filter_map(phase).collect()
}

fn failure(load: &Load) -> LoadError {
    loadgen::run(load, &AtomicBool::new(false), &mut |_| {}).unwrap_err()
}

/// An address where nobody listens.
fn nowhere() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

#[test]
fn phases_begin_in_order_and_the_run_ends_once() {
    let load = Load { warmup: Duration::from_millis(50), ..load(echo_server()) };
    let (outcome, moments) = run_until(&load, |_| false);
    assert_eq!(phases(&moments), PHASES);
    assert_eq!(moments.last(), Some(&Moment::Ends));
    assert_eq!(moments.iter().filter(|moment| **moment == Moment::Ends).count(), 1);
    assert!(!outcome.interrupted);
}

#[test]
fn the_bracket_is_the_time_between_the_two_calls() {
    // A slow caller makes it longer than the measurement.
    let (slow, measure) = (Duration::from_millis(250), Duration::from_millis(50));
    let load = Load { measure, ..load(echo_server()) };
    let mut watch = |moment| {
        if moment == Moment::Begins(Phase::Measure) {
            std::thread::sleep(slow);
        }
    };
    let outcome = loadgen::run(&load, &AtomicBool::new(false), &mut watch).unwrap();
    assert_eq!(outcome.phases.measure, measure);
    assert!(outcome.phases.bracket >= slow);
}

#[test]
fn whoever_is_told_of_the_drain_finds_all_connections_open() {
    let left = Arc::new(AtomicUsize::new(0));
    let leaving = Arc::clone(&left);
    let target = serve(move |mut talk| {
        talk.echo_all();
        leaving.fetch_add(1, Ordering::Relaxed);
    });
    let conduct = Conduct { idle: 2, ..Conduct::default() };
    let load = Load { measure: Duration::from_millis(50), conduct, ..load(target) };
    let mut found = None;
    let mut watch = |moment| {
        if moment == Moment::Begins(Phase::Drain) {
            // Long enough for one that leaves too early to be seen, on most machines.
            let deadline = Instant::now() + Duration::from_millis(100);
            while left.load(Ordering::Relaxed) == 0 && Instant::now() < deadline {
                std::thread::yield_now();
            }
            found = Some(left.load(Ordering::Relaxed));
        }
    };
    let outcome = loadgen::run(&load, &AtomicBool::new(false), &mut watch).unwrap();
    check(&load, &outcome);
    assert_eq!(found, Some(0), "some had left while they could still be looked at");
    assert_eq!((outcome.idle.opened, outcome.idle.lost), (2, 0));
}

#[test]
fn ticks_tell_of_progress() {
    let load = Load { measure: Duration::from_millis(600), ..load(echo_server()) };
    let (_, moments) = run_until(&load, |_| false);
    let ticks: Vec<_> = moments
        .iter()
        .filter_map(|moment| match moment {
            Moment::Tick(progress) if progress.phase == Phase::Measure => Some(progress),
            _ => None,
        })
        .collect();
    assert!(!ticks.is_empty());
    assert!(ticks.is_sorted_by(|a, b| a.elapsed < b.elapsed && a.done <= b.done));
    assert!(ticks.last().unwrap().done > 0);
}

#[test]
fn a_run_can_be_stopped_in_the_measurement() {
    let day = Duration::from_secs(86_400);
    for arrivals in [Arrivals::Closed, constant(200.0)] {
        let load = Load { measure: day, interval: day / 1_000, arrivals, ..load(echo_server()) };
        let stop_at =
            |moment| matches!(moment, Moment::Tick(p) if p.phase == Phase::Measure && p.done > 0);
        let (outcome, moments) = run_until(&load, stop_at);
        assert!(outcome.interrupted);
        assert_eq!(phases(&moments), PHASES);
        assert!(outcome.census.ok > 0 && outcome.phases.measure < day);
        assert_eq!(outcome.intervals.len(), 1);
    }
}

#[test]
fn a_run_can_be_stopped_before_the_measurement() {
    let load = Load { warmup: Duration::from_secs(86_400), ..load(echo_server()) };
    let (outcome, moments) = run_until(&load, |m| m == Moment::Begins(Phase::Warmup));
    assert!(outcome.interrupted);
    assert_eq!(phases(&moments), [Phase::Connect, Phase::Warmup, Phase::Drain]);
    assert_eq!((outcome.census.offered, outcome.phases.measure), (0, Duration::ZERO));

    let load =
        Load { connect_timeout: Duration::from_secs(86_400), target: nowhere().into(), ..load };
    let (outcome, moments) = run_until(&load, |m| m == Moment::Begins(Phase::Connect));
    assert!(outcome.interrupted);
    assert_eq!(phases(&moments), [Phase::Connect]);
    assert_eq!(moments.last(), Some(&Moment::Ends));
}

#[test]
fn a_stopped_run_does_not_wait_for_a_silent_server() {
    let silent = serve(|mut talk| talk.listen_only());
    let load = Load { drain: Duration::from_secs(86_400), ..load(silent) };
    for phase in [Phase::Measure, Phase::Drain] {
        let (outcome, _) = run_until(&load, |m| m == Moment::Begins(phase));
        assert!(outcome.interrupted, "they would have been waited for");
        assert!(phase == Phase::Measure || outcome.census.offered > 0);
        assert_eq!(outcome.census.unfinished, outcome.census.offered);
    }
}

#[test]
fn no_server_is_an_error_that_says_what_to_do() {
    let timeout = Duration::from_millis(250);
    let load = Load { connect_timeout: timeout, threads: 2, ..load(nowhere()) };
    let began = Instant::now();
    let error = failure(&load);
    assert!(began.elapsed() >= timeout, "the server might still be starting");
    let LoadError::Unreachable { target, source } = &error else { panic!("{error:?}") };
    assert_eq!(*target, load.target);
    assert_eq!(source.kind(), std::io::ErrorKind::ConnectionRefused);
    assert!(error.to_string().contains("is the server running"), "{error}");
}

#[test]
fn a_server_that_accepts_some_is_loaded_by_some() {
    // A queue of one, and nobody who takes from it.
    use rustix::net::{AddressFamily, SocketType, bind, getsockname, listen, socket};
    let listener = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    bind(&listener, &SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    listen(&listener, 1).unwrap();
    let target = SocketAddr::try_from(getsockname(&listener).unwrap()).unwrap();
    let load = Load {
        connections: 20,
        connect_timeout: Duration::from_millis(300),
        drain: Duration::from_millis(50),
        ..load(target)
    };
    let outcome = run(&load);
    assert!((1..20).contains(&outcome.connections.opened), "{:?}", outcome.connections);
    assert!(outcome.census.unfinished >= 1);
    assert!(outcome.connections.connect_failures > 0, "the others are given up and tried again");
}

#[test]
fn too_few_descriptors_is_an_error_that_says_what_to_do() {
    let load = Load { connections: 1 << 40, ..load(echo_server()) };
    let error = failure(&load);
    let LoadError::Descriptors { need, limit } = error else { panic!("{error:?}") };
    assert_eq!(need, (1 << 40) + 64);
    assert!(limit < need);
    assert!(error.to_string().contains("ulimit -n"), "{error}");
}

#[test]
fn threads_run_where_they_are_told() {
    let allowed = rustix::thread::sched_getaffinity(None).unwrap();
    let cpu = (0..1024).find(|cpu| allowed.is_set(*cpu)).unwrap();
    let load = Load { threads: 2, cpus: vec![cpu], ..load(echo_server()) };
    assert!(run(&load).census.ok > 0);

    let error = failure(&Load { cpus: vec![cpu, 1023], ..load });
    assert!(matches!(error, LoadError::Pin { cpu: 1023, .. }), "{error:?}");
}

#[test]
fn an_impossible_load_is_an_error() {
    let right = load(nowhere());
    for wrong in [
        Load { connections: 0, ..right.clone() },
        Load { threads: 0, ..right.clone() },
        Load { threads: 4, ..right.clone() },
        Load { measure: Duration::ZERO, ..right.clone() },
        Load { interval: Duration::ZERO, ..right.clone() },
        Load { request_timeout: Duration::ZERO, ..right.clone() },
        Load { connect_timeout: Duration::ZERO, ..right.clone() },
        Load { arrivals: constant(0.0), ..right.clone() },
        Load { arrivals: constant(f64::NAN), ..right.clone() },
        Load { arrivals: Arrivals::Poisson { rate_per_s: -1.0, seed: 1 }, ..right },
    ] {
        assert!(matches!(failure(&wrong), LoadError::Invalid { .. }), "{wrong:?}");
    }
}

#[test]
fn a_caller_that_panics_is_not_waited_for() {
    let day = Duration::from_secs(86_400);
    let load = Load { warmup: day, measure: day, interval: day, ..load(echo_server()) };
    for at in [Phase::Connect, Phase::Warmup] {
        let run = || {
            loadgen::run(&load, &AtomicBool::new(false), &mut |moment| {
                assert_ne!(moment, Moment::Begins(at), "the caller's own fault");
            })
        };
        assert!(catch_unwind(AssertUnwindSafe(run)).is_err());
    }
}

#[test]
fn the_latencies_of_the_warm_up_are_kept_apart() {
    let warmup = Duration::from_millis(60);
    let outcome = run(&Load { warmup, ..load(echo_server()) });
    let slots = outcome.series.warmup();
    assert!(outcome.series.slot() * u32::try_from(slots.len()).unwrap() >= warmup);
    assert!(slots.iter().any(|slot| slot.count > 0), "requests of the warm-up");
    let outcome = run(&load(echo_server()));
    assert!(outcome.series.warmup().is_empty());
}

/// An hour, which no test waits for.
const LONG: Duration = Duration::from_secs(3_600);

#[test]
fn a_number_of_requests_is_sent_and_the_load_ends_with_the_last_reply() {
    let seen = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&seen);
    let target = serve(move |mut talk| {
        while let Some(text) = talk.request() {
            counter.fetch_add(1, Ordering::Relaxed);
            talk.echo(&text);
        }
    });
    let one_each =
        Conduct { requests_per_connection: std::num::NonZeroU64::new(1), ..Conduct::default() };
    let deep = Conduct { pipeline: 4, ..Conduct::default() };
    for (requests, threads, arrivals, conduct) in [
        (100, 1, Arrivals::Closed, Conduct::default()),
        (101, 2, Arrivals::Closed, Conduct::default()),
        (1, 3, Arrivals::Closed, Conduct::default()),
        (50, 2, Arrivals::Closed, one_each),
        (50, 2, Arrivals::Closed, deep),
        (20, 2, constant(500.0), Conduct::default()),
    ] {
        let before = seen.load(Ordering::Relaxed);
        let asked = Load { requests: Some(requests), measure: LONG, threads, ..load(target) };
        let outcome = run(&Load { arrivals: arrivals.clone(), conduct, ..asked });
        let what = format!("{requests} with {threads} threads, {arrivals:?}: {:?}", outcome.census);
        assert_eq!(seen.load(Ordering::Relaxed) - before, requests, "{what}");
        assert_eq!((outcome.census.offered, outcome.census.ok), (requests, requests), "{what}");
        assert!(!outcome.interrupted && !outcome.phases.measure.is_zero(), "{what}");
        assert!(outcome.phases.measure < LONG / 10, "{what}: {:?}", outcome.phases);
    }
}

#[test]
fn a_number_of_requests_is_not_waited_for_once_the_server_is_gone() {
    for arrivals in [Arrivals::Closed, constant(500.0)] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let load = Load {
            requests: Some(1_000),
            threads: 2,
            measure: Duration::from_secs(60),
            connect_timeout: Duration::from_secs(1),
            ..load(listener.local_addr().unwrap())
        };
        let load = Load { arrivals, ..load };
        let connections = load.connections;
        let server = std::thread::spawn(move || {
            let mut talks: Vec<_> = listener
                .incoming()
                .take(connections)
                .enumerate()
                .map(|(number, stream)| Talk::new(stream.unwrap(), number))
                .collect();
            drop(listener);
            for talk in &mut talks {
                let text = talk.request().unwrap();
                talk.echo(&text);
            }
        });
        let outcome = run(&load);
        server.join().unwrap();
        let (phases, limit) = (&outcome.phases, Duration::from_secs(20));
        assert!(phases.measure < limit && phases.drain < limit, "{phases:?}");
        assert!(!outcome.interrupted && outcome.connections.connect_failures > 0);
        assert_eq!(outcome.census.ok, connections as u64, "{:?}", outcome.census);
    }
}

#[test]
fn a_number_of_requests_that_takes_longer_than_the_measurement_is_cut_off_by_it() {
    let load = Load { requests: Some(u64::MAX), ..load(echo_server()) };
    let outcome = run(&load);
    assert_eq!(outcome.phases.measure, load.measure);
    assert!(!outcome.interrupted && outcome.census.ok > 0);
    for wrong in [
        Load { requests: Some(0), ..load.clone() },
        Load { warmup: Duration::from_millis(1), ..load.clone() },
        Load { arrivals: Arrivals::Replay { due_ns: [1].into() }, ..load },
    ] {
        assert!(matches!(failure(&wrong), LoadError::Invalid { .. }), "{wrong:?}");
    }
}
