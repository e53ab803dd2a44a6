//! The steps of a staircase.

#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{CellQuantile, Distribution, Estimate};

/// One step of a staircase. A request belongs to the step in which it was due.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct StepRecord {
    /// Start, from the start of the measurement.
    pub start_ns: u64,
    /// Length.
    pub width_ns: u64,
    /// Requests per second.
    pub rate_per_s: f64,
    /// Requests that were due in it.
    pub offered: u64,
    /// Of these, answered, and the reply was right.
    pub ok: u64,
    /// Of these, failed, timeouts included.
    pub failed: u64,
    /// Their response times.
    pub response: Distribution,
}

/// The same step over the trials of a cell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CellStep {
    /// Start, from the start of the measurement.
    pub start_ns: u64,
    /// Length.
    pub width_ns: u64,
    /// Requests per second.
    pub rate_per_s: f64,
    /// The share of the requests due in it that were answered rightly, however late.
    pub answered: Estimate,
    /// Quantiles of their response times.
    pub response: Vec<CellQuantile>,
}
