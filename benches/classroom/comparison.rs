//! Figures in pairs, ours and theirs, and their verdict on a claim.

use c10k::statistics::claim::{Answer, Claim};
use c10k::statistics::{Interval, median};
use serde::Serialize;

use crate::support::Spread;

/// The unit of a figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Unit {
    Rate,
    Time,
    Bytes,
}

impl Unit {
    /// The ratio of ours to theirs; for memory, the difference.
    pub(crate) fn compare(self, (ours, theirs): (f64, f64)) -> f64 {
        if self == Self::Bytes { ours - theirs } else { ours / theirs }
    }
}

/// The pairs of one figure, ours and theirs.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Comparison {
    pub(crate) what: String,
    pub(crate) figure: &'static str,
    pub(crate) against: String,
    pub(crate) unit: Unit,
    pub(crate) claim: Option<Claim>,
    pub(crate) pairs: Vec<(f64, f64)>,
}

/// One line of the table.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Verdict {
    pub(crate) what: String,
    pub(crate) figure: &'static str,
    pub(crate) against: String,
    pub(crate) unit: Unit,
    pub(crate) ours: Option<Spread>,
    pub(crate) theirs: Option<Spread>,
    /// The median over the pairs of the ratio; for memory, of the difference.
    pub(crate) compared: Option<f64>,
    /// The 95 % interval of the median.
    pub(crate) interval: Option<Interval>,
    pub(crate) claim: Option<Claim>,
    /// Absent if there is no claim, or if it was not judged.
    pub(crate) answer: Option<Answer>,
}

impl Comparison {
    /// The verdict of the pairs on the claim; a quick run judges none.
    pub(crate) fn verdict(&self, quick: bool) -> Verdict {
        let compared: Vec<f64> = self.pairs.iter().map(|pair| self.unit.compare(*pair)).collect();
        // The interval does not depend on the claim, so any claim yields it.
        let judged = self.claim.unwrap_or(Claim::AtMost(1.0)).judge(&compared);
        let judge = judged.filter(|_| !quick);
        Verdict {
            what: self.what.clone(),
            figure: self.figure,
            against: self.against.clone(),
            unit: self.unit,
            ours: Spread::from_values(self.pairs.iter().map(|pair| pair.0)),
            theirs: Spread::from_values(self.pairs.iter().map(|pair| pair.1)),
            compared: median(&compared),
            interval: judged.and_then(|judged| judged.interval),
            claim: self.claim,
            answer: self.claim.and(judge).map(|judged| judged.answer),
        }
    }
}
