//! Several generators that load one server together, and what their documents need to be added up.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Host;

/// Which part of a schedule a generator made, or with several added up, which parts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ShardRecord {
    /// How many generators there are in all.
    pub of: u64,
    /// The numbers of those in this document, from 0, in ascending order.
    pub parts: Vec<u64>,
}

/// One of the documents that were added up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
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
    /// Where it ran.
    pub host: Host,
}

/// The whole numbers behind means and ratios. Means cannot be added up without loss; these can.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sums {
    /// When the measurement began, nanoseconds since the Unix epoch.
    pub began_unix_ns: u64,
    /// Right replies that arrived within the measurement: over its length, the throughput.
    pub completed: u64,
    /// Right replies of all connections together.
    pub ok: u64,
    /// The sum of the squares of each connection's right replies, behind Jain's index.
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
