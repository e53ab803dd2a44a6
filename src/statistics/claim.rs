//! Whether a claim about a ratio holds, from measurements in pairs: yes, no, or undecided.

use serde::Serialize;
use statrs::distribution::{ContinuousCDF, Normal};

use super::interval::{self, CONFIDENCE, Interval};
use super::{count, median};
use crate::base::units;

/// The largest suggested number of pairs.
const PAIRS_MAX: f64 = 10_000.0;

/// What a figure is claimed to be.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Claim {
    /// This, or less.
    AtMost(f64),
    /// This, or more.
    AtLeast(f64),
}

/// The verdict on a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// The whole interval meets it.
    Holds,
    /// None of the interval meets it.
    DoesNotHold,
    /// The interval is on both sides of the limit, or there is none.
    CannotBeTold {
        /// The number of pairs that would decide, if their shares on either side of the limit stay
        /// the same; `None` if it is too large.
        pairs: Option<u64>,
    },
}

/// A claim, judged.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Judgement {
    /// The median of the ratios.
    pub median: f64,
    /// Where the true median may be; `None` of too few pairs.
    pub interval: Option<Interval>,
    /// What that makes of the claim.
    pub answer: Answer,
}

impl Claim {
    /// Whether one figure meets it.
    #[must_use]
    pub fn meets(self, figure: f64) -> bool {
        match self {
            Self::AtMost(limit) => figure <= limit,
            Self::AtLeast(limit) => figure >= limit,
        }
    }

    /// Of a figure that has no spread.
    #[must_use]
    pub fn judge_exact(self, figure: f64) -> Answer {
        if self.meets(figure) { Answer::Holds } else { Answer::DoesNotHold }
    }

    /// Of the ratios of pairs, by the interval of their median. `None` of no pairs.
    #[must_use]
    pub fn judge(self, ratios: &[f64]) -> Option<Judgement> {
        let (median, interval) = (median(ratios)?, interval::of_median(ratios));
        let answer =
            match interval.map(|Interval { low, high }| (self.meets(low), self.meets(high))) {
                Some((true, true)) => Answer::Holds,
                Some((false, false)) => Answer::DoesNotHold,
                Some(_) => Answer::CannotBeTold { pairs: self.pairs(ratios) },
                None => Answer::CannotBeTold { pairs: Some(interval::OF_MEDIAN_MIN as u64) },
            };
        Some(Judgement { median, interval, answer })
    }

    /// The number of pairs at which the share of those that meet the claim is surely on one side of a half:
    /// where it is away from that by more than the normal approximation's reach, and one pair.
    fn pairs(self, ratios: &[f64]) -> Option<u64> {
        let met = ratios.iter().filter(|ratio| self.meets(**ratio)).count();
        let away = (units::as_f64(met as u64) / count(ratios) - 0.5).abs();
        let reach = Normal::standard().inverse_cdf(f64::midpoint(1.0, CONFIDENCE)) / 2.0;
        let root = (reach + (reach.powi(2) + 4.0 * away).sqrt()) / (2.0 * away);
        let pairs = root.powi(2).max(count(ratios) + 1.0).ceil();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 1 and the most that is asked for"
        )]
        (pairs <= PAIRS_MAX).then_some(pairs as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So many ratios, of which the first are 1 % below the limit and the others 1 % above it.
    fn around(limit: f64, below: usize, above: usize) -> Vec<f64> {
        let mut ratios = vec![limit * 0.99; below];
        ratios.resize(below + above, limit * 1.01);
        ratios
    }

    #[test]
    fn a_claim_has_three_answers() {
        let claim = Claim::AtMost(1.05);
        let answer = |below, above| {
            claim.judge(&around(1.05, below, above)).expect("there are ratios").answer
        };
        assert_eq!(answer(10, 1), Answer::Holds);
        assert_eq!(answer(1, 10), Answer::DoesNotHold);
        // 0.6 of 116 is 0.1 · 116 = 11.6 away from a half of them: 0.98 · √116 + 1 = 11.55.
        assert_eq!(answer(12, 8), Answer::CannotBeTold { pairs: Some(116) });
        assert_eq!(answer(8, 12), Answer::CannotBeTold { pairs: Some(116) });
        assert_eq!(answer(10, 10), Answer::CannotBeTold { pairs: None });
        assert_eq!(answer(5, 0), Answer::CannotBeTold { pairs: Some(6) }, "too few");
        assert_eq!(claim.judge(&[]), None);
    }

    #[test]
    fn a_claim_of_at_least_is_the_other_way_round() {
        let judged = |below, above| Claim::AtLeast(0.95).judge(&around(0.95, below, above));
        assert_eq!(judged(1, 10).map(|judged| judged.answer), Some(Answer::Holds));
        assert_eq!(judged(10, 1).map(|judged| judged.answer), Some(Answer::DoesNotHold));
        assert_eq!(Claim::AtLeast(0.95).judge_exact(0.95), Answer::Holds);
        assert_eq!(Claim::AtMost(1.0).judge_exact(1.001), Answer::DoesNotHold);
    }

    #[test]
    fn the_number_of_pairs_is_one_that_tells() {
        for (below, above) in [(12, 8), (30, 25), (9, 4)] {
            let claim = Claim::AtMost(1.0);
            let Answer::CannotBeTold { pairs: Some(pairs) } =
                claim.judge(&around(1.0, below, above)).expect("there are ratios").answer
            else {
                panic!("{below} and {above} tell already");
            };
            let factor = usize::try_from(pairs.div_ceil((below + above) as u64)).expect("few");
            let more = claim.judge(&around(1.0, below * factor, above * factor));
            assert_eq!(more.map(|judged| judged.answer), Some(Answer::Holds), "{below}, {above}");
        }
    }
}
