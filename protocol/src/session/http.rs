//! The server's end in HTTP: the same steps, with heads, bodies, and the header fields that decide
//! what happens next.

use super::{Input, Session};
use crate::app::Pending;
use crate::http::end_of_head;
use crate::http::request::{BODY_TOO_LONG, HEAD_TOO_LONG, Head, Manner, Refusal};
use crate::http::respond;
use crate::http::route::{Asked, route};
use crate::job::Done;
use crate::{FRAME_BYTES_MAX, Framing, OUTBOX_BYTES_MARK};

/// What is known of the request at the front, and of the one that is being worked on.
#[derive(Debug, Default)]
pub(super) struct Request {
    /// How many bytes it has, once its head is there: before them it is not looked at again.
    len: Option<usize>,
    /// Its client was told to go on.
    told_to_go_on: bool,
    /// How the one that is being worked on is to be answered.
    manner: Manner,
}

impl Session {
    /// Answers complete requests until there is none, one needs a job, or the outbox is full
    /// enough to be written first.
    pub(super) fn answer_requests(&mut self) {
        while self.pending.is_none() && self.outbox.pending().len() < OUTBOX_BYTES_MARK {
            self.skip_empty_lines();
            if self.inbox.bytes().is_empty() {
                return;
            }
            let answered = match self.look_at_front() {
                Ok(None) => return,
                // A body that is sent back is no longer than its request.
                Ok(Some((_, request))) if !self.outbox.make_room(respond::HEAD_BYTES + request) => {
                    return self.starve();
                }
                Ok(Some((head, request))) => self.answer_front(head, request),
                Err(refusal) => Err(refusal),
            };
            if let Err(refusal) = answered {
                self.refuse(&refusal);
            }
        }
    }

    /// The reply to the request whose job is done.
    pub(super) fn answer_later(&mut self, pending: &Pending, done: &Done) {
        let mut manner = core::mem::take(&mut self.request.manner);
        manner.close |= self.is_last(0);
        if let Some(refusal) = pending.refusal(done) {
            respond::refuse(&refusal.into(), manner, self.outbox.tail());
            self.refused();
            return self.replied_in(manner);
        }
        respond::ok(pending.reply_len(done), manner, self.outbox.tail());
        if !manner.head_only {
            pending.reply(done, Framing::Http, self.outbox.tail());
        }
        self.replied_in(manner);
    }

    /// The lengths of the head and of the whole request at the front; `None` when more must come.
    fn look_at_front(&mut self) -> Result<Option<(usize, usize)>, Refusal> {
        let bytes = self.inbox.bytes();
        if self.request.len.is_some_and(|len| bytes.len() < len) {
            return Ok(None);
        }
        let head = match end_of_head(bytes, self.scanned) {
            Ok(end) => end,
            Err(_) if self.inbox.is_full(FRAME_BYTES_MAX) => return Err(HEAD_TOO_LONG),
            Err(scanned) => {
                self.scanned = scanned;
                return Ok(None);
            }
        };
        let Head { body, expects_word, manner, .. } = Head::parse(&bytes[..head])?;
        // For the refusal too: what has no body may not be answered with one.
        self.request.manner = manner;
        let body = usize::try_from(body).unwrap_or(usize::MAX);
        let len = head.saturating_add(body);
        if len > FRAME_BYTES_MAX {
            return Err(BODY_TOO_LONG);
        }
        if bytes.len() >= len {
            return Ok(Some((head, len)));
        }
        self.request.len = Some(len);
        // An end of input has come, or may be all that comes: then nobody waits for a word.
        if expects_word && self.input == Input::Open && !self.request.told_to_go_on {
            self.request.told_to_go_on = true;
            self.outbox.tail().extend_from_slice(respond::CONTINUE);
        }
        Ok(None)
    }

    /// Answers the request at the front, which is complete, or begins its job.
    fn answer_front(&mut self, head: usize, len: usize) -> Result<(), Refusal> {
        let is_last = self.is_last(len);
        let bytes = &self.inbox.bytes()[..len];
        self.watched.asked(bytes, self.outbox.pending());
        let parsed = Head::parse(&bytes[..head])?;
        let mut manner = parsed.manner;
        let state = (self.context.store, &mut self.held);
        let asked = route(self.service.app, &parsed, &bytes[head..], state);
        manner.close |= is_last;
        let mut later = Manner::default();
        let mut reply = |body: &[u8]| {
            let out = self.outbox.tail();
            respond::ok(body.len(), manner, out);
            if !manner.head_only {
                out.extend_from_slice(body);
            }
        };
        match asked {
            Ok(Asked::Text(text)) => reply(text),
            Ok(Asked::Made(text)) => reply(&text),
            Ok(Asked::Product(digits)) => reply(digits.as_bytes()),
            Ok(Asked::Later(pending)) => {
                later = parsed.manner;
                self.pending = Some(pending);
            }
            Err(refusal) => {
                respond::refuse(&refusal, manner, self.outbox.tail());
                self.refused();
            }
        }
        self.inbox.consume(len);
        self.scanned = 0;
        self.request = Request { manner: later, ..Request::default() };
        if self.pending.is_none() {
            self.replied_in(manner);
        }
        Ok(())
    }

    /// Refuses what is at the front and closes: nobody knows where the next request begins.
    fn refuse(&mut self, refusal: &Refusal) {
        let manner = Manner { close: true, says_keep: false, ..self.request.manner };
        self.watched.asked(self.inbox.bytes(), self.outbox.pending());
        respond::refuse(refusal, manner, self.outbox.tail());
        self.refused();
        self.replied_in(manner);
    }

    fn replied_in(&mut self, manner: Manner) {
        self.replied();
        if manner.close {
            self.hang_up();
        }
    }

    /// Whether nothing can be answered after the request at the front, of `len` bytes: it is the
    /// last of a limited number, or no more input is wanted and no other request is there in full.
    fn is_last(&self, len: usize) -> bool {
        let limit = self.service.close_after.map(|k| u64::from(k.get()));
        if limit.is_some_and(|limit| self.tally.requests + 1 >= limit) {
            return true;
        }
        if matches!(self.input, Input::Open | Input::WindingDown { known: 1.., .. }) {
            return false;
        }
        let rest = &self.inbox.bytes()[len..];
        // One that will be refused is one to be answered.
        !end_of_head(rest, 0).is_ok_and(|end| {
            let there = (rest.len() - end) as u64;
            let room = (FRAME_BYTES_MAX - end) as u64;
            Head::parse(&rest[..end]).map_or(true, |next| next.body <= there || next.body > room)
        })
    }

    /// An empty line before a request means nothing: some clients end a body with one.
    fn skip_empty_lines(&mut self) {
        loop {
            let len = match self.inbox.bytes() {
                [b'\n', ..] => 1,
                [b'\r', b'\n', ..] => 2,
                _ => return,
            };
            self.inbox.consume(len);
            self.scanned = 0;
        }
    }
}
