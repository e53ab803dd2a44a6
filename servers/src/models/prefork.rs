//! Prefork: a fixed number of processes, forked before the first client comes, all accept.
//!
//! Waits in: accept(2) or read(2) in each child; the parent in waitpid(2), for children that die.
//! Scheduler: the kernel, which wakes the process that has waited longest in accept.
//! Runs out of: processes. The unit of work is a connection, so a client keeps its process even
//! while it sends nothing. With more such clients than processes, the rest starve.
//! Compare: `fork.rs` (forks when a client comes); `prethreaded.rs` (the same with threads);
//! `prefork_passing.rs` (the parent accepts).
//! In C: `benches/yardstick/c/prefork.c`.
//!
//! `prefork-locked` holds a lock around accept(2), as servers had to on systems where several
//! processes could not wait in accept, or when they polled several listeners. It shows the cost of
//! the lock.

use std::fs::File;
use std::io;

use rustix::fs::{FlockOperation, MemfdFlags, fcntl_lock, memfd_create};

use super::fork::give_process;
use super::{Family, Model, Workers, connection_pool_threads};
use crate::connection::Conn;
use crate::connection::drive;
use crate::net::Server;
use crate::processes;

pub(crate) const MODEL: Model = Model {
    name: "prefork",
    family: Family::Process,
    summary: "a fixed number of processes, each accepting and serving one client at a time",
    workers: Workers::Pool(connection_pool_threads),
    run: |server| run(server, None),
    ..Model::PLAIN
};

pub(crate) const LOCKED: Model = Model {
    name: "prefork-locked",
    summary: "prefork with a lock around accept(2)",
    run: |server| run(server, Some(&File::from(memfd_create("accept", MemfdFlags::CLOEXEC)?))),
    ..MODEL
};

fn run(server: &'static Server, lock: Option<&File>) -> io::Result<()> {
    processes::prepare(server, server.workers)?;
    processes::supervise(server, |place| {
        processes::spawn(place, || {
            while let Some(conn) = next_client(server, lock) {
                drive::to_end(conn, place);
            }
        })
    })?;
    // The children have stopped accepting. The parent has the clients that had connected by then;
    // each gets a child of its own as others leave.
    while let Some(conn) = server.next_client() {
        match processes::free_place().or_else(processes::wait_for_one) {
            Some(place) => give_process(conn, place, drive::to_end),
            None => conn.turn_away(),
        }
    }
    processes::wait_for_all();
    Ok(())
}

fn next_client(server: &'static Server, lock: Option<&File>) -> Option<Conn> {
    let Some(lock) = lock else { return server.next_client() };
    // fcntl(2) and not flock(2): that one belongs to the open file, which all children share.
    // Unlike a mutex in shared memory it is let go when its holder is killed.
    set(lock, FlockOperation::LockExclusive);
    let conn = server.next_client();
    set(lock, FlockOperation::Unlock);
    conn
}

fn set(lock: &File, operation: FlockOperation) {
    while fcntl_lock(lock, operation) == Err(rustix::io::Errno::INTR) {}
}
