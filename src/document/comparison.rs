//! Two runs compared, cell by cell.

#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ReferenceChange, SchemaId};
use crate::statistics::{Interval, Verdict};

/// A comparison of two saved runs, or of the two sides of one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Comparison {
    /// Which document this is.
    pub schema: SchemaId,
    /// The run that is compared with.
    pub base: String,
    /// The run that is compared.
    pub new: String,
    /// A difference within this share does not matter.
    pub margin: f64,
    /// Whether both were measured in one run, trial beside trial. Two runs apart differ by more than their
    /// trials say, so verdicts between them are weaker.
    pub interleaved: bool,
    /// Differences between the runs' settings; they are compared all the same because of
    /// `--anyway`.
    pub unlike: Vec<String>,
    /// What only one of them has.
    pub missing: Vec<String>,
    /// Whether the machine was the same, by the load generator against a server that does nothing; absent
    /// where one of the runs has no null baseline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<ReferenceChange>,
    /// One for each figure of each cell that the base has.
    pub rows: Vec<Compared>,
}

/// One figure of one cell in both runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Compared {
    /// The workload's name in the plan.
    pub workload: String,
    /// The model.
    pub model: String,
    /// The metric; its name contains the unit.
    pub metric: String,
    /// Median over the trials of the base; absent where it has none.
    pub base: Option<f64>,
    /// Median over the trials of the other; absent where it has none.
    pub new: Option<f64>,
    /// The new over the base; absent where there is nothing to divide.
    pub change: Option<Change>,
    /// The verdict; absent if it is unknown. A figure that was sound in the base is worse if it is
    /// now missing, invalid, or without any correct reply.
    pub verdict: Option<Verdict>,
    /// Why there is no verdict, or why it is worse without a figure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

impl Comparison {
    /// The rows that a reader sees: those with a difference, or all of them.
    pub fn shown(&self, all: bool) -> impl Iterator<Item = &Compared> {
        self.rows.iter().filter(move |row| all || row.is_different())
    }

    /// Causes of doubt about the whole comparison: unlike settings, missing cells, a changed
    /// machine.
    pub fn remarks(&self) -> impl Iterator<Item = String> {
        let unlike = self.unlike.iter().map(|line| format!("not alike: {line}"));
        let machine = self.reference.iter().filter_map(|found| found.sentence.clone());
        unlike.chain(self.missing.iter().cloned()).chain(machine)
    }
}

impl Compared {
    /// Whether it is better or worse for sure.
    #[must_use]
    pub fn is_different(&self) -> bool {
        matches!(self.verdict, Some(Verdict::Better | Verdict::Worse))
    }

    /// Its verdict for people.
    #[must_use]
    pub fn verdict_words(&self) -> &'static str {
        self.verdict.map_or("no verdict", Verdict::words)
    }
}

/// How many times as much.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// Of two runs that of geometric means, of two sides of one run Hodges and Lehmann's of the pairs.
    pub ratio: f64,
    /// Where that ratio may be: of two runs at 95 %, widened by what the null baseline may have moved; of two sides
    /// of one run for all cells of this figure at once.
    pub interval: Interval,
    /// How likely such a ratio would be without a difference, adjusted for all cells of this figure (by Holm, or
    /// in one run by Bonferroni).
    pub p_value: f64,
    /// Between two runs, the same by Mann and Whitney's exact test, which assumes nothing of the shape; not
    /// adjusted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p_value_by_rank: Option<f64>,
}
