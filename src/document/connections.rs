//! The connections of a trial.

use std::collections::BTreeMap;

#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::IdleConnections;
use super::is_zero;

/// The connections, and how evenly they were served.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Connections {
    /// Requested.
    pub asked: usize,
    /// Open when the load began.
    pub opened: usize,
    /// Opened again later.
    pub reconnects: u64,
    /// Attempts that failed.
    pub connect_failures: u64,
    /// The same by reason: `refused`, `timed_out`, `reset`, `unreachable`, `no_port`,
    /// `no_descriptor` or `io`. Absent if there were none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub connect_errors: BTreeMap<String, u64>,
    /// Of these, those before the load began: the server may just have been starting. Absent if there
    /// were none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub connect_errors_before_load: BTreeMap<String, u64>,
    /// Messages on a connection without an outstanding request. Absent if there were none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unsolicited: u64,
    /// How many had at least one correct reply in the measurement.
    pub served: usize,
    /// Right replies of the least served one.
    pub ok_min: u64,
    /// Right replies of the most served one.
    pub ok_max: u64,
    /// Jain's fairness index of correct replies: 1 is even, 1/n is one client taking all (Jain,
    /// Chiu, Hawe 1984).
    pub jain: f64,
    /// Requests in flight on average, by Little's law: throughput times mean service time, both of
    /// the correct replies that arrived within the measurement. In a closed loop, together with the
    /// clients that think or connect, it should equal the number of connections (times the depth of
    /// pipelining): the interactive response time law.
    pub effective_concurrency: f64,
    /// Mean service time of the same replies, of the client where it is longest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slowest_mean_ns: Option<u64>,
    /// Clients that thought, on average.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub thinking: f64,
    /// Connections that were being opened in the measurement, on average.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub connecting: f64,
    /// Closed by the generator, having carried their requests or being old, in all phases.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub closed_by_us: u64,
    /// Attempts that failed for want of a local port; they are in `connect_failures` too.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub port_shortages: u64,
    /// Silent connections beside these; absent if there were none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle: Option<IdleConnections>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_nothing(x: &f64) -> bool {
    *x == 0.0
}
