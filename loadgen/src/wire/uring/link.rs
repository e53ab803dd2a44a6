//! One connection of the wire: its socket and its pending operations.

use std::os::fd::OwnedFd;

use rustix::io::Errno;

use super::buffers::Inbox;

/// One connection, open or closed.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) socket: Option<OwnedFd>,
    /// How often it was closed: completions for an earlier generation are ignored.
    pub(super) generation: u32,
    /// Bytes that were received and not yet read.
    pub(super) inbox: Inbox,
    /// Nothing follows the inbox: the end of the stream, or an error.
    pub(super) ended: Option<Result<(), Errno>>,
    /// A receive is pending.
    pub(super) receiving: bool,
    /// The request being sent. The kernel reads it after `send` has returned.
    pub(super) slot: Vec<u8>,
    /// The number of its queued send, and the byte from which that starts.
    pub(super) queued_as: u64,
    pub(super) queued_from: usize,
    /// The kernel took only this many bytes of it, and the rest waits for room.
    pub(super) sent: Option<usize>,
    /// A send found that the peer is gone, which the end of the stream may not show again.
    pub(super) refused: bool,
    /// The worker waits for room to write.
    pub(super) wants_room: bool,
    /// An operation that waits for room is pending.
    pub(super) polling: bool,
    /// There was room, which has to be reported to the worker.
    pub(super) writable: bool,
    /// It is in the list of ready connections.
    pub(super) listed: bool,
}

impl Link {
    pub(super) fn closed() -> Self {
        Self {
            socket: None,
            generation: 0,
            inbox: Inbox::EMPTY,
            ended: None,
            receiving: false,
            slot: Vec::new(),
            queued_as: 0,
            queued_from: 0,
            sent: None,
            refused: false,
            wants_room: false,
            polling: false,
            writable: false,
            listed: false,
        }
    }

    /// Forgets the socket, which the caller has taken, and its state.
    pub(super) fn forget(&mut self) {
        let (slot, queued_as, listed) =
            (std::mem::take(&mut self.slot), self.queued_as, self.listed);
        let generation = self.generation.wrapping_add(1);
        *self = Self { slot, queued_as, listed, generation, ..Self::closed() };
    }

    pub(super) fn is_readable(&self) -> bool {
        !self.inbox.is_empty() || self.ended.is_some()
    }
}

/// A kind of operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Op {
    /// A multishot receive.
    Receive,
    /// The send of a request; it completes only if it failed or was short.
    Send,
    /// A wait for room to write, or for the end of a connect.
    Room,
    /// The cancellation of the others.
    Cancel,
}

const OPS: [Op; 4] = [Op::Receive, Op::Send, Op::Room, Op::Cancel];
const OP_BITS: u32 = 2;
const GENERATION_BITS: u32 = 30;

/// Identifies an operation, as the number that its completion brings back.
pub(super) fn user_data(op: Op, token: usize, generation: u32) -> u64 {
    let token = u32::try_from(token).expect("there are fewer connections than descriptors");
    let generation = generation & ((1 << GENERATION_BITS) - 1);
    u64::from(token) << 32 | u64::from(generation) << OP_BITS | op as u64
}

/// The kind of an operation, its connection, and whether that connection is still of the same generation.
pub(super) fn read(user_data: u64, links: &[Link]) -> (Op, usize, bool) {
    let low = |bits: u64| usize::try_from(bits & u64::from(u32::MAX)).expect("32 bits fit");
    let (token, op) = (low(user_data >> 32), OPS[low(user_data) % OPS.len()]);
    (op, token, self::user_data(op, token, links[token].generation) == user_data)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_is_known_until_its_connection_is_closed() {
        let mut links = [Link::closed(), Link::closed()];
        for op in OPS {
            let began = user_data(op, 1, links[1].generation);
            assert_eq!(read(began, &links), (op, 1, true));
            links[1].forget();
            assert_eq!(read(began, &links), (op, 1, false));
        }
    }
}
