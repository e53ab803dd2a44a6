//! The machine on which a result was measured.

use std::collections::BTreeMap;

#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The machine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
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
    /// Whether the processor runs faster than its nominal speed where it can; absent where the kernel
    /// does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turbo: Option<bool>,
    /// Whether several processors share a core, in the kernel's words: `on`, `off`, `notsupported`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub smt: Option<String>,
    /// The kernel's mitigation of each vulnerability of the processor.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub mitigations: BTreeMap<String, String>,
    /// Transparent huge pages: `always`, `madvise` or `never`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub huge_pages: Option<String>,
    /// Processes and threads that this user may have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub processes_max: Option<u64>,
    /// The first and the last port that the kernel gives to clients.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port_range: Option<(u16, u16)>,
    /// When a client may have a port in `TIME_WAIT`: 0 never, 1 always, 2 on loopback.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tcp_tw_reuse: Option<u32>,
    /// CPU time of one round of `WORK` on this machine, measured before the run, in picoseconds.
    pub work_round_ps: u64,
}

impl Host {
    /// In what another machine differs that makes figures of the two no neighbours; empty where it is as good as this
    /// one.
    #[must_use]
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let congestion =
            |host: &Self| host.congestion_control.clone().unwrap_or_else(|| "unknown".into());
        let all = [
            ("kernel", self.kernel.clone(), other.kernel.clone()),
            ("processor", self.cpu_model.clone(), other.cpu_model.clone()),
            ("processors", self.cpus.to_string(), other.cpus.to_string()),
            ("congestion control", congestion(self), congestion(other)),
        ];
        let differ = all.into_iter().filter(|(_, a, b)| a != b);
        differ.map(|(what, a, b)| format!("{what}: {a} and {b}")).collect()
    }
}

/// The machine's activity during the warm-up and the measurement of a trial, all programs together.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Conditions {
    /// Share of all processors' time that the hypervisor took; absent where the kernel does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steal_share: Option<f64>,
    /// Pressure stall information, by resource: `cpu`, `memory`, `io`. Empty where the kernel keeps
    /// none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub pressure: BTreeMap<String, Pressure>,
}

/// How much tasks waited for a resource.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Pressure {
    /// Time in which at least one task waited for it.
    pub some_ns: u64,
    /// Time in which all tasks that had something to do waited for it; absent where the kernel does not
    /// tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub full_ns: Option<u64>,
    /// Percent of time in which at least one task waited, over the ten seconds before the warm-up.
    pub some_avg10_before: f64,
    /// The same before the end of the measurement.
    pub some_avg10_after: f64,
}
