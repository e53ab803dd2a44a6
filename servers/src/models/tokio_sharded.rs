//! Tokio, sharded: a runtime of one thread for each processor, each with its own listener.
//!
//! Waits in: epoll_wait(2), inside tokio's driver, in every thread; tasks wait in `.await`.
//! Scheduler: the kernel gives a new client to one of the listeners by a hash of its address; the
//! client then stays in that thread's queue of ready tasks. Threads are pinned: nothing is stolen
//! and nothing moves.
//! Runs out of: luck first, as `multi_reactor.rs` does; then cores and memory.
//! Compare: `multi_reactor.rs` (the same without a runtime); `tokio_multi.rs` (stealing instead of
//! sharding). It separates the effect of sharding from that of other ways of doing I/O.
//! In C, what is below it: `benches/yardstick/c/multi_reactor.c`.

use std::io;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use super::tokio::{Listening, TICK, serve};
use super::{Family, Model, Workers, usable_processors};
use crate::net::Server;
use crate::threads::in_threads;

pub(crate) const MODEL: Model = Model {
    name: "tokio-sharded",
    family: Family::Async,
    summary: "a pinned single-threaded tokio per processor, each with its own listener",
    workers: Workers::Fixed(usable_processors),
    listener_per_worker: true,
    // Its epoll, a copy of that, and what wakes it.
    descriptors_per_worker: 3,
    timer_resolution: TICK,
    run,
    ..Model::PLAIN
};

fn run(server: &'static Server) -> io::Result<()> {
    server.set_nonblocking()?;
    let allowed = sched_getaffinity(None)?;
    in_threads(
        server,
        server.workers,
        |worker| {
            pin(&allowed, worker)?;
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let watched = Listening::new(&runtime, server.listener_of(worker))?;
            Ok((runtime, watched))
        },
        |worker, (runtime, watched)| runtime.block_on(serve(watched, worker)),
    )
}

/// Keeps this thread to one of the processors that the process may run on, the next for each worker.
fn pin(allowed: &CpuSet, worker: usize) -> io::Result<()> {
    let all: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|cpu| allowed.is_set(*cpu)).collect();
    let mut own = CpuSet::new();
    own.set(all[worker % all.len()]);
    Ok(sched_setaffinity(None, &own)?)
}
