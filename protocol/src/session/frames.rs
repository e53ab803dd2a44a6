//! Where a message ends, in the framings that are not HTTP.

use super::{Input, Session};
use crate::app::Fault;
use crate::{FRAME_BYTES_MAX, Framing};

impl Session {
    /// The lengths of the next complete message and of the frame that carries it.
    // It is called in one place, and a call would be a visible part of what a request costs.
    #[inline(always)]
    pub(super) fn next_frame(&mut self) -> Option<(usize, usize)> {
        let bytes = self.inbox.bytes();
        if self.service.framing == Framing::Raw {
            return (!bytes.is_empty()).then_some((bytes.len(), bytes.len()));
        }
        if let Some(at) = memchr::memchr(b'\n', &bytes[self.scanned..]) {
            let line = self.scanned + at;
            let message = line - usize::from(line > 0 && bytes[line - 1] == b'\r');
            return Some((message, line + 1));
        }
        self.last_frame()
    }

    /// The same where no line has ended.
    #[cold]
    fn last_frame(&mut self) -> Option<(usize, usize)> {
        self.scanned = self.inbox.bytes().len();
        if self.inbox.is_full(FRAME_BYTES_MAX) {
            Fault::TooLong.write(self.service.framing, self.outbox.tail());
            self.refused();
            self.count_reply();
            self.hang_up();
            return None;
        }
        // The end of input ends the last line too: `printf 'ECHO hi' | nc` deserves its answer.
        let unterminated = self.input == Input::Ended && self.scanned > 0;
        unterminated.then_some((self.scanned, self.scanned))
    }
}
