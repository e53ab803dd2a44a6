//! The client's end of sessions: a step is sent when the reply to the last one has arrived,
//! possibly over another connection.

use alloc::sync::Arc;

use super::{Exchange, Reply};
use crate::state::SessionTally;
use crate::{FRAME_BYTES_MAX, Framing};

const OK: &[u8] = b"OK ";

impl Exchange {
    /// A fresh connection in the place of one that is over. A session under way goes on over it,
    /// unless a step of it had no reply yet.
    #[must_use]
    pub fn after(before: &mut Self) -> Self {
        let mut exchange = Self::new(Arc::clone(&before.recipe));
        exchange.talk = before.talk.take();
        if let Some(talk) = &mut exchange.talk {
            talk.connection_gone(!before.open.is_empty());
        }
        exchange
    }

    /// The outcomes of the sessions so far, on this connection and earlier ones; `None` if there
    /// are no sessions.
    #[must_use]
    pub fn sessions(&self) -> Option<SessionTally> {
        self.talk.as_ref().map(|talk| talk.tally())
    }

    /// The reply to a step, in the framings in which it is its text.
    pub(super) fn step_reply(&mut self, tag: u64) -> Option<Reply> {
        let (talk, script) = (self.talk.as_mut()?, self.recipe.script()?);
        let bytes = self.inbox.bytes();
        let begins = OK.starts_with(&bytes[..bytes.len().min(OK.len())]);
        let end = match self.recipe.framing() {
            Framing::Line => memchr::memchr(b'\n', bytes),
            _ => talk.reply_len(script).filter(|len| bytes.len() >= *len),
        };
        match end {
            None if begins && bytes.len() < FRAME_BYTES_MAX => return None,
            Some(end) if begins && talk.take(&bytes[OK.len()..end], script) => {
                let terminator = usize::from(self.recipe.framing() == Framing::Line);
                self.inbox.consume(end + terminator);
                self.open.pop_front();
                return Some(Reply::Right { tag });
            }
            _ => {}
        }
        self.unexpected()
    }

    /// The reply to a step in HTTP: a body of `len` bytes behind a head.
    pub(super) fn step_body(&mut self, tag: u64, head: usize, len: u64) -> Option<Reply> {
        let len = usize::try_from(len).ok().filter(|len| *len <= FRAME_BYTES_MAX);
        let Some(len) = len else {
            return Some(self.wrong("a long reply to another request"));
        };
        let (talk, script) = (self.talk.as_mut()?, self.recipe.script()?);
        let body = self.inbox.bytes()[head..].get(..len)?;
        if !talk.take(body, script) {
            return Some(self.wrong("not the session's total"));
        }
        self.inbox.consume(head + len);
        self.open.pop_front();
        Some(Reply::Right { tag })
    }

    /// The reply to a step was another than the right one.
    pub(super) fn step_failed(&mut self, reply: &Reply) {
        let Some(talk) = &mut self.talk else { return };
        match reply {
            Reply::Refused { code } => talk.refused(code),
            _ => talk.was_wrong(),
        }
    }
}
