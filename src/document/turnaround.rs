//! How long clients took that had so many requests and went.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{CellQuantile, Distribution, Estimate};

/// How long each client took, from its connect(2), or from the beginning of the load if it was
/// connected before, to the last of the replies that its connection carried. Of clients whose last reply came within the measurement, and was right.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Turnaround {
    /// All of them together.
    pub total_ns: u64,
    /// Each of them; its mean is their average.
    pub times: Distribution,
}

/// The same over the trials of a cell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CellTurnaround {
    /// The mean of a trial's clients, in nanoseconds.
    pub mean_ns: Estimate,
    /// The sum over a trial's clients, in nanoseconds.
    pub total_ns: Estimate,
    /// Quantiles of a trial's clients.
    pub quantiles: Vec<CellQuantile>,
}
