//! Chat: a room, in four ways of waiting.
//!
//! In every other application a client is served for itself. In a room each is told what all say, so
//! whoever waits to read from a client must also be able to write to it: that is what a thread blocked in
//! recv(2) cannot do, and what these four solve each in its own way. What is said, in which order, and who
//! is too slow for it is the room's (`protocol::app::chat`), the same for all. Read them in this order:
//!
//! - `select`: one thread, told by select(2) who has something to say
//! - `epoll`: the same, told by epoll(7)
//! - `thread_per_client`: two threads for each member, one that reads and one that writes
//! - `tokio`: a task for each member, in which reading and writing wait side by side
//!
//! The two loops share `members`: who is in the room, whose turn it is, who leaves.
//!
//! **Rules**, in each of them. Who takes nothing is not waited for: once it is `max_behind` bytes behind it
//! is disconnected, and counted as too slow; who takes nothing for the idle timeout is idle. Silence is no
//! fault, so nobody is disconnected for saying nothing. Where everybody else is behind, because the
//! server is, whoever speaks is not read: TCP then stops it. A server that stops says what had come,
//! tells everyone all that was said, and only then closes; that the members leave is not said.

pub(super) mod epoll;
mod members;
pub(super) mod select;
pub(super) mod thread_per_client;
pub(super) mod tokio;

/// Why the other models have no room.
pub(crate) const WHY_NOT: &str = "a chat room waits for all clients at once: use select, epoll, \
    thread-per-client or tokio-multi";

/// What the kernel is to be asked about a member of a loop's room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Interest {
    /// Whether there is something to read.
    read: bool,
    /// Whether there is room for what it is to be told.
    write: bool,
}
