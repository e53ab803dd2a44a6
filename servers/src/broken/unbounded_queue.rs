//! A queue without a bound.
//!
//! Wrong: the server accepts everything and puts it into an unbounded queue. While more arrives
//! than is served, the queue grows. Each client waits for all clients before it, and clients that
//! have given up are served all the same.
//! How it happens: the channel without a capacity argument is shorter to write, and a server that
//! never refuses looks friendly.
//! Gauge: `queued_max` in the last line of the server; service times that climb from reply to reply
//! while throughput stays the same.
//! Compare: `models/thread_pool.rs`: a queue as long as the pool. Further clients wait in the
//! kernel, which drops connections when its backlog is full, or `--max-connections` turns them
//! away.

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
        summary: "its pool has an unbounded queue",
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
