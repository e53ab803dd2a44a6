//! Better, worse, or undecided.

#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ratio::Ratio;

/// Which way is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Good {
    /// More is better: throughput.
    High,
    /// Less is better: latency, CPU, memory.
    Low,
}

/// What a comparison comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Better by more than the margin, and surely so.
    Better,
    /// Worse by more than the margin, and surely so.
    Worse,
    /// Surely within the margin on either side: whatever difference there is does not matter.
    Same,
    /// None of these is certain.
    CannotTell,
}

impl Verdict {
    /// The verdict on a ratio, from its whole interval. A difference counts if even the end of the
    /// interval nearer to 1 is beyond the margin, and if a given `p_value` (adjusted for the family
    /// of comparisons) is below 1 minus the confidence. `margin` is a share: 0.05 is five per cent.
    #[must_use]
    pub fn from_ratio(ratio: &Ratio, good: Good, margin: f64, p_value: Option<f64>) -> Self {
        let more = 1.0 + margin;
        let less = 1.0 / more;
        let significant = p_value.is_none_or(|p| p <= 1.0 - super::interval::CONFIDENCE);
        let (above, below) = (ratio.interval.low > more, ratio.interval.high < less);
        match good {
            Good::High if above && significant => Self::Better,
            Good::High if below && significant => Self::Worse,
            Good::Low if below && significant => Self::Better,
            Good::Low if above && significant => Self::Worse,
            _ if ratio.interval.low >= less && ratio.interval.high <= more => Self::Same,
            _ => Self::CannotTell,
        }
    }

    /// The words for people.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Better => "better",
            Self::Worse => "worse",
            Self::Same => "same",
            Self::CannotTell => "undecided",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::interval::Interval;
    use crate::statistics::ratio;

    fn of(low: f64, high: f64, good: Good) -> Verdict {
        let ratio =
            Ratio { value: (low * high).sqrt(), interval: Interval { low, high }, p_value: 0.0 };
        Verdict::from_ratio(&ratio, good, 0.05, None)
    }

    #[test]
    fn a_verdict_needs_the_whole_interval_on_one_side_of_the_margin() {
        assert_eq!(of(1.06, 1.30, Good::High), Verdict::Better);
        assert_eq!(of(1.06, 1.30, Good::Low), Verdict::Worse);
        assert_eq!(of(1.04, 1.30, Good::High), Verdict::CannotTell);
        assert_eq!(of(0.70, 0.90, Good::High), Verdict::Worse);
        assert_eq!(of(0.70, 0.90, Good::Low), Verdict::Better);
        assert_eq!(of(0.97, 1.03, Good::Low), Verdict::Same);
        assert_eq!(of(0.80, 1.20, Good::Low), Verdict::CannotTell);
    }

    #[test]
    fn a_p_value_that_is_too_large_forbids_a_difference() {
        let ratio = Ratio { value: 2.0, interval: Interval { low: 1.5, high: 2.6 }, p_value: 0.0 };
        assert_eq!(Verdict::from_ratio(&ratio, Good::Low, 0.05, Some(0.1)), Verdict::CannotTell);
        assert_eq!(Verdict::from_ratio(&ratio, Good::Low, 0.05, Some(0.05)), Verdict::Worse);
    }

    /// The honesty test: one thing compared with itself, with a spread that trials have and a drift
    /// that both share.
    #[test]
    fn one_thing_compared_with_itself_is_seldom_different() {
        let mut random = fastrand::Rng::with_seed(21);
        let (mut different, experiments) = (0, 2_000);
        for _ in 0..experiments {
            let drift = 0.9 + 0.2 * random.f64();
            let mut trials = || -> Vec<f64> {
                let noise = |r: &mut fastrand::Rng| (0..12).map(|_| r.f64()).sum::<f64>() - 6.0;
                (0..5).map(|_| drift * 100.0 * (0.07 * noise(&mut random)).exp()).collect()
            };
            let (a, b) = (trials(), trials());
            let ratio = ratio::unpaired(&a, &b).expect("a ratio");
            let verdict = Verdict::from_ratio(&ratio, Good::High, 0.0, Some(ratio.p_value));
            different += i32::from(matches!(verdict, Verdict::Better | Verdict::Worse));
        }
        // 5 % without the help of any margin: 100, with a standard deviation of 10. Much less would
        // mean that it sees nothing.
        assert!((60..=130).contains(&different), "{different} of {experiments}");
    }
}
