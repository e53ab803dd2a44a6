//! The client's end in HTTP.
//!
//! Replies of c10k servers are checked to the last byte, as in the other framings. For other
//! servers, the status and the length of the body are checked.

use alloc::string::{String, ToString};

use super::{Exchange, Reply};
use crate::FRAME_BYTES_MAX;
use crate::http::ask::{Body, Meaning};
use crate::http::reader::Read;
use crate::recipe::Judgement;

/// Bytes of something wrong that are shown.
const SHOWN_BYTES_MAX: usize = 80;

impl Exchange {
    pub(super) fn http_reply(&mut self) -> Option<Reply> {
        if self.recipe.ask().is_some() && !self.open.is_empty() {
            self.any_reply()
        } else {
            self.known_reply()
        }
    }

    /// The end of the server's output: the reply that it completes, if it does. In HTTP that is
    /// how a body may end.
    pub fn ended(&mut self) -> Option<Reply> {
        let read = self.http.as_mut()?.end()?;
        self.open.front()?;
        Some(self.judge_any(read))
    }

    /// Whether the server closes the connection after the reply that came last, as it said.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.http.as_ref().is_some_and(|reader| reader.close)
    }

    /// A reply of any server.
    fn any_reply(&mut self) -> Option<Reply> {
        let head_only = self.recipe.ask().is_some_and(|ask| ask.head_only());
        let reader = self.http.as_mut()?;
        let (taken, read) = reader.take(self.inbox.bytes(), head_only);
        let reply = match read {
            Read::More => None,
            Read::Wrong(why) => {
                self.open.pop_front();
                let rest = &self.inbox.bytes()[taken..];
                Some(Reply::Wrong { got: alloc::format!("{why}: {}", shown(rest)) })
            }
            Read::Reply { .. } => Some(self.judge_any(read)),
        };
        self.inbox.consume(taken);
        if matches!(reply, Some(Reply::Wrong { .. })) {
            self.drop_all();
        }
        reply
    }

    fn judge_any(&mut self, read: Read) -> Reply {
        let tag = self.open.pop_front();
        let (Some(ask), Some(tag), Read::Reply { status, body }) = (self.recipe.ask(), tag, read)
        else {
            return Reply::Wrong { got: "an unsolicited reply".to_string() };
        };
        if !ask.is_right_status(status) {
            return Reply::Status { status };
        }
        match ask.judge(body) {
            Ok(()) => Reply::Right { tag },
            Err(right) => Reply::Length { bytes: body, right },
        }
    }

    /// A reply whose every byte is known; or one that nobody asked for, which may be a refusal.
    fn known_reply(&mut self) -> Option<Reply> {
        let bytes = self.inbox.bytes();
        let reader = self.http.as_mut()?;
        let (head, meaning) = match reader.head(bytes)? {
            Ok(found) => found,
            Err(why) => return Some(self.wrong(why)),
        };
        reader.close = meaning.close;
        let Meaning { status, body: Body::Bytes(len), .. } = meaning else {
            return Some(self.wrong("a reply without a length"));
        };
        let body = &bytes[head..];
        let Some(tag) = self.open.front().copied().filter(|_| status == 200) else {
            return self.refusal(status, head, len);
        };
        if self.talk.is_some() {
            return self.step_body(tag, head, len);
        }
        // No further than this reply goes: what follows is another one's.
        let cut = usize::try_from(len).map_or(body.len(), |len| len.min(body.len()));
        match self.recipe.judge(tag, &body[..cut]) {
            Judgement::Right(n) if n as u64 == len => {
                self.inbox.consume(head + n);
                self.open.pop_front();
                Some(Reply::Right { tag })
            }
            Judgement::RightSoFar if (cut as u64) < len => None,
            Judgement::Right(_) | Judgement::RightSoFar => {
                Some(self.wrong("a body of the wrong length"))
            }
            Judgement::Wrong => {
                let got = shown(&body[..cut]);
                Some(self.take_wrong(got))
            }
        }
    }

    /// A reply that is not in order, complete or not: our servers say `ERR` and a code.
    fn refusal(&mut self, status: u16, head: usize, len: u64) -> Option<Reply> {
        let len = match usize::try_from(len) {
            Ok(len) if len <= FRAME_BYTES_MAX => len,
            _ => return Some(self.wrong("a long reply to another request")),
        };
        let body = self.inbox.bytes()[head..].get(..len)?;
        let reply = match body.strip_prefix(b"ERR ") {
            Some(rest) if status >= 400 => {
                let code = rest.split(|byte| *byte == b' ').next().unwrap_or_default();
                Reply::Refused { code: String::from_utf8_lossy(code).into_owned() }
            }
            _ if status == 200 => return Some(self.wrong("an unsolicited reply")),
            _ => Reply::Status { status },
        };
        self.inbox.consume(head + len);
        if self.open.pop_front().is_some() {
            self.step_failed(&reply);
        }
        Some(reply)
    }

    pub(super) fn wrong(&mut self, why: &str) -> Reply {
        let got = alloc::format!("{why}: {}", shown(self.inbox.bytes()));
        self.take_wrong(got)
    }

    fn take_wrong(&mut self, got: String) -> Reply {
        let asked = self.open.pop_front().is_some();
        self.drop_all();
        let reply = Reply::Wrong { got };
        if asked {
            self.step_failed(&reply);
        }
        reply
    }

    /// Nothing that follows on this connection means anything.
    fn drop_all(&mut self) {
        self.inbox.consume(self.inbox.bytes().len());
    }
}

fn shown(bytes: &[u8]) -> String {
    String::from_utf8_lossy(&bytes[..bytes.len().min(SHOWN_BYTES_MAX)]).into_owned()
}
