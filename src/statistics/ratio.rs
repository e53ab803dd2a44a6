//! How many times as much one thing is as another.
//!
//! Times and rates vary in proportion to themselves, so their logarithms are compared. A difference
//! of logarithms is a ratio, twice as slow is as far from equal as twice as fast, and the centre is
//! the geometric mean (Fleming and Wallace 1986).

use super::interval::{self, Interval};
use super::{count, mean, variance};

/// A ratio and where the truth may be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ratio {
    /// The estimate.
    pub value: f64,
    /// Its interval.
    pub interval: Interval,
    /// The probability of a ratio at least this far from 1 if there were no difference; from the
    /// same test as the interval, and not adjusted for other comparisons.
    pub p_value: f64,
}

/// `of` over `to`, value by value: measured in the same block, one soon after the other, so that
/// what disturbed one is likely to have disturbed both. Student's interval of the mean of the
/// logarithms. `None` of fewer than two pairs, or where a value is not above 0.
#[must_use]
pub fn paired(of: &[f64], to: &[f64]) -> Option<Ratio> {
    if of.len() != to.len() {
        return None;
    }
    paired_logarithms(&logarithms(of)?, &logarithms(to)?)
}

/// The same for values that are logarithms already.
pub(super) fn paired_logarithms(of: &[f64], to: &[f64]) -> Option<Ratio> {
    let differences: Vec<f64> = of.iter().zip(to).map(|(of, to)| of - to).collect();
    let interval = interval::student(&differences)?;
    let (difference, n) = (mean(&differences), count(&differences));
    let error = (variance(&differences) / n).sqrt();
    Some(ratio(difference, interval, interval::two_sided(difference, error, n - 1.0)?))
}

/// `of` over `to`, measured apart: Welch's interval (1947), which allows for unequal spreads.
/// `None` where either has fewer than two values, or one that is not above 0.
#[must_use]
pub fn unpaired(of: &[f64], to: &[f64]) -> Option<Ratio> {
    if of.len() < 2 || to.len() < 2 {
        return None;
    }
    let (of, to) = (logarithms(of)?, logarithms(to)?);
    let share = |values: &[f64]| variance(values) / count(values);
    let (a, b) = (share(&of), share(&to));
    let difference = mean(&of) - mean(&to);
    // Welch and Satterthwaite. Without any spread there is nothing to be unsure about.
    let spread = a.powi(2) / (count(&of) - 1.0) + b.powi(2) / (count(&to) - 1.0);
    let freedom = if spread > 0.0 { (a + b).powi(2) / spread } else { 1.0 };
    let error = (a + b).sqrt();
    let interval = interval::around(difference, error, freedom)?;
    Some(ratio(difference, interval, interval::two_sided(difference, error, freedom)?))
}

fn ratio(difference: f64, Interval { low, high }: Interval, p_value: f64) -> Ratio {
    let interval = Interval { low: low.exp(), high: high.exp() };
    Ratio { value: difference.exp(), interval, p_value }
}

fn logarithms(values: &[f64]) -> Option<Vec<f64>> {
    values.iter().map(|value| (*value > 0.0 && value.is_finite()).then(|| value.ln())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: f64, b: f64) -> bool {
        (a / b - 1.0).abs() < 1e-4
    }

    #[test]
    fn a_ratio_in_pairs_is_the_geometric_mean_of_the_ratios() {
        let of = [2.0, 8.0, 4.0];
        let ratio = paired(&of, &[1.0, 1.0, 1.0]).expect("a ratio");
        assert!(close(ratio.value, 4.0));
        // ln 2 apart: s = ln 2, t(0.975, 2) = 4.302653.
        let reach = 4.302_653 * std::f64::consts::LN_2 / 3.0_f64.sqrt();
        assert!(close(ratio.interval.low, 4.0 * (-reach).exp()), "{ratio:?}");
        assert!(close(ratio.interval.high, 4.0 * reach.exp()), "{ratio:?}");
    }

    #[test]
    fn pairs_cancel_what_disturbs_both() {
        let to = [1.0, 2.0, 4.0, 8.0, 16.0];
        let of = to.map(|value| value * 1.1);
        let tight = paired(&of, &to).expect("a ratio");
        let wide = unpaired(&of, &to).expect("a ratio");
        assert!(close(tight.value, 1.1) && close(wide.value, 1.1));
        assert!(tight.interval.low > 1.09 && wide.interval.low < 0.5);
    }

    #[test]
    fn welch_agrees_with_an_independent_computation() {
        // scipy.stats.ttest_ind(log(of), log(to), equal_var=False).confidence_interval(0.95)
        let of = [10.0, 12.0, 11.0, 13.0];
        let to = [9.0, 8.0, 10.0, 9.5, 8.5];
        let ratio = unpaired(&of, &to).expect("a ratio");
        assert!(close(ratio.value, 1.275_658), "{ratio:?}");
        assert!(close(ratio.interval.low, 1.074_920), "{ratio:?}");
        assert!(close(ratio.interval.high, 1.513_884), "{ratio:?}");
        assert!(close(ratio.p_value, 0.013_646_8), "{ratio:?}");
    }

    #[test]
    fn what_is_not_above_zero_has_no_ratio() {
        assert_eq!(paired(&[1.0, 0.0], &[1.0, 1.0]), None);
        assert_eq!(unpaired(&[1.0], &[1.0, 1.0]), None);
        assert_eq!(paired(&[1.0, 2.0], &[1.0]), None);
    }
}
