//! Resources that the load generator used.

#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{PacingRecord, StandstillRecord};

/// What the load generator used during the measurement.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ClientAccount {
    /// How its threads talked to the kernel: `epoll` or `io-uring`; absent in older documents,
    /// which are of `epoll`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine: Option<String>,
    /// CPU time of all its threads.
    pub cpu_ns: u64,
    /// The same for each correct reply, without what they spun; absent without replies.
    pub cpu_per_request_ns: Option<f64>,
    /// CPU time over elapsed time of its busiest thread, without what it spun: near 1 it was the
    /// limit.
    pub busiest_thread_share: f64,
    /// How its threads waited for due times.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pacing: Option<PacingRecord>,
    /// Share of the time in which its threads looked for replies without a pause and there were
    /// none, all together; absent where they did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spin_share: Option<f64>,
    /// Ready sockets per wake-up, on average.
    pub events_per_wake: f64,
    /// Standstills of its threads; absent in documents of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standstill: Option<StandstillRecord>,
}
