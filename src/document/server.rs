//! Resources that the server used.

use std::collections::BTreeMap;

#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::is_zero;

/// What the server used during the measurement, all its processes together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ServerAccount {
    /// CPU time, user and system.
    pub cpu_ns: u64,
    /// Of that, in user mode; absent where nothing tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_user_share: Option<f64>,
    /// User mode and system mode apart; absent where nothing tells, and in documents of earlier
    /// versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_split: Option<CpuSplit>,
    /// Why they are not told apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_split_missing: Option<String>,
    /// CPU time for each correct reply; absent without replies, and where the machine was too busy to
    /// look at the server when the measurement began and ended.
    pub cpu_per_request_ns: Option<f64>,
    /// CPU time over elapsed time; above 1 on several processors.
    pub cpu_share: f64,
    /// Memory at the end of the measurement.
    pub memory: Memory,
    /// Context switches, of the warm-up and the measurement, of the threads that were there at its
    /// end.
    pub switches: Switches,
    /// Threads that were there when the warm-up began and gone at the end: their context switches are
    /// not known.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub threads_ended: u64,
    /// Page faults, of the warm-up and the measurement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub faults: Option<Faults>,
    /// Threads at the end of the measurement.
    pub threads: u64,
    /// Processes at the end of the measurement.
    pub processes: u64,
    /// Open descriptors at the end of the measurement, all processes together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub descriptors: Option<u64>,
    /// The sockets of its port at the end of the measurement, before the generator closes any; absent where
    /// too many others would have to be gone through.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sockets: Option<PortSockets>,
    /// TCP's counters of the whole machine, in the warm-up and the measurement.
    pub tcp: Tcp,
    /// How CPU time was read.
    pub method: String,
}

/// Memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Memory {
    /// Proportional set size: pages that processes share are divided among them.
    pub pss_bytes: u64,
    /// Of that, private to it and not backed by a file: heap and stacks.
    pub anonymous_bytes: u64,
    /// Largest resident set so far.
    pub rss_peak_bytes: u64,
    /// Whether the server runs from the same file as the generator, which then shares the program's pages with
    /// it, so that the proportional set size is too small beside servers of other programs. Absent where the
    /// kernel does not say, and in documents of earlier versions, in which all models do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shares_program: Option<bool>,
}

/// Context switches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Switches {
    /// It waited for something.
    pub voluntary: u64,
    /// It was preempted.
    pub involuntary: u64,
}

/// CPU time in user mode and in the kernel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CpuSplit {
    /// In user mode.
    pub user_ns: u64,
    /// In the kernel. The sum may be a clock tick away from `cpu_ns`, which comes from a finer
    /// clock.
    pub system_ns: u64,
    /// Where that was read.
    pub source: String,
}

/// Page faults.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Faults {
    /// Without reading from a disk.
    pub minor: u64,
    /// With it.
    pub major: u64,
}

/// The sockets of a port, those of the server's end only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PortSockets {
    /// How many are in each TCP state, by the state's name; without listeners.
    pub states: BTreeMap<String, u64>,
    /// Connections that the kernel had accepted and the server not yet; they are in `states` too.
    pub accept_queue: u64,
    /// How the kernel was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
}

/// Counters of the kernel's TCP, for the whole machine. Counters that the kernel does not report
/// are absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Tcp {
    /// Connections dropped because a listener's queue was full.
    pub listen_overflows: u64,
    /// Connections dropped at a listener for any reason.
    pub listen_drops: u64,
    /// Segments sent again.
    pub retransmits: u64,
    /// SYN segments sent again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub syn_retransmits: Option<u64>,
    /// Retransmission timers that went off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeouts: Option<u64>,
    /// Connections that listeners took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passive_opens: Option<u64>,
    /// Attempts to open a connection that failed, of either end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempts_failed: Option<u64>,
    /// Resets sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resets_sent: Option<u64>,
    /// Established connections that ended in a reset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resets_established: Option<u64>,
    /// Connections reset because data came after they were closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aborts_on_data: Option<u64>,
    /// Connections reset because they were closed with input unread.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aborts_on_close: Option<u64>,
    /// Segments received in error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub segments_bad: Option<u64>,
    /// Segments dropped because a socket's backlog was full.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backlog_drops: Option<u64>,
    /// Connection requests dropped because a listener's queue of them was full.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_queue_drops: Option<u64>,
    /// SYN cookies sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub syn_cookies_sent: Option<u64>,
    /// Connections that left `TIME_WAIT` by its timer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_waits: Option<u64>,
    /// Connections that found no room in `TIME_WAIT`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_wait_overflows: Option<u64>,
}
