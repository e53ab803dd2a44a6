//! Several generators that load one server together, and the fields that are needed to merge their
//! documents.

use std::collections::BTreeMap;

#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Host;

/// Which part of a schedule a generator made, or with several added up, which parts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ShardRecord {
    /// How many generators there are in all.
    pub of: u64,
    /// The numbers of those in this document, from 0, in ascending order.
    pub parts: Vec<u64>,
    /// The launcher that chose the part; absent if options did, and in a sum.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub launcher: Option<LauncherRecord>,
    /// How it was started together with the others; absent where it was not, and in a sum.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<StartRecord>,
    /// The machine of each part of the load, in their order; empty where they did not meet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<String>,
}

/// The environment variables that chose the part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct LauncherRecord {
    /// `slurm`, `kubernetes`, `openmpi`, `pmi` or `pmix`; several that agree with a `+` between
    /// them.
    pub name: String,
    /// The variables and options that were read.
    pub variables: BTreeMap<String, String>,
}

/// How generators agreed on when to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum StartBy {
    /// Each was given the time.
    Time,
    /// The parts met at part 0, which chose the time.
    Rendezvous,
}

/// How a generator was started together with others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct StartRecord {
    /// How they agreed.
    pub by: StartBy,
    /// When the load, its warm-up included, was to begin, nanoseconds since the Unix epoch: by the
    /// clock of part 0 if they met there, otherwise by this generator's own.
    pub at_unix_ns: u64,
    /// How long after that it began, by this generator's clock; below 0 if it was early.
    pub late_ns: i64,
    /// How far this generator's clock is from the others'.
    pub clock: ClockRecord,
    /// By how much this generator's clock was set from before that comparison to the end of the load, forward if it is
    /// above 0: it did not begin when it was to. Absent where nobody set it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jumped_ns: Option<i64>,
}

/// The error of a generator's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum ClockRecord {
    /// It was compared with that of part 0, before the load.
    Compared {
        /// The offset from this clock to that of part 0.
        offset_ns: i64,
        /// By how much that may be wrong: half the fastest of the exchanges.
        bound_ns: u64,
    },
    /// A time service keeps the clock right; this is the kernel's bound on its error.
    Kept {
        /// That bound.
        bound_ns: u64,
    },
    /// According to the kernel, no time service keeps it right.
    Unknown,
}

/// One of the documents that were added up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// Its number.
    pub shard: u64,
    /// When it started, RFC 3339, UTC.
    pub started_at: String,
    /// When its measurement began, nanoseconds since the Unix epoch.
    pub began_unix_ns: u64,
    /// The command that made it.
    pub command: Vec<String>,
    /// Its connections.
    pub connections: usize,
    /// Its requests.
    pub offered: u64,
    /// CPU time over elapsed time of its busiest thread.
    pub busiest_thread_share: f64,
    /// The launcher that chose the part, if one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub launcher: Option<LauncherRecord>,
    /// How it was started together with the others, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<StartRecord>,
    /// Where it ran.
    pub host: Host,
}

/// The whole numbers behind means and ratios. Unlike means, they can be added up without loss.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Sums {
    /// When the measurement began, nanoseconds since the Unix epoch.
    pub began_unix_ns: u64,
    /// Right replies that arrived within the measurement: over its length, the throughput.
    pub completed: u64,
    /// Right replies of all connections together.
    pub ok: u64,
    /// The sum of the squares of each connection's correct replies, behind Jain's index.
    pub ok_squares: u64,
    /// Service times together, of requests that ended; as the histogram has them.
    pub service_ns: u64,
    /// How many those are.
    pub service_count: u64,
    /// Service times together, of the replies that arrived within the measurement: over its length,
    /// how many requests were in service.
    #[serde(default)]
    pub in_service_ns: u64,
    /// CPU time in which the generator's threads looked for replies without a pause.
    pub spun_ns: u64,
    /// How often a thread of the generator found sockets ready.
    pub wakeups: u64,
    /// How many it found, in all.
    pub events: u64,
}
