//! The interface between a loop and its clients: what a client waits for, its events, and the
//! result of its turn.

use std::os::fd::RawFd;

use protocol::Job;

use super::Token;
use crate::connection::Conn;

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

/// The events that the kernel reported for a client.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Ready {
    /// There is input, or its end.
    pub(crate) readable: bool,
    /// There is room for output.
    pub(crate) writable: bool,
    /// The peer will send no more.
    pub(crate) hung_up: bool,
    /// There is urgent data, which may be all that there is.
    pub(crate) urgent: bool,
    /// The connection is gone in both directions.
    pub(crate) dead: bool,
    /// The kernel reports each arrival once, without its kind: of two, one may be the end or urgent
    /// data.
    pub(crate) told_once: bool,
}

impl Ready {
    /// These events, and those that the kernel has reported since.
    pub(crate) fn and(self, later: Self) -> Self {
        Self {
            readable: self.readable || later.readable,
            writable: self.writable || later.writable,
            hung_up: self.hung_up || later.hung_up,
            urgent: self.urgent || later.urgent,
            dead: self.dead || later.dead,
            told_once: self.told_once || later.told_once,
        }
    }

    /// Notes these events for the driver. Returns whether there may be something to read.
    pub(crate) fn note(self, conn: &mut Conn) -> bool {
        let readable = self.readable || self.hung_up || self.urgent;
        let one_of_several = self.told_once && readable && conn.readable;
        conn.unproven |= self.hung_up || self.urgent || one_of_several;
        conn.readable |= readable;
        readable
    }
}

/// The result of a client's turn.
#[derive(Debug)]
pub(crate) struct Turn {
    /// The client.
    pub(crate) token: Token,
    /// Its descriptor. Once the client has left, the number is free for the next one.
    pub(crate) descriptor: RawFd,
    /// What it waits for; `None` when it has left.
    pub(crate) want: Option<Want>,
    /// A job to run elsewhere; only where the model has asked for that.
    pub(crate) job: Option<Job>,
}
