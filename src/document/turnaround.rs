//! Turnaround times of clients that leave after a fixed number of requests.

#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{CellQuantile, Distribution, Estimate};

/// The time of each client from its connect(2), or from the beginning of the load if it was
/// connected before, to the last reply on its connection. It covers clients whose last reply was
/// correct and arrived within the measurement.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Turnaround {
    /// All of them together.
    pub total_ns: u64,
    /// Each of them; its mean is their average.
    pub times: Distribution,
}

/// The same over the trials of a cell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CellTurnaround {
    /// The mean of a trial's clients, in nanoseconds.
    pub mean_ns: Estimate,
    /// The sum over a trial's clients, in nanoseconds.
    pub total_ns: Estimate,
    /// Quantiles of a trial's clients.
    pub quantiles: Vec<CellQuantile>,
}
