//! Thread per client: the main thread accepts, and every client gets a thread of its own.
//!
//! Waits in: accept(2) in the main thread, read(2) in each client's thread.
//! Scheduler: the kernel, which preempts: a long request delays other clients only by its time
//! slices.
//! Runs out of: threads and their stacks, then memory; a storm of connections is a storm of
//! threads.
//! Compare: `sequential.rs` (no thread); `thread_pool.rs` (threads created in advance, and a
//! queue).
//! In C: `benches/yardstick/c/thread_per_client.c`.

use std::io;

use super::{Family, Model, chat};
use crate::connection::drive;
use crate::net::Server;
use crate::threads;

pub(crate) const MODEL: Model = Model {
    name: "thread-per-client",
    family: Family::Thread,
    summary: "a thread for each client, created when it connects",
    chat: Some(chat::thread_per_client::run),
    run,
    ..Model::PLAIN
};

/// Address space for one client's stack. A client uses only a few pages of it, but the default of 2
/// MiB would reserve 20 GiB for ten thousand clients.
pub(super) const STACK_BYTES: usize = 256 * 1024;

fn run(server: &'static Server) -> io::Result<()> {
    server.ready()?;
    while let Some(conn) = server.next_client() {
        // Where the kernel refuses a thread, the connection is dropped with the closure, which counts it
        // as shed, and the others go on.
        let _ = threads::detached(STACK_BYTES, move || drive::to_end(conn, 0));
    }
    // The threads are not joined: each ends when its client has left.
    server.wait_until_empty();
    Ok(())
}
