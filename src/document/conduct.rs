//! How the connections of a load behaved, apart from sending requests.

use std::collections::BTreeMap;

#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The requested conduct; present if it is not the default: connections that stay open, with one
/// request in flight each.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ConductRecord {
    /// Requests that a connection carried before it was closed and opened again; absent where
    /// connections stayed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests_per_connection: Option<u64>,
    /// Age from which on a connection was closed and opened again; absent where they stayed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifetime_ns: Option<u64>,
    /// Requests in flight on a connection at most.
    pub pipeline: usize,
    /// How long clients thought between a reply and their next request; absent where they did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub think_time: Option<ThinkRecord>,
    /// Silent connections beside the load.
    pub idle_connections: usize,
    /// Local addresses that connections came from in turn; empty where the kernel chose.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<String>,
    /// Connections beside the load that misbehaved, by how.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub misbehaving: BTreeMap<String, usize>,
}

/// How long clients thought.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum ThinkRecord {
    /// Always as long.
    Constant {
        /// So long.
        time_ns: u64,
    },
    /// Exponentially distributed.
    Exponential {
        /// Their mean.
        mean_ns: u64,
        /// Their seed.
        seed: u64,
    },
    /// Every time between two is as likely.
    Uniform {
        /// The shortest.
        low_ns: u64,
        /// The longest.
        high_ns: u64,
        /// Their seed.
        seed: u64,
    },
}

/// The silent connections that were opened before the load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct IdleConnections {
    /// Requested.
    pub asked: usize,
    /// Opened.
    pub opened: usize,
    /// Of these, closed or reset by the server before the measurement was over.
    pub idle_lost: usize,
}

/// The clients that misbehaved in one way. They are in no other figure of the document.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct MisbehavingClients {
    /// How many there were.
    pub connections: usize,
    /// How often they opened a connection.
    pub opened: u64,
    /// Attempts to open one that failed.
    pub connect_failures: u64,
    /// Requests that they sent to the end.
    pub requests: u64,
    /// Right replies that they got.
    pub right: u64,
    /// How their connections ended: `closed` and `reset` by the server, `done` and `reset_by_us` as
    /// intended, `no_reply` after the request timeout, `wrong_reply`, `refused`. Those that were
    /// open at the end of the measurement are not in it.
    pub ended: BTreeMap<String, u64>,
}
