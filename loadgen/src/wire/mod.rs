//! What a worker sees of the world: time, and connections by number.
//!
//! A worker decides what to send when and what a reply means. How bytes travel and how time
//! passes is behind [`Wire`], so that the same worker loads a server through epoll(7) or
//! `io_uring(7)`, and in tests a server of virtual time whose every latency is known.

mod epoll;
mod uring;
#[cfg(test)]
pub(crate) mod virtual_time;

use std::net::SocketAddr;
use std::os::fd::OwnedFd;

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, connect, ipproto, socket_with, sockopt};

pub(crate) use epoll::EpollWire;
pub(crate) use uring::{UringWire, probe as probe_uring};

/// What became ready of a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ready {
    /// There is something to read, be it an end or an error.
    pub(crate) readable: bool,
    /// There is room to write, or it has been decided how opening it ended.
    pub(crate) writable: bool,
    /// The peer will send nothing after what there is to read.
    pub(crate) goodbye: bool,
}

/// A way to reach a server. Connections have numbers from 0, which their worker gives them; each
/// is opened and closed any number of times, and is closed at first. Readiness is level-triggered.
pub(crate) trait Wire {
    /// Nanoseconds since the run began.
    fn now(&self) -> u64;

    /// Waits until a connection is ready or the instant `until`, whichever comes first. `now` is a
    /// recent reading of the clock. Returns how many are ready; [`Wire::event`] tells which.
    fn wait(&mut self, now: u64, until: u64) -> Result<usize, Errno>;

    /// Nanoseconds of all waits so far in which it was looked for something without a pause, and
    /// nothing was there.
    fn spun(&self) -> u64 {
        0
    }

    /// Event number `at` of the last wait: which connection, and what is ready.
    fn event(&self, at: usize) -> (usize, Ready);

    /// Waits until the instant `until`, whatever becomes ready.
    fn sleep(&mut self, until: u64);

    /// Begins to open a connection. It becomes writable when that has ended; ask
    /// [`Wire::opened`] how. Returns the instant at which it began.
    fn open(&mut self, token: usize) -> Result<u64, Errno>;

    /// How opening a connection ended. From now on it is told when it is readable.
    fn opened(&mut self, token: usize) -> Result<(), Errno>;

    /// Gives bytes to the connection and returns how many it took; `AGAIN` when none.
    fn send(&mut self, token: usize, bytes: &[u8]) -> Result<usize, Errno>;

    /// Asks to be told when there is room to write again, or not to be told any more.
    fn watch_room(&mut self, token: usize, watched: bool) -> Result<(), Errno>;

    /// Reads into `space` and returns how many bytes there were; 0 is the end, `AGAIN` nothing yet.
    fn receive(&mut self, token: usize, space: &mut [u8]) -> Result<usize, Errno>;

    /// Closes a connection; one that is closed stays so.
    fn close(&mut self, token: usize);
}

/// A new socket that does not block and is being connected, and when that began.
fn begin_to_connect(
    target: &SocketAddr,
    now: impl FnOnce() -> u64,
) -> Result<(OwnedFd, u64), Errno> {
    let family = match target {
        SocketAddr::V4(_) => AddressFamily::INET,
        SocketAddr::V6(_) => AddressFamily::INET6,
    };
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = socket_with(family, SocketType::STREAM, flags, Some(ipproto::TCP))?;
    // A request is one write; holding it back until the last one is acknowledged gains nothing.
    sockopt::set_tcp_nodelay(&socket, true)?;
    // Making the socket is not part of opening the connection.
    let since = now();
    match connect(&socket, target) {
        Ok(()) | Err(Errno::INPROGRESS | Errno::INTR) => Ok((socket, since)),
        Err(errno) => Err(errno),
    }
}
