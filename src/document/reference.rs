//! The null baseline (in documents: reference): the load generator's results against a server that
//! only echoes, in every block.

#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Estimate;

/// The same short closed loop against the null baseline in every block. It is in no ranking.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Reference {
    /// Its trials, in the order of the blocks; those of later parts come last.
    pub trials: Vec<ReferenceTrial>,
    /// Connections.
    pub connections: usize,
    /// Right replies per second: what the generator can do at most.
    pub throughput_per_s: Estimate,
    /// Client CPU time for each correct reply, in nanoseconds, over the trials that have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_cpu_per_request_ns: Option<Estimate>,
    /// CPU time of the null baseline for each correct reply, likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_cpu_per_request_ns: Option<Estimate>,
    /// CPU time that is more by this share than the median, or the median by this share more than it, is a
    /// spell.
    pub margin: f64,
    /// Where the machine was not as in the other blocks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub spells: Vec<Spell>,
    /// All that in a sentence, without the spells.
    pub sentence: String,
}

/// The null baseline of one block, or of its later part.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ReferenceTrial {
    /// Its file, below the run's folder.
    pub file: String,
    /// Its block, from 0.
    pub block: u32,
    /// Whether it is of the later part, in which workloads take their rates from what others came to.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub later: bool,
    /// In a run by rounds, the workload that it was measured beside; the block is then the round.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beside: Option<String>,
    /// Right replies per second.
    pub throughput_per_s: f64,
    /// Client CPU time for each correct reply, in nanoseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_cpu_per_request_ns: Option<f64>,
    /// CPU time of the null baseline for each correct reply, in nanoseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_cpu_per_request_ns: Option<f64>,
}

/// A block, or its later part, in which the null baseline took another CPU time for each request than usual.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Spell {
    /// The block, from 0.
    pub block: u32,
    /// Whether it is its later part.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub later: bool,
    /// Client CPU time for each request over the median of all blocks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_ratio: Option<f64>,
    /// The same of the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_ratio: Option<f64>,
    /// All that in a sentence.
    pub sentence: String,
}

/// Models whose throughput reaches that of the generator against the null baseline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct GeneratorBound {
    /// Replies per second that the generator had from the null baseline.
    pub null_per_s: f64,
    /// The share of that from which on a model is limited by the generator.
    pub share: f64,
    /// The models, in the order of the cells.
    pub models: Vec<String>,
    /// All that in a sentence.
    pub sentence: String,
}

/// The null baseline of one run over that of another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ReferenceChange {
    /// Client CPU time for each request: of the medians.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_ratio: Option<f64>,
    /// The same of the null baseline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_ratio: Option<f64>,
    /// Right replies per second: of the medians.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub throughput_ratio: Option<f64>,
    /// What the intervals of this comparison were widened by; absent where the runs are one, or a null baseline is
    /// of a single trial.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub widened: Option<Widened>,
    /// What follows; absent where both are alike.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sentence: Option<String>,
}

/// Factors by which intervals between two runs are widened at either end: the possible change of
/// the null baseline, which is the same in both runs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Widened {
    /// Of throughput and of latencies.
    pub throughput: f64,
    /// Of CPU time for each request.
    pub cost: f64,
}

impl Reference {
    /// Of these trials, without anything that follows from their values; `None` without any.
    #[must_use]
    pub fn from_trials(connections: usize, trials: Vec<ReferenceTrial>) -> Option<Self> {
        let known = |of: fn(&ReferenceTrial) -> Option<f64>| {
            Estimate::from_values(&trials.iter().filter_map(of).collect::<Vec<_>>())
        };
        let throughput_per_s = known(|trial| Some(trial.throughput_per_s))?;
        let client_cpu_per_request_ns = known(|trial| trial.client_cpu_per_request_ns);
        let server_cpu_per_request_ns = known(|trial| trial.server_cpu_per_request_ns);
        Some(Self {
            connections,
            throughput_per_s,
            client_cpu_per_request_ns,
            server_cpu_per_request_ns,
            trials,
            margin: 0.0,
            spells: Vec::new(),
            sentence: String::new(),
        })
    }
}
