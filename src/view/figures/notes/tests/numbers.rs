//! Each sentence has the right number, unit and direction.

use super::super::*;
use crate::analysis::synthetic::{closed, flag, open, pool, set};
use crate::document::{CellQuantile, CellTurnaround};

fn says(subject: Subject, cells: &[Cell]) -> Vec<String> {
    let cells: Vec<&Cell> = cells.iter().collect();
    [notice(subject, &cells), fool(subject, &cells)].concat()
}

fn first(subject: Subject, cells: &[Cell]) -> String {
    says(subject, cells).swap_remove(0)
}

/// Two models that differ in everything, and in each by another factor.
fn pair() -> [Cell; 2] {
    let (quick, mut slow) = (open("epoll", &[4e5; 3]), open("fork", &[1.2e6; 3]));
    let n = 3;
    let same = |value: f64| Estimate::from_values(&vec![value; n]);
    set(&mut slow, 0.5, &[2e5; 3]);
    set(&mut slow, 0.9, &[8e5; 3]);
    slow.server_cpu_per_request_ns = same(2.5e4);
    slow.pss_bytes = same(4_194_304.0 * 6.0).expect("values");
    [quick, slow]
}

#[test]
fn extremes_are_of_their_figure_in_its_unit() {
    let [mut quick, mut slow] = pair();
    for (cell, ns) in [(&mut quick, 1e5), (&mut slow, 7e5)] {
        let own = Estimate::from_values(&[ns; 3]);
        cell.connect = vec![CellQuantile { q: 0.5, value_ns: own, at_least: false, pooled: None }];
        let of = |ns: f64| Estimate::from_values(&[ns; 3]).expect("values");
        let (mean_ns, total_ns) = (of(8.0 * ns), of(64.0 * ns));
        cell.turnaround = Some(CellTurnaround { mean_ns, total_ns, quantiles: Vec::new() });
    }
    let cells = [quick, slow];
    for (subject, expected) in [
        (
            Subject::Tail,
            "The longest: fork with 1.20 ms; the shortest: epoll with 400 us. That is 3.0 times as much.",
        ),
        (
            Subject::Cost,
            "The most: fork with 25.0 us; the least: epoll with 5.00 us. That is 5.0 times as much.",
        ),
        (
            Subject::Memory,
            "The most: fork with 24.0 MiB; the least: epoll with 4.00 MiB. That is 6.0 times as much.",
        ),
        (
            Subject::Connect,
            "The longest: fork with 700 us; the shortest: epoll with 100 us. That is 7.0 times as much.",
        ),
        (
            Subject::Turnaround,
            "The longest: fork with 5.60 ms; the shortest: epoll with 800 us. That is 7.0 times as much.",
        ),
        (
            Subject::EqualLoad,
            "All were asked for 10.0k requests a second. The median goes from 100 us (epoll) to 200 us \
             (fork), p99 from 400 us (epoll) to 1.20 ms (fork).",
        ),
    ] {
        assert_eq!(first(subject, &cells), expected, "{subject:?}");
    }
}

#[test]
fn nothing_is_so_many_times_as_much_as_nothing() {
    let [quick, mut slow] = pair();
    slow.pss_bytes = Estimate::from_values(&[0.0; 3]).expect("values");
    assert!(notice(Subject::Memory, &[&quick, &slow]).is_empty());
}

#[test]
fn who_has_too_few_samples_is_counted_for_the_quantile_that_is_shown() {
    let [quick, mut slow] = pair();
    set(&mut slow, 0.99, &[]);
    let said = |subject| says(subject, &[quick.clone(), slow.clone()]).join("\n");
    assert!(said(Subject::Tail).contains("1 of 2 cells has too few samples for p99."));
    let rarer = "2 of 2 cells have too few samples for p99.9.";
    assert!(said(Subject::EqualLoad).contains(rarer));
    assert!(said(Subject::Percentiles).contains(rarer));
}

#[test]
fn curves_that_cross_are_told_with_the_lower_tail_first() {
    let (mut fork, mut epoll) = (closed("fork", &[1e5; 3]), closed("epoll", &[1e5; 3]));
    set(&mut fork, 0.5, &[5e4; 3]);
    set(&mut fork, 0.99, &[9e5, 8e5, 7e5]);
    set(&mut epoll, 0.99, &[2e5, 2e5, 3e5]);
    let said = says(Subject::Percentiles, &[fork, epoll]).join("\n");
    let expected = "fork has the lowest median, and epoll the lower p99 (200 us against 800 us).";
    assert!(said.contains(expected), "{said}");
}

#[test]
fn a_trial_that_is_far_below_the_median_makes_a_spread_wide_too() {
    let cells = [closed("epoll", &[1e5, 0.8e5, 1e5]), closed("fork", &[1e5, 1.05e5, 1e5])];
    let said = says(Subject::Throughput, &cells).join("\n");
    assert!(said.contains("For 1 of 2 models some trial is more than 10 % away"), "{said}");
}

#[test]
fn what_was_flagged_is_said_of_whom_and_in_its_own_figure() {
    let with = |check: &str| {
        let [quick, mut slow] = pair();
        flag(&mut slow, check);
        [quick, slow]
    };
    let said = |subject, check: &str| says(subject, &with(check)).join("\n");
    let (stolen, late) = (
        "The hypervisor took processor time from fork.",
        "The generator itself was late under fork.",
    );
    for subject in [Subject::Throughput, Subject::Cost] {
        assert!(said(subject, "steal").contains(stolen), "{subject:?}");
        assert!(!said(subject, "sched-lag").contains("fork."), "{subject:?}");
    }
    assert!(said(Subject::Tail, "sched-lag").contains(late));
    assert!(!said(Subject::Tail, "steal").contains("late under"));
    let behind =
        "Did not keep up in some trial, so their latency is that of a growing queue: fork.";
    assert!(said(Subject::EqualLoad, "kept-up").contains(behind));
}

#[test]
fn a_lower_bound_of_all_trials_together_is_nobodys_figure() {
    let [mut quick, mut slow] = pair();
    pool(&mut quick, 0.99, 500_000, &[500_000; 3]);
    pool(&mut slow, 0.99, 900_000, &[900_000; 3]).at_least = true;
    let known = open("poll", &[7e5; 3]);
    let said = first(Subject::Tail, &[quick, slow, known]);
    assert_eq!(
        said,
        "The longest: poll with 700 us; the shortest: epoll with 500 us. That is 1.4 times as much."
    );
}
