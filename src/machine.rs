//! What this machine is, and keeping to its processors.

mod conditions;

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use protocol::Work;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::document::Host;
use crate::units::parse_cpus;

pub use conditions::Ticks;
pub(crate) use conditions::waited_us;

/// The machine as results name it. Takes a few milliseconds, for the calibration of `WORK`.
#[must_use]
pub fn host() -> Host {
    let uname = rustix::system::uname();
    let cpuinfo = read("/proc/cpuinfo").unwrap_or_default();
    let meminfo = read("/proc/meminfo").unwrap_or_default();
    Host {
        kernel: format!(
            "{} {}",
            uname.sysname().to_string_lossy(),
            uname.release().to_string_lossy()
        ),
        cpu_model: field(&cpuinfo, "model name").unwrap_or_else(|| "unknown".into()),
        cpus: cpus().len(),
        memory_bytes: field(&meminfo, "MemTotal")
            .and_then(|text| text.trim_end_matches(" kB").parse::<u64>().ok())
            .map_or(0, |kib| kib * 1024),
        governor: read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        clock_source: read("/sys/devices/system/clocksource/clocksource0/current_clocksource"),
        congestion_control: read("/proc/sys/net/ipv4/tcp_congestion_control"),
        somaxconn: read("/proc/sys/net/core/somaxconn").and_then(|text| text.parse().ok()),
        descriptors_max: rustix::process::getrlimit(rustix::process::Resource::Nofile).maximum,
        hypervisor: read("/sys/hypervisor/type").or_else(|| {
            field(&cpuinfo, "flags")
                .is_some_and(|flags| flags.split(' ').any(|flag| flag == "hypervisor"))
                .then(|| "unnamed".into())
        }),
        turbo: turbo(),
        smt: read("/sys/devices/system/cpu/smt/control"),
        mitigations: mitigations(),
        huge_pages: read("/sys/kernel/mm/transparent_hugepage/enabled").and_then(|t| chosen(&t)),
        processes_max: rustix::process::getrlimit(rustix::process::Resource::Nproc).maximum,
        port_range: read("/proc/sys/net/ipv4/ip_local_port_range").and_then(|t| port_range(&t)),
        tcp_tw_reuse: read("/proc/sys/net/ipv4/tcp_tw_reuse").and_then(|text| text.parse().ok()),
        work_round_ps: work_round_ps(),
    }
}

/// CPU time of one round of `WORK`, in picoseconds: the fastest of several tries, since
/// everything that disturbs a try makes it slower.
fn work_round_ps() -> u64 {
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

/// How many processors the machine has, whichever of them this process may use.
#[must_use]
pub fn processors() -> usize {
    // As in 0-3,6.
    let text = fs::read_to_string("/sys/devices/system/cpu/online").unwrap_or_default();
    parse_cpus(text.trim()).map_or(0, |cpus| cpus.len()).max(cpus().len())
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
            "cannot keep to processors {cpus:?}: `nproc --all` and taskset -p $$ tell which there are"
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
    use procfs::CurrentSI;
    let total = procfs::KernelStats::current().ok()?.total;
    let steal = total.steal.unwrap_or(0);
    let parts = [
        total.user,
        total.nice,
        total.system,
        total.idle,
        total.iowait.unwrap_or(0),
        total.irq.unwrap_or(0),
        total.softirq.unwrap_or(0),
        steal,
    ];
    Some((steal, parts.iter().sum()))
}

/// Two drivers have each its own file, which say the opposite of each other.
fn turbo() -> Option<bool> {
    let forbidden = read("/sys/devices/system/cpu/intel_pstate/no_turbo").map(|text| text == "0");
    forbidden.or_else(|| read("/sys/devices/system/cpu/cpufreq/boost").map(|text| text == "1"))
}

fn mitigations() -> BTreeMap<String, String> {
    let folder = fs::read_dir("/sys/devices/system/cpu/vulnerabilities");
    let named = folder.into_iter().flatten().flatten().filter_map(|entry| {
        Some((entry.file_name().into_string().ok()?, read(entry.path().to_str()?)?))
    });
    named.collect()
}

/// The one in brackets, as in `always [madvise] never`.
fn chosen(text: &str) -> Option<String> {
    let (_, rest) = text.split_once('[')?;
    rest.split_once(']').map(|(chosen, _)| chosen.to_string())
}

fn port_range(text: &str) -> Option<(u16, u16)> {
    let mut ports = text.split_whitespace().map(str::parse);
    Some((ports.next()?.ok()?, ports.next()?.ok()?))
}

/// What a file says; nothing where it is empty.
fn read(path: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    Some(text.trim().to_string()).filter(|text| !text.is_empty())
}

/// The value of the first `name : value` line.
fn field(text: &str, name: &str) -> Option<String> {
    text.lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(key, _)| key.trim() == name)
        .map(|(_, value)| value.trim().to_string())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn facts_are_the_kernels_or_absent() {
        let host = host();
        let texts = [&host.governor, &host.clock_source, &host.smt, &host.huge_pages];
        assert!(texts.into_iter().flatten().all(|text| !text.is_empty()), "{host:?}");
        assert!(host.mitigations.values().all(|text| !text.is_empty()));
        assert!(host.port_range.is_none_or(|(first, last)| first <= last));
        let told = fs::read_dir("/sys/devices/system/cpu/vulnerabilities");
        assert_eq!(told.map_or(0, Iterator::count), host.mitigations.len());
    }

    #[test]
    fn the_chosen_one_is_in_brackets() {
        assert_eq!(chosen("always [madvise] never").as_deref(), Some("madvise"));
        assert_eq!(chosen("always"), None);
        assert_eq!(port_range("32768\t60999"), Some((32_768, 60_999)));
        assert_eq!(port_range("32768"), None);
    }

    proptest! {
        #[test]
        fn garbage_is_no_fact(text in "[ -~\t]{0,40}") {
            if let Some(found) = chosen(&text) {
                let bracketed = format!("[{found}]");
                prop_assert!(text.contains(&bracketed));
            }
            let _ = (port_range(&text), field(&text, "model name"));
        }
    }
}
