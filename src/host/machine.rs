//! Facts about this machine, and pinning to its processors.

mod conditions;
mod contention;
mod facts;
mod root;
mod timekeeping;
mod topology;

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use protocol::Work;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::document::Host;

pub use conditions::Ticks;
pub(crate) use conditions::{Stalls, waited_us};
pub use root::Root;
pub use timekeeping::{TimeOfDay, clock_bound, time_of_day};
pub use topology::{Placement, Topology};

/// The machine as results name it. The first time it takes a few milliseconds, for the calibration of `WORK`.
#[must_use]
pub fn host() -> Host {
    let root = Root::of_this_machine();
    let uname = rustix::system::uname();
    let release = uname.release().to_string_lossy();
    Host {
        kernel: format!("{} {release}", uname.sysname().to_string_lossy()),
        cpu_model: root.field("proc/cpuinfo", "model name").unwrap_or_else(|| "unknown".into()),
        cpus: cpus().len(),
        memory_bytes: root.memory("MemTotal").unwrap_or(0),
        governor: root.governor(),
        clock_source: root.clock_source(),
        congestion_control: root.congestion_control(),
        somaxconn: root.somaxconn(),
        descriptors_max: root.hard_limit("Max open files").flatten(),
        hypervisor: root
            .read("sys/hypervisor/type")
            .or_else(|| root.is_virtual().is_some_and(|guest| guest).then(|| "unnamed".into())),
        turbo: root.turbo(),
        smt: root.smt(),
        mitigations: root.mitigations(),
        huge_pages: root.huge_pages(),
        processes_max: root.hard_limit("Max processes").flatten(),
        port_range: root.port_range(),
        tcp_tw_reuse: root.tcp_tw_reuse(),
        work_round_ps: work_round_ps(),
    }
}

/// CPU time of one round of `WORK`, in picoseconds. A process finds it out once.
fn work_round_ps() -> u64 {
    static FOUND: OnceLock<u64> = OnceLock::new();
    *FOUND.get_or_init(fastest_round_ps)
}

/// The fastest of several tries, since everything that disturbs a try makes it slower.
fn fastest_round_ps() -> u64 {
    const ROUNDS: u64 = 5_000;
    let work = Work { rounds: ROUNDS, wait: Duration::ZERO, reply_bytes: 0 };
    let try_once = |_| {
        let start = Instant::now();
        std::hint::black_box(std::hint::black_box(&work).burn());
        start.elapsed()
    };
    let fastest = (0..7).map(try_once).min().unwrap_or_default();
    u64::try_from(fastest.as_nanos()).unwrap_or(u64::MAX).saturating_mul(1_000) / ROUNDS
}

/// The name of this machine: in a cluster that which its scheduler has for it.
#[must_use]
pub fn node_name() -> String {
    let given = std::env::var("SLURMD_NODENAME").ok().filter(|name| !name.is_empty());
    given.unwrap_or_else(|| rustix::system::uname().nodename().to_string_lossy().into_owned())
}

/// How many processors the machine has, whichever of them this process may use.
#[must_use]
pub fn processor_count() -> usize {
    let online = Root::of_this_machine().online();
    online.map_or(0, |online| online.len()).max(cpus().len())
}

/// The processors this process may use, in ascending order.
#[must_use]
pub fn cpus() -> Vec<usize> {
    match sched_getaffinity(None) {
        Ok(set) => (0..CpuSet::MAX_CPU).filter(|cpu| set.is_set(*cpu)).collect(),
        Err(_) => vec![0],
    }
}

/// Keeps this thread, and those it will start, to these processors.
///
/// # Errors
/// When one of them is not there to be used.
pub fn pin(cpus: &[usize]) -> Result<()> {
    let mut set = CpuSet::new();
    cpus.iter().filter(|cpu| **cpu < CpuSet::MAX_CPU).for_each(|cpu| set.set(*cpu));
    let advice = || {
        format!(
            "cannot pin to processors {cpus:?}: `nproc --all` and `taskset -p $$` show the usable ones"
        )
    };
    sched_setaffinity(None, &set).with_context(advice)?;
    // The kernel leaves out what is not there as long as something is.
    anyhow::ensure!(self::cpus().len() == cpus.len(), advice());
    Ok(())
}

/// Time that the hypervisor took from all processors together since boot, and all time, in
/// clock ticks. `None` where the kernel does not say.
#[must_use]
pub fn steal_and_total_ticks() -> Option<(u64, u64)> {
    Root::of_this_machine().steal_and_total_ticks()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_are_the_kernels_or_absent() {
        let host = host();
        let texts = [&host.governor, &host.clock_source, &host.smt, &host.huge_pages];
        assert!(texts.into_iter().flatten().all(|text| !text.is_empty()), "{host:?}");
        assert!(host.mitigations.values().all(|text| !text.is_empty()));
        assert!(host.port_range.is_none_or(|(first, last)| first <= last));
        let told = std::fs::read_dir("/sys/devices/system/cpu/vulnerabilities");
        assert_eq!(told.map_or(0, Iterator::count), host.mitigations.len());
    }
}
