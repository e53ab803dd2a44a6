//! The server's end of one connection.
//!
//! Every change of state is in this file, and for HTTP in `session/http.rs`. A session reads
//! nothing while it has something to write, holds at most one job, and keeps at most one frame of
//! input. So its memory is bounded by construction, whatever the peer does.

mod beyond;
mod frames;
mod http;
mod rest;
mod tally;

use alloc::boxed::Box;

use crate::app::part::Part;
use crate::app::{self, Answer, Pending};
use crate::buffer::{Inbox, Outbox, READ_BYTES_MIN};
use crate::context::{self, Context};
use crate::greeting::Greeting;
use crate::job::{Done, Job};
use crate::state::{Held, StateTally};
use crate::witness::{Watched, Witness};
use crate::{FRAME_BYTES_MAX, Framing, OUTBOX_BYTES_MARK, RAW_BYTES_MAX, Service};
pub use beyond::Outside;
pub use tally::Tally;

/// What a connection needs next.
#[derive(Debug)]
pub enum Step<'a> {
    /// Read into this slice, then call [`Session::received`].
    Read(&'a mut [u8]),
    /// Write this slice or some of it, then call [`Session::sent`].
    Write(&'a [u8]),
    /// Run this job, wait for its time, then call [`Session::finished`].
    Run(Job),
    /// Do this, which is not on the connection.
    Outside(Outside<'a>),
    /// Close: everything that can be answered has been.
    Close,
}

/// The server's end of one connection: bytes in, steps out.
#[derive(Debug)]
pub struct Session {
    service: Service,
    inbox: Inbox,
    outbox: Outbox,
    pending: Option<Pending>,
    tally: Tally,
    /// What of it is in replies that are still to be written.
    unwritten: Tally,
    /// How much of the inbox is known to hold no line feed.
    scanned: usize,
    input: Input,
    /// What it shares with others.
    context: &'static Context,
    /// What this connection keeps of them; nothing until it is asked.
    held: Option<Box<Held>>,
    /// What this connection keeps of an application that does more than answer.
    part: Option<Box<Part>>,
    /// In HTTP: the request at the front.
    request: http::Request,
    watched: Watched,
}

/// What a session that winds down reads at most beyond what the kernel is known to have: a kernel
/// counts up to urgent data only, and there may be requests behind it.
const HIDDEN_BYTES_MAX: usize = 1024 * 1024;

/// How much more input this session wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Input {
    /// All there is.
    Open,
    /// What the kernel already has, then no more: `known` bytes are still to be read, and up to
    /// `hidden` more may be there behind them.
    WindingDown { known: usize, hidden: usize },
    /// The peer sent its last byte.
    Ended,
    /// Nothing, because the server stops; the client is still to be told.
    Stopped,
    /// Nothing: what was asked for is to be closed once the outbox is empty.
    Unwanted,
    /// The same, because there was no memory for a request or its reply.
    Starved,
}

impl Session {
    /// A fresh connection.
    #[must_use]
    pub fn new(service: Service) -> Self {
        // A raw message is what one read returns, so every read must offer room for the longest.
        let first_read = match service.framing {
            Framing::Line | Framing::Http => READ_BYTES_MIN,
            Framing::Raw => RAW_BYTES_MAX,
        };
        Self {
            service,
            inbox: Inbox::new(first_read),
            outbox: Outbox::default(),
            pending: None,
            tally: Tally::default(),
            unwritten: Tally::default(),
            scanned: 0,
            input: Input::Open,
            context: &context::PLAIN,
            held: None,
            part: None,
            request: http::Request::default(),
            watched: Watched::default(),
        }
    }

    /// Has the connection watched. Call it before the first [`Session::step`].
    pub fn watch(&mut self, witness: Box<dyn Witness>) {
        self.watched = Watched::by(witness);
    }

    /// Has the connection begin with a greeting. Call it before the first [`Session::step`], and
    /// in [`Framing::Line`] only: elsewhere a client could not tell where it ends.
    pub fn greet(&mut self, greeting: &Greeting) {
        greeting.write(self.outbox.tail());
    }

    /// What this connection needs next. Asking twice changes nothing.
    ///
    /// Replies are written before a job is run: no reply is held back by another request's
    /// work. Replies that need no job are collected and leave in one write.
    #[inline]
    pub fn step(&mut self) -> Step<'_> {
        // The two that a request needs come first and into their caller's code.
        if !self.outbox.pending().is_empty() {
            return Step::Write(self.outbox.pending());
        }
        let only_reads = self.pending.is_none() && self.part.is_none();
        if only_reads
            && matches!(self.input, Input::Open | Input::WindingDown { .. })
            && self.inbox.make_room(self.frame_bytes_max())
        {
            return Step::Read(self.inbox.space());
        }
        self.other_step()
    }

    fn other_step(&mut self) -> Step<'_> {
        self.say_farewell();
        if !self.outbox.pending().is_empty() {
            Step::Write(self.outbox.pending())
        } else if let Some(pending) = &self.pending {
            Step::Run(pending.job.clone())
        } else if self.is_outside() {
            Step::Outside(self.outside())
        } else if matches!(self.input, Input::Ended | Input::Unwanted | Input::Starved) {
            Step::Close
        } else if self.inbox.make_room(self.frame_bytes_max()) {
            Step::Read(self.inbox.space())
        } else {
            self.starve();
            Step::Close
        }
    }

    /// `n` bytes were put at the start of the slice that [`Step::Read`] offered; 0 is the end
    /// of the peer's input.
    ///
    /// # Panics
    /// When `n` is more than was offered.
    #[inline]
    pub fn received(&mut self, n: usize) {
        let short = self.inbox.received(n);
        self.watched.arrived();
        if (n > 0 && self.input == Input::Open) || self.is_to_answer_at_the_end(n, short) {
            self.answer_what_is_complete();
        }
    }

    /// What was read is or may be the last. Returns whether it is to be answered now.
    #[cold]
    fn is_to_answer_at_the_end(&mut self, n: usize, short: bool) -> bool {
        if let Input::WindingDown { known, hidden } = &mut self.input {
            // An end of input proves nothing here: a server that stops ends the input of its
            // connections itself. So it neither ends a line nor counts as the peer's last byte.
            let proves_all = *known == 0 && (short || n >= *hidden);
            if n == 0 || proves_all {
                self.input = Input::Stopped;
            } else {
                *hidden -= if *known == 0 { n } else { 0 };
                *known = known.saturating_sub(n);
                if self.service.framing == Framing::Http && !self.inbox.is_full(FRAME_BYTES_MAX) {
                    // There the last reply says that it is the last, so all must be here first.
                    return false;
                }
            }
        } else if n == 0 {
            self.input = Input::Ended;
        }
        true
    }

    /// The first `n` bytes of the slice that [`Step::Write`] offered have left; `n` may be less
    /// than was offered.
    ///
    /// # Panics
    /// When `n` is more than was offered.
    #[inline]
    pub fn sent(&mut self, n: usize) {
        self.outbox.sent(n);
        if self.outbox.pending().is_empty() {
            self.unwritten = Tally::default();
            self.watched.written();
            self.answer_what_is_complete();
        }
    }

    /// The job is done and its wait is over.
    ///
    /// # Panics
    /// When there was no job: this is a bug of the driver, whatever the peer did.
    pub fn finished(&mut self, done: &Done) {
        let pending = self.pending.take().expect("finished() follows Step::Run");
        if let Some(part) = self.part.as_deref() {
            part.go_on(self.context, self.service.framing, self.outbox.tail());
            self.replied();
            return self.hang_up();
        }
        if !self.outbox.make_room(pending.room(done, self.service.framing)) {
            return self.starve();
        }
        self.watched.done(self.outbox.pending());
        pending.count(done, &mut self.held);
        if self.service.framing == Framing::Http {
            self.answer_later(&pending, done);
        } else {
            pending.reply(done, self.service.framing, self.outbox.tail());
            if pending.refusal(done).is_some() {
                self.refused();
            }
            self.replied();
        }
        self.answer_what_is_complete();
    }

    /// Close at the next request boundary: requests that the peer has already sent completely are
    /// answered, later ones are not. Call it before [`Session::received`] reports an end of input
    /// that the server may have caused; otherwise half a request is answered.
    ///
    /// `queued` returns the number of bytes in the kernel that the session has not received. Only
    /// the first call uses it.
    pub fn wind_down(&mut self, queued: impl FnOnce() -> usize) {
        if self.input == Input::Open {
            self.input = Input::WindingDown { known: queued(), hidden: HIDDEN_BYTES_MAX };
        }
    }

    /// Whether a request has arrived in part. A deadline must run meanwhile; otherwise a peer that
    /// trickles bytes holds its place forever.
    #[must_use]
    #[inline]
    pub fn is_mid_request(&self) -> bool {
        !self.inbox.is_empty() && self.part.as_deref().is_none_or(Part::takes_requests)
    }

    /// Whether it closes because there was no memory for a request or its reply.
    #[must_use]
    pub fn is_starved(&self) -> bool {
        self.input == Input::Starved
    }

    /// Whether the peer has sent its last byte, so that closing cannot destroy a reply.
    #[must_use]
    pub fn input_ended(&self) -> bool {
        self.input == Input::Ended
    }

    /// The outcomes of the session steps.
    #[must_use]
    pub fn state_tally(&self) -> StateTally {
        self.held.as_ref().map(|held| held.tally).unwrap_or_default()
    }

    fn frame_bytes_max(&self) -> usize {
        match self.service.framing {
            Framing::Line | Framing::Http => FRAME_BYTES_MAX,
            Framing::Raw => RAW_BYTES_MAX,
        }
    }

    /// Answers complete requests until there is none, one needs a job, or the outbox is full
    /// enough to be written first.
    #[inline]
    fn answer_what_is_complete(&mut self) {
        // After most replies nothing is left.
        if !self.inbox.is_empty() {
            self.answer_what_is_there();
        }
    }

    fn answer_what_is_there(&mut self) {
        if self.service.framing == Framing::Http {
            return self.answer_requests();
        }
        // Only what keeps something of its own has anything outside its connection.
        let only_answers = self.part.is_none();
        if !only_answers && self.takes_in() {
            return;
        }
        while !self.inbox.is_empty()
            && self.pending.is_none()
            && (only_answers || !self.is_outside())
            && self.outbox.pending().len() < OUTBOX_BYTES_MARK
        {
            let Some((message, frame)) = self.next_frame() else { break };
            let Service { app, framing, .. } = self.service;
            if !self.outbox.make_room(app::reply_room(message)) {
                return self.starve();
            }
            let message = &self.inbox.bytes()[..message];
            self.watched.asked(message, self.outbox.pending());
            let out = self.outbox.tail();
            let answer = match &mut self.part {
                None => app.answer(framing, message, (self.context.store, &mut self.held), out),
                Some(part) => part.answer(self.context, framing, message, out),
            };
            self.inbox.consume(frame);
            self.scanned = 0;
            match answer {
                Answer::Replied => self.replied(),
                Answer::Refused => {
                    self.refused();
                    self.replied();
                }
                Answer::Last => {
                    self.replied();
                    self.hang_up();
                }
                Answer::Later(pending) => self.pending = Some(pending),
                Answer::NoneYet => {}
            }
        }
    }

    #[inline]
    fn replied(&mut self) {
        self.count_reply();
        self.watched.answered(self.outbox.pending());
        if self.service.close_after.is_some_and(|k| self.tally.requests >= u64::from(k.get())) {
            self.hang_up();
        }
    }

    /// Drops what is unread and closes once the outbox is empty.
    fn hang_up(&mut self) {
        // An end of input that was seen stays seen: nothing more can arrive and be lost.
        if self.input != Input::Ended {
            self.input = Input::Unwanted;
        }
        self.inbox.consume(self.inbox.bytes().len());
        self.scanned = 0;
        self.inbox.rest(None);
    }

    /// There was no memory for the next step. Finished replies are sent, and then the connection
    /// closes, so other connections keep their memory.
    fn starve(&mut self) {
        self.pending = None;
        self.hang_up();
        self.input = Input::Starved;
    }
}
