//! A short backlog before a slow accept loop.
//!
//! Wrong: the kernel queues at most 16 connections that are not yet accepted, and the server does
//! something slow before each accept. In a burst the queue is full, the kernel drops further
//! connections, and TCP tries again after 1 s. A client therefore connects either at once or after
//! seconds.
//! How it happens: `listen(fd, 5)` is in every textbook, from a time when 5 was the maximum. A name
//! lookup or a log line for each client seems harmless.
//! Gauge: connect times of 1 s and more; ListenOverflows and ListenDrops of the machine's TCP.
//! Compare: `models/thread_per_client.rs`: a backlog of 4,096, and nothing between two accepts.

use std::io;
use std::time::Duration;

use super::Broken;
use crate::models::{Family, Model};
use crate::net::Server;
use crate::{connection::drive, stopping};

pub(super) const BROKEN: Broken = Broken {
    model: Model {
        name: "short-backlog",
        family: Family::Thread,
        summary: "it has a backlog of 16 and accepts every 50 ms",
        run,
        ..Model::PLAIN
    },
    gauge: "latency.connect of 1 s and more; the kernel's ListenOverflows and ListenDrops",
    right: "thread-per-client",
};

/// Listening again sets it again.
const BACKLOG: i32 = 16;
/// A reverse lookup, say.
const LOOKUP: Duration = Duration::from_millis(50);

fn run(server: &'static Server) -> io::Result<()> {
    rustix::net::listen(server.listener(), BACKLOG)?;
    server.ready()?;
    while let Some(conn) = server.next_client() {
        stopping::pause(LOOKUP);
        let _ = std::thread::Builder::new().spawn(move || drive::to_end(conn, 0));
    }
    server.wait_until_empty();
    Ok(())
}
