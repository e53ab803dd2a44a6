//! The machine that a result was measured on: a figure without it says nothing.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Host {
    /// Kernel name and release.
    pub kernel: String,
    /// Processor, as it calls itself.
    pub cpu_model: String,
    /// Processors this process may use.
    pub cpus: usize,
    /// Memory in bytes.
    pub memory_bytes: u64,
    /// Frequency governor of processor 0; absent where the kernel has none to show.
    pub governor: Option<String>,
    /// The kernel's clock source.
    pub clock_source: Option<String>,
    /// TCP congestion control of new sockets.
    pub congestion_control: Option<String>,
    /// Largest backlog that the kernel allows.
    pub somaxconn: Option<u32>,
    /// Descriptors that a process may open.
    pub descriptors_max: Option<u64>,
    /// Which hypervisor the kernel sees, if it sees one.
    pub hypervisor: Option<String>,
    /// CPU time of one round of `WORK` on this machine, measured before the run, in picoseconds.
    pub work_round_ps: u64,
}
