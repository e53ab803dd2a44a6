//! Rayon pool: every connection is a task of a rayon thread pool.
//!
//! Waits in: accept(2) in the main thread, rayon's own queues or read(2) in each worker.
//! Scheduler: rayon's work stealing, which is meant for tasks that compute and end; then the
//! kernel.
//! Runs out of: workers, as any pool of connections does. Rayon expects short tasks: one that
//! blocks in read(2) takes a thread away from every computation that shares the pool.
//! This is a common mistake, shown on purpose. Rayon belongs behind an event loop, where a task is
//! the work of one request. Compare: `thread_pool.rs` (the same shape with a suitable queue).
//! In C, nearest: `benches/yardstick/c/thread_pool.c`.

use std::io;

use rayon::ThreadPoolBuilder;

use super::{Family, Model, Workers, connection_pool_threads};
use crate::connection::drive;
use crate::net::Server;
use crate::threads;

pub(crate) const MODEL: Model = Model {
    name: "rayon-pool",
    family: Family::Thread,
    summary: "each connection is a task of a rayon pool, which is meant for computation",
    workers: Workers::Pool(connection_pool_threads),
    run,
    ..Model::PLAIN
};

fn run(server: &'static Server) -> io::Result<()> {
    // A pool of its own: the global one would stall every parallel iterator of the program.
    threads::can_be_had(server.workers)?;
    let pool = ThreadPoolBuilder::new().num_threads(server.workers).build();
    let pool = pool.map_err(io::Error::other)?;
    server.ready()?;
    while let Some(conn) = server.next_client() {
        // Differs from thread_pool.rs: rayon's queue has no bound. `--max-connections` is the
        // only one, and what waits here has been accepted: its client believes it is served.
        pool.spawn_fifo(move || drive::to_end(conn, rayon::current_thread_index().unwrap_or(0)));
    }
    server.wait_until_empty();
    Ok(())
}
