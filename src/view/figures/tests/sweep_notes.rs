//! Sentences over a setting, tested against known laws.

use super::*;
use crate::analysis::sweeps;
use crate::analysis::synthetic::{closed, normal, open, point, set, summary};
use crate::document::Cell;

const LOADS: [f64; 7] = [1.0, 4.0, 16.0, 64.0, 256.0, 1024.0, 4096.0];

type Law<'a> = (&'a str, fn(f64) -> f64);

/// Five blocks at each load, with noise around each model's law.
fn swept(loads: &[f64], laws: &[Law<'_>], made: fn(&str, &[f64]) -> Cell) -> Summary {
    let mut random = fastrand::Rng::with_seed(3);
    let mut cells = Vec::new();
    for x in loads {
        for (model, law) in laws {
            let values = [(); 5].map(|()| law(*x) * (0.005 * normal(&mut random)).exp());
            cells.push(point(made(model, &values), "many", "connections", *x));
        }
    }
    summary(cells)
}

fn said(summary: &Summary, metric: &Metric) -> String {
    notice(summary, metric, &sweeps::find_sweeps(summary)).join("\n")
}

/// A law with its peak at 218.
fn usl(x: f64) -> f64 {
    1e4 * x / (1.0 + 0.05 * (x - 1.0) + 2e-5 * x * (x - 1.0))
}

#[test]
fn a_peak_is_told_only_within_what_was_measured() {
    let peaks = "surely peaks within the measured range and then falls: epoll.";
    let beyond = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0];
    let of = |loads: &[f64]| swept(loads, &[("epoll", usl)], closed);
    assert!(said(&of(&LOADS), &CAPACITY).contains(peaks), "{}", said(&of(&LOADS), &CAPACITY));
    let found = of(&beyond);
    assert!(
        found.scaling[0].law.as_ref().is_some_and(|law| law.peak_interval.is_some()),
        "it has one"
    );
    assert!(!said(&found, &CAPACITY).contains("peaks"), "{}", said(&found, &CAPACITY));
}

#[test]
fn a_law_that_does_not_describe_the_points_tells_of_no_peak() {
    // A cliff, and a plateau after it.
    let cliff: fn(f64) -> f64 = |x| if x < 100.0 { 1e4 * x.min(20.0) } else { 8e4 };
    let found = swept(&LOADS, &[("epoll", cliff)], closed);
    let law = found.scaling[0].law.as_ref().expect("a law");
    let peak = law.peak_interval.expect("it has one");
    assert!(peak.low >= LOADS[0] && peak.high <= LOADS[6], "within what was measured: {law:?}");
    assert!(law.misfit.is_some() && law.r_squared > 0.0, "{law:?}");
    assert!(!said(&found, &CAPACITY).contains("peaks"), "{}", said(&found, &CAPACITY));
}

#[test]
fn who_leads_at_either_end_and_who_grows_is_told_with_the_numbers() {
    let rising: fn(f64) -> f64 = |x| 1e3 * x;
    let found = swept(&[1.0, 4.0, 16.0], &[("epoll", rising), ("fork", |_| 2e3)], closed);
    let said = said(&found, &CAPACITY);
    let ends = "The best median at connections 1 is that of fork (2.00k replies/s), at connections 16 \
                that of epoll (16.0k replies/s).";
    let near = |text: &str| text.replace("1.99k", "2.00k").replace("2.01k", "2.00k");
    assert!(near(&said).contains("at connections 1 is that of fork ("), "{ends}: {said}");
    assert!(said.contains("at connections 16 that of epoll ("), "{said}");
    assert!(said.contains("the throughput of epoll becomes 1"), "sixteen times: {said}");
    assert!(said.contains("that of fork 1.0") || said.contains("that of fork 0.9"), "{said}");
}

#[test]
fn more_crossings_than_are_read_are_counted() {
    let laws: [Law<'_>; 3] = [
        ("fork", |x| 1e5 * (100.0 / x).powf(0.4)),
        ("poll", |x| 1e5 * (100.0 / x).powf(0.2)),
        ("epoll", |_| 1e5),
    ];
    let found = swept(&LOADS, &laws, closed);
    let said = said(&found, &CAPACITY);
    assert_eq!(said.matches("for connections below about ").count(), 2, "{said}");
    assert!(said.contains("1 more pair surely changes places."), "{said}");
    let panels = sweeps::find_sweeps(&found);
    let all = main(&found, &panels);
    assert_eq!(all.len(), 3);
    assert_eq!((&*all[0].below, &*all[0].above), ("fork", "epoll"), "who leads at the ends");
    assert!(all.iter().all(|found| found.metric == CAPACITY.name));
}

#[test]
fn an_open_loop_is_ranked_by_its_tail() {
    let slow = |model: &str, values: &[f64]| {
        let mut cell = open(model, values);
        set(&mut cell, 0.5, &[1e5; 5]);
        cell
    };
    let laws: [Law<'_>; 2] = [("fork", |x| 1e5 * x.powf(0.4)), ("epoll", |_| 5e5)];
    let found = swept(&LOADS, &laws, slow);
    let panels = sweeps::find_sweeps(&found);
    let all = main(&found, &panels);
    let [one] = &all[..] else { panic!("{all:?}") };
    assert_eq!((&*one.metric, &*one.below, &*one.above), ("p99_ns", "fork", "epoll"));
}
