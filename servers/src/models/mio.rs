//! Mio: one thread, an event loop around mio's `Poll`, which on Linux is epoll, edge-triggered.
//!
//! Waits in: epoll_wait(2), through mio, whose timeout is in whole milliseconds.
//! Scheduler: the loop, one turn for each ready client; a long computation delays all clients.
//! Runs out of: its one core; then descriptors and memory. An edge is reported once: a client whose
//! input is not read to the end waits forever for another report.
//! Compare: `epoll.rs` (level-triggered, by hand); `tokio_current.rs` (mio under a runtime).
//! In C, what is below it: `benches/yardstick/c/epoll_edge.c`.

use std::io;
use std::time::{Duration, Instant};

use mio::event::Event;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll};

use super::{Family, Model};
use crate::net::{Server, number};
use crate::reactor::{Clients, Ready, Token};

pub(crate) const MODEL: Model = Model {
    name: "mio",
    family: Family::Reactor,
    summary: "an event loop around mio: epoll(7), edge-triggered",
    // It waits in epoll_wait(2), for whole milliseconds and never too few.
    timer_resolution: Duration::from_millis(1),
    run,
    ..Model::PLAIN
};

/// Events taken from the kernel at a time; as in epoll.rs.
const EVENTS_MAX: usize = 256;

fn run(server: &'static Server) -> io::Result<()> {
    server.set_nonblocking()?;
    let mut poll = Poll::new()?;
    let registry = poll.registry().try_clone()?;
    let listener = server.listener();
    let mut clients = Clients::new(server, 0);
    let mut events = Events::with_capacity(EVENTS_MAX);
    let number_of_listener = number(&listener);
    registry.register(
        &mut SourceFd(&number_of_listener),
        id(Token::LISTENER),
        Interest::READABLE,
    )?;
    if let Some(others) = clients.others()? {
        let others = number(&others);
        registry.register(&mut SourceFd(&others), id(Token::OTHERS), Interest::READABLE)?;
    }
    server.ready()?;
    while !clients.is_over() {
        match poll.poll(&mut events, clients.timeout()) {
            // A signal, and no events.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => other?,
        }
        for event in &events {
            match token(event) {
                Token::LISTENER => clients.wake_listener(),
                // Differs from epoll.rs: an edge that is not wanted now is remembered by
                // `Clients` and does not come again, so there is no interest to drop.
                token => _ = clients.wake(token, ready(event)),
            }
        }
        let now = Instant::now();
        clients.expire(now);
        clients.accept(listener, now, |token, conn| {
            // Differs from epoll.rs: both directions, once and for all. An edge costs nothing
            // until it comes.
            let all = Interest::READABLE | Interest::WRITABLE | Interest::PRIORITY;
            registry.register(&mut SourceFd(&number(conn)), id(token), all).is_ok()
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

fn ready(event: &Event) -> Ready {
    Ready {
        readable: event.is_readable(),
        writable: event.is_writable(),
        hung_up: event.is_read_closed(),
        urgent: event.is_priority(),
        dead: event.is_error() || event.is_read_closed() && event.is_write_closed(),
        told_once: false,
    }
}

fn id(token: Token) -> mio::Token {
    mio::Token(usize::try_from(token.number()).expect("a word holds 64 bits"))
}

fn token(event: &Event) -> Token {
    Token::from_number(event.token().0 as u64)
}
