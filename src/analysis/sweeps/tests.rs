mod blocks;
mod rules;

use super::*;
use crate::analysis::synthetic::{bare, closed, flag, normal, point};
use crate::document::{Crossover, Estimate, Scaling};

const LOADS: [f64; 7] = [1.0, 4.0, 16.0, 64.0, 256.0, 1024.0, 4096.0];

/// A model and its throughput at a load.
type Law<'a> = (&'a str, fn(f64) -> f64);

/// A sweep over connections: throughput by model and load, with this spread of the trials.
fn cells(of: &[Law<'_>], spread: f64, seed: u64, trials: usize) -> Vec<Cell> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut cells = Vec::new();
    for x in LOADS {
        let drift: Vec<f64> = (0..trials).map(|_| (0.05 * normal(&mut random)).exp()).collect();
        for (model, law) in of {
            let values: Vec<f64> =
                drift.iter().map(|d| law(x) * d * (spread * normal(&mut random)).exp()).collect();
            cells.push(point(closed(model, &values), "many", "connections", x));
        }
    }
    cells
}

/// A sweep over these values, with nothing measured at them.
fn over(values: &'static [(f64, &'static str)]) -> Sweep<'static> {
    Sweep {
        series: "many",
        factor: "connections",
        fixed: Vec::new(),
        values: values.to_vec(),
        lines: Vec::new(),
    }
}

fn crossings(cells: Vec<Cell>) -> Vec<Crossover> {
    let mut found = all_crossings(cells);
    found.retain(|found| found.metric == "throughput_per_s");
    found
}

fn all_crossings(cells: Vec<Cell>) -> Vec<Crossover> {
    find_sweeps(&bare(cells))
        .iter()
        .flat_map(|sweep| crossover::find_crossovers(sweep, 7))
        .collect()
}

/// Equal at 100 connections.
const FALLING: fn(f64) -> f64 = |x| 1e5 * (100.0 / x).powf(0.2);
const LEVEL: fn(f64) -> f64 = |_| 1e5;

#[test]
fn the_setting_with_the_most_numbers_is_swept_and_the_others_make_panels() {
    let mut cells = Vec::new();
    for rounds in [10.0, 0.0] {
        for x in [64.0, 1.0, 8.0] {
            let cell = point(closed("epoll", &[1e4; 5]), "many", "request.rounds", rounds);
            cells.push(point(cell, "many", "connections", x));
        }
    }
    let mut twin = cells[0].clone();
    twin.twin = true;
    cells.push(twin);
    cells.push(closed("epoll", &[1e4; 5]));
    let summary = bare(cells);
    let sweeps = find_sweeps(&summary);
    assert_eq!(sweeps.len(), 2);
    let sweep = &sweeps[0];
    assert_eq!((sweep.series, sweep.factor), ("many", "connections"));
    assert_eq!(sweep.fixed_text(), "request.rounds 10");
    assert_eq!(sweep.values, [(1.0, "1"), (8.0, "8"), (64.0, "64")]);
    let xs: Vec<f64> = sweep.lines[0].points.iter().map(|(x, _)| *x).collect();
    assert_eq!((sweep.lines.len(), xs), (1, vec![1.0, 8.0, 64.0]));
}

#[test]
fn decades_are_by_ratio_but_from_nothing_on_by_difference() {
    let decades = over(&[(0.0, "0"), (1.0, "1"), (100.0, "100")]);
    assert!(decades.is_logarithmic());
    assert!((decades.between(1.0, 100.0, 0.5) - 10.0).abs() < 1e-9);
    assert!((decades.between(0.0, 1.0, 0.5) - 0.5).abs() < 1e-9);
    let even = over(&[(2.0, "2"), (4.0, "4"), (8.0, "8")]);
    assert!(!even.is_logarithmic() && (even.between(2.0, 4.0, 0.5) - 3.0).abs() < 1e-9);
}

#[test]
fn a_crossing_is_found_where_it_is() {
    let mut held = 0;
    for seed in 0..20 {
        let found = crossings(cells(&[("fork", FALLING), ("epoll", LEVEL)], 0.03, seed, 5));
        let [found] = &found[..] else { panic!("{found:?}") };
        assert_eq!((found.below.as_str(), found.above.as_str()), ("fork", "epoll"));
        assert!(found.certain && (60.0..170.0).contains(&found.at), "{found:?}");
        let sentence = found.sentence.as_ref().expect("it is certain");
        assert!(sentence.starts_with("many: for connections below about "), "{sentence}");
        assert!(
            sentence.contains("fork is better by throughput; above that, epoll."),
            "{sentence}"
        );
        held += i32::from(found.interval.contains(100.0));
    }
    // A bootstrap over five blocks is somewhat short.
    assert!(held >= 15, "{held} of 20 intervals hold the truth");
}

#[test]
fn equal_models_cross_only_by_chance_and_that_is_not_certain() {
    let certain = |seed: u64| {
        let found = crossings(cells(&[("a", LEVEL), ("b", LEVEL), ("c", LEVEL)], 0.1, seed, 5));
        found.iter().any(|found| found.certain || found.sentence.is_some())
    };
    assert!((0..40).filter(|seed| certain(*seed)).count() <= 1);
}

#[test]
fn few_trials_and_who_starves_its_clients_make_nothing_certain() {
    let few = crossings(cells(&[("fork", FALLING), ("epoll", LEVEL)], 0.03, 1, 4));
    assert!(few.len() == 1 && !few[0].certain && few[0].sentence.is_none(), "{few:?}");
    let mut starving = cells(&[("fork", FALLING), ("epoll", LEVEL)], 0.03, 1, 5);
    starving.iter_mut().filter(|cell| cell.model == "fork").for_each(|cell| flag(cell, "fairness"));
    assert!(crossings(starving).is_empty());
}

#[test]
fn less_is_better_where_it_is() {
    let mut cells = cells(&[("fork", LEVEL), ("epoll", LEVEL)], 0.0, 1, 5);
    for cell in &mut cells {
        let x = cell.factors[0].number.expect("a number");
        let cost = if cell.model == "fork" { 1e4 } else { 1e3 * x.powf(0.5) };
        cell.server_cpu_per_request_ns =
            Estimate::from_values(&[cost, cost * 1.01, cost, cost * 0.99, cost]);
    }
    let found = all_crossings(cells);
    let found = found.iter().find(|found| found.metric == "server_cpu_per_request_ns");
    let found = found.expect("a crossing");
    assert!(
        found.certain && found.below == "epoll" && (90.0..110.0).contains(&found.at),
        "{found:?}"
    );
}

fn usl(x: f64) -> f64 {
    1e4 * x / (1.0 + 0.05 * (x - 1.0) + 2e-5 * x * (x - 1.0))
}

fn scaling(cells: Vec<Cell>) -> Vec<Scaling> {
    find_sweeps(&bare(cells)).iter().flat_map(|sweep| scaling::fit_scaling(sweep, 7)).collect()
}

#[test]
fn a_law_is_fitted_to_connections_with_its_peak() {
    let found = scaling(cells(&[("epoll", usl)], 0.01, 3, 5));
    let law = found[0].law.as_ref().expect("a law");
    assert!(law.sigma_interval.contains(0.05), "{law:?}");
    let truth = (0.95_f64 / 2e-5).sqrt();
    assert!(law.peak.is_some_and(|peak| (peak / truth - 1.0).abs() < 0.1), "{law:?}");
    assert!(law.peak_interval.is_some_and(|interval| interval.contains(truth)), "{law:?}");
    assert_eq!((law.points, law.limited_points), (7, 0));
    // The plan `scaling` varies processors.
    let mut processors = cells(&[("epoll", usl)], 0.01, 3, 5);
    processors.iter_mut().for_each(|cell| cell.factors[0].name = "server-processors".into());
    assert_eq!(scaling(processors)[0].law.as_ref(), Some(law));
}

#[test]
fn no_law_of_few_loads_of_other_settings_or_of_a_rate_that_is_set() {
    let mut few = cells(&[("epoll", usl)], 0.01, 3, 5);
    few.truncate(5);
    let found = scaling(few);
    assert!(found[0].law.is_none());
    assert_eq!(found[0].why_none.as_deref(), Some("5 settings, but a fit needs 6"));
    let mut other = cells(&[("epoll", usl)], 0.01, 3, 5);
    other.iter_mut().for_each(|cell| cell.factors[0].name = "request.rounds".into());
    assert!(scaling(other).is_empty());
    let mut open = cells(&[("epoll", usl)], 0.01, 3, 5);
    for cell in &mut open {
        cell.arrivals = crate::document::ArrivalsRecord::Constant { rate_per_s: 10.0 };
    }
    assert!(scaling(open).is_empty());
}
