//! Spawn per client: every client gets a process of its own as in `fork`, and a new program in it
//! (execve(2)), whose standard input and output are the connection. Inetd works like this.
//!
//! Waits in: accept(2) in the parent, read(2) in each child.
//! Scheduler: the kernel, which preempts; and a client's program can be any: here it is this one.
//! Runs out of: processes, then memory. Nothing of the parent is left in a child, so loading and linking the
//! program and reading its arguments come with each client, and cost more than forking does.
//! Compare: `fork.rs` (without the new program).
//! In C: `benches/yardstick/c/spawn_per_client.c`.

use std::io;

use super::{Family, Model, fork};
use crate::connection::drive;
use crate::net::Server;
use crate::processes;
use crate::processes::program::{self, Program};

pub(crate) const MODEL: Model = Model {
    name: "spawn-per-client",
    family: Family::Process,
    summary: "a process with a new program for each client, as inetd does",
    process_per_client: true,
    program_per_client: true,
    prints: Err("the standard output of the program that a client gets is that client"),
    run,
    ..Model::PLAIN
};

fn run(server: &'static Server) -> io::Result<()> {
    // Both begin here: the server, and the program that it starts for a client.
    if let Some((conn, place)) = program::inherited(server) {
        drive::to_end(conn, place);
        // Not back to where a server says how it has ended: that would be said to the client.
        std::process::exit(0);
    }
    processes::prepare(server, server.max_connections)?;
    processes::reap_in_background()?;
    // Its words are put together here, since nothing may be allocated between fork and exec.
    let program = Program::this(server)?;
    server.ready()?;
    fork::serve(server, |conn, _| {
        // It returns where the kernel does not start it: the client is told so.
        program.becomes_this_process(&conn);
        conn.turn_away();
    })
}
