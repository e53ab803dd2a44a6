//! Yours: a model to fill in. It accepts every client and closes it unserved, so it fails `c10k
//! check --model yours` until `run` serves clients.
//!
//! Waits in: (the calls in which your model sleeps)
//! Scheduler: (what decides which client is served next: the kernel, a queue, your loop)
//! Runs out of: (threads, descriptors, memory, time: what is exhausted first as clients grow)
//! Compare: `sequential.rs`, which serves one client at a time with two lines.

use std::io;

use super::{Family, Model, Workers};
use crate::net::Server;

pub(crate) const MODEL: Model = Model {
    name: "yours",
    // Change it to what you build: tests expect a `Sequential` model to make clients wait, and
    // any other one not to.
    family: Family::Thread,
    summary: "an exercise: fill in servers/src/models/yours.rs",
    workers: Workers::None,
    run,
    ..Model::PLAIN
};

fn run(server: &'static Server) -> io::Result<()> {
    // Make what your model needs before its first client (threads, an epoll) above this line: only
    // then does the server say that it is ready.
    server.ready()?;
    // `next_client` waits for a client, and returns `None` once the server is asked to stop.
    while let Some(conn) = server.next_client() {
        // 1. Serve it: `crate::connection::drive::to_end(conn, 0)` reads, answers and closes, and
        //    returns when this client has left.
        // 2. The next client must not wait for that: give each one a thread (or a process, a place
        //    in a pool, an entry of an event loop; `epoll.rs` shows how a loop drives a client).
        // 3. The system may refuse a thread. That client is lost; the server goes on.
        drop(conn);
    }
    // 4. Return when the last client has left: `server.wait_until_empty()`.
    Ok(())
}
