//! The client's end of one connection: builds requests and checks every reply.
//!
//! The client knows each reply before it arrives, because every request carries a tag and
//! every reply follows from its request. So a reply is checked byte by byte, and a stale,
//! swapped or damaged one is told from the right one.

use alloc::collections::VecDeque;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use num_bigint::BigUint;

use crate::app::{self, App, hex};
use crate::buffer::{Inbox, READ_BYTES_MIN};
use crate::job::{self, Work};
use crate::{FRAME_BYTES_MAX, Framing, RAW_BYTES_MAX};

/// What every request of a load asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// Send so many bytes of text and have them returned.
    Echo {
        /// Bytes of text, at least 1; verb and terminator come on top.
        bytes: usize,
    },
    /// Have two whole numbers of so many digits each multiplied; each request has its own two.
    Multiply {
        /// Decimal digits of each factor, at least 1.
        digits: usize,
    },
    /// Have CPU burnt, a wait waited and a reply of a certain size sent.
    Work(Work),
}

/// Why a load cannot be built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecipeError {
    /// The application has no such request.
    NotOffered {
        /// The request's name.
        request: &'static str,
        /// The application asked for it.
        app: App,
    },
    /// The request or its reply is longer than the framing or the protocol allows.
    TooLong,
    /// A size of zero, which asks for nothing.
    Empty,
    /// More CPU work or waiting than one request may ask for.
    TooMuchWork,
}

impl fmt::Display for RecipeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotOffered { request, app } => {
                write!(f, "the application {} has no request {request}", app.name())
            }
            Self::TooLong => write!(
                f,
                "the request or its reply is too long: a line holds {FRAME_BYTES_MAX} bytes, a \
                 raw message {RAW_BYTES_MAX}, the reply of WORK {} (raw: {RAW_BYTES_MAX})",
                job::WORK_REPLY_BYTES_MAX
            ),
            Self::Empty => write!(f, "the request is empty: ask for at least one byte or digit"),
            Self::TooMuchWork => write!(
                f,
                "one request may ask for {} rounds and {} s of waiting at most",
                job::WORK_ROUNDS_MAX,
                job::WORK_WAIT_MAX.as_secs()
            ),
        }
    }
}

impl core::error::Error for RecipeError {}

/// How to build every request of a load, and its reply. Made once and shared.
#[derive(Debug)]
pub struct Recipe {
    framing: Framing,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    /// Request and reply differ from one tag to the next only in the tag's digits.
    Tagged { request: Template, reply: Template },
    /// Request and reply are computed from the tag.
    Product { digits: usize, bench: bool },
}

/// Bytes with a hole of up to 16 bytes for the tag's digits.
#[derive(Debug)]
struct Template {
    bytes: Vec<u8>,
    hole: usize,
    hole_len: usize,
}

impl Template {
    fn new(before: &[u8], hole_len: usize, after: &[u8], framing: Framing) -> Self {
        let mut bytes = before.to_vec();
        bytes.resize(before.len() + hole_len, b'0');
        bytes.extend_from_slice(after);
        if framing == Framing::Line {
            bytes.push(b'\n');
        }
        Self { bytes, hole: before.len(), hole_len }
    }

    fn write(&self, tag: u64, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&self.bytes);
        let hole = start + self.hole;
        out[hole..hole + self.hole_len].copy_from_slice(&hex(tag)[16 - self.hole_len..]);
    }

    /// Whether `bytes` is how this begins, or all of it, for that tag.
    fn starts_with(&self, tag: u64, bytes: &[u8]) -> bool {
        let digits = hex(tag);
        let digits = &digits[16 - self.hole_len..];
        let after = self.hole + self.hole_len;
        let (end, cut) = (bytes.len(), |at: usize| bytes.len().min(at));
        bytes[..cut(self.hole)] == self.bytes[..cut(self.hole)]
            && bytes[cut(self.hole)..cut(after)] == digits[..cut(after) - cut(self.hole)]
            && bytes[cut(after)..] == self.bytes[cut(after)..end]
    }
}

impl Recipe {
    /// A load of one kind of request.
    ///
    /// # Errors
    /// When the application has no such request, or it asks for more than the protocol allows.
    pub fn new(app: App, framing: Framing, request: Request) -> Result<Self, RecipeError> {
        let size = match request {
            Request::Echo { bytes } => bytes,
            Request::Multiply { digits } => digits,
            Request::Work(work) => work.reply_bytes,
        };
        // Before anything is built: the templates below are as long as what was asked for.
        if size > job::WORK_REPLY_BYTES_MAX {
            return Err(RecipeError::TooLong);
        }
        let kind = match (app, request) {
            (_, Request::Echo { bytes: 0 } | Request::Multiply { digits: 0 }) => {
                return Err(RecipeError::Empty);
            }
            (App::Bench, Request::Echo { bytes }) => echo(b"ECHO ", b"OK ", bytes, framing),
            (App::Echo, Request::Echo { bytes }) => echo(b"", b"", bytes, framing),
            (App::Bench, Request::Multiply { digits }) => Kind::Product { digits, bench: true },
            (App::Multiply, Request::Multiply { digits }) => Kind::Product { digits, bench: false },
            (App::Bench, Request::Work(work)) => work_kind(work, framing)?,
            (app, Request::Echo { .. }) => {
                return Err(RecipeError::NotOffered { request: "echo", app });
            }
            (app, Request::Multiply { .. }) => {
                return Err(RecipeError::NotOffered { request: "multiply", app });
            }
            (app, Request::Work(_)) => {
                return Err(RecipeError::NotOffered { request: "work", app });
            }
        };
        let recipe = Self { framing, kind };
        recipe.check_lengths()?;
        Ok(recipe)
    }

    fn check_lengths(&self) -> Result<(), RecipeError> {
        let (request, reply) = match &self.kind {
            Kind::Tagged { request, reply } => (request.bytes.len(), reply.bytes.len()),
            Kind::Product { digits, .. } => (2 * digits + 6, 2 * digits + 4),
        };
        let (request_max, reply_max) = match self.framing {
            Framing::Line => (FRAME_BYTES_MAX, job::WORK_REPLY_BYTES_MAX),
            Framing::Raw => (RAW_BYTES_MAX, RAW_BYTES_MAX),
        };
        (request <= request_max && reply <= reply_max).then_some(()).ok_or(RecipeError::TooLong)
    }

    fn write_request(&self, tag: u64, out: &mut Vec<u8>) {
        match &self.kind {
            Kind::Tagged { request, .. } => request.write(tag, out),
            Kind::Product { digits, bench } => {
                let [a, b] = factors(tag, *digits);
                let verb = if *bench { "MUL " } else { "" };
                for part in [verb, &a, " ", &b] {
                    out.extend_from_slice(part.as_bytes());
                }
                if self.framing == Framing::Line {
                    out.push(b'\n');
                }
            }
        }
    }

    /// Compares the start of `bytes` with the reply that this tag must get.
    fn judge(&self, tag: u64, bytes: &[u8]) -> Judgement {
        let judge = |right: bool, len: usize| match (right, bytes.len() >= len) {
            (true, true) => Judgement::Right(len),
            (true, false) => Judgement::RightSoFar,
            (false, _) => Judgement::Wrong,
        };
        match &self.kind {
            Kind::Tagged { reply, .. } => {
                let len = reply.bytes.len();
                judge(reply.starts_with(tag, &bytes[..bytes.len().min(len)]), len)
            }
            Kind::Product { digits, bench } => {
                let expected = product(tag, *digits, *bench, self.framing);
                let len = bytes.len().min(expected.len());
                judge(bytes[..len] == expected.as_bytes()[..len], expected.len())
            }
        }
    }
}

enum Judgement {
    Right(usize),
    RightSoFar,
    Wrong,
}

fn echo(verb: &[u8], ok: &[u8], bytes: usize, framing: Framing) -> Kind {
    let hole = bytes.min(16);
    let filler: Vec<u8> = (b'a'..=b'z').cycle().take(bytes - hole).collect();
    Kind::Tagged {
        request: Template::new(verb, hole, &filler, framing),
        reply: Template::new(ok, hole, &filler, framing),
    }
}

fn work_kind(work: Work, framing: Framing) -> Result<Kind, RecipeError> {
    if work.rounds > job::WORK_ROUNDS_MAX || work.wait > job::WORK_WAIT_MAX {
        return Err(RecipeError::TooMuchWork);
    }
    let Work { rounds, wait, reply_bytes } = work;
    let wait_us = wait.as_micros();
    let request = alloc::format!("WORK {rounds} {wait_us} {reply_bytes} ");
    // The server's own writer lays the reply out; only the tag is left open.
    let mut reply = Vec::new();
    app::work_reply(work.burn(), &[b'0'; 16], reply_bytes, framing, &mut reply);
    let hole = "OK ".len() + 16 + 1;
    Ok(Kind::Tagged {
        request: Template::new(request.as_bytes(), 16, b"", framing),
        reply: Template { bytes: reply, hole, hole_len: 16 },
    })
}

/// The two factors of a tag: as many digits as asked for, the first of them not zero.
fn factors(tag: u64, digits: usize) -> [String; 2] {
    let mut state = tag;
    [(); 2].map(|()| {
        (0..digits)
            .map(|i| {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                let range = if i == 0 { 1..10 } else { 0..10 };
                let digit = range.start + (state >> 33) % (range.end - range.start);
                char::from(b'0' + u8::try_from(digit).expect("a digit"))
            })
            .collect()
    })
}

fn product(tag: u64, digits: usize, bench: bool, framing: Framing) -> String {
    let [a, b] = factors(tag, digits);
    let product = match (a.parse::<u64>(), b.parse::<u64>()) {
        (Ok(a), Ok(b)) => (u128::from(a) * u128::from(b)).to_string(),
        _ => {
            let number = |s: &str| BigUint::parse_bytes(s.as_bytes(), 10).expect("digits");
            (number(&a) * number(&b)).to_string()
        }
    };
    let (ok, end) =
        (if bench { "OK " } else { "" }, if framing == Framing::Line { "\n" } else { "" });
    alloc::format!("{ok}{product}{end}")
}

/// What arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Byte for byte what the oldest open request had to get.
    Right {
        /// The tag of that request.
        tag: u64,
    },
    /// An `ERR` line: the server refused, and says why. Framing is intact.
    Refused {
        /// The word after `ERR`.
        code: String,
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
}

impl Exchange {
    /// A fresh connection.
    #[must_use]
    pub fn new(recipe: Arc<Recipe>) -> Self {
        Self { recipe, open: VecDeque::with_capacity(1), inbox: Inbox::new(READ_BYTES_MIN) }
    }

    /// Appends the request with this tag to `out` and expects its reply.
    pub fn request(&mut self, tag: u64, out: &mut Vec<u8>) {
        self.recipe.write_request(tag, out);
        self.open.push_back(tag);
    }

    /// Room for the next read; never empty.
    pub fn space(&mut self) -> &mut [u8] {
        self.inbox.space(job::WORK_REPLY_BYTES_MAX)
    }

    /// `n` bytes were put at the start of [`Exchange::space`].
    ///
    /// # Panics
    /// When `n` is more than was offered.
    pub fn received(&mut self, n: usize) {
        self.inbox.received(n);
    }

    /// The next complete reply of what was received, or `None` when more must arrive first.
    pub fn reply(&mut self) -> Option<Reply> {
        let bytes = self.inbox.bytes();
        if bytes.is_empty() {
            return None;
        }
        let Some(tag) = self.open.front().copied() else {
            // Nothing was asked. A server that refuses a connection may still say so.
            return self.unexpected();
        };
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
    pub fn open(&self) -> usize {
        self.open.len()
    }

    /// Bytes of heap held now by what was received and not judged.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        self.inbox.heap_bytes()
    }

    fn unexpected(&mut self) -> Option<Reply> {
        const SHOWN_BYTES_MAX: usize = 80;
        let bytes = self.inbox.bytes();
        let terminator = memchr::memchr(b'\n', bytes);
        let line = match terminator {
            Some(at) => at,
            // An ERR reply may come in pieces; anything else is wrong already.
            None if self.recipe.framing == Framing::Line
                && b"ERR ".starts_with(&bytes[..bytes.len().min(4)])
                && bytes.len() < FRAME_BYTES_MAX =>
            {
                return None;
            }
            None => bytes.len(),
        };
        let text = String::from_utf8_lossy(&bytes[..line.min(SHOWN_BYTES_MAX)]);
        let complete = terminator.is_some() || self.recipe.framing == Framing::Raw;
        let reply = match text.strip_prefix("ERR ") {
            Some(rest) if complete => {
                let code = rest.split(' ').next().unwrap_or_default().to_string();
                Reply::Refused { code }
            }
            _ => Reply::Wrong { got: text.into_owned() },
        };
        let frame = bytes.len().min(line + 1);
        self.inbox.consume(frame);
        self.open.pop_front();
        Some(reply)
    }
}
