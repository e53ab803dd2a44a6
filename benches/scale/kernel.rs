//! The system's own counters of what it holds for its processes and their sockets.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use procfs::{Current, Meminfo};
use serde::Serialize;

/// How these counters become a figure for one connection, for the record.
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
    /// What could be had without swapping: the cross-check of everything else.
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

    /// The counters once they hardly change any more: sockets that were closed are freed only
    /// when no processor can be looking at them. Gives up after some seconds, as on a machine
    /// that does other things they never rest.
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

/// A figure of the line `TCP: inuse 1 orphan 0 tw 0 alloc 2 mem 0`.
fn of_tcp(sockstat: &str, name: &str) -> u64 {
    let line = sockstat.lines().find(|line| line.starts_with("TCP:")).unwrap_or_default();
    let mut words = line.split(' ').skip_while(|word| *word != name);
    words.nth(1).and_then(|n| n.parse().ok()).unwrap_or(0)
}
