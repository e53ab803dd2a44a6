//! Acceptor and loops: one thread accepts and deals clients out to several event loops.
//!
//! Waits in: accept(2) in the acceptor; epoll_wait(2) in every loop, for its clients and its mailbox.
//! Scheduler: the acceptor, in turn, so that every loop has as many clients as the next; after that
//! its loop, for good.
//! Runs out of: accepting, when clients come and go all the time: one thread does it for all, and
//! each client crosses from core to core. Then cores, descriptors and memory.
//! Compare: `multi_reactor.rs` (the kernel deals, by a hash); `thread_pool.rs` (the same shape, with
//! a thread for each client).

use std::io;
use std::time::Instant;

use rustix::event::epoll::{self, CreateFlags, Event, EventFlags};

use super::epoll::{EVENTS_MAX, data, interest, ready, wait};
use super::{Family, Model, Workers, in_threads, processors};
use crate::connection::Conn;
use crate::net::Server;
use crate::reactor::mailbox::Mailbox;
use crate::reactor::{Clients, Token, Turn, Want};

pub(crate) const MODEL: Model = Model {
    name: "acceptor-loops",
    family: Family::Reactor,
    summary: "one thread accepts and deals clients out to an epoll loop for each processor",
    workers: Workers::Fixed(processors),
    run,
    ..Model::PLAIN
};

fn run(server: &'static Server) -> io::Result<()> {
    // The acceptor blocks; its clients must not.
    server.set_clients_nonblocking();
    let mailboxes = (0..server.workers).map(|_| Mailbox::new()).collect::<io::Result<Vec<_>>>()?;
    // The last thread is the acceptor.
    in_threads(server.workers + 1, |thread| match mailboxes.get(thread) {
        Some(mailbox) => event_loop(server, mailbox, thread),
        None => {
            let mut turns = mailboxes.iter().cycle();
            while let Some(conn) = server.next_client() {
                turns.next().expect("at least one loop").send(conn);
            }
            mailboxes.iter().for_each(Mailbox::close);
            Ok(())
        }
    })
}

fn event_loop(server: &'static Server, mailbox: &Mailbox<Conn>, worker: usize) -> io::Result<()> {
    let epoll = epoll::create(CreateFlags::CLOEXEC)?;
    let mut clients = Clients::new(server, worker);
    let mut events: Vec<Event> = Vec::with_capacity(EVENTS_MAX);
    let mut newcomers = Vec::new();
    // Differs from epoll.rs: where there the listener is, here is the mailbox.
    epoll::add(&epoll, mailbox, data(Token::LISTENER), EventFlags::IN)?;
    while !clients.is_over() {
        wait(&epoll, &mut events, clients.timeout())?;
        let now = Instant::now();
        for event in &events {
            let token = Token::from_number(event.data.u64());
            if token == Token::LISTENER {
                if !mailbox.take(&mut newcomers) {
                    clients.no_more();
                    epoll::delete(&epoll, mailbox)?;
                }
            } else if !clients.wake(token, ready(event.flags)) {
                interest(&epoll, &mut clients, token, Want::Nothing)?;
            }
        }
        clients.expire(now);
        for conn in newcomers.drain(..) {
            clients.join(conn, now, |token, conn| {
                epoll::add(&epoll, conn, data(token), EventFlags::IN).is_ok()
            });
        }
        for _ in 0..clients.turns() {
            match clients.next_turn(now) {
                Some(Turn { token, want: Some(want @ (Want::Read | Want::Write)), .. }) => {
                    interest(&epoll, &mut clients, token, want)?;
                }
                Some(_) => {}
                None => break,
            }
        }
    }
    Ok(())
}
