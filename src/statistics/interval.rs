//! Confidence intervals.

#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use statrs::distribution::{Binomial, ContinuousCDF, DiscreteCDF, StudentsT};

use super::{count, mean, median, variance};

/// The confidence level: the share of repeated experiments whose interval would contain the truth.
pub const CONFIDENCE: f64 = 0.95;
/// How often a sample is drawn again. The ends of an interval then move by about a hundredth of its
/// width from seed to seed (Efron and Tibshirani 1993, section 14).
const RESAMPLES: usize = 2_000;
/// Fewer trials than this say nothing of how far apart they are.
pub const TRIALS_MIN: usize = 3;

/// Where the truth may be.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Interval {
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

impl Interval {
    /// Whether a value is in it, its ends included.
    #[must_use]
    pub fn contains(&self, value: f64) -> bool {
        (self.low..=self.high).contains(&value)
    }
}

/// The interval of a median over trials: samples of the same size are drawn from the trials with
/// replacement, again and again, and the interval is what the medians of nearly all of them are in
/// (percentile bootstrap; Efron 1979). The same seed gives the same interval.
///
/// With few trials it cannot reach beyond the smallest and the largest of them, and is too short: of
/// five trials it holds the truth in about 94 of 100 experiments, of three in three quarters. `None`
/// of fewer than [`TRIALS_MIN`].
#[must_use]
pub fn bootstrap_median(values: &[f64], seed: u64) -> Option<Interval> {
    if values.len() < TRIALS_MIN {
        return None;
    }
    let mut random = fastrand::Rng::with_seed(seed);
    let mut sample = vec![0.0; values.len()];
    let mut medians = Vec::with_capacity(RESAMPLES);
    for _ in 0..RESAMPLES {
        sample.fill_with(|| values[random.usize(..values.len())]);
        medians.push(median(&sample)?);
    }
    medians.sort_by(f64::total_cmp);
    // The same number of resamples is cut off at either end.
    let cut = RESAMPLES / 40;
    debug_assert_eq!(CONFIDENCE, 0.95, "a fortieth at either end");
    Some(Interval { low: medians[cut], high: medians[RESAMPLES - 1 - cut] })
}

/// Fewer values than this have no interval of a median: the truth is outside of all of them too often.
pub const OF_MEDIAN_MIN: usize = 6;

/// The interval of a median between two of the values themselves, whatever their distribution is, as long as
/// each is independent of the others (Thompson 1936): the truth is below all of `n` values in 1 of 2^n
/// experiments, and so on. It holds the truth at least as often as it says. `None` of fewer than
/// [`OF_MEDIAN_MIN`].
#[must_use]
pub fn of_median(values: &[f64]) -> Option<Interval> {
    if values.len() < OF_MEDIAN_MIN {
        return None;
    }
    let n = values.len();
    let below = Binomial::new(0.5, n as u64).ok()?;
    // So many may be cut off at either end.
    let cut = (0..n as u64).take_while(|k| below.cdf(*k) <= (1.0 - CONFIDENCE) / 2.0).count();
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let low = cut.checked_sub(1)?;
    Some(Interval { low: sorted[low], high: sorted[n - 1 - low] })
}

/// The interval of a mean by Student's t (1908): exact where the values are normal, and a good
/// approximation where they are not too far from it, also for very few of them. `None` of fewer
/// than two.
#[must_use]
pub fn student(values: &[f64]) -> Option<Interval> {
    if values.len() < 2 {
        return None;
    }
    let error = (variance(values) / count(values)).sqrt();
    around(mean(values), error, count(values) - 1.0)
}

/// The interval around an estimate with this standard error and so many degrees of freedom.
pub(super) fn around(estimate: f64, error: f64, freedom: f64) -> Option<Interval> {
    let t = StudentsT::new(0.0, 1.0, freedom).ok()?;
    let reach = t.inverse_cdf(f64::midpoint(1.0, CONFIDENCE)) * error;
    Some(Interval { low: estimate - reach, high: estimate + reach })
}

/// The probability of an estimate at least this far from 0 if the truth were 0.
pub(super) fn two_sided(estimate: f64, error: f64, freedom: f64) -> Option<f64> {
    if error == 0.0 {
        return Some(if estimate == 0.0 { 1.0 } else { 0.0 });
    }
    let t = StudentsT::new(0.0, 1.0, freedom).ok()?;
    Some((2.0 * t.cdf(-(estimate / error).abs())).min(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Independent and nearly normal: sums of twelve uniform draws (mean 6, variance 1).
    fn normal(random: &mut fastrand::Rng) -> f64 {
        (0..12).map(|_| random.f64()).sum::<f64>() - 6.0
    }

    #[test]
    fn student_agrees_with_the_tables() {
        // t(0.975, 4) = 2.776445 (any table); mean 3, s = sqrt(2.5).
        let interval = student(&[1.0, 2.0, 3.0, 4.0, 5.0]).expect("an interval");
        let reach = 2.776_445 * (2.5_f64 / 5.0).sqrt();
        assert!((interval.low - (3.0 - reach)).abs() < 1e-5, "{interval:?}");
        assert!((interval.high - (3.0 + reach)).abs() < 1e-5, "{interval:?}");
        assert_eq!(student(&[1.0]), None);
    }

    #[test]
    fn a_student_interval_holds_the_truth_as_often_as_it_says() {
        let mut random = fastrand::Rng::with_seed(11);
        let held = (0..4_000)
            .filter(|_| {
                let values: Vec<f64> = (0..5).map(|_| normal(&mut random)).collect();
                student(&values).expect("an interval").contains(0.0)
            })
            .count();
        // 3,800 expected, with a standard deviation of 14.
        assert!((3_750..=3_850).contains(&held), "{held} of 4000");
    }

    #[test]
    fn a_bootstrap_interval_of_ten_holds_the_truth_about_as_often_as_it_says() {
        let mut random = fastrand::Rng::with_seed(12);
        let held = (0..400)
            .filter(|seed| {
                let values: Vec<f64> = (0..10).map(|_| normal(&mut random)).collect();
                bootstrap_median(&values, *seed).expect("an interval").contains(0.0)
            })
            .count();
        assert!((360..=396).contains(&held), "{held} of 400");
    }

    #[test]
    fn the_interval_of_a_median_is_between_the_values_of_the_tables() {
        // Conover 1999, table A3 and section 3.2: the ranks of an interval of at least 95 %.
        for (n, low, high) in [(6, 1, 6), (10, 2, 9), (15, 4, 12), (25, 8, 18)] {
            let values: Vec<f64> = (1..=n).rev().map(f64::from).collect();
            let expected = Interval { low: f64::from(low), high: f64::from(high) };
            assert_eq!(of_median(&values), Some(expected), "of {n}");
        }
        assert_eq!(of_median(&[1.0; 5]), None);
    }

    #[test]
    fn the_interval_of_a_median_holds_the_truth_also_where_one_in_five_is_far_off() {
        let mut random = fastrand::Rng::with_seed(13);
        let held = (0..2_000)
            .filter(|_| {
                let values: Vec<f64> = (0..15)
                    .map(|_| normal(&mut random) * if random.u8(..5) == 0 { 30.0 } else { 1.0 })
                    .collect();
                of_median(&values).expect("an interval").contains(0.0)
            })
            .count();
        // 96.5 % by the binomial distribution: 1,930, with a standard deviation of 8.
        assert!((1_905..=1_955).contains(&held), "{held} of 2000");
    }

    #[test]
    fn a_bootstrap_interval_is_the_same_again_and_needs_three_values() {
        let values = [5.0, 1.0, 4.0, 2.0, 3.0];
        assert_eq!(bootstrap_median(&values, 3), bootstrap_median(&values, 3));
        let interval = bootstrap_median(&values, 3).expect("an interval");
        assert!(interval.contains(3.0) && interval.low >= 1.0 && interval.high <= 5.0);
        assert_eq!(bootstrap_median(&values[..2], 3), None);
    }
}
