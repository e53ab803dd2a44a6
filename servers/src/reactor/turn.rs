//! What a loop and its clients tell each other: what a client waits for, what the kernel said about
//! it, what came of its turn.

use std::os::fd::RawFd;

use protocol::Job;

use super::Token;

/// What a client waits for from the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Want {
    /// To read.
    Read,
    /// To write.
    Write,
    /// Nothing: it waits for time or for its next turn.
    Nothing,
}

/// What the kernel said about a client.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Ready {
    /// There are bytes, or the end of them.
    pub(crate) readable: bool,
    /// There is room for bytes.
    pub(crate) writable: bool,
    /// The peer will send no more.
    pub(crate) hung_up: bool,
    /// The connection is gone in both directions.
    pub(crate) dead: bool,
}

impl Ready {
    /// This, and what the kernel has said since.
    pub(crate) fn and(self, later: Self) -> Self {
        Self {
            readable: self.readable || later.readable,
            writable: self.writable || later.writable,
            hung_up: self.hung_up || later.hung_up,
            dead: self.dead || later.dead,
        }
    }
}

/// What came of a client's turn.
#[derive(Debug)]
pub(crate) struct Turn {
    /// Whose it was.
    pub(crate) token: Token,
    /// Its descriptor. Once it has left the number is free, and the next client's.
    pub(crate) descriptor: RawFd,
    /// What it waits for; `None` when it has left.
    pub(crate) want: Option<Want>,
    /// A job to run elsewhere; only where the model has asked for that.
    pub(crate) job: Option<Job>,
}
