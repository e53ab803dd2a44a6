//! Statistics of autocorrelated series: batch means, trends, warm-ups, random arrivals.
//!
//! Everything here is a pure function of numbers. docs/statistics.md names the sources.

use statrs::distribution::{ChiSquared, ContinuousCDF};

use super::mean;

/// Batches by which dependence is judged at the latest: with fewer the judgement is chance.
pub const BATCHES: usize = 32;
/// Degrees of freedom below which a sum of squares over batches says nothing.
const FREEDOM_MIN: f64 = 7.0;
/// How often chance may pass for dependence.
const ONE_IN_A_THOUSAND: f64 = 1e-3;

/// Some samples that belong together: how many, and the sum of what was observed of them.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Batch {
    /// Samples.
    pub count: f64,
    /// What was observed, summed up: 0 or 1 of each, or a measure.
    pub sum: f64,
}

impl Batch {
    /// What was observed in the mean.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.sum / self.count
    }
}

/// Batches of `of` neighbours each; those without a sample are left out.
#[must_use]
pub fn collapsed(batches: &[Batch], of: usize) -> Vec<Batch> {
    let sum = |some: &[Batch]| {
        some.iter().fold(Batch::default(), |all, one| Batch {
            count: all.count + one.count,
            sum: all.sum + one.sum,
        })
    };
    batches.chunks(of.max(1)).map(sum).filter(|batch| batch.count > 0.0).collect()
}

/// How many samples are worth as much as one independent one: the variance of the mean over what it
/// would be for independent samples (Kish's design effect), by batch means. `variance` is that of a
/// single sample, `rare` the number of samples with the rarer outcome, or of all for a measure.
///
/// Batches are made longer, two and two, until there are [`BATCHES`] of them, since one that is
/// shorter than what hangs together shows too little. The worst length counts. An effect that chance
/// would show once in a thousand times counts as none.
#[must_use]
pub fn design_effect(batches: &[Batch], variance: f64, rare: f64) -> f64 {
    let mut effect = 1.0_f64;
    let mut of = 1;
    loop {
        let coarsest = batches.len().div_ceil(2 * of) < BATCHES;
        let collapsed = collapsed(batches, of);
        // Where most batches are without the rare outcome, two in one are no sign of anything.
        if coarsest || rare >= collapsed.len() as f64 / 4.0 {
            effect = effect.max(effect_at(&collapsed, variance));
        }
        if coarsest {
            return effect;
        }
        of *= 2;
    }
}

/// The design effect that these batches show; 1 if it may be chance.
fn effect_at(batches: &[Batch], variance: f64) -> f64 {
    let all = collapsed(batches, batches.len());
    let [all] = all[..] else { return 1.0 };
    let shares: f64 = batches.iter().map(|batch| (batch.count / all.count).powi(2)).sum();
    let freedom = 1.0 / shares - 1.0;
    if freedom < FREEDOM_MIN || variance <= 0.0 {
        return 1.0;
    }
    // Batches differ in size, so what they miss is compared and not their means (ratio estimator).
    let missed = |batch: &Batch| (batch.sum - all.mean() * batch.count).powi(2);
    let squares: f64 = batches.iter().map(missed).sum();
    let effect = squares / (all.count * variance * (1.0 - shares));
    if effect > chi_square_limit(freedom) / freedom { effect } else { 1.0 }
}

/// What one sum of squares in a thousand exceeds.
fn chi_square_limit(freedom: f64) -> f64 {
    let squares = ChiSquared::new(freedom).expect("some degrees of freedom");
    squares.inverse_cdf(1.0 - ONE_IN_A_THOUSAND)
}

/// Spearman's rank correlation of values with their order: 1 if they only rise. Equal values share
/// their mean rank; where all are equal there is no trend.
#[must_use]
pub fn trend(values: &[f64]) -> f64 {
    let ranks = ranks(values);
    let places: Vec<f64> = (0..values.len()).map(|place| place as f64).collect();
    correlation(&ranks, &places)
}

fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    let mut ranks = vec![0.0; values.len()];
    let mut first = 0;
    for equal in order.chunk_by(|a, b| values[*a].total_cmp(&values[*b]).is_eq()) {
        let rank = first as f64 + (equal.len() as f64 - 1.0) / 2.0;
        equal.iter().for_each(|at| ranks[*at] = rank);
        first += equal.len();
    }
    ranks
}

/// Correlation of neighbours: about 0 if values are independent, and 1 if they hardly change. It is
/// von Neumann's ratio in other words.
#[must_use]
pub fn lag_one(values: &[f64]) -> f64 {
    let mean = mean(values);
    let product = |pair: &[f64]| (pair[0] - mean) * (pair[1] - mean);
    let products: f64 = values.windows(2).map(product).sum();
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    if squares > 0.0 { products / squares } else { 0.0 }
}

fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let (mean_a, mean_b) = (mean(a), mean(b));
    let sum = |f: fn(f64, f64) -> f64| -> f64 {
        a.iter().zip(b).map(|(a, b)| f(a - mean_a, b - mean_b)).sum()
    };
    let scale = (sum(|a, _| a * a) * sum(|_, b| b * b)).sqrt();
    if scale > 0.0 { sum(|a, b| a * b) / scale } else { 0.0 }
}

/// Where White's marginal standard error rule ends a warm-up: how many values to leave out so that the
/// mean of the others is known best. It looks no further than half of them, from where on the rule
/// mistakes chance for a beginning.
#[must_use]
pub fn warmup_end(values: &[f64]) -> usize {
    let centre = mean(values);
    let (mut sum, mut squares) = (0.0, 0.0);
    // From the end to the front: sums of what would be kept.
    let mut best = (f64::INFINITY, 0);
    for (at, value) in values.iter().enumerate().rev() {
        let value = value - centre;
        (sum, squares) = (sum + value, squares + value * value);
        let kept = (values.len() - at) as f64;
        let error = (squares - sum * sum / kept).max(0.0) / (kept * kept);
        if at <= values.len() / 2 && error <= best.0 {
            best = (error, at);
        }
    }
    best.1
}

/// Whether arrivals in windows of time are those of a Poisson process, whatever its rate in each
/// window: how many there were, and the largest distance between the distribution of their gaps, as
/// Brown et al. scale them, and the exponential one (Kolmogorov and Smirnov). Each window is its
/// length and the times of its arrivals in order.
#[must_use]
pub fn distance_from_poisson(windows: &[(f64, Vec<f64>)]) -> (usize, f64) {
    let mut gaps = Vec::new();
    for (length, arrivals) in windows {
        let mut before = 0.0;
        let left = (1..=arrivals.len()).rev();
        for (at, left) in arrivals.iter().zip(left) {
            gaps.push(-((length - at) / (length - before)).ln() * left as f64);
            before = *at;
        }
    }
    gaps.sort_by(f64::total_cmp);
    let n = gaps.len() as f64;
    let distance = |(at, gap): (usize, &f64)| {
        let expected = -(-gap).exp_m1();
        (expected - at as f64 / n).abs().max((expected - (at + 1) as f64 / n).abs())
    };
    (gaps.len(), gaps.iter().enumerate().map(distance).fold(0.0, f64::max))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers between 0 and 1, the same for a seed.
    fn uniform(seed: u64, n: usize) -> Vec<f64> {
        let mut random = fastrand::Rng::with_seed(seed);
        (0..n).map(|_| random.f64()).collect()
    }

    fn zeros_and_ones(seed: u64, n: usize, share: f64) -> Vec<Batch> {
        let sum = |u: f64| f64::from(u8::from(u < share));
        uniform(seed, n).iter().map(|u| Batch { count: 1.0, sum: sum(*u) }).collect()
    }

    fn effect(samples: &[Batch]) -> f64 {
        let [all] = collapsed(samples, samples.len())[..] else { panic!("no samples") };
        let share = all.mean();
        let rare = all.sum.min(all.count - all.sum);
        design_effect(&collapsed(samples, samples.len() / 512), share * (1.0 - share), rare)
    }

    #[test]
    fn independent_samples_are_worth_what_they_count() {
        let shown = |share| {
            let over = |seed: &u64| effect(&zeros_and_ones(*seed, 51_200, share)) > 1.0;
            (0..100).filter(over).count()
        };
        assert!([0.5, 0.1, 0.01, 0.001].map(shown).iter().all(|shown| *shown <= 2));
    }

    #[test]
    fn the_limit_of_chance_is_that_of_the_tables() {
        for (freedom, limit) in [(10.0, 29.588), (30.0, 59.703), (100.0, 149.449)] {
            let found = chi_square_limit(freedom);
            assert!((found - limit).abs() < 1e-3, "{freedom}: {found}");
        }
    }

    #[test]
    fn copies_of_a_sample_are_worth_one() {
        let copied: Vec<_> =
            zeros_and_ones(1, 5_120, 0.3).iter().flat_map(|one| [*one; 10]).collect();
        let effect = effect(&copied);
        assert!((7.0..14.0).contains(&effect), "ten copies of each: {effect}");
    }

    #[test]
    fn batches_shorter_than_what_hangs_together_do_not_hide_it() {
        // A state that changes every 4 of 512 batches.
        let states = uniform(3, 128);
        let batches = states.iter().flat_map(|u| [f64::from(u8::from(*u < 0.5)); 4]);
        let batches: Vec<_> = batches.map(|sum| Batch { count: 100.0, sum: 100.0 * sum }).collect();
        let effect = design_effect(&batches, 0.25, 25_600.0);
        assert!(effect > 250.0, "400 samples are one: {effect}");
    }

    #[test]
    fn batches_of_unlike_sizes_are_no_sign_of_dependence() {
        let sizes = uniform(5, 512);
        let fill = |(seed, size): (u64, &f64)| {
            let samples = uniform(seed, 101).into_iter().take_while(|u| *u < *size);
            let of = 1 + samples.count() * 20;
            let [one] = collapsed(&zeros_and_ones(seed, of, 0.5), of)[..] else { panic!("one") };
            one
        };
        let batches: Vec<_> = (100..).zip(&sizes).map(fill).collect();
        assert!(design_effect(&batches, 0.25, 10_000.0) < 1.2);
    }

    #[test]
    fn trends_are_told_from_chance() {
        let rising: Vec<f64> = (0..32).map(|i| f64::from(i * i)).collect();
        assert!((trend(&rising) - 1.0).abs() < 1e-12);
        let falling: Vec<f64> = rising.iter().map(|v| -v).collect();
        assert!((trend(&falling) + 1.0).abs() < 1e-12);
        assert!(trend(&[7.0; 32]).abs() < 1e-12);
        assert!((trend(&[1.0, 1.0, 2.0, 2.0]) - 0.894).abs() < 1e-3, "with ties");
        assert!((0..100).all(|seed| trend(&uniform(seed, 32)).abs() < 0.6));
    }

    #[test]
    fn neighbours_that_are_alike_are_told_from_chance() {
        let slow: Vec<f64> = (0..32).map(|i| (f64::from(i) / 5.0).sin()).collect();
        assert!(lag_one(&slow) > 0.8);
        let alternating: Vec<f64> = (0..32).map(|i| f64::from(i % 2)).collect();
        assert!(lag_one(&alternating) < -0.9);
        assert!((0..100).all(|seed| lag_one(&uniform(seed, 32)).abs() < 0.55));
    }

    #[test]
    fn a_warm_up_ends_where_it_ends() {
        for seed in 0..100 {
            let noise = uniform(seed, 200);
            assert!(warmup_end(&noise) < 40, "nothing to cut: {}", warmup_end(&noise));
            let starting = |(at, u): (usize, &f64)| u + if at < 60 { 3.0 } else { 0.0 };
            let starting: Vec<f64> = noise.iter().enumerate().map(starting).collect();
            assert!((60..100).contains(&warmup_end(&starting)), "{}", warmup_end(&starting));
        }
    }

    fn poisson(seed: u64) -> Vec<(f64, Vec<f64>)> {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut window = || {
            let mut at = 0.0;
            let mut next = || {
                at -= (1.0 - random.f64()).ln() * 15_625.0;
                at
            };
            let arrivals = std::iter::from_fn(|| Some(next())).take_while(|at| *at < 1e6);
            (1e6, arrivals.collect())
        };
        (0..64).map(|_| window()).collect()
    }

    #[test]
    fn poisson_arrivals_are_told_from_others() {
        for seed in 0..100 {
            let mut windows = poisson(seed);
            let (n, distance) = distance_from_poisson(&windows);
            assert!(distance < 2.23 / (n as f64).sqrt(), "seed {seed}: {distance} of {n}");
            // Rounded up to when a coarse timer would have gone off.
            for (length, arrivals) in &mut windows {
                arrivals.iter_mut().for_each(|at| *at = (*at / 30_000.0).ceil() * 30_000.0);
                arrivals.retain(|at| at < length);
            }
            assert!(distance_from_poisson(&windows).1 > 0.4);
        }
        let even = (0..64).map(|_| (1e6, (1..64).map(|i| f64::from(i) * 15_625.0).collect()));
        assert!(distance_from_poisson(&even.collect::<Vec<_>>()).1 > 0.4);
        assert_eq!(distance_from_poisson(&[]), (0, 0.0));
    }
}
