//! Two runs compared, cell by cell.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ReferenceChange, SchemaId};
use crate::statistics::{Interval, Verdict};

/// A comparison of two saved runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
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
    /// How the runs differ beside what they measured; compared all the same because it was asked
    /// for.
    pub unlike: Vec<String>,
    /// What only one of them has.
    pub missing: Vec<String>,
    /// Whether the machine was the same, by the load generator against a server that does nothing; absent
    /// where one of the runs has no such reference. Nothing is refused or corrected for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<ReferenceChange>,
    /// One for each figure of each cell that both have.
    pub rows: Vec<Compared>,
}

/// One figure of one cell in both runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Compared {
    /// The workload's name in the plan.
    pub workload: String,
    /// The model.
    pub model: String,
    /// What was measured; its unit is in its name.
    pub metric: String,
    /// Median over the trials of the base.
    pub base: f64,
    /// Median over the trials of the other.
    pub new: f64,
    /// The new over the base: of geometric means.
    pub ratio: f64,
    /// Where that ratio may be, at 95 %.
    pub interval: Interval,
    /// How likely such a ratio would be without a difference, adjusted by Holm for all cells of
    /// this metric.
    pub p_value: f64,
    /// The same by Mann and Whitney's exact test, which assumes nothing of the shape; not adjusted.
    pub p_value_by_rank: f64,
    /// What it comes to; absent where there are too few trials to say, or a cell is invalid.
    pub verdict: Option<Verdict>,
    /// Why there is no verdict.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why_none: Option<String>,
}
