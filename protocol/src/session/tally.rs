//! The counters of a session: its replies, once they are written.

use super::Session;

/// What a session has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Answered requests, refused ones included, whose replies the driver has written.
    pub requests: u64,
    /// Of those, how many were refused with an `ERR` reply.
    pub refused: u64,
}

impl Session {
    /// What this session has done so far. A reply counts when everything that waited to be written with
    /// it has been, so that what a cut connection did not get is not counted.
    #[must_use]
    pub fn tally(&self) -> Tally {
        Tally {
            requests: self.tally.requests - self.unwritten.requests,
            refused: self.tally.refused - self.unwritten.refused,
        }
    }

    pub(super) fn refused(&mut self) {
        self.tally.refused += 1;
        self.unwritten.refused += 1;
    }

    #[inline]
    pub(super) fn count_reply(&mut self) {
        self.tally.requests += 1;
        // What has nothing to write, or has written it already, counts at once.
        self.unwritten.requests += u64::from(!self.outbox.pending().is_empty());
    }
}
