//! Worker processes: several processes, each an event loop with a listening socket of its own.
//!
//! Waits in: epoll_wait(2), in every worker, for its own listener and its own clients; the first
//! process in waitpid(2), for workers that die.
//! Scheduler: the kernel gives a new client to one of the listeners by a hash of its address
//! (SO_REUSEPORT, socket(7)); the client stays with that worker's loop.
//! Runs out of: luck first, as `multi_reactor.rs` does; then cores, descriptors and memory, which
//! each process has for itself. A worker that dies takes its clients along, and a new worker
//! replaces it.
//! Compare: `multi_reactor.rs` (the same loops in threads); `prefork.rs` (processes that block).
//! Nginx works like this, and Node's cluster.
//! In C: `benches/yardstick/c/worker_processes.c`; nearest to the variant:
//! `benches/yardstick/c/shared_listener.c`.
//!
//! `worker-processes-shared` has one listening socket in all the loops.

use std::io;

use rustix::event::epoll::EventFlags;

use super::epoll::{Listening, event_loop};
use super::{Family, Model, Workers, usable_processors};
use crate::net::Server;
use crate::processes;

pub(crate) const MODEL: Model = Model {
    name: "worker-processes",
    family: Family::Process,
    summary: "a process per processor, each an epoll loop with its own listener (SO_REUSEPORT)",
    workers: Workers::Fixed(usable_processors),
    listener_per_worker: true,
    run,
    ..Model::PLAIN
};

pub(crate) const SHARED: Model = Model {
    name: "worker-processes-shared",
    summary: "a process per processor, each an epoll loop, all sharing one listener",
    listener_per_worker: false,
    ..MODEL
};

fn run(server: &'static Server) -> io::Result<()> {
    processes::prepare(server, server.workers)?;
    server.set_nonblocking()?;
    let accepting = if server.model.listener_per_worker {
        EventFlags::IN
    } else {
        EventFlags::IN | EventFlags::EXCLUSIVE
    };
    let watch = |worker| {
        let own = if server.model.listener_per_worker { worker } else { 0 };
        Listening::new(server.listener_of(own), accepting)
    };
    processes::supervise(server, |place| {
        processes::spawn(place, || {
            // A worker whose loop fails ends, and is replaced like one that was killed.
            let _ = watch(place).and_then(|watched| event_loop(server, watched, place));
        })
    })?;
    // Who had connected when the server was told to stop is here, and served here; or turned away,
    // where no descriptor is left for a loop.
    if server.has_rescued()
        && let Ok(watched) = watch(0)
    {
        event_loop(server, watched, 0)?;
    }
    processes::wait_for_all();
    Ok(())
}
