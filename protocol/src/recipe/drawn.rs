//! Requests whose sizes and work are drawn for each tag.
//!
//! This is slower than a template, but nothing is built twice: text and padding are slices of
//! prepared bytes, and the digest of a job's work is read from a table.

use alloc::vec::Vec;

use super::{Judgement, RecipeError, Request};
use crate::app::{App, hex};
use crate::draw::Draw;
use crate::http;
use crate::job::{self, BURN_START, Work, burn_on};
use crate::{FRAME_BYTES_MAX, Framing, RAW_BYTES_MAX};

/// What all requests of a load ask for, each with numbers of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drawn {
    /// As [`Request::Echo`].
    Echo {
        /// Bytes of text, at least 1.
        bytes: Draw,
        /// Seed of the draws.
        seed: u64,
    },
    /// As [`Request::Work`].
    Work {
        /// Rounds of CPU work.
        rounds: Draw,
        /// Nanoseconds to wait, of which whole microseconds are asked for.
        wait_ns: Draw,
        /// Length of the reply in bytes.
        reply_bytes: Draw,
        /// Seed of the draws.
        seed: u64,
    },
}

/// Seeds of the single draws of a request, so that a long wait does not mean a long reply. They
/// also keep draws apart from random arrivals of the same seed.
const BYTES: u64 = 0x1;
const ROUNDS: u64 = 0x2;
const WAIT: u64 = 0x3;
const REPLY: u64 = 0x4;

fn drawn_value(draw: &Draw, seed: u64, which: u64, tag: u64) -> u64 {
    draw.sample(seed ^ (which << 60), tag)
}

impl Request {
    /// An echo of so many bytes, drawn if they are not always the same.
    #[must_use]
    pub fn echo(bytes: Draw, seed: u64) -> Self {
        match bytes.as_fixed() {
            Some(bytes) => Self::Echo { bytes: clamped(bytes) },
            None => Self::Drawn(Drawn::Echo { bytes, seed }),
        }
    }

    /// Work, drawn if it is not always the same.
    #[must_use]
    pub fn work(rounds: Draw, wait_ns: Draw, reply_bytes: Draw, seed: u64) -> Self {
        match (rounds.as_fixed(), wait_ns.as_fixed(), reply_bytes.as_fixed()) {
            (Some(rounds), Some(wait), Some(reply)) => Self::Work(Work {
                rounds,
                wait: core::time::Duration::from_nanos(wait),
                reply_bytes: clamped(reply),
            }),
            _ => Self::Drawn(Drawn::Work { rounds, wait_ns, reply_bytes, seed }),
        }
    }
}

impl Drawn {
    /// With all tails kept to what the protocol allows.
    pub(super) fn fitted(self, app: App, framing: Framing) -> Result<Self, RecipeError> {
        let frame = match framing {
            Framing::Line => FRAME_BYTES_MAX - 1,
            Framing::Raw => RAW_BYTES_MAX,
            Framing::Http => FRAME_BYTES_MAX - http::ask::post_echo(FRAME_BYTES_MAX).len(),
        };
        match self {
            Self::Echo { bytes, seed } => {
                let verb = echo_verbs(app, framing)
                    .ok_or(RecipeError::NotOffered { request: "echo", app })?;
                if bytes.as_fixed() == Some(0) || *bytes.range().end() == 0 {
                    return Err(RecipeError::Empty);
                }
                let most = (frame - verb.0.len()) as u64;
                let bytes = bytes.within(1..=most).ok_or(RecipeError::TooLong)?;
                Ok(Self::Echo { bytes, seed })
            }
            Self::Work { rounds, wait_ns, reply_bytes, seed } => {
                if app != App::Bench {
                    return Err(RecipeError::NotOffered { request: "work", app });
                }
                let reply_max = match framing {
                    Framing::Line | Framing::Http => job::WORK_REPLY_BYTES_MAX,
                    Framing::Raw => RAW_BYTES_MAX,
                };
                let wait_max = u64::try_from(job::WORK_WAIT_MAX.as_nanos()).unwrap_or(u64::MAX);
                let work = |draw: Draw, most| draw.within(0..=most).ok_or(RecipeError::TooMuchWork);
                Ok(Self::Work {
                    rounds: work(rounds, job::WORK_ROUNDS_MAX)?,
                    wait_ns: work(wait_ns, wait_max)?,
                    reply_bytes: reply_bytes
                        .within(0..=reply_max as u64)
                        .ok_or(RecipeError::TooLong)?,
                    seed,
                })
            }
        }
    }
}

/// What an echo begins with, and its reply.
fn echo_verbs(app: App, framing: Framing) -> Option<(&'static [u8], &'static [u8])> {
    match app {
        // The path says what is asked for, and the status that it went well.
        App::Bench if framing == Framing::Http => Some((b"", b"")),
        App::Bench => Some((b"ECHO ", b"OK ")),
        App::Echo => Some((b"", b"")),
        _ => None,
    }
}

/// How to build these requests and their replies.
#[derive(Debug)]
pub(super) struct DrawnKind {
    drawn: Drawn,
    framing: Framing,
    verbs: (&'static [u8], &'static [u8]),
    end: &'static [u8],
    /// What follows the digits of a tag, in an echo and in the reply to work.
    filler: Vec<u8>,
    burnt: Burnt,
}

impl DrawnKind {
    /// Of what [`Drawn::fitted`] has let pass.
    pub(super) fn new(drawn: Drawn, app: App, framing: Framing) -> Self {
        let (filler, burnt) = match drawn {
            Drawn::Echo { bytes, .. } => {
                let most = clamped(*bytes.range().end());
                ((b'a'..=b'z').cycle().take(most).collect(), Burnt::default())
            }
            Drawn::Work { rounds, reply_bytes, .. } => {
                let mut padding = alloc::vec![b'.'; clamped(*reply_bytes.range().end()).max(1)];
                padding[0] = b' ';
                (padding, Burnt::up_to(&rounds))
            }
        };
        let end: &[u8] = if framing == Framing::Line { b"\n" } else { b"" };
        let verbs = echo_verbs(app, framing).unwrap_or_default();
        Self { drawn, framing, verbs, end, filler, burnt }
    }

    pub(super) fn write_request(&self, tag: u64, out: &mut Vec<u8>) {
        match &self.drawn {
            Drawn::Echo { bytes, seed } => {
                let bytes = clamped(drawn_value(bytes, *seed, BYTES, tag));
                let hole = bytes.min(16);
                if self.framing == Framing::Http {
                    out.extend_from_slice(&http::ask::post_echo(bytes));
                }
                out.extend_from_slice(self.verbs.0);
                out.extend_from_slice(&hex(tag)[16 - hole..]);
                out.extend_from_slice(&self.filler[..bytes - hole]);
            }
            Drawn::Work { rounds, wait_ns, reply_bytes, seed } => {
                let rounds = drawn_value(rounds, *seed, ROUNDS, tag);
                let wait_us = drawn_value(wait_ns, *seed, WAIT, tag) / 1_000;
                let reply_bytes = drawn_value(reply_bytes, *seed, REPLY, tag);
                let [before, after] = super::work_request(
                    (rounds, u128::from(wait_us), clamped(reply_bytes)),
                    self.framing,
                );
                out.extend_from_slice(before.as_bytes());
                out.extend_from_slice(&hex(tag));
                out.extend_from_slice(after.as_bytes());
            }
        }
        out.extend_from_slice(self.end);
    }

    pub(super) fn judge(&self, tag: u64, bytes: &[u8]) -> Judgement {
        let digits = hex(tag);
        match &self.drawn {
            Drawn::Echo { bytes: size, seed } => {
                let size = clamped(drawn_value(size, *seed, BYTES, tag));
                let hole = size.min(16);
                let text = &self.filler[..size - hole];
                compare(bytes, &[self.verbs.1, &digits[16 - hole..], text, self.end])
            }
            Drawn::Work { rounds, reply_bytes, seed, .. } => {
                let result = hex(self.burnt.after(drawn_value(rounds, *seed, ROUNDS, tag)));
                let reply_bytes = clamped(drawn_value(reply_bytes, *seed, REPLY, tag));
                let ok: &[u8] = if self.framing == Framing::Http { b"" } else { b"OK " };
                let bare = ok.len() + 16 + 1 + 16 + self.end.len();
                let padding = &self.filler[..reply_bytes.saturating_sub(bare)];
                compare(bytes, &[ok, &result, b" ", &digits, padding, self.end])
            }
        }
    }
}

/// Whether `bytes` begins with all the parts, or the parts with it.
fn compare(mut bytes: &[u8], parts: &[&[u8]]) -> Judgement {
    let mut len = 0;
    for part in parts {
        let (here, rest) = bytes.split_at(bytes.len().min(part.len()));
        if *here != part[..here.len()] {
            return Judgement::Wrong;
        }
        if here.len() < part.len() {
            return Judgement::RightSoFar;
        }
        len += part.len();
        bytes = rest;
    }
    Judgement::Right(len)
}

/// What work comes to after every so many rounds, so that a reply can be checked without doing
/// what the server did.
#[derive(Debug, Default)]
struct Burnt {
    every: u64,
    states: Vec<u64>,
}

/// Eight mebibytes of states.
const STATES_MAX: u64 = 1 << 20;

impl Burnt {
    /// For all rounds that can be drawn.
    fn up_to(rounds: &Draw) -> Self {
        let most = *rounds.range().end();
        let every = match rounds.as_fixed() {
            Some(rounds) => rounds.max(1),
            None => most.div_ceil(STATES_MAX).max(1),
        };
        Self::new(most, every)
    }

    /// For so many rounds at most, with a state after every so many.
    fn new(most: u64, every: u64) -> Self {
        let mut state = BURN_START;
        let later = (0..most / every).map(|_| {
            state = burn_on(state, every);
            state
        });
        Self { every, states: core::iter::once(BURN_START).chain(later).collect() }
    }

    fn after(&self, rounds: u64) -> u64 {
        burn_on(self.states[clamped(rounds / self.every)], rounds % self.every)
    }
}

/// A size; what does not fit is too large anyway.
fn clamped(value: u64) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_what_rounds_come_to_however_coarse_it_is() {
        for every in [1, 7, 100, 1_000] {
            let burnt = Burnt::new(100, every);
            assert!((0..=100).all(|rounds| burnt.after(rounds) == burn_on(BURN_START, rounds)));
        }
    }
}
