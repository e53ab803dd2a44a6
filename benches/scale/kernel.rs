//! The kernel's counters of its memory for processes and their sockets.

use std::collections::BTreeMap;
use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use c10k::units::as_f64;
use procfs::{Current, Meminfo};
use serde::Serialize;

/// How the figure for one connection follows from these counters, for the record.
pub(crate) const METHOD: &str = "growth of Slab and KernelStack in /proc/meminfo over the \
    connections, less the client's end: half of what as many connections grow Slab by between \
    two processes that only hold descriptors. Page tables are counted with the process tree's \
    own memory; TCP's mem of sockstat is queued data, counted in Slab already";

/// Bytes, of the whole system.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Counters {
    /// All of the kernel's small objects: sockets, files, entries of epoll, tasks.
    pub(crate) slab_bytes: u64,
    pub(crate) kernel_stack_bytes: u64,
    pub(crate) page_tables_bytes: u64,
    pub(crate) percpu_bytes: u64,
    /// What TCP accounts for data in its queues.
    pub(crate) tcp_bytes: u64,
    /// TCP sockets that are neither closed nor in TIME_WAIT.
    pub(crate) tcp_sockets: u64,
    /// Memory that is available without swapping: the cross-check of all others.
    pub(crate) available_bytes: u64,
}

impl Counters {
    pub(crate) fn now() -> Result<Self> {
        let memory = Meminfo::current()?;
        let sockstat = fs::read_to_string("/proc/net/sockstat")?;
        Ok(Self {
            slab_bytes: memory.slab,
            kernel_stack_bytes: memory.kernel_stack.unwrap_or(0),
            page_tables_bytes: memory.page_tables.unwrap_or(0),
            percpu_bytes: memory.per_cpu.unwrap_or(0),
            tcp_bytes: of_tcp(&sockstat, "mem") * procfs::page_size(),
            tcp_sockets: of_tcp(&sockstat, "inuse"),
            available_bytes: memory.mem_available.unwrap_or(0),
        })
    }

    /// The counters once they hardly change. The kernel frees closed sockets only when no processor
    /// can be reading them. Gives up after some seconds, because the counters never rest on a machine
    /// that does other work.
    pub(crate) fn settled() -> Result<Self> {
        const REST_BYTES: u64 = 128 * 1024;
        let deadline = Instant::now() + Duration::from_secs(3);
        let mut before = Self::now()?;
        loop {
            thread::sleep(Duration::from_millis(100));
            let now = Self::now()?;
            let moved = now.slab_bytes.abs_diff(before.slab_bytes)
                + now.kernel_stack_bytes.abs_diff(before.kernel_stack_bytes);
            if moved <= REST_BYTES || Instant::now() > deadline {
                return Ok(now);
            }
            before = now;
        }
    }
}

/// Number and size of the objects in use, by the name of their cache.
pub(crate) type Caches = BTreeMap<String, (u64, u64)>;

/// Objects of one cache that were added by connections.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Objects {
    cache: String,
    object_bytes: u64,
    per_connection: f64,
}

/// The kernel's caches of objects; only root may read them.
pub(crate) fn caches() -> Option<Caches> {
    let text = fs::read_to_string("/proc/slabinfo").ok()?;
    let cache = |line: &str| {
        let mut words = line.split_whitespace();
        let name = words.next()?.to_string();
        let (active, _, size) = (words.next()?, words.next()?, words.next()?);
        Some((name, (active.parse().ok()?, size.parse().ok()?)))
    };
    Some(text.lines().filter(|line| !line.starts_with('#')).filter_map(cache).collect())
}

/// The caches that have grown by at least half an object per connection. Smaller growth comes from
/// the rest of the system.
pub(crate) fn grown(from: &Caches, to: &Caches, connections: usize) -> Vec<Objects> {
    let grown = to.iter().filter_map(|(cache, &(now, object_bytes))| {
        let before = from.get(cache).map_or(0, |(before, _)| *before);
        let per_connection = as_f64(now.saturating_sub(before)) / as_f64(connections as u64);
        let cache = cache.clone();
        (per_connection >= 0.5).then_some(Objects { cache, object_bytes, per_connection })
    });
    grown.collect()
}

/// A figure from the line `TCP: inuse 1 orphan 0 tw 0 alloc 2 mem 0`.
fn of_tcp(sockstat: &str, name: &str) -> u64 {
    let line = sockstat.lines().find(|line| line.starts_with("TCP:")).unwrap_or_default();
    let mut words = line.split(' ').skip_while(|word| *word != name);
    words.nth(1).and_then(|n| n.parse().ok()).unwrap_or(0)
}
