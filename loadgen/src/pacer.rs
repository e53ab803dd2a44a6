//! Where a thread waits: for sockets, and until the next request is due.
//!
//! This is the one place that would differ if the wait were spun instead of slept.

use std::num::NonZeroU64;
use std::os::fd::{AsFd, OwnedFd};

use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::io::Errno;
use rustix::time::Timespec;

/// Events taken at a time. Few, because the replies behind the last of them wait until those
/// before it are dealt with; the rest is still there at the next look.
const EVENTS_MAX: usize = 64;

const NS_PER_S: u64 = 1_000_000_000;

/// A level-triggered epoll instance, and the events it reported last.
pub(crate) struct Pacer {
    epoll: OwnedFd,
    events: Vec<Event>,
}

impl Pacer {
    pub(crate) fn new() -> Result<Self, Errno> {
        // The kernel lets a sleeper oversleep by 50 µs to save wake-ups; here that would be
        // lateness of every request. A kernel that refuses leaves a generator that is a little
        // later, and its lateness is measured.
        let _ = rustix::thread::set_current_timer_slack(NonZeroU64::new(1));
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        Ok(Self { epoll, events: Vec::with_capacity(EVENTS_MAX) })
    }

    /// Waits until a socket is ready or `timeout_ns` have passed, whichever comes first, and
    /// returns how many sockets are ready.
    pub(crate) fn wait(&mut self, timeout_ns: u64) -> Result<usize, Errno> {
        let signed = |ns: u64| i64::try_from(ns).unwrap_or(i64::MAX);
        let timeout = Timespec {
            tv_sec: signed(timeout_ns / NS_PER_S),
            tv_nsec: signed(timeout_ns % NS_PER_S),
        };
        self.events.clear();
        match epoll::wait(&self.epoll, spare_capacity(&mut self.events), Some(&timeout)) {
            Ok(ready) => Ok(ready),
            Err(Errno::INTR) => Ok(0),
            Err(errno) => Err(errno),
        }
    }

    /// Which socket the event was for, by its token, and what is ready.
    pub(crate) fn event(&self, at: usize) -> (usize, EventFlags) {
        let event = self.events[at];
        (usize::try_from(event.data.u64()).expect("tokens are usize"), event.flags)
    }

    /// Starts to report the socket. Closing it ends that, since it has one descriptor only.
    pub(crate) fn add(
        &self,
        socket: impl AsFd,
        token: usize,
        flags: EventFlags,
    ) -> Result<(), Errno> {
        epoll::add(&self.epoll, socket, EventData::new_u64(token as u64), flags)
    }

    /// Changes what is reported of the socket.
    pub(crate) fn change(
        &self,
        socket: impl AsFd,
        token: usize,
        flags: EventFlags,
    ) -> Result<(), Errno> {
        epoll::modify(&self.epoll, socket, EventData::new_u64(token as u64), flags)
    }
}
