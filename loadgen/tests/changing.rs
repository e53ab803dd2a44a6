//! Open loops whose rate changes. `run` compares what was offered with the schedule.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use loadgen::{Arrivals, Load, LoadError};
use support::{echo_server, load, run, serve};

const MS: Duration = Duration::from_millis(1);

#[test]
fn a_ramp_is_offered_as_the_schedule_says() {
    for seed in [None, Some(3)] {
        let arrivals =
            Arrivals::Ramp { from_per_s: 200.0, to_per_s: 2_000.0, over: 300 * MS, seed };
        let load = Load { threads: 2, arrivals, warmup: 50 * MS, ..load(echo_server()) };
        let outcome = run(&load);
        assert_eq!(outcome.census.ok, outcome.census.offered);
        assert!(outcome.steps.is_empty());
    }
}

#[test]
fn every_step_has_the_requests_that_were_due_in_it() {
    let rates_per_s = [200.0, 1_000.0, 100.0].into();
    let arrivals = Arrivals::Staircase { rates_per_s, step: 100 * MS, seed: None };
    let load = Load { threads: 2, arrivals, warmup: 50 * MS, ..load(echo_server()) };
    let outcome = run(&load);
    let offered: Vec<_> = outcome.steps.iter().map(|step| (step.offered, step.ok)).collect();
    assert_eq!(offered, [(20, 20), (100, 100), (10, 10)]);
    let starts: Vec<_> = outcome.steps.iter().map(|step| step.start).collect();
    assert_eq!(starts, [Duration::ZERO, 100 * MS, 200 * MS]);
}

#[test]
fn a_server_that_says_nothing_leaves_ages_in_every_step() {
    let silent = serve(|mut talk| while talk.request().is_some() {});
    let arrivals =
        Arrivals::Staircase { rates_per_s: [100.0, 200.0].into(), step: 50 * MS, seed: None };
    let load = Load { arrivals, measure: 100 * MS, drain: 20 * MS, ..load(silent) };
    let outcome = run(&load);
    assert_eq!(outcome.census.ok, 0);
    assert!(outcome.steps.iter().all(|step| step.offered == step.censored_ages.len()));
    assert_eq!(outcome.steps[0].offered, 5);
}

#[test]
fn a_replay_offers_what_is_due_before_the_end() {
    let due_ns = [0, 0, 1_000_000, 250_000_000, 299_999_999, 300_000_000].into();
    let load = Load { arrivals: Arrivals::Replay { due_ns }, ..load(echo_server()) };
    let outcome = run(&load);
    assert_eq!((outcome.census.offered, outcome.census.ok), (5, 5));
}

#[test]
fn a_schedule_that_cannot_be_is_an_error() {
    let right = load(([127, 0, 0, 1], 1).into());
    let stairs = |rates_per_s: &[f64], step| Arrivals::Staircase {
        rates_per_s: rates_per_s.into(),
        step,
        seed: None,
    };
    let ramp = |from_per_s, over| Arrivals::Ramp { from_per_s, to_per_s: 1.0, over, seed: None };
    for arrivals in [
        ramp(0.0, MS),
        ramp(1.0, Duration::ZERO),
        stairs(&[], MS),
        stairs(&[1.0, -1.0], MS),
        stairs(&[1.0], Duration::ZERO),
        Arrivals::Replay { due_ns: [].into() },
        Arrivals::Replay { due_ns: [2, 1].into() },
    ] {
        let load = Load { arrivals, ..right.clone() };
        let stop = std::sync::atomic::AtomicBool::new(false);
        let error = loadgen::run(&load, &stop, &mut |_| {}).unwrap_err();
        assert!(matches!(error, LoadError::Invalid { .. }), "{error:?}");
    }
}
