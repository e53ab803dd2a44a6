//! What a request means, in each application.
//!
//! A message arrives without its terminator. Its reply is appended to the outbox, or it becomes a
//! [`Job`] with all that is needed for the reply.

mod bench;
pub mod chat;
mod clock;
mod dispatch;
mod multiply;
pub(crate) mod part;
mod peer;
mod shell;

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::time::Duration;

use crate::job::{Done, Job, Outcome};
use crate::state::{AddJob, Held, Store};
use crate::{FRAME_BYTES_MAX, Framing, http};
pub(crate) use bench::{WORK_RESULT_BYTES, hex, work_of, work_reply};
pub use dispatch::Journal;
pub(crate) use multiply::{Product, product};
pub use shell::Ran;

/// An application: what a server does with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum App {
    /// Verbs for measuring: `ECHO`, `MUL`, `WORK`, `ADD`, `QUIT`.
    Bench,
    /// The reply is the message.
    Echo,
    /// A message has two whole numbers; the reply is their product.
    Multiply,
    /// Tells a client when it connected, and after each message how long it has been connected.
    Clock,
    /// Sends the date and time and closes.
    Daytime,
    /// What a client sends goes to the server's standard output.
    Sink,
    /// A message is a command line, which the server runs.
    Shell,
    /// A chat room: every client receives the messages of all.
    Chat,
    /// The server sends command lines, which its clients run.
    Dispatch,
}

impl App {
    /// Every application with its name on the command line.
    pub const ALL: [(&'static str, Self); 9] = [
        ("bench", Self::Bench),
        ("echo", Self::Echo),
        ("multiply", Self::Multiply),
        ("clock", Self::Clock),
        ("daytime", Self::Daytime),
        ("sink", Self::Sink),
        ("shell", Self::Shell),
        ("chat", Self::Chat),
        ("dispatch", Self::Dispatch),
    ];

    /// Those in which every request has one reply, which follows from the request: what can be
    /// measured and checked. The others greet, wait, or say nothing.
    pub const REQUEST_REPLY: [(&'static str, Self); 3] =
        [("bench", Self::Bench), ("echo", Self::Echo), ("multiply", Self::Multiply)];

    /// The name on the command line and in results.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Bench => "bench",
            Self::Echo => "echo",
            Self::Multiply => "multiply",
            Self::Clock => "clock",
            Self::Daytime => "daytime",
            Self::Sink => "sink",
            Self::Shell => "shell",
            Self::Chat => "chat",
            Self::Dispatch => "dispatch",
        }
    }

    /// Whether its sessions may ask for [`Step::Outside`](crate::Step::Outside).
    #[must_use]
    pub fn leads_outside(self) -> bool {
        matches!(self, Self::Sink | Self::Shell)
    }

    /// Whether every request has one reply; see [`App::REQUEST_REPLY`].
    #[must_use]
    pub fn is_request_reply(self) -> bool {
        Self::REQUEST_REPLY.iter().any(|(_, app)| *app == self)
    }
}

/// Why a request was refused. The code is part of the protocol; the text is for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The verb is not one of the application's.
    UnknownVerb,
    /// The verb is known and its arguments are not what it takes.
    BadArgument(&'static str),
    /// No line feed within [`FRAME_BYTES_MAX`]; the connection is closed after the reply.
    TooLong,
}

impl Fault {
    /// The word after `ERR`.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::UnknownVerb => "unknown-verb",
            Self::BadArgument(_) => "bad-argument",
            Self::TooLong => "too-long",
        }
    }

    pub(crate) fn write(self, framing: Framing, out: &mut Vec<u8>) {
        let text = match self {
            Self::UnknownVerb => "the verbs are ECHO, MUL, WORK, ADD and QUIT",
            Self::BadArgument(usage) => usage,
            Self::TooLong => "a line holds 65536 bytes at most",
        };
        for part in ["ERR ", self.code(), " ", text] {
            out.extend_from_slice(part.as_bytes());
        }
        end(framing, out);
    }
}

const _: () = assert!(FRAME_BYTES_MAX == 65536, "the text of too-long names the limit");

/// The reply to a connection that was not admitted, in every application and in the framings that
/// have no replies of their own making; see [`busy`].
pub const BUSY: &[u8] = b"ERR busy this server serves as many clients as it may; try again later\n";

/// The reply to a connection that was not admitted.
#[must_use]
pub fn busy(framing: Framing) -> &'static [u8] {
    match framing {
        Framing::Line | Framing::Raw => BUSY,
        Framing::Http => http::BUSY,
    }
}

/// What an application did with a message.
#[derive(Debug)]
pub(crate) enum Answer {
    /// The reply is in the outbox.
    Replied,
    /// The reply is in the outbox, and it was the last one.
    Last,
    /// The message was refused; the refusal is in the outbox.
    Refused,
    /// The reply needs work first.
    Later(Pending),
    /// There is none yet: it comes from outside, or the message was a part of something.
    NoneYet,
}

/// A job and what its reply needs beside its outcome.
#[derive(Clone, Debug)]
pub(crate) struct Pending {
    pub(crate) job: Job,
    reply: ReplyShape,
}

#[derive(Clone, Copy, Debug)]
enum ReplyShape {
    /// `OK` and the product, or the product alone.
    Product { ok: bool },
    /// `OK`, the result, the tag, and padding.
    Work { bytes: usize, tag: bench::Tag },
    /// As it was computed.
    Added,
    /// Something of the connection's own, which is not an answer to a request.
    Own,
}

impl App {
    /// Answers one message, without its terminator.
    ///
    /// `store` keeps the state of sessions, and `held` is what the connection keeps of them.
    pub(crate) fn answer(
        self,
        framing: Framing,
        message: &[u8],
        (store, held): (&'static dyn Store, &mut Option<Box<Held>>),
        out: &mut Vec<u8>,
    ) -> Answer {
        let result = match self {
            Self::Bench => bench::bench(framing, message, (store, held), out),
            Self::Echo => {
                out.extend_from_slice(message);
                end(framing, out);
                Ok(Answer::Replied)
            }
            Self::Multiply => {
                let product = multiply::multiply(framing, message, false, out);
                product.ok_or(Fault::BadArgument(multiply::USAGE))
            }
            _ => {
                unreachable!("the driver calls Session::begin first")
            }
        };
        result.unwrap_or_else(|fault| {
            fault.write(framing, out);
            Answer::Refused
        })
    }
}

impl Pending {
    /// Room for the reply, with its head where it has one: all that can be long is counted.
    pub(crate) fn room(&self, done: &Done, framing: Framing) -> usize {
        let body = match (&done.0, self.reply) {
            (Outcome::Product(digits), _) => reply_room(digits.len()),
            (_, ReplyShape::Work { bytes, .. }) => bytes,
            _ => 0,
        };
        let head = if framing == Framing::Http { http::respond::HEAD_BYTES } else { 0 };
        head + body
    }

    /// A step of a session that is to be taken where jobs run.
    pub(crate) fn step(job: AddJob) -> Self {
        Self { job: Job::Add(job), reply: ReplyShape::Added }
    }

    /// A wait of the connection's own.
    fn pause(wait: Duration) -> Self {
        Self { job: Job::Pause(wait), reply: ReplyShape::Own }
    }

    /// How long the reply will be, now that the work is done, where it has no terminator.
    pub(crate) fn reply_len(&self, done: &Done) -> usize {
        match (&done.0, self.reply) {
            (Outcome::Product(digits), ReplyShape::Product { ok }) => {
                digits.len() + if ok { "OK ".len() } else { 0 }
            }
            (Outcome::Burnt(_), ReplyShape::Work { bytes, tag }) => {
                let tag = usize::from(tag.len);
                bytes.max(WORK_RESULT_BYTES + if tag > 0 { 1 + tag } else { 0 })
            }
            (Outcome::Added(_), ReplyShape::Added) => {
                let mut body = Vec::new();
                self.reply(done, Framing::Http, &mut body);
                body.len()
            }
            (done, shape) => unreachable!("the driver answered {shape:?} with {done:?}"),
        }
    }

    /// Writes the reply now that the work is done.
    pub(crate) fn reply(&self, done: &Done, framing: Framing, out: &mut Vec<u8>) {
        match (&done.0, self.reply) {
            (Outcome::Product(digits), ReplyShape::Product { ok }) => {
                if ok {
                    out.extend_from_slice(b"OK ");
                }
                out.extend_from_slice(digits);
                end(framing, out);
            }
            (Outcome::Burnt(result), ReplyShape::Work { bytes, tag }) => {
                work_reply(*result, &tag.bytes[..usize::from(tag.len)], bytes, framing, out);
            }
            (Outcome::Added(added), ReplyShape::Added) => match &**added {
                Ok(added) => added.write(framing, out),
                Err(refusal) => refusal.write(framing, out),
            },
            (done, shape) => unreachable!("the driver answered {shape:?} with {done:?}"),
        }
    }
}

/// Room for the usual reply to a message of so many bytes, at once: growing with each part of it would
/// allocate again.
pub(crate) fn reply_room(message: usize) -> usize {
    message + b"OK \n".len()
}

pub(crate) fn end(framing: Framing, out: &mut Vec<u8>) {
    if framing == Framing::Line {
        out.push(b'\n');
    }
}

pub(crate) fn words(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty())
}

pub(crate) fn number(word: &[u8]) -> Option<u64> {
    word.iter().all(u8::is_ascii_digit).then(|| core::str::from_utf8(word).ok()?.parse().ok())?
}
