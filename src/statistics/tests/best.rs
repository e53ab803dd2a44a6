//! Results for equal things, and for unequal ones.

use super::*;
use crate::statistics::looks::spent;
use crate::statistics::{normal, signed_rank};

const ERROR: f64 = 0.05;

/// Looks after so many rounds of 24, the last of which spends all that is left.
fn looks(rounds: &[u32]) -> Vec<Look> {
    let (mut looks, mut gone) = (Vec::new(), 0.0);
    for rounds in rounds {
        let now = spent(ERROR, *rounds, 24);
        looks.push(Look { rounds: *rounds, error: now - gone });
        gone = now;
    }
    if let Some(last) = looks.last_mut() {
        last.error += ERROR - gone;
    }
    looks
}

/// Costs of so many in each round: a drift that all of a round share, and what each has of its own.
fn measured(
    ratios: &[f64],
    rounds: u32,
    spread: f64,
    random: &mut fastrand::Rng,
    spell: impl Fn(u32, usize) -> f64,
) -> Vec<Costs> {
    let mut costs = vec![Costs::new(); ratios.len()];
    for round in 0..rounds {
        let drift = 0.2 * normal(random);
        let mut order: Vec<usize> = (0..ratios.len()).collect();
        random.shuffle(&mut order);
        for (position, own) in order.into_iter().enumerate() {
            let stall = if random.f64() < 0.05 { 1.0 } else { 0.0 };
            let cost = ratios[own].ln() + drift + spread * normal(random) + stall;
            costs[own].push((round, cost + spell(round, position)));
        }
    }
    costs
}

/// Whether any pair of equal ones is told apart.
fn finds_something(costs: &[Costs], looks: &[Look]) -> bool {
    let ranking = rank(costs, looks).expect("there are costs");
    ranking.beside.iter().flatten().any(|beside| {
        beside.interval.is_some_and(|interval| interval.low > 1.0 || interval.high < 1.0)
    })
}

fn false_findings(experiments: u32, spell: impl Fn(u32, usize) -> f64 + Copy) -> usize {
    let mut random = fastrand::Rng::with_seed(160);
    let looks = looks(&[12, 16, 20, 24]);
    let finds = |random: &mut fastrand::Rng| {
        finds_something(&measured(&[1.0; 6], 24, 0.12, random, spell), &looks)
    };
    (0..experiments).filter(|_| finds(&mut random)).count()
}

/// The honesty test: six equal models, four looks, and nothing to find.
#[test]
fn among_equal_ones_something_is_found_in_one_of_twenty_experiments_at_most() {
    let found = false_findings(600, |_, _| 0.0);
    // 30 at most, with a standard deviation of 5; Bonferroni's allowance keeps it below that.
    assert!(found <= 40, "{found} of 600");
}

/// The same with a busy loop that starts in the middle of the experiment and of a round, and makes all that come
/// after it cost twice as much, some more than others.
#[test]
fn a_busy_loop_in_one_half_finds_no_more() {
    let busy = |round: u32, position: usize| match (round, position) {
        (12, position) if position >= 3 => 0.7,
        (13.., position) if position % 2 == 0 => 0.9,
        (13.., _) => 0.5,
        _ => 0.0,
    };
    let found = false_findings(600, busy);
    assert!(found <= 40, "{found} of 600");
}

#[test]
fn one_that_costs_twice_as_much_is_found_in_twelve_rounds() {
    let mut random = fastrand::Rng::with_seed(7);
    let looks = looks(&[12]);
    let found = (0..100)
        .filter(|_| {
            let costs = measured(&[1.0, 1.0, 1.05, 2.0, 2.2], 12, 0.12, &mut random, |_, _| 0.0);
            let ranking = rank(&costs, &looks).expect("there are costs");
            let worse = |own: usize| {
                let beside = ranking.beside[own].and_then(|beside| beside.interval);
                beside.is_some_and(|interval| interval.low > 1.05)
            };
            ranking.leader < 3 && worse(3) && worse(4)
        })
        .count();
    assert!(found >= 89, "{found} of 100");
}

#[test]
fn a_noisy_one_does_not_lead_by_its_noise() {
    let even = |cost: f64| -> Costs { (0..12).map(|round| (round, cost)).collect() };
    let noisy: Costs =
        (0..12).map(|round| (round, if round % 2 == 0 { -1.0 } else { 0.9 })).collect();
    let looks = looks(&[12]);
    let ranking = rank(&[noisy, even(0.0), even(0.02)], &looks).expect("there are costs");
    assert_eq!(ranking.leader, 1);
    let interval = ranking.beside[0].and_then(|beside| beside.interval).expect("twelve rounds");
    assert!(interval.low < 0.5 && interval.high > 2.0, "{interval:?}");
}

#[test]
fn only_rounds_that_both_were_in_are_compared() {
    let of = |rounds: std::ops::Range<u32>, cost: f64| -> Costs {
        // The later rounds cost ten times as much.
        rounds.map(|round| (round, cost + if round < 12 { 0.0 } else { 2.3 })).collect()
    };
    let looks = looks(&[12, 24]);
    let ranking = rank(&[of(0..24, 0.0), of(0..12, 0.7)], &looks).expect("there are costs");
    let beside = ranking.beside[1].expect("it was in twelve");
    assert_eq!((ranking.leader, beside.rounds), (0, 12));
    assert!((beside.ratio.ln() - 0.7).abs() < 1e-12, "{beside:?}");
    assert_eq!(rank(&[], &looks), None);
    assert_eq!(rank(&[Costs::new()], &looks), None);
    let apart = rank(&[of(0..12, 0.0), of(12..24, 0.0)], &looks).expect("there are costs");
    assert_eq!(apart.beside, [None, None]);
}

/// What it costs that each pair has its own part of the error, beside the distribution of the largest statistic.
#[test]
fn a_part_of_the_error_for_each_pair_makes_intervals_little_wider() {
    let mut random = fastrand::Rng::with_seed(7);
    let mut experiment = || -> Vec<Vec<f64>> {
        let costs = measured(&[1.0; 6], 24, 0.12, &mut random, |_, _| 0.0);
        let pairs = (0..6).flat_map(|a| (a + 1..6).map(move |b| (a, b)));
        let of = |(a, b): (usize, usize)| differences(&costs[a], &costs[b]);
        pairs.map(|pair| of(pair).into_iter().map(|(_, difference)| difference).collect()).collect()
    };
    let found: Vec<Vec<Vec<f64>>> = (0..400).map(|_| experiment()).collect();
    let shift = |pair: &Vec<f64>, error| signed_rank::shift(pair, error).expect("24 differences");
    // The largest statistic is that of the least p-value.
    let least = |pairs: &Vec<Vec<f64>>| {
        pairs.iter().map(|pair| shift(pair, 0.5).p_value).fold(1.0, f64::min)
    };
    let mut p_values: Vec<f64> = found.iter().map(least).collect();
    p_values.sort_by(f64::total_cmp);
    let largest = p_values[p_values.len() / 20];
    let width = |error: f64| -> f64 {
        let widths = found.iter().take(20).flatten().map(|pair| {
            let Interval { low, high } = shift(pair, error).interval.expect("24 are enough");
            high - low
        });
        widths.sum()
    };
    let wider = width(ERROR / 15.0) / width(largest);
    assert!((1.0..1.05).contains(&wider), "{wider} times as wide: {largest}");
}
