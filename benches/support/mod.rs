//! Shared by the benchmarks that measure other processes: children that report in lines, limits, the
//! spread of figures, and the conditions in a record.
#![allow(dead_code, reason = "every benchmark uses its own part of this")]

pub(crate) mod conditions;
pub(crate) mod load;
pub(crate) mod process;

use std::thread;
use std::time::Duration;

use c10k::accounts;
use c10k::statistics::{extremes, median};
use rustix::process::{Resource, getrlimit, setrlimit};
use serde::Serialize;

/// Descriptors that a benchmark needs beside its connections.
pub(crate) const DESCRIPTORS_RESERVED: usize = 64;

/// The median of some measurements, and their range.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

impl Spread {
    /// `None` without values.
    pub(crate) fn from_values(values: impl Iterator<Item = f64>) -> Option<Self> {
        let values: Vec<_> = values.collect();
        let (min, max) = extremes(&values)?;
        Some(Self { median: median(&values)?, min, max })
    }

    /// The median and both ends, each formatted by `show`.
    pub(crate) fn show(self, show: impl Fn(f64) -> String) -> String {
        format!("{} [{}, {}]", show(self.median), show(self.min), show(self.max))
    }
}

/// Raises the soft limit of descriptors to the hard one, and returns the new limit.
pub(crate) fn raise_descriptor_limit() -> usize {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // If this fails, the old limit applies, and the caller names what it is too low for.
    let _ = setrlimit(Resource::Nofile, limit);
    let current = getrlimit(Resource::Nofile).current;
    current.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX)
}

/// Anonymous memory once it has stopped changing. A server frees a connection's buffers a moment after
/// its reply has arrived.
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
