//! What is seen of a load while it runs, and several generators that load one server together.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::collections::HashSet;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use loadgen::{Agreement, Arrivals, Live, Load, LoadError, Moment, Outcome, StartAt, run};
use support::{echo_server, load, serve};

fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap()
}

/// Runs a load and returns what was seen of it.
fn watched(load: &Load) -> (Outcome, Vec<Option<Live>>) {
    let mut seen = Vec::new();
    let outcome = run(load, &AtomicBool::new(false), &mut |moment| {
        if let Moment::Tick(progress) = moment {
            seen.push(progress.live);
        }
    });
    (outcome.unwrap(), seen)
}

#[test]
fn who_asks_sees_latencies_and_requests_in_flight_and_who_does_not_sees_none() {
    let measure = Duration::from_secs(1);
    let load = Load { live: true, measure, connections: 3, ..load(echo_server()) };
    let (outcome, seen) = watched(&load);
    let lives: Vec<Live> = seen.into_iter().flatten().collect();
    assert!(lives.iter().any(|live| live.in_flight > 0 && live.in_flight <= 3), "{lives:?}");
    let recent: Vec<_> = lives.iter().filter_map(|live| live.recent).collect();
    assert!(!recent.is_empty(), "{lives:?}");
    for recent in recent {
        assert!(recent.p50 <= recent.p99 && recent.count <= outcome.census.ok, "{recent:?}");
        assert!(recent.p50 > Duration::ZERO);
    }
    let (_, seen) = watched(&Load { live: false, ..load });
    assert!(seen.iter().all(Option::is_none));
}

#[test]
fn shards_that_begin_together_make_each_request_of_the_schedule_once() {
    let tags = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&tags);
    let address = serve(move |mut talk| {
        while let Some(text) = talk.request() {
            noted.lock().unwrap().push(text.clone());
            talk.echo(&text);
        }
    });
    // Generous, since all connections must be open by then.
    let start = now() + Duration::from_secs(2);
    let arrivals = Arrivals::Poisson { rate_per_s: 600.0, seed: 5 };
    let (warmup, measure) = (Duration::ZERO, Duration::from_millis(500));
    let shard = |shard| Load {
        arrivals: arrivals.clone(),
        shard,
        start_at: StartAt::Time(start),
        warmup,
        measure,
        threads: 2,
        connections: 4,
        ..load(address)
    };
    let outcomes: Vec<Outcome> = thread::scope(|scope| {
        let runs: Vec<_> = (0..3).map(|k| scope.spawn(move || watched(&shard((k, 3))).0)).collect();
        runs.into_iter().map(|run| run.join().unwrap()).collect()
    });
    let offered: u64 = outcomes.iter().map(|outcome| outcome.census.offered).sum();
    let schedule = loadgen::Schedule::new(&arrivals, Duration::ZERO).unwrap();
    let due = schedule.all().take_while(|arrival| arrival.due_ns < 500_000_000).count();
    assert_eq!(offered, due as u64, "together they offer what one would");
    let tags = tags.lock().unwrap();
    let different: HashSet<&String> = tags.iter().collect();
    assert_eq!((different.len(), tags.len()), (due, due), "and each request once");
    for outcome in &outcomes {
        // Without the start it would have begun when all connections were open. The two clocks
        // are read one after the other, hence not exactly.
        let early = start.saturating_sub(outcome.phases.began);
        assert!(early < Duration::from_millis(500), "{early:?} too early");
    }
}

#[test]
fn a_start_that_is_over_is_an_error() {
    let start_at = StartAt::Time(now() - Duration::from_millis(1));
    let result =
        run(&Load { start_at, ..load(echo_server()) }, &AtomicBool::new(false), &mut |_| {});
    assert!(matches!(result, Err(LoadError::TooLate)), "{result:?}");
}

#[test]
fn a_start_that_is_agreed_on_waits_for_the_connections_and_for_the_others() {
    let agreement = Arc::new(Agreement::default());
    let others = Arc::clone(&agreement);
    let start_at = || StartAt::Agreed(Arc::clone(&agreement));
    let others = thread::spawn(move || {
        while !others.is_open() {
            thread::sleep(Duration::from_millis(1));
        }
        let at = now() + Duration::from_millis(300);
        others.begin_at(at);
        at
    });
    let measure = Duration::from_millis(50);
    let load = Load { start_at: start_at(), measure, ..load(echo_server()) };
    let outcome = run(&load, &AtomicBool::new(false), &mut |_| {}).expect("a load");
    let at = others.join().expect("they agreed");
    assert!(outcome.phases.began + Duration::from_millis(50) > at, "not before it");

    agreement.call_off();
    let result = run(&load, &AtomicBool::new(false), &mut |_| {});
    assert!(matches!(result, Err(LoadError::CalledOff)), "{result:?}");
}
