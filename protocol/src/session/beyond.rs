//! Actions of a session beyond replies: it speaks first, has work done outside, and says farewell.

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
    /// Send this message to everyone in the room, then call [`Session::said`].
    Say(&'a [u8]),
}

impl Session {
    /// Gives the connection what it shares with others. Call it before the first
    /// [`Session::step`].
    pub fn share(&mut self, context: &'static Context) {
        self.context = context;
    }

    /// Lets the application speak or act first; `peer` is the client's address, if it is known.
    /// Call it once, after [`Session::share`] and before the first [`Session::step`]; it is needed
    /// in applications that are not [`App::REQUEST_REPLY`](crate::App::REQUEST_REPLY).
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

    /// The client has gone, whatever is left to do. Call it once, after [`Session::begin`].
    pub fn left(&self) {
        if let Some(part) = &self.part {
            part.left(self.context);
        }
    }

    /// What has come of it so far: requests that are answered, written or not, and lines of what is a part of one. More
    /// of it is progress; bytes alone are none.
    #[must_use]
    #[inline]
    pub fn progress(&self) -> u64 {
        self.tally.requests + self.part.as_deref().map_or(0, Part::lines)
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
            Some(Part::Chat(chatter)) => chatter.heard.is_some(),
            _ => false,
        }
    }

    /// What that is.
    pub(super) fn outside(&self) -> Outside<'_> {
        match self.part.as_deref() {
            Some(Part::Shell(shell)) => Outside::Run(shell.line().unwrap_or_default()),
            Some(Part::Chat(chatter)) => {
                let (message, _) = chatter.heard.unwrap_or_default();
                Outside::Say(&self.inbox.bytes()[..message as usize])
            }
            _ => Outside::Deliver(self.inbox.bytes()),
        }
    }

    /// The message of [`Outside::Say`] has been sent.
    ///
    /// # Panics
    /// When there was none: this is a bug of the driver, whatever the peer did.
    pub fn said(&mut self) {
        let (message, frame) = self.heard().take().expect("said() follows Outside::Say");
        self.watched.asked(&self.inbox.bytes()[..message as usize], self.outbox.pending());
        self.inbox.consume(frame as usize);
        self.scanned = 0;
        self.replied();
        // There is no reply to be written.
        self.unwritten = Tally::default();
        self.watched.written();
        self.hear();
    }

    /// Whether nothing is answered here: what came is delivered as it is, or said to all.
    pub(super) fn takes_in(&mut self) -> bool {
        match self.part.as_deref() {
            Some(Part::Sink) => true,
            Some(Part::Chat(_)) => {
                self.hear();
                true
            }
            _ => false,
        }
    }

    /// Cuts the next message out, unless one waits to be said.
    fn hear(&mut self) {
        if self.heard().is_none() {
            // A frame has a limit far below 2^32.
            let length = |n| u32::try_from(n).unwrap_or(u32::MAX);
            let next = self.next_frame();
            *self.heard() = next.map(|(message, frame)| (length(message), length(frame)));
        }
    }

    fn heard(&mut self) -> &mut Option<(u32, u32)> {
        match self.part.as_deref_mut() {
            Some(Part::Chat(chatter)) => &mut chatter.heard,
            _ => unreachable!("only a member of a room says anything in it"),
        }
    }

    /// Tells the client that the server stops, after everything else.
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
