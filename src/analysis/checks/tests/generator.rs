//! Checks of the generator: lateness and standstills.

use super::*;
use crate::document::{Quantile, StandstillRecord};

/// A trial whose distributions have so many samples, of which only the quantiles up to `known` are
/// admitted.
fn with_few(count: u64, known: f64, lag_ns: u64) -> Trial {
    let mut trial = open();
    let few = |quantile: &mut Quantile| quantile.admitted = quantile.q <= known;
    let response = trial.latency.response.as_mut().expect("an open loop");
    response.count = count;
    response.quantiles.iter_mut().for_each(few);
    let lag = &mut trial.latency.sched_lag;
    lag.count = count;
    lag.quantiles.iter_mut().for_each(|quantile| {
        few(quantile);
        quantile.value = if quantile.q >= known { lag_ns } else { 1_000 };
    });
    trial
}

fn sched_lag(trial: &Trial) -> Check {
    let all = check_trial(trial, None);
    all.into_iter().find(|check| check.name == "sched-lag").expect("it is checked")
}

#[test]
fn lateness_is_judged_by_a_quantile_that_is_known() {
    // Eight requests: the table says "too few" for each quantile, and so says the check.
    let none = sched_lag(&with_few(8, 0.0, 1_000_000_000));
    assert_eq!(none.status, Status::Warn);
    assert!(none.message.starts_with("not judged: 8 requests"), "{}", none.message);
    for (count, known, text) in [(24, 0.75, "at p75"), (60, 0.9, "at p90"), (900, 0.99, "at p99")] {
        let found = sched_lag(&with_few(count, known, 1_000_000_000));
        assert_eq!(found.status, Status::Fail, "{}", found.message);
        assert!(found.message.contains(text), "{}", found.message);
        assert_eq!(sched_lag(&with_few(count, known, 2_000)).status, Status::Pass);
    }
    // What is beyond that is the accident of a few of them.
    let mut late = with_few(60, 0.9, 2_000);
    set_p99(&mut late, 1_000_000_000);
    assert_eq!(sched_lag(&late).status, Status::Pass);
}

/// What is said of gaps of `measured_ms` in a trial of `seconds`, the longest of `longest_ms`.
fn stood_still(seconds: u64, measured_ms: u64, longest_ms: u64) -> Check {
    let mut all = all_of(seconds, measured_ms, longest_ms).into_iter();
    all.find(|check| check.name == "standstill").expect("it is checked")
}

/// All checks of such a trial.
fn all_of(seconds: u64, measured_ms: u64, longest_ms: u64) -> Vec<Check> {
    let mut trial = open();
    trial.phases.measure_ns = seconds * 1_000_000_000;
    trial.load.threads = 1;
    let found = StandstillRecord {
        gaps: 1,
        share: as_f64(measured_ms) / as_f64(1_000 * seconds),
        measured_ns: measured_ms * 1_000_000,
        outside_ns: 0,
        longest_ns: longest_ms * 1_000_000,
        longest_at_ns: 300_000_000,
        requests: Some(trial.latency.headline().clone()),
    };
    trial.client.standstill = Some(found);
    check_trial(&trial, None)
}

#[test]
fn a_generator_that_stood_still_is_told_by_how_long_and_how_much() {
    for (seconds, measured_ms, longest_ms, expected) in [
        (6, 2_000, 2_000, Status::Fail),
        (10, 1_000, 20, Status::Fail),
        (60, 2_000, 2_000, Status::Warn),
        (500, 2_000, 2_000, Status::Warn),
        (10, 60, 2, Status::Warn),
        (10, 60, 60, Status::Warn),
        // A few slices of a scheduler in a short measurement.
        (1, 90, 12, Status::Warn),
        (10, 40, 40, Status::Pass),
        (10, 0, 0, Status::Pass),
        // In the warm-up, or in the drain.
        (10, 0, 700, Status::Warn),
    ] {
        let found = stood_still(seconds, measured_ms, longest_ms);
        let seen = (seconds, measured_ms, longest_ms);
        assert_eq!(found.status, expected, "{seen:?}: {}", found.message);
        assert_eq!(found.about, About::Generator);
    }
    for (seconds, measured_ms, expected) in [(1, 90, true), (1, 49, false), (6, 2_000, false)] {
        let all = all_of(seconds, measured_ms, 5);
        let found = all.iter().any(|check| check.name == "standstill-share");
        assert_eq!(found, expected, "{seconds} s, {measured_ms} ms");
    }
    let message = stood_still(6, 2_000, 2_000).message;
    for part in ["stood still for 2.00 s", "33.3 %", "300 ms into", "waited for the generator"] {
        assert!(message.contains(part), "no '{part}' in: {message}");
    }
    let mut old = open();
    old.client.standstill = None;
    assert!(
        check_trial(&old, None).iter().all(|check| check.name != "standstill"),
        "nobody looked"
    );
}
