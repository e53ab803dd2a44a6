//! Tokio on several threads: a task for each client, on a runtime that steals work.
//!
//! Waits in: epoll_wait(2), inside tokio's driver, in one worker at a time; tasks wait in `.await`.
//! Scheduler: tokio's queues, one for each worker, from which idle workers steal.
//! Runs out of: accepting, which is a single task; then cores and memory.
//! Compare: `tokio_current.rs` (one thread, no stealing, no waking of other cores).
//! In C, what is below it: `benches/yardstick/c/multi_reactor.c`.

use std::io;

use super::tokio::{Listening, TICK, serve};
use super::{Family, Model, Workers, chat, usable_processors};
use crate::net::Server;
use crate::threads;

pub(crate) const MODEL: Model = Model {
    name: "tokio-multi",
    family: Family::Async,
    summary: "tokio tasks on a work-stealing pool, by default one thread per processor",
    workers: Workers::Floating(usable_processors),
    timer_resolution: TICK,
    chat: Some(chat::tokio::run),
    run,
    ..Model::PLAIN
};

fn run(server: &'static Server) -> io::Result<()> {
    server.set_nonblocking()?;
    threads::can_be_had(server.workers)?;
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(server.workers).enable_all().build()?;
    let watched = Listening::new(&runtime, server.listener())?;
    server.ready()?;
    // A task like the others: `block_on` alone would accept on the main thread, outside the pool.
    runtime.block_on(async { tokio::spawn(serve(watched, 0)).await.map_err(io::Error::other)? })
}
