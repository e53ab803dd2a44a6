//! Accepting again at once when descriptors have run out.
//!
//! Wrong: accept(2) fails with EMFILE and leaves the client in the queue. The listener stays ready,
//! and epoll reports it again at once. The loop spins as long as descriptors are missing, and
//! waiting clients are not even told.
//! How it happens: the code skips a failed accept, which is right for a client that has gone
//! (ECONNABORTED). Its author did not expect a failure that lasts.
//! Gauge: thousands of `accept_failures` without a client shed; a server that never sleeps although
//! it serves no client.
//! Compare: `models/epoll.rs`: it closes a spare descriptor to turn the client away, or else
//! pauses.

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
        summary: "it retries accept immediately when descriptors run out",
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
