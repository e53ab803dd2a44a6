//! Every function compared with values that were published or computed by another program: `SciPy`
//! 1.17 or `NumPy` 2.4 with the call beside them, unless stated otherwise. And cases without enough
//! data.

use super::interval::{Interval, bootstrap_median};
use super::queueing::{Queue, Service};
use super::rank::{holm, mann_whitney};
use super::ratio::{Ratio, paired, unpaired};
use super::scalability::{self, NoFit};
use super::series::{Batch, design_effect, distance_from_poisson, lag_one, trend, warmup_end};
use super::verdict::{Good, Verdict};
use super::{extremes, interval, mean, median, variance};

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 * b.abs().max(1.0)
}

#[test]
fn moments_and_order() {
    let values = [10.0, 12.0, 23.0, 23.0, 16.0, 23.0, 21.0, 16.0];
    assert!(close(mean(&values), 18.0));
    // np.var(values, ddof=1), np.median(values)
    assert!(close(variance(&values), 27.428_571_428_571_427));
    assert_eq!(median(&values), Some(18.5));
    assert_eq!(median(&values[..3]), Some(12.0));
    assert_eq!(extremes(&values), Some((10.0, 23.0)));
    assert_eq!((median(&[]), extremes(&[]), mean(&[]), variance(&[7.0])), (None, None, 0.0, 0.0));
}

#[test]
fn the_bootstrap_of_a_median_cuts_where_its_exact_distribution_does() {
    // Of 19 values the median of a resample is the 5th or less with 0.013 and the 6th or less with
    // 0.046: scipy.stats.binom.sf(9, 19, k / 19). So 0.025 is at the 6th, and 0.975 at the 14th.
    let values: Vec<f64> = (1..=19).map(f64::from).collect();
    for seed in 1..=5 {
        let found = bootstrap_median(&values, seed).expect("an interval");
        assert_eq!(found, Interval { low: 6.0, high: 14.0 }, "seed {seed}");
    }
    // Of 7 values: the 1st with 0.010, the 2nd or less with 0.108.
    let seven = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0];
    assert_eq!(bootstrap_median(&seven, 1), Some(Interval { low: 2.0, high: 6.0 }));
    assert_eq!(bootstrap_median(&seven[..2], 1), None);
    let uneven: Vec<f64> = (0..40).map(|i| f64::from(i * i % 37) / 7.0).collect();
    let of = |seed| bootstrap_median(&uneven, seed);
    assert!((2..50).any(|seed| of(seed) != of(1)), "the seed decides what is drawn");
}

#[test]
fn a_ratio_in_pairs_has_the_p_value_of_its_interval() {
    // scipy.stats.ttest_rel(log(of), log(to)) and its confidence_interval(0.95)
    let (of, to) = ([10.0, 12.0, 11.0, 13.0, 12.5], [9.0, 11.5, 10.0, 11.0, 12.0]);
    let found = paired(&of, &to).expect("a ratio");
    assert!(close(found.value, 1.094_416_426_987_091), "{found:?}");
    assert!((found.interval.low - 1.025_820_611).abs() < 1e-7, "{found:?}");
    assert!((found.interval.high - 1.167_599_191).abs() < 1e-7, "{found:?}");
    assert!((found.p_value - 0.017_994_534).abs() < 1e-7, "{found:?}");
}

#[test]
fn without_any_spread_a_ratio_is_what_it_is() {
    let two = Interval { low: 2.0, high: 2.0 };
    for found in [paired(&[2.0; 3], &[1.0; 3]), unpaired(&[2.0; 3], &[1.0; 4])] {
        let Ratio { value, interval, p_value } = found.expect("a ratio");
        assert!(
            close(value, 2.0) && close(interval.low, two.low) && close(interval.high, two.high)
        );
        assert!(p_value.abs() < 1e-12, "{p_value}");
    }
    assert_eq!(interval::two_sided(0.0, 0.0, 4.0), Some(1.0), "there is no difference at all");
    assert_eq!(interval::two_sided(0.1, 0.0, 4.0), Some(0.0));
    assert_eq!(paired(&[1.0, 2.0, 3.0], &[1.0, 2.0]), None, "not in pairs");
    assert_eq!(paired(&[1.0, f64::INFINITY], &[1.0, 1.0]), None);
}

#[test]
fn ranks_with_ties_are_dealt_out_in_every_way() {
    // Counted over all ways with itertools and scipy.stats.rankdata: 41 of C(11, 5) deals are at least
    // as far from the middle.
    let p = mann_whitney(&[1.0, 2.0, 2.0, 3.0, 5.0], &[2.0, 4.0, 5.0, 5.0, 6.0, 7.0]);
    assert!(close(p, 41.0 / 462.0), "{p}");
    // scipy.stats.mannwhitneyu([1.1, 2.2, 3.3, 9.9], [4.4, ...], method="exact")
    let p = mann_whitney(&[1.1, 2.2, 3.3, 9.9], &[4.4, 5.5, 6.6, 7.7, 8.8, 1.5]);
    assert!(close(p, 0.476_190_476_190_476_16), "{p}");
}

#[test]
fn holm_agrees_with_statsmodels() {
    // statsmodels.stats.multitest.multipletests(p, method="holm")
    let found = holm(&[0.0001, 0.04, 0.03, 0.2, 0.9, 0.02]);
    for (found, expected) in found.iter().zip([0.0006, 0.12, 0.12, 0.4, 0.9, 0.1]) {
        assert!(close(*found, expected), "{found}");
    }
    assert_eq!(holm(&[0.5, 0.9, 0.6]), [1.0; 3], "no more than sure");
}

#[test]
fn four_servers_agree_with_the_sum_of_the_textbooks() {
    // Erlang's C as a sum over states, in Python; M/M/4 with 32 a second of 100 ms each.
    let service = Service { mean_s: 0.1, variation: 1.0 };
    let queue = Queue::new(32.0, service, 4).expect("it keeps up");
    assert!(close(queue.waiting_share(), 0.596_432_471_787_404_6));
    assert!(close(queue.response_mean_s(), 0.174_554_058_973_425_57));
}

/// Loads and throughputs that are nearly those of the law.
const SCALED: [(f64, f64); 11] = [
    (1.0, 20.0),
    (4.0, 78.0),
    (8.0, 130.0),
    (12.0, 170.0),
    (16.0, 190.0),
    (20.0, 200.0),
    (24.0, 210.0),
    (28.0, 230.0),
    (32.0, 260.0),
    (48.0, 280.0),
    (64.0, 310.0),
];

#[test]
fn the_law_of_scalability_agrees_with_weighted_least_squares() {
    // numpy.linalg.lstsq of n / X on 1, n - 1 and n (n - 1), all rows times X / n.
    let found = scalability::fit(&SCALED, 1).expect("a fit");
    let near = |a: f64, b: f64| (a / b - 1.0).abs() < 1e-6;
    assert!(near(found.law.lambda, 21.746_235_099_6), "{found:?}");
    assert!(near(found.law.sigma, 0.056_856_528_418_3), "{found:?}");
    assert!(near(found.law.kappa, 3.454_758_405e-6), "{found:?}");
    assert!(near(found.law.peak().expect("κ is above 0"), 522.492_475_4), "{found:?}");
    assert!(near(found.r_squared, 0.990_490_107_7), "{found:?}");
    // κ is so small that some of the resamples have none: then nobody knows where the peak is.
    assert!(found.kappa.low == 0.0 && found.kappa.high > found.law.kappa, "{found:?}");
    assert!(found.sigma.low < found.law.sigma && found.law.sigma < found.sigma.high, "{found:?}");
    assert_eq!(found.peak, None);
    let with = |n, x| scalability::fit(&[&SCALED[..], &[(n, x)]].concat(), 1);
    assert_eq!(with(2.0, 0.0), Err(NoFit::NoLoad), "nothing was done");
    assert_eq!(with(0.5, 10.0), Err(NoFit::NoLoad));
}

#[test]
fn ranks_and_neighbours_agree_with_scipy_and_statsmodels() {
    let values = [3.0, 1.0, 4.0, 1.0, 5.0, 9.0, 2.0, 6.0, 5.0, 3.0, 5.0];
    // scipy.stats.spearmanr(values, range(11)), statsmodels.tsa.stattools.acf(values, nlags=1)
    assert!(close(trend(&values), 0.437_829_861_082_743_97), "{}", trend(&values));
    assert!(close(lag_one(&values), -0.160_714_285_714_285_73), "{}", lag_one(&values));
}

#[test]
fn scaled_gaps_agree_with_kolmogorov_and_smirnov() {
    // scipy.stats.kstest(gaps, "expon") of -(n + 1 - j) ln((L - t_j) / (L - t_{j-1})).
    let windows = [(8.0, vec![0.5, 1.25, 1.5, 4.0, 6.75]), (4.0, vec![2.0, 3.0, 3.5])];
    let (n, distance) = distance_from_poisson(&windows);
    assert_eq!(n, 8);
    assert!(close(distance, 0.150_803_565_979_003_96), "{distance}");
    // All come early: the largest distance is on the other side of the steps.
    let (_, distance) = distance_from_poisson(&[(8.0, vec![0.25, 0.5, 0.75])]);
    assert!(close(distance, 0.909_149_169_921_875), "{distance}");
}

#[test]
fn a_warm_up_ends_where_the_marginal_standard_error_is_least() {
    // By the definition, in Python: 0.00188 from the 6th value on, 0.00289 a value earlier.
    let values = [9.0, 7.0, 6.0, 4.0, 3.5, 3.0, 3.2, 2.9, 3.1, 3.0, 3.3, 2.8, 3.1, 3.0, 2.9, 3.2];
    assert_eq!(warmup_end(&values), 5);
}

#[test]
fn a_design_effect_is_that_of_the_worst_length_beyond_chance() {
    // States that last for six batches of unlike sizes. By the definition, in Python: 2.909 of single
    // batches, 5.510 of pairs, and 7.275 of fours, of which 33 are left.
    let batches: Vec<Batch> = (0_u32..130)
        .map(|i| {
            let count = f64::from(5 + i * 7 % 11);
            let share = if (i / 6) % 2 == 1 { 0.2 } else { 0.7 };
            Batch { count, sum: (count * share).round() }
        })
        .collect();
    let effect = design_effect(&batches, 0.248_269_234_878_359_75, 595.0);
    assert!(close(effect, 7.275_395_865_467_591), "{effect}");
    // 33 alike: 2.97 with 32 degrees of freedom, and chance makes 1.953 once in a thousand times
    // (scipy.stats.chi2.ppf(0.999, 32) / 32).
    let third = |apart: f64| -> Vec<Batch> {
        let sum = |i| 50.0 + if i % 3 == 0 { 2.0 * apart } else { -apart };
        (0..33).map(|i| Batch { count: 100.0, sum: sum(i) }).collect()
    };
    assert!(close(design_effect(&third(6.0), 0.25, 1_650.0), 2.97));
    let at = |wanted: f64| design_effect(&third(6.0 * (wanted / 2.97).sqrt()), 0.25, 1_650.0);
    assert!(close(at(1.95), 1.0) && close(at(1.96), 1.96), "chance is no effect");
}

#[test]
fn a_few_rare_outcomes_in_one_batch_are_no_sign_of_dependence() {
    // Fifteen among 51,200, four of them in one batch of 512: with so many batches nearly all are
    // without any, and the law of the squares' sum is not the one that is asked.
    let batches: Vec<Batch> = (0..512)
        .map(|i| match i {
            0 => Batch { count: 100.0, sum: 4.0 },
            i if i % 32 == 16 && i < 368 => Batch { count: 100.0, sum: 1.0 },
            _ => Batch { count: 100.0, sum: 0.0 },
        })
        .collect();
    let share: f64 = 15.0 / 51_200.0;
    assert!(close(batches.iter().map(|batch| batch.sum).sum(), 15.0));
    assert!(close(design_effect(&batches, share * (1.0 - share), 15.0), 1.0));
}

#[test]
fn a_verdict_is_by_ratio_and_by_the_level_of_the_family() {
    let of = |low: f64, high: f64, good, p: f64| {
        let ratio =
            Ratio { value: (low * high).sqrt(), interval: Interval { low, high }, p_value: p };
        Verdict::from_ratio(&ratio, good, 0.05, Some(p))
    };
    // Five per cent less is 1 / 1.05, and not 0.95: either way round the verdict is the same.
    assert_eq!(of(0.951, 1.0, Good::High, 0.5), Verdict::CannotTell);
    assert_eq!(of(1.0, 1.0 / 0.951, Good::High, 0.5), Verdict::CannotTell);
    assert_eq!(of(0.953, 1.0, Good::High, 0.5), Verdict::Same);
    for (good, below, above) in [
        (Good::High, Verdict::Worse, Verdict::Better),
        (Good::Low, Verdict::Better, Verdict::Worse),
    ] {
        assert_eq!([0.5, 2.0].map(|at| of(at, 1.1 * at, good, 0.049)), [below, above]);
        assert_eq!([0.5, 2.0].map(|at| of(at, 1.1 * at, good, 0.051)), [Verdict::CannotTell; 2]);
    }
}
