//! Busy-poll: one thread polls every client in turn and never waits.
//!
//! Waits in: nothing. If a client has sent nothing, recv(2) returns at once (EAGAIN), and the loop
//! goes on.
//! Scheduler: the loop, all clients in turn.
//! Runs out of: its one core, from the start: idle clients cost as much as busy ones, and a server
//! without clients is as busy as one with a thousand.
//! Compare: `poll.rs` (one system call covers all clients, and waits). Method: Stevens, Fenner and
//! Rudoff, UNIX Network Programming 1, section 6.2, "Nonblocking I/O Model".
//! In C: `benches/yardstick/c/busy_poll.c`.

use std::io;
use std::time::Instant;

use super::{Family, Model};
use crate::net::Server;
use crate::reactor::{Clients, Ready};

pub(crate) const MODEL: Model = Model {
    name: "busy-poll",
    family: Family::Reactor,
    summary: "non-blocking sockets, polled in turn without ever waiting",
    never_sleeps: true,
    run,
    ..Model::PLAIN
};

fn run(server: &'static Server) -> io::Result<()> {
    server.set_nonblocking()?;
    let listener = server.listener();
    let mut clients = Clients::new(server, 0);
    clients.others()?;
    server.ready()?;
    while !clients.is_over() {
        // Whether that is so, only trying tells.
        clients.wake_listener();
        clients.wake_all(Ready { readable: true, writable: true, ..Ready::default() });
        clients.wake_others();
        let now = Instant::now();
        clients.expire(now);
        clients.accept(listener, now, |_, _| true);
        for _ in 0..clients.turns() {
            if clients.next_turn(now).is_none() {
                break;
            }
        }
    }
    Ok(())
}
