//! Crossings whose resamples can be enumerated: the drawn blocks decide the result.

use super::*;

/// A model's throughput at settings, block by block.
fn points(model: &str, at: &[(f64, &[f64])]) -> Vec<Cell> {
    let one = |(x, values): &(f64, &[f64])| point(closed(model, values), "many", "connections", *x);
    at.iter().map(one).collect()
}

fn only(cells: Vec<Cell>) -> Crossover {
    let found = crossings(cells);
    let [one] = &found[..] else { panic!("{found:?}") };
    one.clone()
}

/// More in the first three blocks of five, less in the other two.
const MORE: [f64; 5] = [2.0, 2.0, 2.0, 1.0, 1.0];
const LESS: [f64; 5] = [1.0, 1.0, 1.0, 2.0, 2.0];

/// `scipy.stats.binom.sf(2, 5, 0.6)`: most of five drawn blocks are of the first three.
const MOSTLY_FIRST: f64 = 0.682_56;

#[test]
fn resamples_that_cross_the_other_way_support_nothing() {
    let a = points("epoll", &[(1.0, &MORE), (10.0, &LESS)]);
    let b = points("fork", &[(1.0, &LESS), (10.0, &MORE)]);
    let found = only([a, b].concat());
    assert_eq!((found.below.as_str(), found.above.as_str()), ("epoll", "fork"));
    // Four standard deviations of a thousand resamples are 0.06.
    assert!((found.support - MOSTLY_FIRST).abs() < 0.06, "{found:?}");
    assert!(!found.certain);
}

#[test]
fn sure_ends_do_not_make_a_crossing_certain_that_resamples_do_not_support() {
    let (two, one): ([f64; 5], [f64; 5]) = ([2.0; 5], [1.0; 5]);
    let a = points("epoll", &[(1.0, &two), (10.0, &MORE), (100.0, &LESS), (1000.0, &one)]);
    let b = points("fork", &[(1.0, &one), (10.0, &LESS), (100.0, &MORE), (1000.0, &two)]);
    // Where the last two blocks prevail they change places three times, which is no place at all.
    let found = only([a, b].concat());
    assert!((found.support - MOSTLY_FIRST).abs() < 0.06, "{found:?}");
    assert!(!found.certain && found.sentence.is_none(), "{found:?}");
}

#[test]
fn a_fortieth_of_the_places_is_cut_off_at_either_end() {
    // Twice as much at 1, and in the k-th of seven blocks a 2^k-th at 10: with the k-th as the median
    // they are equal at 10^(1 / (1 + k)). The median of a resample is the 1st or the 7th with 0.010
    // each, the 2nd or less with 0.108 (scipy.stats.binom.sf(3, 7, k / 7)).
    let falling: Vec<f64> = (1..=7).map(|k| 0.5_f64.powi(k)).collect();
    let a = points("epoll", &[(1.0, &[2.0; 7]), (10.0, &falling)]);
    let b = points("fork", &[(1.0, &[1.0; 7]), (10.0, &[1.0; 7])]);
    let found = only([a, b].concat());
    let close = |a: f64, k: f64| (a / 10.0_f64.powf(1.0 / (1.0 + k)) - 1.0).abs() < 1e-9;
    assert!(close(found.at, 4.0), "{found:?}");
    assert!(close(found.interval.low, 6.0) && close(found.interval.high, 2.0), "{found:?}");
    assert!((found.support - 1.0).abs() < 1e-12, "{found:?}");
}

#[test]
fn a_point_with_a_trial_that_did_nothing_is_none() {
    let all = || cells(&[("fork", FALLING), ("epoll", LEVEL)], 0.01, 1, 5);
    let near = |cell: &Cell| {
        let x = cell.factors[0].number.expect("a number");
        cell.model == "fork" && (16.0..1_000.0).contains(&x)
    };
    let (mut with, mut without) = (all(), all());
    for cell in with.iter_mut().filter(|cell| near(cell)) {
        let mut values = cell.throughput_per_s.values.clone();
        values[2] = 0.0;
        cell.throughput_per_s = Estimate::from_values(&values).expect("values");
    }
    without.retain(|cell| !near(cell));
    assert_eq!(only(with), only(without));
}
