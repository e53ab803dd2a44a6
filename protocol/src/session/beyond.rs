//! What a session does beyond answering: it begins by itself, has things done outside, and says
//! farewell.

use alloc::boxed::Box;
use core::net::SocketAddr;

use super::{Input, Session, Tally};
use crate::Service;
use crate::app::Ran;
use crate::app::part::{Beginning, Part};
use crate::context::Context;

/// What a connection needs done outside itself.
#[derive(Debug)]
pub enum Outside<'a> {
    /// Write this slice or some of it to the server's standard output, then call
    /// [`Session::delivered`].
    Deliver(&'a [u8]),
    /// Run this command line, hand over what it writes with [`Session::printed`], and call
    /// [`Session::ran`] when it has ended. While the session asks for something else, a command that
    /// runs is left alone.
    Run(&'a [u8]),
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
            && !self.is_outside()
            && matches!(self.input, Input::Open | Input::WindingDown { .. })
    }

    /// The first `n` bytes of the slice that [`Outside::Deliver`] offered are where they were to
    /// go; `n` may be less than was offered.
    pub fn delivered(&mut self, n: usize) {
        self.inbox.consume(n);
    }

    /// The command that runs has written this.
    pub fn printed(&mut self, bytes: &[u8]) {
        if !self.outbox.make_room(bytes.len()) {
            return self.starve();
        }
        if let Some(Part::Shell(shell)) = self.part.as_deref_mut() {
            shell.printed(bytes, self.outbox.tail());
        }
    }

    /// The command has ended, or does not run.
    pub fn ran(&mut self, ran: &Ran) {
        let framing = self.service.framing;
        if let Some(Part::Shell(shell)) = self.part.as_deref_mut() {
            self.watched.done(self.outbox.pending());
            let refused = shell.ended(ran, self.context.status, framing, self.outbox.tail());
            if refused {
                self.refused();
            }
            self.replied();
            if self.outbox.pending().is_empty() {
                // What it wrote has left already, and how it ended goes without saying.
                self.unwritten = Tally::default();
                self.watched.written();
            }
            self.answer_what_is_complete();
        }
    }

    /// Whether something is to be done outside.
    pub(super) fn is_outside(&self) -> bool {
        match self.part.as_deref() {
            Some(Part::Sink) => !self.inbox.bytes().is_empty(),
            Some(Part::Shell(shell)) => shell.line().is_some() && !self.is_starved(),
            _ => false,
        }
    }

    /// What that is.
    pub(super) fn outside(&self) -> Outside<'_> {
        match self.part.as_deref() {
            Some(Part::Shell(shell)) => Outside::Run(shell.line().unwrap_or_default()),
            _ => Outside::Deliver(self.inbox.bytes()),
        }
    }

    /// Tells the client that the server stops, once everything else is said and done.
    pub(super) fn say_farewell(&mut self) {
        let said = self.outbox.pending().is_empty() && self.pending.is_none() && !self.is_outside();
        if self.input == Input::Stopped && said {
            self.input = Input::Unwanted;
            if let Some(part) = &self.part {
                part.farewell(self.service.framing, self.outbox.tail());
            }
        }
    }
}
