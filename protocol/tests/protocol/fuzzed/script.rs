//! From a fuzzer's bytes to what happens on a connection.
//!
//! The layout is made for mutation and for eyes: a few bytes of settings, a counted string of
//! moves, and then the stream as it is, so that a seed is a request with a short preamble.

use protocol::{App, Framing, Job, Service, Work};
use std::num::NonZeroU32;

use crate::spec::ROUNDS_MAX;

/// In a stream, this byte and a number stand for the byte before, repeated: 257 times the number
/// (so that the longest line is within reach of a short input), a digit only as often as the
/// number says (long products are slow). With 0 it is itself.
const REPEAT: u8 = 0xff;
/// No stream is longer than this; lines beyond the longest and their surplus fit well.
const STREAM_BYTES_MAX: usize = 150_000;
/// A stream takes about this many steps at most. Small ones are cut to single bytes; a long one
/// in single bytes would cost a fuzzer a thousand other inputs.
const STEPS_MAX: usize = 2000;
/// A script has this many moves at most; they repeat.
const MOVES_MAX: usize = 31;

/// The bytes of a fuzzer, taken from the front. Where they end there are zeros.
#[derive(Debug)]
pub(crate) struct Script<'a>(pub(crate) &'a [u8]);

impl<'a> Script<'a> {
    pub(crate) fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    /// Every application, framing and some limits of replies; and whether there is a greeting.
    pub(crate) fn service(&mut self) -> (Service, bool) {
        let byte = usize::from(self.byte());
        let service = Service {
            app: App::REQUEST_REPLY[byte % 3].1,
            framing: Framing::ALL[byte / 3 % 2].1,
            close_after: NonZeroU32::new([0, 1, 2, 3, 5, 8, 20, 100][byte / 6 % 8]),
        };
        (service, byte / 48 % 2 == 1)
    }

    /// A step at which something happens once; 0 is never.
    pub(crate) fn moment(&mut self) -> Option<usize> {
        usize::from(self.byte()).checked_sub(1)
    }

    pub(crate) fn moves(&mut self) -> Moves<'a> {
        let len = usize::from(self.byte()) % (MOVES_MAX + 1);
        let (moves, rest) = self.0.split_at(len.min(self.0.len()));
        self.0 = rest;
        Moves { moves, at: 0, idle: false, least: 1 }
    }

    /// All that is left, with repetitions written out and `special` bytes replaced.
    pub(crate) fn stream(mut self, mut special: impl FnMut(u8, &mut Self) -> Vec<u8>) -> Vec<u8> {
        let mut stream = Vec::new();
        while !self.0.is_empty() && stream.len() < STREAM_BYTES_MAX {
            let byte = self.byte();
            if byte != REPEAT {
                stream.extend(special(byte, &mut self));
                continue;
            }
            match (self.byte(), stream.last().copied()) {
                (0, _) | (_, None) => stream.push(REPEAT),
                (n, Some(last)) => {
                    let times = if last.is_ascii_digit() { 1 } else { 257 };
                    stream.resize(stream.len() + usize::from(n) * times, last);
                }
            }
        }
        stream
    }

    /// The same without special bytes.
    pub(crate) fn plain_stream(self) -> Vec<u8> {
        self.stream(|byte, _| vec![byte])
    }
}

/// How much moves in each step, over and over.
#[derive(Clone, Debug)]
pub(crate) struct Moves<'a> {
    moves: &'a [u8],
    at: usize,
    /// Whether the last one moved nothing; two in a row would be for ever.
    idle: bool,
    /// The least that a move moves when it moves anything.
    least: usize,
}

/// One step of a driver.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Move {
    /// Bytes to be read or written at most; 0 now and then.
    pub(crate) size: usize,
    /// Whether the session is told to rest first.
    pub(crate) rests: bool,
}

impl Moves<'_> {
    /// The same, large enough for so many bytes.
    pub(crate) fn over(self, bytes: usize) -> Self {
        Self { least: least_move(bytes), ..self }
    }

    /// As much as fits, always.
    pub(crate) fn full() -> Self {
        Self { moves: &[], at: 0, idle: false, least: 1 }
    }

    pub(crate) fn next(&mut self) -> Move {
        let Some(byte) = self.moves.get(self.at % self.moves.len().max(1)) else {
            return Move { size: usize::MAX, rests: false };
        };
        self.at += 1;
        let size = match byte & 0xf {
            0 if self.idle => self.least,
            0 => 0,
            0xf => usize::MAX,
            exponent => self.least.max((1 << exponent) - 1 + usize::from(byte >> 5)),
        };
        self.idle = size == 0;
        Move { size, rests: byte & 0x10 != 0 }
    }
}

/// The smallest moves in which so many bytes take few steps.
pub(crate) fn least_move(bytes: usize) -> usize {
    (bytes / STEPS_MAX).max(1)
}

/// Runs a job, but burns no more than the specification does.
pub(crate) fn compute(job: &Job) -> protocol::Done {
    match job {
        Job::Pause(_) => unreachable!("no request is a pause"),
        Job::Work(work) => {
            Job::Work(Work { rounds: work.rounds.min(ROUNDS_MAX), ..*work }).compute()
        }
        Job::Multiply(_) | Job::Add(_) => job.compute(),
    }
}
