//! What the benchmarks share that measure other processes: children that tell in lines what they
//! do, limits, the spread of some figures, and what a record says about how it came to be.
#![allow(dead_code, reason = "every benchmark uses its own part of this")]

pub(crate) mod load;
pub(crate) mod process;

use std::fs;
use std::thread;
use std::time::Duration;

use anyhow::Result;
use c10k::statistics::{extremes, median};
use c10k::{accounts, machine, table};
use rustix::process::{Resource, getrlimit, setrlimit};
use serde::Serialize;

/// Descriptors of a benchmark's own process beside its connections.
pub(crate) const DESCRIPTORS_RESERVED: usize = 64;

/// The median of some measurements, and how far apart they were.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

impl Spread {
    /// `None` of nothing.
    pub(crate) fn of(values: impl Iterator<Item = f64>) -> Option<Self> {
        let values: Vec<_> = values.collect();
        let (min, max) = extremes(&values)?;
        Some(Self { median: median(&values)?, min, max })
    }

    /// The median and both ends, each as `show` has it.
    pub(crate) fn show(self, show: impl Fn(f64) -> String) -> String {
        format!("{} [{}, {}]", show(self.median), show(self.min), show(self.max))
    }
}

/// Raises the soft limit of descriptors to the hard one and returns what it is then.
pub(crate) fn raise_descriptor_limit() -> usize {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // If this fails the limit that is there applies, and what it is too low for is named.
    let _ = setrlimit(Resource::Nofile, limit);
    let current = getrlimit(Resource::Nofile).current;
    current.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX)
}

/// Anonymous memory once it has stopped changing: what a connection needed for its reply is given
/// back a moment after the reply is here.
pub(crate) fn settled(pid: i32) -> u64 {
    const LOOKS_MAX: usize = 50;
    let mut bytes = accounts::memory(pid).anonymous_bytes;
    for _ in 0..LOOKS_MAX {
        thread::sleep(Duration::from_millis(20));
        let now = accounts::memory(pid).anonymous_bytes;
        if now == bytes {
            break;
        }
        bytes = now;
    }
    bytes
}

/// Load average: what else the machine was doing.
pub(crate) fn load_average() -> String {
    fs::read_to_string("/proc/loadavg").unwrap_or_default().trim().to_string()
}

/// The share of all processors' time that the hypervisor took since `before`.
pub(crate) fn steal_share(before: Option<(u64, u64)>) -> Option<f64> {
    let ((steal, total), (steal_now, total_now)) = (before?, machine::steal_and_total_ticks()?);
    let total = total_now.checked_sub(total).filter(|total| *total > 0)?;
    Some(c10k::units::as_f64(steal_now.saturating_sub(steal)) / c10k::units::as_f64(total))
}

/// A benchmark as somebody would start it: where cargo has put this program is nobody's business.
pub(crate) fn command(bench: &str) -> Vec<String> {
    let cargo = ["cargo", "bench", "--bench", bench, "--"].map(String::from);
    let own = std::env::args().skip(1).filter(|argument| argument != "--bench");
    cargo.into_iter().chain(own).collect()
}

/// A machine that cannot run a benchmark is no failure of what is measured.
pub(crate) fn skip(bench: &str, reason: &str) -> Result<()> {
    table::print(&format!("{bench}: skipped: {reason}"))
}
