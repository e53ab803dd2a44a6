//! `bench`: the verbs for measurements.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::time::Duration;

use super::{Answer, Fault, Pending, ReplyShape, end, multiply::multiply, number, words};
use crate::Framing;
use crate::job::{self, Job, Work};
use crate::state::taken::{Taken, add};
use crate::state::{self, Add, Held, Store};

const MUL_USAGE: &str = "MUL takes two whole numbers in decimal, as in MUL 22 9";
const WORK_USAGE: &str = "WORK takes rounds (to 10000000), a wait in microseconds (to 60000000), reply bytes (to \
                          1048576) and an optional tag of 1 to 16 letters or digits";

/// A client's own mark on a request, repeated in its reply.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tag {
    pub(super) bytes: [u8; 16],
    pub(super) len: u8,
}

impl Tag {
    fn parse(word: &[u8]) -> Option<Self> {
        let mut tag = Self::default();
        tag.bytes.get_mut(..word.len())?.copy_from_slice(word);
        tag.len = u8::try_from(word.len()).ok()?;
        word.iter().all(u8::is_ascii_alphanumeric).then_some(tag)
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

pub(super) fn bench(
    framing: Framing,
    message: &[u8],
    (store, held): (&'static dyn Store, &mut Option<Box<Held>>),
    out: &mut Vec<u8>,
) -> Result<Answer, Fault> {
    // Asked for most, and most as it is written here: one look finds it.
    if let Some(text) = message.strip_prefix(b"ECHO ") {
        return Ok(echo(framing, text, out));
    }
    let verb_len = message.iter().position(|b| *b == b' ').unwrap_or(message.len());
    let (verb, rest) = message.split_at(verb_len);
    let rest = rest.get(1..).unwrap_or_default();
    if verb.eq_ignore_ascii_case(b"ECHO") {
        Ok(echo(framing, rest, out))
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

#[inline]
fn echo(framing: Framing, text: &[u8], out: &mut Vec<u8>) -> Answer {
    out.extend_from_slice(b"OK ");
    out.extend_from_slice(text);
    end(framing, out);
    Answer::Replied
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
