//! The highest rate that meets a target, and the trials that show it.

#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{SchemaId, Trial};

/// A whole search, and the document that `c10k load --find-capacity --json` writes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CapacityReport {
    /// Which document this is.
    pub schema: SchemaId,
    /// When it started, RFC 3339, UTC.
    pub started_at: String,
    /// The version of this program.
    pub program_version: String,
    /// The command that made it.
    pub command: Vec<String>,
    /// The target, as in `p99<20ms`.
    pub target: String,
    /// The result.
    pub found: CapacityFound,
    /// Every trial, in the order in which they were made.
    pub probes: Vec<CapacityProbe>,
}

/// The result of a search.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CapacityFound {
    /// Which of the ends it was.
    pub kind: CapacityKind,
    /// Requests per second that met the target; absent where none did.
    pub rate_per_s: Option<f64>,
    /// The lowest rate above it that did not; absent where the server was not shown to fail.
    pub missed_at_per_s: Option<f64>,
    /// The same as a sentence.
    pub sentence: String,
}

/// How a search ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum CapacityKind {
    /// The rate met the target, in a longer trial too, and one 2 % above it did not.
    Capacity,
    /// The rate met the target, and the generator or the machine could not tell of higher ones.
    AtLeast,
    /// No rate met it.
    NotMet,
    /// Verdicts contradicted each other, or none was possible.
    Unsettled,
    /// The search was interrupted.
    Interrupted,
}

/// One trial of a search.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CapacityProbe {
    /// What it was for: `climb`, `bisect`, `repeat` or `confirm`.
    pub stage: String,
    /// Requested rate per second.
    pub rate_per_s: f64,
    /// Whether the target was met.
    pub verdict: CapacityVerdict,
    /// Why, for people.
    pub reason: String,
    /// The trial.
    pub trial: Trial,
}

/// A trial's verdict on a rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum CapacityVerdict {
    /// The target was met.
    Met,
    /// It was not: too slow, too many errors, or not kept up with.
    Missed,
    /// There were too few effective samples to tell.
    TooFew,
    /// The generator or the machine spoilt it.
    Limited,
}
