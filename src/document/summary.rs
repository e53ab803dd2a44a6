//! A run summed up: what each model did under each workload, over all its trials.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ArrivalsRecord, Host, SchemaId, Status, Validity};

/// A whole run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Summary {
    /// Which document this is.
    pub schema: SchemaId,
    /// The run.
    pub run: RunRecord,
    /// Where it ran.
    pub host: Host,
    /// One for each workload and model, workloads in the plan's order, models in teaching order.
    pub cells: Vec<Cell>,
}

/// A run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RunRecord {
    /// Its id, and the name of its folder.
    pub id: String,
    /// The plan's name.
    pub plan: String,
    /// What the plan asks.
    pub question: String,
    /// When it started, RFC 3339, UTC.
    pub started_at: String,
    /// When this summary was written, RFC 3339, UTC.
    pub written_at: String,
    /// The command that made it.
    pub command: Vec<String>,
    /// The version of this program.
    pub program_version: String,
    /// What decides order and arrivals.
    pub seed: u64,
    /// Trials of the plan.
    pub trials_planned: usize,
    /// Trials made so far.
    pub trials_done: usize,
    /// Whether somebody ended it early; `--resume` goes on.
    pub interrupted: bool,
    /// Processors of the servers; empty if they were not pinned.
    pub server_cpus: Vec<usize>,
    /// Processors of the load generator; empty if it was not pinned.
    pub client_cpus: Vec<usize>,
    /// How rates that depend on measurements were decided.
    pub notes: Vec<String>,
}

/// One model under one workload.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cell {
    /// The workload's name in the plan.
    pub workload: String,
    /// The model.
    pub model: String,
    /// When requests were sent.
    pub arrivals: ArrivalsRecord,
    /// Connections.
    pub connections: usize,
    /// Its trials' files, below the run's folder.
    pub trials: Vec<String>,
    /// Right replies per second.
    pub throughput_per_s: Estimate,
    /// Quantiles of the headline latency: response time in an open loop, service time in a
    /// closed one.
    pub latency: Vec<CellQuantile>,
    /// Server CPU time for each right reply, in nanoseconds; absent without replies.
    pub server_cpu_per_request_ns: Option<Estimate>,
    /// Client CPU time for each right reply, in nanoseconds; absent without replies.
    pub client_cpu_per_request_ns: Option<Estimate>,
    /// The server's proportional set size.
    pub pss_bytes: Estimate,
    /// Replies that were checked.
    pub replies_checked: u64,
    /// Of these, wrong ones.
    pub replies_wrong: u64,
    /// The validity of its median trial, as its figures are medians; invalid whatever the others
    /// say when a reply was wrong or a census did not add up.
    pub validity: Validity,
    /// What was flagged in at least one trial, one for each check.
    pub flags: Vec<Flag>,
}

/// A check that did not pass in some trial of a cell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Flag {
    /// The check.
    pub name: String,
    /// In how many trials of the cell.
    pub trials: usize,
    /// What the worst of them was.
    pub status: Status,
    /// How far that was beyond the check's limit: their ratio, 1 or more.
    pub excess: f64,
    /// What it said.
    pub message: String,
}

/// A figure over several trials. Three trials support no interval of confidence; what is given
/// is their median and their spread.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Estimate {
    /// The median of the trials.
    pub median: f64,
    /// The smallest of them.
    pub min: f64,
    /// The largest of them.
    pub max: f64,
    /// All of them, in the order of their blocks.
    pub values: Vec<f64>,
}

impl Estimate {
    /// Of these values; `None` without any.
    #[must_use]
    pub fn of(values: &[f64]) -> Option<Self> {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (min, max) = (*sorted.first()?, *sorted.last()?);
        let middle = sorted.len() / 2;
        let median = if sorted.len() % 2 == 1 {
            sorted[middle]
        } else {
            f64::midpoint(sorted[middle - 1], sorted[middle])
        };
        Some(Self { median, min, max, values: values.to_vec() })
    }
}

/// One quantile over several trials.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CellQuantile {
    /// From 0 to 1.
    pub q: f64,
    /// In nanoseconds; absent where a trial had too few samples to say.
    pub value_ns: Option<Estimate>,
    /// Whether some trial's value is a lower bound.
    pub at_least: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_estimate_is_the_median_and_the_spread() {
        let odd = Estimate::of(&[3.0, 1.0, 2.0]).expect("values");
        assert_eq!((odd.median, odd.min, odd.max), (2.0, 1.0, 3.0));
        assert_eq!(odd.values, [3.0, 1.0, 2.0]);
        assert!((Estimate::of(&[1.0, 2.0]).expect("values").median - 1.5).abs() < 1e-12);
        assert_eq!(Estimate::of(&[]), None);
    }
}
