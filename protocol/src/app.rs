//! What a request means, in each application.
//!
//! A message comes in without its terminator and leaves as bytes appended to the outbox, or as
//! a [`Job`] with what is needed to answer once it is done.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use num_bigint::BigInt;

use crate::job::{self, Done, Job, Outcome, Work};
use crate::state::taken::{Taken, add};
use crate::state::{self, Add, AddJob, Held, Store};
use crate::{FRAME_BYTES_MAX, Framing, http};

/// An application: what a server does with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum App {
    /// Verbs for measuring: `ECHO`, `MUL`, `WORK`, `ADD`, `QUIT`.
    Bench,
    /// The reply is the message.
    Echo,
    /// A message is two whole numbers, the reply is their product.
    Multiply,
}

impl App {
    /// Every application with its name on the command line.
    pub const ALL: [(&'static str, Self); 3] =
        [("bench", Self::Bench), ("echo", Self::Echo), ("multiply", Self::Multiply)];

    /// The name on the command line and in results.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Bench => "bench",
            Self::Echo => "echo",
            Self::Multiply => "multiply",
        }
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

const MUL_USAGE: &str = "MUL takes two whole numbers in decimal, as in MUL 22 9";
const MULTIPLY_USAGE: &str = "send two whole numbers in decimal, as in 22 9";
const WORK_USAGE: &str = "WORK takes rounds (to 10000000), a wait in microseconds (to 60000000), \
     reply bytes (to 1048576) and a tag of 1 to 16 letters or digits if you like";

/// What an application did with a message.
#[derive(Debug)]
pub(crate) enum Answer {
    /// The reply is in the outbox.
    Replied,
    /// The reply is in the outbox, and it was the last one.
    Last,
    /// The message was refused; the reply that says so is in the outbox.
    Refused,
    /// The reply needs work first.
    Later(Pending),
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
    Work { bytes: usize, tag: Tag },
    /// As it was computed.
    Added,
}

/// A client's own mark on a request, repeated in its reply.
#[derive(Clone, Copy, Debug, Default)]
struct Tag {
    bytes: [u8; 16],
    len: u8,
}

impl Tag {
    fn parse(word: &[u8]) -> Option<Self> {
        let mut tag = Self::default();
        tag.bytes.get_mut(..word.len())?.copy_from_slice(word);
        tag.len = u8::try_from(word.len()).ok()?;
        word.iter().all(u8::is_ascii_alphanumeric).then_some(tag)
    }
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
        // Room for the usual reply at once: growing with each part of it would allocate again.
        out.reserve(message.len() + b"OK \n".len());
        let result = match self {
            Self::Bench => bench(framing, message, (store, held), out),
            Self::Echo => {
                out.extend_from_slice(message);
                end(framing, out);
                Ok(Answer::Replied)
            }
            Self::Multiply => {
                multiply(framing, message, false, out).ok_or(Fault::BadArgument(MULTIPLY_USAGE))
            }
        };
        result.unwrap_or_else(|fault| {
            fault.write(framing, out);
            Answer::Refused
        })
    }
}

impl Pending {
    /// A step of a session that is to be taken where jobs run.
    pub(crate) fn step(job: AddJob) -> Self {
        Self { job: Job::Add(job), reply: ReplyShape::Added }
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

/// Hexadecimal digits of the result of `WORK`.
pub(crate) const WORK_RESULT_BYTES: usize = 16;

/// `OK <result as 16 hexadecimal digits> <tag> <padding>`, `bytes` long if that is long enough.
/// In HTTP the status says that it is in order, and the rest is the body.
pub(crate) fn work_reply(
    result: u64,
    tag: &[u8],
    bytes: usize,
    framing: Framing,
    out: &mut Vec<u8>,
) {
    let start = out.len();
    // At once, or the terminator would make a full buffer double.
    out.reserve(bytes);
    if framing != Framing::Http {
        out.extend_from_slice(b"OK ");
    }
    out.extend_from_slice(&hex(result));
    if !tag.is_empty() {
        out.push(b' ');
        out.extend_from_slice(tag);
    }
    let terminator = usize::from(framing == Framing::Line);
    let len = out.len() - start + terminator;
    if len < bytes {
        out.push(b' ');
        out.resize(start + bytes - terminator, b'.');
    }
    end(framing, out);
}

/// Sixteen lower-case hexadecimal digits.
pub(crate) fn hex(value: u64) -> [u8; 16] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let bytes = value.to_be_bytes();
    core::array::from_fn(|i| {
        let nibble = if i % 2 == 0 { bytes[i / 2] >> 4 } else { bytes[i / 2] & 0xf };
        DIGITS[usize::from(nibble)]
    })
}

pub(crate) fn end(framing: Framing, out: &mut Vec<u8>) {
    if framing == Framing::Line {
        out.push(b'\n');
    }
}

fn bench(
    framing: Framing,
    message: &[u8],
    (store, held): (&'static dyn Store, &mut Option<Box<Held>>),
    out: &mut Vec<u8>,
) -> Result<Answer, Fault> {
    let verb_len = message.iter().position(|b| *b == b' ').unwrap_or(message.len());
    let (verb, rest) = message.split_at(verb_len);
    let rest = rest.get(1..).unwrap_or_default();
    if verb.eq_ignore_ascii_case(b"ECHO") {
        out.extend_from_slice(b"OK ");
        out.extend_from_slice(rest);
        end(framing, out);
        Ok(Answer::Replied)
    } else if verb.eq_ignore_ascii_case(b"WORK") {
        work(rest).ok_or(Fault::BadArgument(WORK_USAGE))
    } else if verb.eq_ignore_ascii_case(b"MUL") {
        multiply(framing, rest, true, out).ok_or(Fault::BadArgument(MUL_USAGE))
    } else if verb.eq_ignore_ascii_case(b"ADD") {
        let step = Add::parse(rest).ok_or(Fault::BadArgument(state::add::USAGE))?;
        Ok(match add(&step, store, held) {
            Ok(Taken::Now(added)) => {
                added.write(framing, out);
                Answer::Replied
            }
            Ok(Taken::Later(pending)) => Answer::Later(pending),
            Err(refusal) => {
                refusal.write(framing, out);
                Answer::Refused
            }
        })
    } else if verb.eq_ignore_ascii_case(b"QUIT") {
        out.extend_from_slice(b"OK bye");
        end(framing, out);
        Ok(Answer::Last)
    } else {
        Err(Fault::UnknownVerb)
    }
}

fn work(arguments: &[u8]) -> Option<Answer> {
    let mut words = words(arguments);
    let rounds = number(words.next()?)?;
    let wait_us = number(words.next()?)?;
    let bytes = number(words.next()?)?;
    let tag = words.next().unwrap_or_default();
    words.next().is_none().then(|| work_of(rounds, wait_us, bytes, tag))?
}

/// The job that was asked for, unless that is beyond a limit; without a tag, `tag` is empty.
pub(crate) fn work_of(rounds: u64, wait_us: u64, bytes: u64, tag: &[u8]) -> Option<Answer> {
    let wait = Duration::from_micros(wait_us);
    let reply_bytes = usize::try_from(bytes).ok()?;
    let tag = Tag::parse(tag)?;
    let fits = rounds <= job::WORK_ROUNDS_MAX
        && wait <= job::WORK_WAIT_MAX
        && reply_bytes <= job::WORK_REPLY_BYTES_MAX;
    let work = Work { rounds, wait, reply_bytes };
    let reply = ReplyShape::Work { bytes: reply_bytes, tag };
    fits.then_some(Answer::Later(Pending { job: Job::Work(work), reply }))
}

fn multiply(framing: Framing, arguments: &[u8], ok: bool, out: &mut Vec<u8>) -> Option<Answer> {
    let mut words = words(arguments);
    let (a, b) = (words.next()?, words.next()?);
    if words.next().is_some() {
        return None;
    }
    match product(a, b, ok)? {
        Product::Known(digits) => {
            if ok {
                out.extend_from_slice(b"OK ");
            }
            out.extend_from_slice(digits.as_bytes());
            end(framing, out);
            Some(Answer::Replied)
        }
        Product::Later(pending) => Some(Answer::Later(pending)),
    }
}

/// A product, or how to come by it.
pub(crate) enum Product {
    /// Its digits.
    Known(String),
    /// They need work first.
    Later(Pending),
}

/// Multiplies now what one machine multiplication can do; longer numbers become a job, since
/// their cost grows with the square of their length and belongs where the model runs work.
pub(crate) fn product(a: &[u8], b: &[u8], ok: bool) -> Option<Product> {
    use alloc::string::ToString;
    if !is_whole_number(a) || !is_whole_number(b) {
        return None;
    }
    if let (Some(a), Some(b)) = (small(a), small(b)) {
        return Some(Product::Known((i128::from(a) * i128::from(b)).to_string()));
    }
    let pair = Arc::new([BigInt::parse_bytes(a, 10)?, BigInt::parse_bytes(b, 10)?]);
    let reply = ReplyShape::Product { ok };
    Some(Product::Later(Pending { job: Job::Multiply(pair), reply }))
}

pub(crate) fn words(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty())
}

pub(crate) fn number(word: &[u8]) -> Option<u64> {
    word.iter().all(u8::is_ascii_digit).then(|| core::str::from_utf8(word).ok()?.parse().ok())?
}

fn small(word: &[u8]) -> Option<i64> {
    core::str::from_utf8(word).ok()?.parse().ok()
}

/// An optional minus sign and digits; the big-number crate would also take underscores.
fn is_whole_number(word: &[u8]) -> bool {
    let digits = word.strip_prefix(b"-").unwrap_or(word);
    !digits.is_empty() && digits.iter().all(u8::is_ascii_digit)
}
