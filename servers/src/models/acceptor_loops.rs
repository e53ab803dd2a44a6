//! Acceptor and loops: one thread accepts and distributes clients among several event loops.
//!
//! Waits in: accept(2) in the acceptor; epoll_wait(2) in every loop, for its clients and its
//! mailbox.
//! Scheduler: the acceptor assigns clients to the loops in turn, so all loops get equally many; a
//! client stays with its loop.
//! Runs out of: accepting, if clients come and go all the time: one thread accepts for all loops,
//! and each client moves from core to core. Then cores, descriptors and memory.
//! Compare: `multi_reactor.rs` (the kernel distributes clients, by a hash); `thread_pool.rs` (the
//! same shape, with a thread for each client).
//! In C: `benches/yardstick/c/acceptor_loops.c`.

use std::io;
use std::time::Instant;

use rustix::event::epoll::{self, CreateFlags, Event, EventFlags};
use rustix::fd::OwnedFd;

use super::epoll::{EVENTS_MAX, data, interest, ready, wait};
use super::{Family, Model, Workers, usable_processors};
use crate::connection::Conn;
use crate::net::Server;
use crate::reactor::mailbox::Mailbox;
use crate::reactor::{Clients, Token, Turn, Want};
use crate::threads::in_threads;

pub(crate) const MODEL: Model = Model {
    name: "acceptor-loops",
    family: Family::Reactor,
    summary: "one thread accepts and distributes clients among epoll loops, one per processor",
    workers: Workers::Fixed(usable_processors),
    descriptors_per_worker: 2,
    run,
    ..Model::PLAIN
};

fn run(server: &'static Server) -> io::Result<()> {
    // The acceptor blocks; its clients must not.
    server.set_clients_nonblocking();
    let mailboxes = (0..server.workers).map(|_| Mailbox::new()).collect::<io::Result<Vec<_>>>()?;
    // The last thread is the acceptor.
    in_threads(
        server,
        server.workers + 1,
        |thread| mailboxes.get(thread).map(watch).transpose(),
        |thread, epoll| match (epoll, mailboxes.get(thread)) {
            (Some(epoll), Some(mailbox)) => event_loop(server, &epoll, mailbox, thread),
            _ => {
                let mut turns = mailboxes.iter().cycle();
                while let Some(conn) = server.next_client() {
                    turns.next().expect("at least one loop").send(conn);
                }
                mailboxes.iter().for_each(Mailbox::close);
                Ok(())
            }
        },
    )
}

/// Differs from epoll.rs: this loop watches its mailbox instead of the listener.
fn watch(mailbox: &Mailbox<Conn>) -> io::Result<OwnedFd> {
    let epoll = epoll::create(CreateFlags::CLOEXEC)?;
    epoll::add(&epoll, mailbox, data(Token::LISTENER), EventFlags::IN)?;
    Ok(epoll)
}

fn event_loop(
    server: &'static Server,
    epoll: &OwnedFd,
    mailbox: &Mailbox<Conn>,
    worker: usize,
) -> io::Result<()> {
    let mut clients = Clients::new(server, worker);
    let mut events: Vec<Event> = Vec::with_capacity(EVENTS_MAX);
    let mut newcomers = Vec::new();
    if let Some(others) = clients.others()? {
        epoll::add(epoll, others, data(Token::OTHERS), EventFlags::IN)?;
    }
    while !clients.is_over() {
        wait(epoll, &mut events, clients.timeout())?;
        let now = Instant::now();
        for event in &events {
            let token = Token::from_number(event.data.u64());
            if token == Token::LISTENER {
                if !mailbox.take(&mut newcomers) {
                    clients.no_more();
                    epoll::delete(epoll, mailbox)?;
                }
            } else if !clients.wake(token, ready(event.flags)) {
                interest(epoll, &mut clients, token, Want::Nothing)?;
            }
        }
        clients.expire(now);
        for conn in newcomers.drain(..) {
            clients.join(conn, now, |token, conn| {
                epoll::add(epoll, conn, data(token), EventFlags::IN).is_ok()
            });
        }
        for _ in 0..clients.turns() {
            match clients.next_turn(now) {
                Some(Turn { token, want: Some(want @ (Want::Read | Want::Write)), .. }) => {
                    interest(epoll, &mut clients, token, want)?;
                }
                Some(_) => {}
                None => break,
            }
        }
    }
    Ok(())
}
