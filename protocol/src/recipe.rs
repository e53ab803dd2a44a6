//! Request templates: every request of a load, and its one correct reply.

mod drawn;
mod error;

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use num_bigint::BigUint;

use crate::app::{self, App, hex};
use crate::http::{self, Ask};
use crate::job::{self, Work};
use crate::state::Sessions;
use crate::state::talk::Script;
use crate::{FRAME_BYTES_MAX, Framing, RAW_BYTES_MAX};
pub use drawn::Drawn;
use drawn::DrawnKind;
pub use error::RecipeError;

/// What every request of a load asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// Send this many bytes of text, which the server returns.
    Echo {
        /// Bytes of text, at least 1; verb and terminator come on top.
        bytes: usize,
    },
    /// Send two whole numbers of this many digits each to multiply; each request has its own two.
    Multiply {
        /// Decimal digits of each factor, at least 1.
        digits: usize,
    },
    /// Have CPU burnt, a wait waited and a reply of a certain size sent.
    Work(Work),
    /// Take a step of a session, each connection of its own.
    Session(Sessions),
    /// An echo or work, with numbers that differ from one request to the next.
    Drawn(Drawn),
}

/// How to build every request of a load, and its reply. Made once and shared.
#[derive(Debug)]
pub struct Recipe {
    framing: Framing,
    /// `None` for a request to any HTTP server.
    request: Option<Request>,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    /// Request and reply differ from one tag to the next only in the tag's digits.
    Tagged { request: Template, reply: Template },
    /// Request and reply are computed from the tag.
    Product { digits: usize, bench: bool },
    /// Sizes and work are drawn by the tag.
    Drawn(DrawnKind),
    /// Each request follows from the reply to the last one.
    Session(Script),
    /// The request is always the same, and of its reply the length is known at most.
    Ask(Box<Ask>),
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
        let request = match request {
            Request::Drawn(drawn) => Request::Drawn(drawn.fitted(app, framing)?),
            fixed => fixed,
        };
        let size = match request {
            Request::Echo { bytes } => bytes,
            Request::Multiply { digits } => digits,
            Request::Work(work) => work.reply_bytes,
            // Fitted already, or checked below.
            Request::Drawn(_) | Request::Session(_) => 0,
        };
        // Before anything is built: the templates below are as long as what was asked for.
        if size > job::WORK_REPLY_BYTES_MAX {
            return Err(RecipeError::TooLong);
        }
        let kind = match (app, request) {
            (app, Request::Drawn(drawn)) => Kind::Drawn(DrawnKind::new(drawn, app, framing)),
            (_, Request::Echo { bytes: 0 } | Request::Multiply { digits: 0 }) => {
                return Err(RecipeError::Empty);
            }
            (App::Bench | App::Echo, Request::Echo { bytes }) if framing == Framing::Http => {
                echo(&http::ask::post_echo(bytes), b"", bytes, framing)
            }
            (App::Bench, Request::Echo { bytes }) => echo(b"ECHO ", b"OK ", bytes, framing),
            (App::Echo, Request::Echo { bytes }) => echo(b"", b"", bytes, framing),
            (App::Bench, Request::Multiply { digits }) => Kind::Product { digits, bench: true },
            (App::Multiply, Request::Multiply { digits }) => Kind::Product { digits, bench: false },
            (App::Bench, Request::Work(work)) => work_kind(work, framing)?,
            (App::Bench, Request::Session(sessions)) => session(sessions, framing)?,
            (app, Request::Echo { .. }) => {
                return Err(RecipeError::NotOffered { request: "echo", app });
            }
            (app, Request::Multiply { .. }) => {
                return Err(RecipeError::NotOffered { request: "multiply", app });
            }
            (app, Request::Work(_)) => {
                return Err(RecipeError::NotOffered { request: "work", app });
            }
            (app, Request::Session(_)) => {
                return Err(RecipeError::NotOffered { request: "session", app });
            }
        };
        let recipe = Self { framing, request: Some(request), kind };
        recipe.check_lengths()?;
        Ok(recipe)
    }

    /// A load of any HTTP server.
    #[must_use]
    pub fn asking(ask: Ask) -> Self {
        Self { framing: Framing::Http, request: None, kind: Kind::Ask(Box::new(ask)) }
    }

    /// The sessions that its requests are steps of, if they are.
    pub(crate) fn script(&self) -> Option<&Script> {
        if let Kind::Session(script) = &self.kind { Some(script) } else { None }
    }

    /// The sessions that its requests are steps of, if they are.
    #[must_use]
    pub fn sessions(&self) -> Option<Sessions> {
        self.script().map(|script| script.sessions)
    }

    /// Whether it asks any HTTP server for something, and not one that speaks the protocol.
    #[must_use]
    pub fn asks_any_server(&self) -> bool {
        self.ask().is_some()
    }

    /// What it asks any HTTP server, if that is what it does.
    pub(crate) fn ask(&self) -> Option<&Ask> {
        if let Kind::Ask(ask) = &self.kind { Some(ask) } else { None }
    }

    /// How its requests and replies are cut out of the stream.
    #[must_use]
    pub fn framing(&self) -> Framing {
        self.framing
    }

    /// The request of this recipe, with the tails of drawn numbers limited to what the protocol
    /// allows. `None` for other HTTP servers.
    #[must_use]
    pub fn request(&self) -> Option<Request> {
        self.request
    }

    fn check_lengths(&self) -> Result<(), RecipeError> {
        let (request, reply) = match &self.kind {
            Kind::Tagged { request, reply } => (request.bytes.len(), reply.bytes.len()),
            Kind::Product { digits, .. } if self.framing == Framing::Http => {
                (2 * digits + http::ask::GET_MUL.iter().map(|part| part.len()).sum::<usize>(), 0)
            }
            Kind::Product { digits, .. } => (2 * digits + 6, 2 * digits + 4),
            // Fitted before it was built.
            Kind::Drawn(_) | Kind::Session(_) => return Ok(()),
            Kind::Ask(_) => (0, 0),
        };
        let (request_max, reply_max) = match self.framing {
            Framing::Line | Framing::Http => (FRAME_BYTES_MAX, job::WORK_REPLY_BYTES_MAX),
            Framing::Raw => (RAW_BYTES_MAX, RAW_BYTES_MAX),
        };
        (request <= request_max && reply <= reply_max).then_some(()).ok_or(RecipeError::TooLong)
    }

    pub(crate) fn write_request(&self, tag: u64, out: &mut Vec<u8>) {
        match &self.kind {
            Kind::Tagged { request, .. } => request.write(tag, out),
            Kind::Drawn(drawn) => drawn.write_request(tag, out),
            Kind::Product { digits, bench } => {
                let [a, b] = factors(tag, *digits);
                let verb = if *bench { "MUL " } else { "" };
                let [before, between, after] = match self.framing {
                    Framing::Http => http::ask::GET_MUL,
                    Framing::Line => [verb, " ", "\n"],
                    Framing::Raw => [verb, " ", ""],
                };
                for part in [before, &a, between, &b, after] {
                    out.extend_from_slice(part.as_bytes());
                }
            }
            Kind::Ask(ask) => out.extend_from_slice(ask.request()),
            Kind::Session(_) => unreachable!("a step is written by who knows the session"),
        }
    }

    /// Compares the start of `bytes` with the reply that this tag must get.
    pub(crate) fn judge(&self, tag: u64, bytes: &[u8]) -> Judgement {
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
            Kind::Drawn(drawn) => drawn.judge(tag, bytes),
            Kind::Product { digits, bench } => {
                let expected = product(tag, *digits, *bench, self.framing);
                let len = bytes.len().min(expected.len());
                judge(bytes[..len] == expected.as_bytes()[..len], expected.len())
            }
            // Nothing of it is known byte by byte, or not here.
            Kind::Ask(_) | Kind::Session(_) => Judgement::Wrong,
        }
    }
}

/// What a stretch of bytes is, compared with the one correct reply.
pub(crate) enum Judgement {
    /// The reply is correct and has this length.
    Right(usize),
    /// More must come.
    RightSoFar,
    /// It cannot become right any more.
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
    let [request, after] = work_request((rounds, wait_us, reply_bytes), framing);
    // The server's own writer lays the reply out; only the tag is left open.
    let mut reply = Vec::new();
    app::work_reply(work.burn(), &[b'0'; 16], reply_bytes, framing, &mut reply);
    let hole = if framing == Framing::Http { 0 } else { "OK ".len() } + app::WORK_RESULT_BYTES + 1;
    Ok(Kind::Tagged {
        request: Template::new(request.as_bytes(), 16, after.as_bytes(), framing),
        reply: Template { bytes: reply, hole, hole_len: 16 },
    })
}

fn session(sessions: Sessions, framing: Framing) -> Result<Kind, RecipeError> {
    if !sessions.is_possible(framing) {
        return Err(RecipeError::BadSession);
    }
    if framing == Framing::Raw && sessions.home.is_none() {
        return Err(RecipeError::UnknownHome);
    }
    Ok(Kind::Session(Script::new(sessions)))
}

/// What comes before the tag of a request for rounds, a wait in microseconds and so many bytes, and
/// what after it.
fn work_request(
    (rounds, wait_us, reply_bytes): (u64, u128, usize),
    framing: Framing,
) -> [String; 2] {
    if framing == Framing::Http {
        http::ask::get_work(rounds, wait_us, reply_bytes)
    } else {
        [alloc::format!("WORK {rounds} {wait_us} {reply_bytes} "), String::new()]
    }
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
    let (ok, end) = (
        if bench && framing != Framing::Http { "OK " } else { "" },
        if framing == Framing::Line { "\n" } else { "" },
    );
    alloc::format!("{ok}{product}{end}")
}
