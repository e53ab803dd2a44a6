//! Thread pool: a fixed number of threads take connections from a bounded queue.
//!
//! Waits in: accept(2) in the main thread, the queue or read(2) in each worker.
//! Scheduler: the queue, first come, first served; then the kernel, among the workers.
//! Runs out of: workers. The unit of work is a connection, so a client keeps its worker even while
//! it sends nothing. With more such clients than workers, the rest starve.
//! Compare: `thread_per_client.rs` (no limit); `rayon_pool.rs` (the same with a library's pool).
//! In C: `benches/yardstick/c/thread_pool.c`.

use std::io;
use std::thread;

use crossbeam::channel;

use super::{Family, Model, Workers, connection_pool_threads};
use crate::connection::drive;
use crate::net::Server;

pub(crate) const MODEL: Model = Model {
    name: "thread-pool",
    family: Family::Thread,
    summary: "a fixed pool of threads takes connections from a bounded queue (crossbeam)",
    workers: Workers::Pool(connection_pool_threads),
    run,
    ..Model::PLAIN
};

fn run(server: &'static Server) -> io::Result<()> {
    // As long as the pool is large: enough to keep a freed worker busy. When it is full the main
    // thread stops accepting, and what comes then waits where it costs least, in the kernel.
    let (queue, connections) = channel::bounded(server.workers);
    thread::scope(|scope| {
        for worker in 0..server.workers {
            let connections = connections.clone();
            let work = move || connections.into_iter().for_each(|conn| drive::to_end(conn, worker));
            thread::Builder::new().spawn_scoped(scope, work)?;
        }
        // The workers hold it now; once they are gone, sending fails instead of waiting.
        drop(connections);
        server.ready()?;
        while let Some(conn) = server.next_client() {
            if queue.send(conn).is_err() {
                break;
            }
            server.queued(queue.len());
        }
        // The end of the queue is the workers' end, and the scope joins them.
        drop(queue);
        Ok(())
    })
}
