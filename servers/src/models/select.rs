//! Select: one thread, an event loop around select(2).
//!
//! Waits in: pselect(2), for all clients at once.
//! Scheduler: the loop, one turn for each ready client; a long computation delays all clients.
//! Runs out of: descriptor numbers. A set has 1,024 bits, so select cannot wait for a higher
//! descriptor, however few clients there are; the server turns such a client away. Every call also
//! rebuilds and scans the sets, so idle clients cost as much as busy ones.
//! Compare: `poll.rs` (no such limit, the same scan); `thread_per_client.rs` (no loop).
//! In C: `benches/yardstick/c/select.c`.

use std::io;
use std::os::fd::RawFd;
use std::time::{Duration, Instant};

use rustix::event::{
    FdSetElement, FdSetIter, Timespec, fd_set_bound, fd_set_insert, fd_set_remove, select,
};

use super::{Family, Model, chat};
use crate::config::DESCRIPTORS_RESERVED;
use crate::net::{Server, number};
use crate::reactor::{Clients, Ready, Token, Turn, Want};

pub(crate) const MODEL: Model = Model {
    name: "select",
    family: Family::Reactor,
    summary: "an event loop around select(2), for descriptors up to 1,023",
    holds_at_most: Some(FD_SETSIZE - DESCRIPTORS_RESERVED),
    chat: Some(chat::select::run),
    run,
    ..Model::PLAIN
};

/// Bits of a set. The kernel would accept longer sets, but the C library does not, and so neither
/// does a usual select server.
pub(super) const FD_SETSIZE: usize = 1024;
pub(super) const HIGHEST: RawFd = 1023;
pub(super) const TOO_HIGH: &str = "select(2) handles only descriptors below 1,024, and all of them are open \
                                   already: close some before the server starts";
const WORDS: usize = FD_SETSIZE / (8 * size_of::<FdSetElement>());

pub(super) type Set = [FdSetElement; WORDS];

fn run(server: &'static Server) -> io::Result<()> {
    server.set_nonblocking()?;
    let listener = server.listener();
    if server.next_descriptor()?.max(number(&listener)) > HIGHEST {
        return Err(io::Error::other(TOO_HIGH));
    }
    let mut clients = Clients::new(server, 0);
    // The client of each descriptor; select knows only numbers.
    let mut tokens = [None::<Token>; FD_SETSIZE];
    let (mut readers, mut writers) = (Set::default(), Set::default());
    if let Some(others) = clients.others()? {
        tokens[index(number(&others))] = Some(Token::OTHERS);
        fd_set_insert(&mut readers, number(&others));
    }
    server.ready()?;
    while !clients.is_over() {
        if clients.wants_listener() {
            fd_set_insert(&mut readers, number(&listener));
        } else {
            fd_set_remove(&mut readers, number(&listener));
        }
        // The call overwrites its sets with its answer, so it gets copies.
        let (mut readable, mut writable) = (readers, writers);
        wait(&mut readable, &mut writable, clients.timeout())?;
        for fd in FdSetIter::new(&readable) {
            match tokens[index(fd)] {
                // An end or an error shows as readable, no more.
                Some(token) => {
                    _ = clients.wake(token, Ready { readable: true, ..Ready::default() })
                }
                None => clients.wake_listener(),
            }
        }
        for token in FdSetIter::new(&writable).filter_map(|fd| tokens[index(fd)]) {
            clients.wake(token, Ready { writable: true, ..Ready::default() });
        }
        let now = Instant::now();
        clients.expire(now);
        clients.accept(listener, now, |token, conn| {
            let fd = number(conn);
            if index(fd) >= FD_SETSIZE {
                return false;
            }
            tokens[index(fd)] = Some(token);
            fd_set_insert(&mut readers, fd);
            true
        });
        for _ in 0..clients.turns() {
            let Some(Turn { descriptor: fd, want, .. }) = clients.next_turn(now) else { break };
            fd_set_remove(&mut readers, fd);
            fd_set_remove(&mut writers, fd);
            match want {
                Some(Want::Read) => fd_set_insert(&mut readers, fd),
                Some(Want::Write) => fd_set_insert(&mut writers, fd),
                Some(Want::Nothing) => {}
                None => tokens[index(fd)] = None,
            }
        }
    }
    Ok(())
}

/// pselect(2), which leaves the ready descriptors in the sets.
pub(super) fn wait(
    readable: &mut Set,
    writable: &mut Set,
    timeout: Option<Duration>,
) -> io::Result<()> {
    let bound = fd_set_bound(readable).max(fd_set_bound(writable));
    let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
    #[expect(unsafe_code, reason = "select(2) is told of descriptors by number")]
    // SAFETY: a number is in a set only while its owner is in `Clients`: it leaves the sets in
    // the turn that closes it. Both sets have a bit for every number below `bound`.
    match unsafe { select(bound, Some(readable), Some(writable), None, timeout.as_ref()) } {
        // The sets are not to be trusted after EINTR; the next call will tell.
        Err(rustix::io::Errno::INTR) => {
            (*readable, *writable) = (Set::default(), Set::default());
            Ok(())
        }
        other => Ok(other.map(|_| ())?),
    }
}

pub(super) fn index(fd: RawFd) -> usize {
    usize::try_from(fd).expect("descriptors are not negative")
}
