//! Spawn per client: every client gets a process of its own, as in `fork`, with a new program in it
//! (execve(2)) whose standard input and output are the connection. Inetd works like this.
//!
//! Waits in: accept(2) in the parent, read(2) in each child.
//! Scheduler: the kernel, which preempts. A client's program can be any program; here it is this
//! one.
//! Runs out of: processes, then memory. A child keeps nothing of its parent. It has to load and
//! link the program and read its arguments for each client, which costs more than forking.
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
        // It must not return to the code that prints the stopped line, because the client would
        // receive that line.
        std::process::exit(0);
    }
    processes::prepare(server, server.max_connections)?;
    processes::reap_in_background()?;
    // Its words are put together here, since nothing may be allocated between fork and exec.
    let program = Program::this(server)?;
    server.ready()?;
    fork::serve(server, |conn, _| {
        // It returns only if the kernel cannot start the program: the client is told so.
        program.becomes_this_process(&conn);
        conn.turn_away();
    })
}
