//! Epoll, edge-triggered: one thread, an event loop around epoll(7) that reports each event once.
//!
//! Waits in: epoll_wait(2), which returns a client when something new has happened to it.
//! Scheduler: the loop, one turn for each ready client; a long computation delays all clients.
//! Runs out of: its one core; then descriptors and memory. An edge is reported once: a client whose
//! input is not read to the end waits forever for another report.
//! Compare: `epoll.rs` (reports a client as long as it is ready); `mio.rs` (the same with a
//! library).
//! In C: `benches/yardstick/c/epoll_edge.c`.

use std::io;
use std::time::Instant;

use rustix::event::epoll::{self, CreateFlags, Event, EventFlags};

use super::epoll::{EVENTS_MAX, data, ready, wait};
use super::{Family, Model};
use crate::net::Server;
use crate::reactor::{Clients, Ready, Token};

pub(crate) const MODEL: Model = Model {
    name: "epoll-edge",
    family: Family::Reactor,
    summary: "an event loop around epoll(7), edge-triggered",
    run,
    ..Model::PLAIN
};

/// Everything that can happen to a client.
pub(crate) const ALL: EventFlags = EventFlags::IN
    .union(EventFlags::OUT)
    .union(EventFlags::RDHUP)
    .union(EventFlags::PRI)
    .union(EventFlags::ET);

fn run(server: &'static Server) -> io::Result<()> {
    server.set_nonblocking()?;
    let epoll = epoll::create(CreateFlags::CLOEXEC)?;
    let listener = server.listener();
    let mut clients = Clients::new(server, 0);
    let mut events: Vec<Event> = Vec::with_capacity(EVENTS_MAX);
    epoll::add(&epoll, listener, data(Token::LISTENER), EventFlags::IN | EventFlags::ET)?;
    if let Some(others) = clients.others()? {
        epoll::add(&epoll, others, data(Token::OTHERS), EventFlags::IN | EventFlags::ET)?;
    }
    server.ready()?;
    while !clients.is_over() {
        wait(&epoll, &mut events, clients.timeout())?;
        for event in &events {
            match Token::from_number(event.data.u64()) {
                Token::LISTENER => clients.wake_listener(),
                // Differs from epoll.rs: an edge that is not wanted now is remembered by
                // `Clients` and does not come again, so there is no interest to drop.
                token => _ = clients.wake(token, edge(event.flags)),
            }
        }
        let now = Instant::now();
        clients.expire(now);
        clients.accept(listener, now, |token, conn| {
            // Differs from epoll.rs: both directions, once and for all; a change of mind would
            // cost a system call and an edge costs nothing until it comes.
            epoll::add(&epoll, conn, data(token), ALL).is_ok()
        });
        for _ in 0..clients.turns() {
            // Closing a descriptor takes it out of the kernel's list.
            if clients.next_turn(now).is_none() {
                break;
            }
        }
    }
    Ok(())
}

pub(crate) fn edge(flags: EventFlags) -> Ready {
    // The end of a peer's input is an edge too, and so is urgent data, in front of which a read
    // ends. After either, a short read does not prove that nothing is left.
    Ready {
        hung_up: flags.intersects(EventFlags::RDHUP | EventFlags::HUP),
        urgent: flags.contains(EventFlags::PRI),
        ..ready(flags)
    }
}
