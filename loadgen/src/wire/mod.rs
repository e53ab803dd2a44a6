//! A worker's view of the world: time, and connections by number.
//!
//! A worker decides when to send what, and what a reply means. [`Wire`] hides how bytes travel and
//! how time passes. So the same worker loads a server through epoll(7) or `io_uring(7)`, and in
//! tests a server in virtual time with known latencies.

mod epoll;
pub(crate) mod socket;
mod uring;
#[cfg(test)]
pub(crate) mod virtual_time;

use rustix::io::Errno;

use crate::Address;

pub(crate) use epoll::EpollWire;
pub(crate) use uring::{UringWire, probe as probe_uring};

/// Connections that are reported ready at a time. Few, because the replies behind the last of them
/// wait until those before it are dealt with; the rest is still there at the next look.
pub(crate) const READY_MAX: usize = 64;

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

/// A way to reach a server. Connections have numbers from 0, given by their worker. Each can be
/// opened and closed any number of times, and is closed at first. A worker that is told of input
/// reads at least once, and is told again while there is more.
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

    /// Has connections that are opened from now on go to this address.
    fn aim(&mut self, address: &Address);

    /// Begins to open a connection. It becomes writable when that has ended; ask
    /// [`Wire::opened`] how. Returns the instant at which it began.
    fn open(&mut self, token: usize) -> Result<u64, Errno>;

    /// How opening a connection ended. From now on the worker is told when it is readable.
    fn opened(&mut self, token: usize) -> Result<(), Errno>;

    /// Gives bytes to the connection and returns how many it took; `AGAIN` when none.
    fn send(&mut self, token: usize, bytes: &[u8]) -> Result<usize, Errno>;

    /// Asks to be told when there is room to write again, or not to be told any more.
    fn watch_room(&mut self, token: usize, watched: bool) -> Result<(), Errno>;

    /// Reads into `space` and returns how many bytes there were; 0 is the end, `AGAIN` nothing yet.
    fn receive(&mut self, token: usize, space: &mut [u8]) -> Result<usize, Errno>;

    /// The minimum age of the last input on a connection, in nanoseconds; `None` if it is unknown.
    /// Only for connections with input.
    fn heard_for(&self, token: usize) -> Option<u64>;

    /// Closes a connection; one that is closed stays so.
    fn close(&mut self, token: usize);
}
