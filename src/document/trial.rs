//! One trial: a fresh server, a load, and what came of it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Check, ClientAccount, Conditions, ConductRecord, Connections, Contention, Distribution,
    DrawRecord, Factor, Greetings, Host, Imbalance, MisbehavingClients, Part, SchemaId, SentGaps,
    ServerAccount, SessionsRecord, ShardRecord, Steadiness, StepRecord, Sums, Turnaround, Validity,
    Worker,
};

/// One trial, and the document that `c10k load --json` writes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
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
    /// What became of every request of the measurement.
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
    /// How the headline latencies hang together in time; absent where there are too few.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steadiness: Option<Steadiness>,
    /// Whether random arrivals were sent as such; absent where there are none, or too few.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_gaps: Option<SentGaps>,
    /// The connections, and how evenly they were served.
    pub connections: Connections,
    /// What became of the greetings; absent where none were expected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub greetings: Option<Greetings>,
    /// What became of the sessions; absent where requests were no steps of such.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sessions: Option<SessionsRecord>,
    /// How long clients took in all; absent where connections carried any number of requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turnaround: Option<Turnaround>,
    /// What became of the clients that misbehaved beside the load, by how they did; absent without
    /// any.
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
    /// Who wanted the processors; absent where the kernel does not tell.
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

/// Where a trial belongs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrialRecord {
    /// The run's id; `load` for a load on its own.
    pub id: String,
    /// The workload's name in the plan.
    pub workload: String,
    /// The workload that the plan varied, where this one is a point of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub series: Option<String>,
    /// What was varied, and what it is here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub factors: Vec<Factor>,
    /// Whether the model is measured a second time in each block, to tell the noise of the machine.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub twin: bool,
    /// Which repetition, from 0. Every model is measured once in each block.
    pub block: u32,
    /// Which trial of the whole run, from 0, in the order in which they were made.
    pub position: u32,
    /// The run's seed, which decides order and arrivals.
    pub seed: u64,
    /// When it started, RFC 3339, UTC.
    pub started_at: String,
    /// The version of this program.
    pub program_version: String,
    /// The command that made it.
    pub command: Vec<String>,
}

/// What was measured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// Address and port.
    pub address: String,
    /// The model, if the server is one of ours.
    pub model: Option<String>,
    /// What the server said of itself when it was ready.
    pub ready: Option<serde_json::Value>,
    /// What it said when it had stopped: among others `counters`, what became of its connections,
    /// and `workers`, the connections and requests of each, where each connection belongs to one.
    pub stopped: Option<serde_json::Value>,
    /// Processors it was pinned to; empty if it was not.
    pub cpus: Vec<usize>,
}

/// How it was loaded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LoadRecord {
    /// The application.
    pub app: String,
    /// The framing.
    pub framing: String,
    /// What every request asked for.
    pub request: RequestRecord,
    /// When requests were sent.
    pub arrivals: ArrivalsRecord,
    /// Connections.
    pub connections: usize,
    /// Threads of the generator.
    pub threads: usize,
    /// Processors they were pinned to; empty if they were not.
    pub cpus: Vec<usize>,
    /// A request without a reply for so long counted as timed out.
    pub request_timeout_ns: u64,
    /// Whether every connection had to begin with a greeting.
    #[serde(default)]
    pub greeting: bool,
    /// Which part of the schedule this is; absent for a generator on its own. The rate above is
    /// that of all parts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<ShardRecord>,
    /// How the connections behaved, where it is not the usual.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conduct: Option<ConductRecord>,
}

/// What every request asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum RequestRecord {
    /// So many bytes of text returned.
    Echo {
        /// Bytes of text.
        bytes: usize,
    },
    /// Two whole numbers multiplied.
    Multiply {
        /// Decimal digits of each.
        digits: usize,
    },
    /// CPU burnt, a wait waited, a reply of a certain size.
    Work {
        /// Rounds of CPU work.
        rounds: u64,
        /// The wait.
        wait_ns: u64,
        /// Bytes of the reply.
        reply_bytes: usize,
    },
    /// A step of a session, of which every connection has its own.
    Session {
        /// Steps of each.
        steps: u32,
        /// Bytes of history that the server keeps for each.
        history_bytes: usize,
        /// Where it keeps their state, if that was known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        home: Option<String>,
    },
    /// As `echo`, of a size that was drawn for each request.
    EchoDrawn {
        /// Bytes of text.
        bytes: DrawRecord,
        /// Seed of the draws.
        seed: u64,
    },
    /// As `work`, with numbers that were drawn for each request.
    WorkDrawn {
        /// Rounds of CPU work.
        rounds: DrawRecord,
        /// The wait, of which whole microseconds were asked for.
        wait_ns: DrawRecord,
        /// Bytes of the reply.
        reply_bytes: DrawRecord,
        /// Seed of the draws.
        seed: u64,
    },
    /// A request to any HTTP server.
    Http {
        /// The method.
        method: String,
        /// The path.
        path: String,
        /// Header fields beside those that every request has.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        headers: Vec<String>,
        /// Bytes of its body.
        body_bytes: usize,
        /// The status that was expected; without one, any from 200 to 299.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        status: Option<u16>,
        /// How long every body had to be.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expect_bytes: Option<u64>,
        /// Whether bodies could differ in length; otherwise all had to be as long as the first.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        any_length: bool,
    },
}

/// When requests were sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum ArrivalsRecord {
    /// Each connection sent its next request when it had its reply.
    Closed,
    /// Open loop, evenly spaced.
    Constant {
        /// Requests per second.
        rate_per_s: f64,
    },
    /// Open loop, exponentially spaced.
    Poisson {
        /// Requests per second, on average.
        rate_per_s: f64,
        /// Seed of the spacing.
        seed: u64,
    },
    /// Open loop, at a rate that changed along a line during the measurement.
    Ramp {
        /// Requests per second at its beginning, and during the warm-up.
        from_per_s: f64,
        /// Requests per second at its end.
        to_per_s: f64,
        /// How long the change took.
        over_ns: u64,
        /// Seed of exponential spacing; absent if spaced as evenly as the rate allows.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        seed: Option<u64>,
    },
    /// Open loop, at one rate after another during the measurement; `steps` has what each came to.
    Staircase {
        /// Requests per second of each step; the first also during the warm-up.
        rates_per_s: Vec<f64>,
        /// Length of each step.
        step_ns: u64,
        /// Seed of exponential spacing; absent if spaced evenly.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        seed: Option<u64>,
    },
    /// Open loop, at the times of a file.
    Replay {
        /// Times in the file; those within the measurement are `census.offered`.
        requests: u64,
        /// The last of them, from the start of the measurement.
        span_ns: u64,
    },
}

impl ArrivalsRecord {
    /// Whether requests were due at times that the server could not move.
    #[must_use]
    pub fn is_open(&self) -> bool {
        *self != Self::Closed
    }

    /// Whether the rate was to change during the measurement.
    #[must_use]
    pub fn changes(&self) -> bool {
        matches!(self, Self::Ramp { .. } | Self::Staircase { .. })
    }

    /// The rate of an open loop, that of all generators together, its mean if it changed; `None`
    /// of a replay, which has none.
    #[must_use]
    pub fn rate_per_s(&self) -> Option<f64> {
        match self {
            Self::Closed | Self::Replay { .. } => None,
            Self::Constant { rate_per_s } | Self::Poisson { rate_per_s, .. } => Some(*rate_per_s),
            Self::Ramp { from_per_s, to_per_s, .. } => Some(f64::midpoint(*from_per_s, *to_per_s)),
            Self::Staircase { rates_per_s, .. } => {
                let count = crate::units::as_f64(rates_per_s.len() as u64);
                Some(rates_per_s.iter().sum::<f64>() / count)
            }
        }
    }
}

/// How long each phase took.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
    /// Waiting for what was still open.
    pub drain_ns: u64,
    /// Whether somebody ended it early.
    pub interrupted: bool,
}

/// What became of every request of the measurement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Census {
    /// Requests that became due (open loop) or were sent (closed loop).
    pub offered: u64,
    /// Of these, sent.
    pub sent: u64,
    /// Answered, and the reply was right.
    pub ok: u64,
    /// Failed, by reason.
    pub errors: BTreeMap<String, u64>,
    /// No reply within the request timeout.
    pub timeouts: u64,
    /// Sent, and without reply when the drain ended.
    pub unfinished: u64,
    /// Due, and not sent when the drain ended.
    pub never_sent: u64,
    /// Whether the above add up.
    pub reconciles: bool,
    /// The first wrong reply, for people.
    pub wrong_example: Option<String>,
}

impl Census {
    /// Requests that failed, for whatever reason.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.errors.values().sum::<u64>() + self.timeouts
    }

    /// Replies that were not what they had to be.
    #[must_use]
    pub fn wrong(&self) -> u64 {
        self.errors.get("wrong_reply").copied().unwrap_or(0)
    }
}

/// Where the time went.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Latency {
    /// From due to done. Absent in a closed loop, which has no due times.
    pub response: Option<Distribution>,
    /// From sent to done.
    pub service: Distribution,
    /// Part of due to sent in which every connection was busy: the server's doing.
    pub conn_wait: Distribution,
    /// Part of due to sent in which a connection was free: the generator's doing.
    pub sched_lag: Distribution,
    /// Opening a connection.
    pub connect: Distribution,
    /// Samples, of all of these together, that were longer than a histogram holds and are in it as
    /// the longest. Absent if there were none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub saturated: u64,
    /// From connect(2) to the greeting, in all phases; absent without greetings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub greeting: Option<Distribution>,
    /// Of that, from connect(2) until the server had accepted; of greetings that arrived.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accept_delay: Option<Distribution>,
    /// Of that, from then on until a worker took it; of greetings that arrived.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue_delay: Option<Distribution>,
}

impl Latency {
    /// What a client felt: response time in an open loop, service time in a closed one.
    #[must_use]
    pub fn headline(&self) -> &Distribution {
        self.response.as_ref().unwrap_or(&self.service)
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
pub(super) fn is_zero(n: &u64) -> bool {
    *n == 0
}

/// One slice of the measurement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Interval {
    /// Start, from the start of the measurement.
    pub start_ns: u64,
    /// Length.
    pub width_ns: u64,
    /// Right replies.
    pub ok: u64,
    /// Failed requests.
    pub failed: u64,
    /// Median of the headline latency, if there were replies.
    pub p50_ns: Option<u64>,
    /// 99th percentile of the headline latency, if there were replies.
    pub p99_ns: Option<u64>,
    /// Largest headline latency, if there were replies.
    pub max_ns: Option<u64>,
    /// The histogram of the headline latency to two digits, in the form of
    /// [`Distribution::histogram`]; absent without replies, and in documents of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub histogram: Option<String>,
}
