//! One trial: a fresh server, a load, and the results.

use std::collections::BTreeMap;

#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Census, Check, ClientAccount, Conditions, Connections, Contention, Factor, Greetings, Host,
    Imbalance, Interval, Latency, LoadRecord, MisbehavingClients, Part, SchemaId, SentGaps,
    ServerAccount, SessionsRecord, Steadiness, StepRecord, Sums, Turnaround, Validity, Worker,
};

/// One trial, and the document that `c10k load --json` writes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Trial {
    /// Which document this is.
    pub schema: SchemaId,
    /// Where this trial belongs.
    pub run: TrialRecord,
    /// What was measured.
    pub target: Target,
    /// How it was loaded.
    pub load: LoadRecord,
    /// How long each phase took.
    pub phases: Phases,
    /// The outcomes of all requests of the measurement.
    pub census: Census,
    /// Right replies in the measurement, per second of it.
    pub throughput_per_s: f64,
    /// Where the time went.
    pub latency: Latency,
    /// The measurement in slices.
    pub intervals: Vec<Interval>,
    /// The steps of a staircase, in their order; absent for any other load.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<StepRecord>,
    /// Autocorrelation and trend of the headline latencies; absent if there are too few.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steadiness: Option<Steadiness>,
    /// Whether random arrivals were sent as such; absent where there are none, or too few.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_gaps: Option<SentGaps>,
    /// The connections, and how evenly they were served.
    pub connections: Connections,
    /// The outcomes of the greetings; absent if none were expected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub greetings: Option<Greetings>,
    /// The outcomes of the sessions; absent if there were none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sessions: Option<SessionsRecord>,
    /// How long clients took in all; absent where connections carried any number of requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turnaround: Option<Turnaround>,
    /// The outcomes of the misbehaving clients beside the load, by kind; absent if there were none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub misbehaving: BTreeMap<String, MisbehavingClients>,
    /// How many connections each worker of the server took, by their greetings and in the order of
    /// their numbers. Those that took none are not listed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub workers: Vec<Worker>,
    /// How unevenly; absent where a connection belongs to no worker, or there is only one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub imbalance: Option<Imbalance>,
    /// What the load generator used.
    pub client: ClientAccount,
    /// What the server used; absent for a server that this program did not start.
    pub server: Option<ServerAccount>,
    /// Where it ran.
    pub host: Host,
    /// Competition for the processors; absent if the kernel does not report it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contention: Option<Contention>,
    /// What else the machine did meanwhile; absent in documents of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conditions: Option<Conditions>,
    /// What this document was added up from, in the order of the parts; empty for one that was not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub merged: Vec<Part>,
    /// The whole numbers behind means and ratios; absent in documents of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sums: Option<Sums>,
    /// Everything that was checked, passed or not.
    pub checks: Vec<Check>,
    /// What the checks come to.
    pub validity: Validity,
}

impl Trial {
    /// Whether the server's memory lacks what it shares with the generator; `None` without an
    /// account of it.
    #[must_use]
    pub fn shares_program(&self) -> Option<bool> {
        let memory = self.server.as_ref()?.memory;
        // Only a server of this program has said that it is ready.
        Some(memory.shares_program.unwrap_or(self.target.ready.is_some()))
    }
}

/// Where a trial belongs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct TrialRecord {
    /// The run's id; `load` for a load on its own.
    pub id: String,
    /// The workload's name in the plan.
    pub workload: String,
    /// The workload that the plan varied, where this one is a point of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub series: Option<String>,
    /// The varied settings, and their values here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub factors: Vec<Factor>,
    /// Whether the model is measured a second time in each block, to tell the noise of the machine.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub twin: bool,
    /// Which repetition, from 0. Every model is measured once in each block.
    pub block: u32,
    /// The trial's number in the run, from 0, in order of time.
    pub position: u32,
    /// The run's seed, which decides order and arrivals.
    pub seed: u64,
    /// When it started, RFC 3339, UTC.
    pub started_at: String,
    /// The version of this program.
    pub program_version: String,
    /// The command that made it.
    pub command: Vec<String>,
    /// The check by which something outside of the server has spoiled it, where that is so: it is kept, and counts
    /// for nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spoiled: Option<String>,
}

/// What was measured.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// Address and port, or `unix:` and the path of a socket in the file system.
    pub address: String,
    /// The target as given on the command line, if it is a name or a URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The model, if the server is one of c10k's.
    pub model: Option<String>,
    /// The server's ready line.
    pub ready: Option<serde_json::Value>,
    /// Its stopped line: among others `counters`, the outcomes of its connections, and `workers`,
    /// the connections and requests of each worker, if each connection belongs to one.
    pub stopped: Option<serde_json::Value>,
    /// Processors it was pinned to; empty if it was not.
    pub cpus: Vec<usize>,
}

/// How long each phase took.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Phases {
    /// Opening all connections.
    pub connect_ns: u64,
    /// Load that was not recorded.
    pub warmup_ns: u64,
    /// Trials until it was found to be long enough, this one included; absent where it was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warmup_trials: Option<u32>,
    /// Load that was.
    pub measure_ns: u64,
    /// Waiting for open requests.
    pub drain_ns: u64,
    /// Whether it was interrupted.
    pub interrupted: bool,
}
