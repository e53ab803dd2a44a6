//! Standstills of the load generator.

#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Distribution;

/// Standstills of the load generator: stopped, preempted, or without its processor. Requests that
/// were due or answered meanwhile waited for the generator, not for the server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct StandstillRecord {
    /// How often one of its threads did for longer than a millisecond, from the beginning of the load
    /// to the end of the drain.
    pub gaps: u64,
    /// Share of the measurement in which its threads stood still, all together.
    pub share: f64,
    /// That time, of all threads together.
    pub measured_ns: u64,
    /// The same in the warm-up and the drain.
    pub outside_ns: u64,
    /// The longest gap.
    pub longest_ns: u64,
    /// When that began, since the beginning of the measurement; negative in the warm-up.
    pub longest_at_ns: i64,
    /// Latencies of the requests that were due, under way or answered in a gap, which are among those
    /// of all; absent without any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests: Option<Distribution>,
}
