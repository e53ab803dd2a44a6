//! Accepting again at once when there are no descriptors.
//!
//! Wrong: accept(2) fails with EMFILE and leaves the client in the queue, so the listener stays
//! ready and epoll says so again at once. The loop spins, for as long as descriptors are missing,
//! and those who wait are not even told.
//! How it happens: a failed accept is skipped, as is right for a client that has gone
//! (ECONNABORTED); that one of them can fail for ever was not thought of.
//! Gauge: `accept_failures` of the server by the thousand without a client shed; a server that never
//! sleeps while nobody is served.
//! Compare: `models/epoll.rs`: a spare descriptor to turn the client away with, or else a pause.

use std::io;
use std::time::Instant;

use rustix::event::epoll::{self, CreateFlags, Event, EventFlags};
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::net::SocketFlags;

use super::Broken;
use crate::models::epoll::{EVENTS_MAX, data, wait};
use crate::models::{Family, Model, epoll_edge::edge};
use crate::net::{Accepted, Server};
use crate::reactor::{Clients, Token};

pub(super) const BROKEN: Broken = Broken {
    model: Model {
        name: "accept-spin",
        family: Family::Reactor,
        summary: "when descriptors run out it retries accept immediately",
        run,
        ..Model::PLAIN
    },
    gauge: "the server's accept_failures without shed or accept_pauses; it never sleeps",
    right: "epoll",
};

fn run(server: &'static Server) -> io::Result<()> {
    server.set_nonblocking()?;
    let epoll = epoll::create(CreateFlags::CLOEXEC)?;
    let mut clients = Clients::new(server, 0);
    let mut events: Vec<Event> = Vec::with_capacity(EVENTS_MAX);
    epoll::add(&epoll, server.listener(), data(Token::LISTENER), EventFlags::IN)?;
    server.ready()?;
    while !clients.is_over() {
        wait(&epoll, &mut events, clients.timeout())?;
        let now = Instant::now();
        for event in &events {
            match Token::from_number(event.data.u64()) {
                Token::LISTENER => accept(server, &mut clients, &epoll, now)?,
                token => _ = clients.wake(token, edge(event.flags)),
            }
        }
        clients.expire(now);
        for _ in 0..clients.turns() {
            clients.next_turn(now);
        }
    }
    Ok(())
}

fn accept(
    server: &'static Server,
    clients: &mut Clients,
    epoll: &OwnedFd,
    now: Instant,
) -> io::Result<()> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let accepted = rustix::net::accept_with(server.listener(), flags);
    if let Err(Errno::MFILE | Errno::NFILE) = accepted {
        // "Perhaps next time": which is now.
        server.accept_failed();
        return Ok(());
    }
    match server.classify(accepted, || Err(Errno::AGAIN)) {
        Some(Accepted::Conn(conn)) => clients.join(conn, now, |token, conn| {
            let all = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET;
            epoll::add(epoll, conn, data(token), all).is_ok()
        }),
        Some(Accepted::Stopped) => {
            epoll::delete(epoll, server.listener())?;
            clients.no_more();
        }
        _ => {}
    }
    Ok(())
}
