//! Chat: a room, in four ways of waiting.
//!
//! In every other application clients are independent. In a room, each member receives the messages
//! of all, so the code that waits to read from a member must also be able to write to it. A thread
//! that is blocked in recv(2) cannot do that, and each of these four models solves it in its own
//! way. The messages, their order and the handling of slow members are the room's
//! (`protocol::app::chat`) and the same for all. Read the models in this order:
//!
//! - `select`: one thread; select(2) returns the members that have sent something
//! - `epoll`: the same with epoll(7)
//! - `thread_per_client`: two threads for each member, one that reads and one that writes
//! - `tokio`: a task for each member, which waits for reading and writing at once
//!
//! The two loops share `members`: the members of the room, the turns, and leaving.
//!
//! **Rules**, in each of them. The server does not wait for a member that does not read. Once the
//! member is `max_behind` bytes behind, the server disconnects it and counts it as too slow. A
//! member that reads nothing for the idle timeout is idle. A silent member is never disconnected.
//! If all other members are behind, because the server is slow, the server stops reading from
//! senders, and TCP then stops them. A server that stops sends all messages that have arrived to
//! everyone and only then closes; it does not announce that the members leave.

pub(super) mod epoll;
mod members;
pub(super) mod select;
pub(super) mod thread_per_client;
pub(super) mod tokio;

/// Why the other models have no room.
pub(crate) const WHY_NOT: &str = "a chat room waits for all clients at once: use select, epoll, thread-per-client \
                                  or tokio-multi";

/// What the kernel is to be asked about a member of a loop's room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Interest {
    /// Whether there is something to read.
    read: bool,
    /// Whether there is room for what it is to be told.
    write: bool,
}
