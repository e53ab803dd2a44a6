//! The client's end of one connection: builds requests and checks every reply.
//!
//! The client knows each reply before it arrives, because every request carries a tag and every
//! reply follows from its request. So it checks every byte, and detects stale, swapped and damaged
//! replies.
//!
//! Only a greeting brings new information. The client expects one only if it was told to.

mod http;
mod talk;

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::buffer::{Inbox, READ_BYTES_MIN};
use crate::greeting::Greeting;
use crate::http::reader::Reader;
use crate::recipe::{Judgement, Recipe};
use crate::state::talk::Talk;
use crate::{FRAME_BYTES_MAX, Framing, job};

/// What arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Byte for byte what the oldest open request had to get.
    Right {
        /// The tag of that request.
        tag: u64,
    },
    /// The greeting that was expected before all replies.
    Greeting(Greeting),
    /// An `ERR` line: the server refused the request and gave a reason. Framing is intact.
    Refused {
        /// The word after `ERR`.
        code: String,
    },
    /// In HTTP: a reply with another status than the one expected. Framing is intact.
    Status {
        /// The status.
        status: u16,
    },
    /// In HTTP: a reply with the expected status and a body of another length than the expected one.
    /// Framing is intact.
    Length {
        /// Bytes of the body.
        bytes: u64,
        /// Bytes that it had to have.
        right: u64,
    },
    /// Anything else. What follows on this connection means nothing any more.
    Wrong {
        /// The start of what arrived, for people.
        got: String,
    },
}

/// The client's end of one connection.
#[derive(Debug)]
pub struct Exchange {
    recipe: Arc<Recipe>,
    open: VecDeque<u64>,
    inbox: Inbox,
    /// The greeting is still to come.
    greeting_due: bool,
    /// Where requests are steps of sessions: the one that is under way.
    talk: Option<Box<Talk>>,
    /// In HTTP: the reply that is coming.
    http: Option<Box<Reader>>,
}

impl Exchange {
    /// A fresh connection.
    #[must_use]
    pub fn new(recipe: Arc<Recipe>) -> Self {
        let (open, inbox) = (VecDeque::with_capacity(1), Inbox::new(READ_BYTES_MIN));
        let http = (recipe.framing() == Framing::Http).then(Box::default);
        let talk = recipe.script().map(|_| Box::default());
        Self { recipe, open, inbox, greeting_due: false, talk, http }
    }

    /// Expects a greeting before anything else. Instead of it, only `ERR busy` is accepted, as a
    /// refusal of the connection; anything else is wrong. Call it before the first
    /// [`Exchange::received`].
    ///
    /// # Panics
    /// In a framing other than [`Framing::Line`], in which the end of a greeting cannot be found.
    pub fn expect_greeting(&mut self) {
        assert_eq!(self.recipe.framing(), Framing::Line, "a greeting is a line");
        self.greeting_due = true;
    }

    /// Appends the request with this tag to `out` and expects its reply.
    #[inline]
    pub fn request(&mut self, tag: u64, out: &mut Vec<u8>) {
        match (&mut self.talk, self.recipe.script()) {
            (Some(talk), Some(script)) => talk.write(tag, script, self.recipe.framing(), out),
            _ => self.recipe.write_request(tag, out),
        }
        self.open.push_back(tag);
    }

    /// Room for the next read; never empty.
    ///
    /// # Panics
    /// When there is no memory for it.
    #[inline]
    pub fn space(&mut self) -> &mut [u8] {
        let room = self.inbox.make_room(match self.recipe.framing() {
            Framing::Line | Framing::Raw => job::WORK_REPLY_BYTES_MAX,
            // A body that is not compared is dropped as it comes.
            Framing::Http if self.recipe.ask().is_some() => FRAME_BYTES_MAX,
            Framing::Http => FRAME_BYTES_MAX + job::WORK_REPLY_BYTES_MAX,
        });
        assert!(room, "a generator without memory for a reply measures nothing");
        self.inbox.space()
    }

    /// `n` bytes were put at the start of [`Exchange::space`].
    ///
    /// # Panics
    /// When `n` is more than was offered.
    #[inline]
    pub fn received(&mut self, n: usize) {
        self.inbox.received(n);
    }

    /// The next complete reply, or `None` if more bytes must arrive first. The first one is the
    /// greeting, if one is expected.
    #[inline]
    pub fn reply(&mut self) -> Option<Reply> {
        let bytes = self.inbox.bytes();
        if bytes.is_empty() {
            return None;
        }
        if self.http.is_some() {
            return self.http_reply();
        }
        if self.greeting_due {
            return self.greeting();
        }
        let Some(tag) = self.open.front().copied() else {
            // Nothing was asked. A server that refuses a connection may still say so.
            return self.unexpected();
        };
        if self.talk.is_some() {
            return self.step_reply(tag);
        }
        match self.recipe.judge(tag, bytes) {
            Judgement::Right(len) => {
                self.inbox.consume(len);
                self.open.pop_front();
                Some(Reply::Right { tag })
            }
            Judgement::RightSoFar => None,
            Judgement::Wrong => self.unexpected(),
        }
    }

    /// How many requests have no reply yet.
    #[must_use]
    #[inline]
    pub fn open(&self) -> usize {
        self.open.len()
    }

    /// Whether nothing of the next reply has arrived.
    #[must_use]
    #[inline]
    pub fn is_between_replies(&self) -> bool {
        let counting = self.http.as_ref().is_some_and(|reader| !reader.is_between_replies());
        self.inbox.bytes().is_empty() && !counting
    }

    /// Heap bytes of received input that is not yet checked.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        self.inbox.heap_bytes()
    }

    /// What came where a greeting is due. It uses up the greeting and no request.
    fn greeting(&mut self) -> Option<Reply> {
        let bytes = self.inbox.bytes();
        let end = memchr::memchr(b'\n', bytes);
        if end.is_none() && Greeting::may_begin(bytes) {
            return None;
        }
        let greeting = end.and_then(|at| Some((Greeting::parse(&bytes[..at])?, at + 1)));
        let reply = match greeting {
            Some((greeting, len)) => {
                self.inbox.consume(len);
                Reply::Greeting(greeting)
            }
            None => match self.take_unexpected()? {
                // Nothing was asked that could be refused, but for the connection itself.
                Reply::Refused { code } if code != "busy" => {
                    Reply::Wrong { got: alloc::format!("ERR {code}") }
                }
                reply => reply,
            },
        };
        self.greeting_due = false;
        Some(reply)
    }

    /// Anything but the correct reply, in the place of the oldest open request's.
    fn unexpected(&mut self) -> Option<Reply> {
        let reply = self.take_unexpected()?;
        if self.open.pop_front().is_some() {
            self.step_failed(&reply);
        }
        Some(reply)
    }

    /// Takes a refusal or something wrong out of what was received, if it is complete.
    fn take_unexpected(&mut self) -> Option<Reply> {
        const SHOWN_BYTES_MAX: usize = 80;
        let bytes = self.inbox.bytes();
        let terminator = memchr::memchr(b'\n', bytes);
        let line = match terminator {
            Some(at) => at,
            // An ERR reply may come in pieces; anything else is wrong already.
            None if self.recipe.framing() == Framing::Line
                && b"ERR ".starts_with(&bytes[..bytes.len().min(4)])
                && bytes.len() < FRAME_BYTES_MAX =>
            {
                return None;
            }
            None => bytes.len(),
        };
        let text = String::from_utf8_lossy(&bytes[..line.min(SHOWN_BYTES_MAX)]);
        let complete = terminator.is_some() || self.recipe.framing() == Framing::Raw;
        let reply = match text.strip_prefix("ERR ") {
            Some(rest) if complete => {
                let code = rest.split(' ').next().unwrap_or_default().to_string();
                Reply::Refused { code }
            }
            _ => Reply::Wrong { got: text.into_owned() },
        };
        let frame = bytes.len().min(line + 1);
        self.inbox.consume(frame);
        Some(reply)
    }
}
