//! What the server used.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the server used during the measurement, all its processes together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServerAccount {
    /// CPU time, user and system.
    pub cpu_ns: u64,
    /// Of that, in user mode, as far as the kernel's ticks tell.
    pub cpu_user_share: f64,
    /// CPU time for each right reply; absent without replies.
    pub cpu_per_request_ns: Option<f64>,
    /// CPU time over elapsed time; above 1 on several processors.
    pub cpu_share: f64,
    /// Memory at the end of the measurement.
    pub memory: Memory,
    /// Context switches, of the warm-up and the measurement.
    pub switches: Switches,
    /// Threads at the end of the measurement.
    pub threads: u64,
    /// Processes at the end of the measurement.
    pub processes: u64,
    /// What TCP counted on the whole machine, in the warm-up and the measurement.
    pub tcp: Tcp,
    /// How CPU time was read.
    pub method: String,
}

/// Memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Memory {
    /// Proportional set size: pages that processes share are divided among them.
    pub pss_bytes: u64,
    /// Of that, private to it and not backed by a file: heap and stacks.
    pub anonymous_bytes: u64,
    /// Largest resident set so far.
    pub rss_peak_bytes: u64,
}

/// Context switches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Switches {
    /// It waited for something.
    pub voluntary: u64,
    /// It was preempted.
    pub involuntary: u64,
}

/// Counters of the kernel's TCP, for the whole machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tcp {
    /// Connections dropped because a listener's queue was full.
    pub listen_overflows: u64,
    /// Connections dropped at a listener for any reason.
    pub listen_drops: u64,
    /// Segments sent again.
    pub retransmits: u64,
}
