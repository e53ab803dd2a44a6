//! Chat over epoll: one thread, which reads from members and writes to all.
//!
//! Waits in: epoll_wait(2), for all members at once. The kernel keeps the list and returns only
//! members that have sent something or whose socket has space again.
//! Scheduler: the loop. A message costs a send(2) for each member, one after the other, so the last
//! member gets it after all the others.
//! Runs out of: its one core, which limits deliveries per second; then descriptors.
//! Compare: `select.rs` (the whole list with each call, and 1,024 descriptors);
//! `thread_per_client.rs` (the deliveries on all cores).

use std::io;
use std::time::Instant;

use rustix::event::epoll::{self, CreateFlags, Event, EventFlags};

use super::super::epoll::{EVENTS_MAX, data, listens, ready, wait};
use super::Interest;
use super::members::Members;
use crate::net::Server;
use crate::reactor::Token;

pub(in super::super) fn run(server: &'static Server) -> io::Result<()> {
    server.set_nonblocking()?;
    let listener = server.listener();
    let epoll = epoll::create(CreateFlags::CLOEXEC)?;
    epoll::add(&epoll, listener, data(Token::LISTENER), EventFlags::IN)?;
    let mut members = Members::new(server);
    let mut events: Vec<Event> = Vec::with_capacity(EVENTS_MAX);
    let mut listening = true;
    server.ready()?;
    while !members.is_over() {
        wait(&epoll, &mut events, members.timeout())?;
        for event in &events {
            match Token::from_number(event.data.u64()) {
                Token::LISTENER => members.wake_listener(),
                token => members.wake(token, ready(event.flags)),
            }
        }
        let now = Instant::now();
        members.expire(now);
        members.accept(listener, now, |token, conn| {
            epoll::add(&epoll, conn, data(token), EventFlags::IN).is_ok()
        });
        members.turns(now);
        members.settle(|conn, token, interest| match interest {
            Some(interest) => Ok(epoll::modify(&epoll, conn, data(token), flags(interest))?),
            // Closing a descriptor takes it out of the kernel's list.
            None => Ok(()),
        })?;
        let wanted = members.wants_listener();
        if !listens(&epoll, listener, EventFlags::IN, &mut listening, wanted)? {
            members.pause(now);
        }
    }
    Ok(())
}

fn flags(Interest { read, write }: Interest) -> EventFlags {
    let mut flags = EventFlags::empty();
    flags.set(EventFlags::IN, read);
    flags.set(EventFlags::OUT, write);
    flags
}
