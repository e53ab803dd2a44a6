//! Multi-reactor: several event loops, each in its thread with a listening socket of its own.
//!
//! Waits in: epoll_wait(2), in every loop, for its own listener and its own clients.
//! Scheduler: the kernel gives a new client to one of the listeners by a hash of its address
//! (SO_REUSEPORT, socket(7)); the client stays with that loop.
//! Runs out of: luck first. The hash ignores how busy loops are, and with few clients some loops
//! get several and some none; then cores, descriptors and memory.
//! Compare: `epoll.rs` (the same code with one loop); `acceptor_loops.rs` (a thread chooses the
//! loop); `tokio_sharded.rs` (the same with a runtime in each thread).
//! In C: `benches/yardstick/c/multi_reactor.c`, `benches/yardstick/c/shared_listener.c`.
//!
//! `shared-listener` has one listening socket in all the loops. EPOLLEXCLUSIVE keeps the kernel
//! from waking every loop for every client (epoll_ctl(2)). The kernel wakes the same loops first,
//! so they get most of the clients while there is little to do.

use std::io;

use rustix::event::epoll::EventFlags;

use super::epoll::{Listening, event_loop};
use super::{Family, Model, Workers, usable_processors};
use crate::net::Server;
use crate::threads::in_threads;

pub(crate) const MODEL: Model = Model {
    name: "multi-reactor",
    family: Family::Reactor,
    summary: "an epoll loop per processor, each with its own listener (SO_REUSEPORT)",
    workers: Workers::Fixed(usable_processors),
    listener_per_worker: true,
    descriptors_per_worker: 1,
    run,
    ..Model::PLAIN
};

pub(crate) const SHARED_LISTENER: Model = Model {
    name: "shared-listener",
    summary: "an epoll loop per processor, all sharing one listener (EPOLLEXCLUSIVE)",
    listener_per_worker: false,
    ..MODEL
};

fn run(server: &'static Server) -> io::Result<()> {
    server.set_nonblocking()?;
    let accepting = if server.model.listener_per_worker {
        EventFlags::IN
    } else {
        EventFlags::IN | EventFlags::EXCLUSIVE
    };
    in_threads(
        server,
        server.workers,
        |worker| {
            let own = if server.model.listener_per_worker { worker } else { 0 };
            Listening::new(server.listener_of(own), accepting)
        },
        |worker, watched| event_loop(server, watched, worker),
    )
}
