//! The memory of a session: none while it waits, and what another one has left for its turn.

use super::Session;
use crate::buffer::Spare;

impl Session {
    /// Gives back the memory of empty buffers. Call it when the connection goes to wait for
    /// its peer.
    #[inline]
    pub fn rest(&mut self) {
        self.inbox.rest(None);
        self.outbox.rest(None);
    }

    /// [`Session::rest`], which leaves the memory for the next connection that has a turn.
    #[inline]
    pub fn rest_into(&mut self, spare: &mut Spare) {
        self.inbox.rest(Some(&mut *spare));
        self.outbox.rest(Some(spare));
    }

    /// Takes the memory that another connection has left, where it has none of its own. Call it
    /// when the peer may have sent something, before [`Session::step`].
    #[inline]
    pub fn take_spare(&mut self, spare: &mut Spare) {
        self.take_spare_inbox(spare);
        self.outbox.take_spare(spare);
    }

    /// The same for what is read alone: for a driver whose read is under way while the connection
    /// waits. A reply is not written before something has arrived.
    #[inline]
    pub fn take_spare_inbox(&mut self, spare: &mut Spare) {
        self.inbox.take_spare(spare);
    }

    /// Bytes of heap held now, buffers only.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        self.inbox.heap_bytes() + self.outbox.heap_bytes()
    }
}
