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

/// Connections that are reported ready at a time. Few, because the replies of the last one wait until
/// the others have been handled. The rest is reported by the next wait.
pub(crate) const READY_MAX: usize = 64;

/// What a connection is ready for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ready {
    /// There is something to read: bytes, the end, or an error.
    pub(crate) readable: bool,
    /// There is room to write, or the attempt to open the connection has ended.
    pub(crate) writable: bool,
    /// The peer sends nothing after the bytes that can be read now.
    pub(crate) goodbye: bool,
}

/// A way to reach a server. Connections have numbers from 0, given by their worker. Each can be
/// opened and closed any number of times, and is closed at first. A worker that gets a readable event
/// reads at least once, and gets another event as long as there is more.
pub(crate) trait Wire {
    /// Nanoseconds since the run began.
    fn now(&self) -> u64;

    /// Waits until a connection is ready or the instant `until`, whichever comes first. `now` is a
    /// recent reading of the clock. Returns how many are ready; [`Wire::event`] says which.
    fn wait(&mut self, now: u64, until: u64) -> Result<usize, Errno>;

    /// Nanoseconds so far in which waits polled without a pause and found nothing.
    fn spun(&self) -> u64 {
        0
    }

    /// Event number `at` of the last wait: which connection, and what is ready.
    fn event(&self, at: usize) -> (usize, Ready);

    /// Waits until the instant `until`, whatever becomes ready.
    fn sleep(&mut self, until: u64);

    /// Sets the address for connections that are opened from now on.
    fn aim(&mut self, address: &Address);

    /// Begins to open a connection. It becomes writable when the attempt has ended;
    /// [`Wire::opened`] has the result. Returns the instant at which the attempt began.
    fn open(&mut self, token: usize) -> Result<u64, Errno>;

    /// The result of opening a connection. From now on its readable events are reported.
    fn opened(&mut self, token: usize) -> Result<(), Errno>;

    /// Gives bytes to the connection and returns how many it took; `AGAIN` if none.
    fn send(&mut self, token: usize, bytes: &[u8]) -> Result<usize, Errno>;

    /// Turns writable events of a connection on or off.
    fn watch_room(&mut self, token: usize, watched: bool) -> Result<(), Errno>;

    /// Reads into `space` and returns how many bytes there were; 0 is the end, `AGAIN` is nothing yet.
    fn receive(&mut self, token: usize, space: &mut [u8]) -> Result<usize, Errno>;

    /// The minimum age of the last input on a connection, in nanoseconds; `None` if it is unknown.
    /// Only for connections with input.
    fn heard_for(&self, token: usize) -> Option<u64>;

    /// Closes a connection. A closed one stays closed.
    fn close(&mut self, token: usize);
}
