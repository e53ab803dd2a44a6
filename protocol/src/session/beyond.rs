//! What a session does beyond answering: it begins by itself, has things done outside, and says
//! farewell.

use alloc::boxed::Box;
use core::net::SocketAddr;

use super::{Input, Session};
use crate::Service;
use crate::app::part::{Beginning, Part};
use crate::context::Context;

/// What a connection needs done outside itself.
#[derive(Debug)]
pub enum Outside<'a> {
    /// Write this slice or some of it to the server's standard output, then call
    /// [`Session::delivered`].
    Deliver(&'a [u8]),
}

impl Session {
    /// Gives the connection what it shares with others. Call it before the first
    /// [`Session::step`].
    pub fn share(&mut self, context: &'static Context) {
        self.context = context;
    }

    /// Has the application say what it says without being asked, or begin what it does first;
    /// `peer` is the client's address, if that is known. Call it once, after [`Session::share`] and before the first [`Session::step`]; it is
    /// needed in applications that are not [`App::REQUEST_REPLY`](crate::App::REQUEST_REPLY).
    pub fn begin(&mut self, peer: Option<SocketAddr>) {
        let Service { app, framing, .. } = self.service;
        let part = match Part::begin(app, self.context, peer, framing, self.outbox.tail()) {
            None => return,
            Some(Beginning::Waits(part)) => part,
            Some(Beginning::Works(part, pending)) => {
                self.pending = Some(pending);
                part
            }
            Some(Beginning::Ends(part)) => {
                self.replied();
                self.hang_up();
                part
            }
        };
        self.part = Some(Box::new(part));
    }

    /// Who the client is, in applications that tell of coming and going, if that is known.
    #[must_use]
    pub fn visitor(&self) -> Option<SocketAddr> {
        self.part.as_deref().and_then(Part::visitor)
    }

    /// Whether it has nothing to do before its peer speaks.
    #[must_use]
    pub fn waits_for_peer(&self) -> bool {
        self.outbox.pending().is_empty()
            && self.pending.is_none()
            && matches!(self.input, Input::Open | Input::WindingDown { .. })
    }

    /// The first `n` bytes of the slice that [`Outside::Deliver`] offered are where they were to
    /// go; `n` may be less than was offered.
    pub fn delivered(&mut self, n: usize) {
        self.inbox.consume(n);
    }

    /// Tells the client that the server stops, once everything else is said and done.
    pub(super) fn say_farewell(&mut self) {
        let said = self.outbox.pending().is_empty() && self.pending.is_none();
        if self.input == Input::Stopped && said {
            self.input = Input::Unwanted;
            if let Some(part) = &self.part {
                part.farewell(self.service.framing, self.outbox.tail());
            }
        }
    }
}
