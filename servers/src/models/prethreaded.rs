//! Prethreaded: a fixed number of threads, created before the first client comes, all accept.
//!
//! Waits in: accept(2) or read(2) in each thread.
//! Scheduler: the kernel, which wakes the thread that has waited longest in accept.
//! Runs out of: threads. The unit of work is a connection, so a client keeps its thread even while
//! it sends nothing. With more such clients than threads, the rest starve.
//! Compare: `prefork.rs` (the same with processes); `thread_pool.rs` (one thread accepts, and a
//! queue passes clients on).
//! In C: `benches/yardstick/c/prethreaded.c`.

use std::io;

use super::{Family, Model, Workers, connection_pool_threads};
use crate::connection::drive;
use crate::net::Server;
use crate::threads::in_threads;

pub(crate) const MODEL: Model = Model {
    name: "prethreaded",
    family: Family::Thread,
    summary: "a fixed number of threads, each accepting and serving one client at a time",
    workers: Workers::Pool(connection_pool_threads),
    // accept(2) takes a descriptor for the client that it waits for.
    descriptors_per_worker: 1,
    run,
    ..Model::PLAIN
};

fn run(server: &'static Server) -> io::Result<()> {
    // The server has no queue: clients that are not accepted yet wait in the kernel.
    in_threads(
        server,
        server.workers,
        |_| Ok(()),
        |worker, ()| {
            while let Some(conn) = server.next_client() {
                drive::to_end(conn, worker);
            }
            Ok(())
        },
    )
}
