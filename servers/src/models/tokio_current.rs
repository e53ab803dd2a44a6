//! Tokio on the current thread: a task for each client, all on one thread.
//!
//! Waits in: epoll_wait(2), inside tokio's driver; tasks wait in `.await`.
//! Scheduler: tokio's queue of ready tasks; a task that computes delays all others.
//! Runs out of: its one core; then memory, a task for each client. Timers tick in milliseconds.
//! Compare: `mio.rs`, on which tokio is built: the difference is the cost of a runtime, and the
//! code that it saves; `tokio_multi.rs` (several threads).
//! In C, what is below it: `benches/yardstick/c/epoll_edge.c`.

use std::io;

use super::tokio::{Listening, TICK, serve};
use super::{Family, Model, Workers};
use crate::net::Server;

pub(crate) const MODEL: Model = Model {
    name: "tokio-current",
    family: Family::Async,
    summary: "tokio tasks on a single thread",
    workers: Workers::None,
    timer_resolution: TICK,
    run,
    ..Model::PLAIN
};

fn run(server: &'static Server) -> io::Result<()> {
    server.set_nonblocking()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let watched = Listening::new(&runtime, server.listener())?;
    server.ready()?;
    runtime.block_on(serve(watched, 0))
}
