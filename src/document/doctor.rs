//! Findings about this machine.

#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Host, SchemaId, Status, Validity};

/// What on this machine will spoil a measurement.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct DoctorReport {
    /// Which document this is.
    pub schema: SchemaId,
    /// When it was made, RFC 3339, UTC.
    pub made_at: String,
    /// The version of this program.
    pub program_version: String,
    /// The machine.
    pub host: Host,
    /// Everything that was looked at, good or not. What the kernel does not show is left out.
    pub findings: Vec<Finding>,
    /// One model against itself; absent without `--aa`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub noise: Option<Noise>,
    /// What the findings come to: invalid if something would spoil every measurement.
    pub verdict: Validity,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Finding {
    /// Its name.
    pub name: String,
    /// Whether it is as it should be.
    pub status: Status,
    /// The observation.
    pub value: String,
    /// What it should be.
    pub limit: String,
    /// Why it matters to a measurement.
    pub why: String,
    /// How to fix it, with a command if there is one; empty if nothing has to be fixed.
    pub mend: String,
}

/// One model measured against itself: whatever differs is noise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Noise {
    /// The model.
    pub model: String,
    /// Length of each trial.
    pub measure_ns: u64,
    /// Connections, in a closed loop.
    pub connections: usize,
    /// The ratio of throughputs, first over second.
    pub throughput: Ratio,
    /// The ratio of server CPU time per request, first over second.
    pub cpu_per_request: Ratio,
}

/// Ratios of pairs of trials that should all be 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Ratio {
    /// Of each pair, in the order in which they were measured.
    pub pairs: Vec<f64>,
    /// Their median.
    pub median: f64,
    /// The smallest.
    pub min: f64,
    /// The largest.
    pub max: f64,
    /// The farthest of them from 1, as a share: a difference between two models below this means
    /// nothing here.
    pub noise: f64,
}
