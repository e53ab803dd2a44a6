//! Fork: one process accepts, and forks a process for every client.
//!
//! Waits in: accept(2) in the parent, read(2) in each child.
//! Scheduler: the kernel, which preempts. No client can touch another client's memory.
//! Runs out of: processes, then memory. Each process costs page tables and a kernel stack, and
//! forking costs more than a small request.
//! Compare: `thread_per_client.rs` (threads instead of processes); `spawn_per_client.rs` (a new
//! program in each process); `prefork.rs` (processes created in advance).
//! In C: `benches/yardstick/c/fork.c`.

use std::io;

use super::{Family, Model};
use crate::connection::{Conn, drive};
use crate::net::Server;
use crate::processes;

pub(crate) const MODEL: Model = Model {
    name: "fork",
    family: Family::Process,
    summary: "a process for each client, forked when it connects",
    process_per_client: true,
    run,
    ..Model::PLAIN
};

fn run(server: &'static Server) -> io::Result<()> {
    processes::prepare(server, server.max_connections)?;
    // An ended child is a zombie until its status is read. The parent is busy accepting.
    processes::reap_in_background()?;
    server.ready()?;
    serve(server, drive::to_end)
}

/// Accepts, and forks a process for each client, which does `work`. At the end it waits for the
/// remaining children.
pub(crate) fn serve(server: &'static Server, work: impl Fn(Conn, usize)) -> io::Result<()> {
    while let Some(conn) = server.next_client() {
        match processes::free_place() {
            Some(place) => give_process(conn, place, &work),
            None => conn.turn_away(),
        }
    }
    processes::wait_for_all();
    Ok(())
}

/// Forks a process for this client, which does `work` and ends.
pub(super) fn give_process(conn: Conn, place: usize, work: impl Fn(Conn, usize)) {
    processes::holds(place, true);
    // Both processes have the connection then, and the parent drops its copy. The child keeps its
    // copy of the listener, because stopping shuts the listener down without closing it.
    let (forked, conn) = processes::spawn_with(place, conn, |conn| work(conn, place));
    if forked.is_ok() {
        conn.given_away();
    } else {
        // The kernel has no process left: this client is told so, and the others are served.
        processes::holds(place, false);
        conn.turn_away();
    }
}
