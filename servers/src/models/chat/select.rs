//! Chat over select: one thread, which reads from members and writes to all. The classroom's chat.
//!
//! Waits in: pselect(2), for all members at once, in two sets: those that may send, and those whose
//! socket was full.
//! Scheduler: the loop. A message costs a send(2) for each member, one after the other.
//! Runs out of: descriptor numbers. A set has 1,024 bits, so a room has fewer than a thousand
//! members, and every message costs a scan of all bits.
//! Compare: `epoll.rs` (the kernel keeps the list); `models/select.rs` (independent clients).

use std::io;
use std::time::Instant;

use rustix::event::{FdSetIter, fd_set_insert, fd_set_remove};

use super::super::select::{FD_SETSIZE, HIGHEST, Set, TOO_HIGH, index, wait};
use super::members::Members;
use crate::net::{Server, number};
use crate::reactor::{Ready, Token};

pub(in super::super) fn run(server: &'static Server) -> io::Result<()> {
    server.set_nonblocking()?;
    let listener = server.listener();
    if server.next_descriptor()?.max(number(&listener)) > HIGHEST {
        return Err(io::Error::other(TOO_HIGH));
    }
    let mut members = Members::new(server);
    // The member of each descriptor; select knows only numbers.
    let mut tokens = [None::<Token>; FD_SETSIZE];
    let (mut readers, mut writers) = (Set::default(), Set::default());
    server.ready()?;
    while !members.is_over() {
        if members.wants_listener() {
            fd_set_insert(&mut readers, number(&listener));
        } else {
            fd_set_remove(&mut readers, number(&listener));
        }
        // The call overwrites its sets with its answer, so it gets copies.
        let (mut readable, mut writable) = (readers, writers);
        wait(&mut readable, &mut writable, members.timeout())?;
        for fd in FdSetIter::new(&readable) {
            match tokens[index(fd)] {
                Some(token) => members.wake(token, Ready { readable: true, ..Ready::default() }),
                None => members.wake_listener(),
            }
        }
        for token in FdSetIter::new(&writable).filter_map(|fd| tokens[index(fd)]) {
            members.wake(token, Ready { writable: true, ..Ready::default() });
        }
        let now = Instant::now();
        members.expire(now);
        members.accept(listener, now, |token, conn| {
            let fd = number(conn);
            if index(fd) >= FD_SETSIZE {
                return false;
            }
            tokens[index(fd)] = Some(token);
            fd_set_insert(&mut readers, fd);
            true
        });
        members.turns(now);
        members.settle(|conn, _, interest| {
            let fd = number(conn);
            let wants = |set: &mut Set, wanted| {
                if wanted { fd_set_insert(set, fd) } else { fd_set_remove(set, fd) }
            };
            wants(&mut readers, interest.is_some_and(|interest| interest.read));
            wants(&mut writers, interest.is_some_and(|interest| interest.write));
            if interest.is_none() {
                tokens[index(fd)] = None;
            }
            Ok(())
        })?;
    }
    Ok(())
}
