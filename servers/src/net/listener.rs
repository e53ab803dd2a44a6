//! A listening socket, blocking or non-blocking.

use std::cell::Cell;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::atomic::Ordering::SeqCst;
use std::thread;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::SocketFlags;

use super::{ACCEPT_PAUSE, Accepted, Server};
use crate::clock;
use crate::connection::Conn;
use crate::stopping;

/// One of a server's listening sockets.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Listener {
    pub(super) server: &'static Server,
    pub(super) socket: BorrowedFd<'static>,
}

impl Listener {
    /// Its descriptor, which is open as long as the process lives.
    pub(crate) fn fd(self) -> BorrowedFd<'static> {
        self.socket
    }

    /// One attempt to accept.
    pub(crate) fn accept(self) -> Accepted {
        loop {
            if let Some(accepted) = self.server.classify(self.accept_raw(), || self.accept_now()) {
                return accepted;
            }
        }
    }

    /// What came of an accept that the kernel was given earlier and has completed; `None` when
    /// that says nothing about the next one.
    pub(crate) fn completed(self, accepted: Result<OwnedFd, Errno>) -> Option<Accepted> {
        match accepted {
            // It keeps to the limit of descriptors that it was started with, which may be long ago.
            // The client is at hand, and is turned away as others are.
            // Where the ring works, sockets block.
            Err(_) if stopping::accepts_no_more() => Some(self.server.next_rescued(false)),
            Ok(stream) if is_beyond_limit(&stream) => {
                let at_hand = Cell::new(Some(stream));
                let again = || at_hand.take().ok_or(Errno::AGAIN);
                self.server.classify(Err(Errno::MFILE), again)
            }
            accepted => self.server.classify(accepted, || self.accept_now()),
        }
    }

    /// Accepts who is waiting, also where the socket blocks: there the kernel looks for a descriptor
    /// before it looks for a client, and fails although nobody waits.
    fn accept_now(self) -> Result<OwnedFd, Errno> {
        let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
        match poll(&mut [PollFd::new(&self.socket, PollFlags::IN)], Some(&at_once)) {
            Ok(1..) => self.accept_raw(),
            Ok(_) | Err(Errno::INTR) => Err(Errno::AGAIN),
            // With a limit of no descriptors poll(2) refuses, and accept(2) would.
            Err(errno) => Err(errno),
        }
    }

    /// The next client, where the socket blocks; `None` when stopping.
    pub(crate) fn next_client(self) -> Option<Conn> {
        loop {
            self.server.in_accept.fetch_add(1, SeqCst);
            let accepted = self.accept_raw();
            self.server.in_accept.fetch_sub(1, SeqCst);
            let Some(accepted) = self.server.classify(accepted, || self.accept_now()) else {
                continue;
            };
            match accepted {
                Accepted::Conn(conn) => return Some(conn),
                Accepted::TurnedAway => {}
                // No descriptor is left, and nobody was waiting to be turned away.
                Accepted::Nobody => {
                    clock::wait_until_ready(&self.socket, PollFlags::IN, None);
                }
                Accepted::Exhausted => thread::sleep(ACCEPT_PAUSE),
                Accepted::Stopped => return None,
            }
        }
    }

    fn accept_raw(self) -> Result<OwnedFd, Errno> {
        let mut flags = SocketFlags::CLOEXEC;
        flags.set(SocketFlags::NONBLOCK, self.server.nonblocking.load(SeqCst));
        rustix::net::accept_with(self.socket, flags)
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket
    }
}

/// Whether a descriptor is one that could not be opened now.
fn is_beyond_limit(descriptor: &OwnedFd) -> bool {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    let number = u64::try_from(descriptor.as_raw_fd()).unwrap_or(u64::MAX);
    limit.is_some_and(|limit| number >= limit)
}
