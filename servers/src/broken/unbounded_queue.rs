//! A queue without a bound.
//!
//! Wrong: everything is accepted and put into a queue that takes everything. When more comes than
//! is served, the queue grows as long as that lasts; each client waits for all before it, and
//! who has given up is served all the same.
//! How it happens: the channel without an argument is the shorter one to write, and a server
//! that never says no looks friendly.
//! Gauge: `queued_max` in the last line of the server; service times that climb from reply to reply
//! while throughput stays the same.
//! Compare: `models/thread_pool.rs`: a queue as long as the pool; what comes then waits in the
//! kernel, which drops at the end of its backlog, or is turned away by `--max-connections`.

use std::io;
use std::thread;

use crossbeam::channel;

use super::Broken;
use crate::connection::drive;
use crate::models::{Model, thread_pool};
use crate::net::Server;

pub(super) const BROKEN: Broken = Broken {
    model: Model {
        name: "unbounded-queue",
        summary: "a pool behind an unbounded queue",
        run,
        ..thread_pool::MODEL
    },
    gauge: "the server's queued_max far above its workers; service times that grow during a run",
    right: "thread-pool",
};

fn run(server: &'static Server) -> io::Result<()> {
    let (queue, connections) = channel::unbounded();
    thread::scope(|scope| {
        for worker in 0..server.workers {
            let connections = connections.clone();
            let work = move || connections.into_iter().for_each(|conn| drive::to_end(conn, worker));
            thread::Builder::new().spawn_scoped(scope, work)?;
        }
        drop(connections);
        server.ready()?;
        while let Some(conn) = server.next_client() {
            if queue.send(conn).is_err() {
                break;
            }
            server.queued(queue.len());
        }
        drop(queue);
        Ok(())
    })
}
