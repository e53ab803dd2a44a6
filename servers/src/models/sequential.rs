//! Sequential: one thread, one client at a time, from its first byte to its last.
//!
//! Waits in: accept(2), then read(2) of the one client it serves.
//! Scheduler: none; the kernel queues connections, first come, first served.
//! Runs out of: time. The second client waits until the first has left, however small its request
//! is.
//! Compare: `thread_per_client.rs` (the same loop, with a thread for each client).
//! In C: `benches/yardstick/c/sequential.c`.

use std::io;

use super::{Family, Model};
use crate::connection::drive;
use crate::net::Server;

pub(crate) const MODEL: Model = Model {
    name: "sequential",
    family: Family::Sequential,
    summary: "one client at a time; the next one waits until the first has left",
    run,
    ..Model::PLAIN
};

fn run(server: &'static Server) -> io::Result<()> {
    server.ready()?;
    while let Some(conn) = server.next_client() {
        drive::to_end(conn, 0);
    }
    Ok(())
}
