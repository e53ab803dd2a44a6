//! The client's end of sessions: builds each step and checks its reply.
//!
//! The server computes a digest over the whole history in each step. The client keeps no history:
//! the next digest follows from the last one, the number that was added and the number that left
//! the history. So the two ends compute in different ways, and a client costs the same for any size
//! of the history.

use alloc::vec::Vec;

use super::add::NO_REFERENCE;
use super::kept::{BASE, WORD, filler};
use super::{HISTORY_BYTES_MAX, HISTORY_BYTES_MAX_RAW, Home, SESSION_STEPS_MAX};
use crate::Framing;
use crate::app::hex;
use crate::http::{ask, respond};

/// What the sessions of a load are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sessions {
    /// Steps of each.
    pub steps: u32,
    /// Bytes of history that the server keeps for each; a multiple of 8.
    pub history: usize,
    /// Where the server keeps their state. If it is known, the server's references are checked. Raw
    /// framing needs it to find the end of a reply.
    pub home: Option<Home>,
}

impl Sessions {
    /// Whether there can be such sessions.
    #[must_use]
    pub(crate) fn is_possible(&self, framing: Framing) -> bool {
        let most = match framing {
            Framing::Line | Framing::Http => HISTORY_BYTES_MAX,
            Framing::Raw => HISTORY_BYTES_MAX_RAW,
        };
        (1..=SESSION_STEPS_MAX).contains(&self.steps)
            && self.history <= most
            && self.history.is_multiple_of(WORD)
    }
}

/// The same, with what is worth computing once.
#[derive(Debug)]
pub(crate) struct Script {
    pub(crate) sessions: Sessions,
    words: u64,
    /// The digest of a history to which nothing was added.
    first_digest: u64,
    /// What a word is worth in the digest when it falls out.
    falls_out: u64,
}

impl Script {
    pub(crate) fn new(sessions: Sessions) -> Self {
        let words = (sessions.history / WORD) as u64;
        let horner = |digest: u64, at| digest.wrapping_mul(BASE).wrapping_add(filler(at));
        Self {
            sessions,
            words,
            first_digest: (0..words).fold(0, horner),
            falls_out: (0..words).fold(1, |power: u64, _| power.wrapping_mul(BASE)),
        }
    }

    /// The digest after step number `step` of the session `seed`.
    fn digest(&self, before: u64, seed: u64, step: u32) -> u64 {
        let step = u64::from(step);
        if self.words == 0 {
            return 0;
        }
        let oldest = match step.checked_sub(self.words + 1) {
            None => filler(step - 1),
            Some(at) => addend(seed, at + 1),
        };
        before
            .wrapping_mul(BASE)
            .wrapping_add(addend(seed, step))
            .wrapping_sub(oldest.wrapping_mul(self.falls_out))
    }

    /// How long a reply is up to its reference, where it has no terminator.
    fn reply_len(&self, total: u64, last: bool) -> Option<usize> {
        let reference = match self.sessions.home? {
            _ if last => NO_REFERENCE.len(),
            home => home.reference_len(self.sessions.history),
        };
        let digits = total.checked_ilog10().unwrap_or(0) as usize + 1;
        Some(b"OK ".len() + digits + 1 + 16 + 1 + reference)
    }
}

/// What a step adds: any number, and for the same step of the same session always the same.
fn addend(seed: u64, step: u64) -> u64 {
    let x = (seed ^ step.wrapping_mul(BASE)).wrapping_mul(0xD6E8_FEB8_6659_FD93);
    1 + (x ^ (x >> 32)).wrapping_mul(BASE) % 1_000_000
}

/// The outcomes of the sessions of one client, or of many. Every started session has one outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SessionTally {
    /// Sessions whose first step was sent.
    pub started: u64,
    /// Those of which every reply was right, to the last.
    pub completed: u64,
    /// Of these, the ones that went over more than one connection.
    pub spanning: u64,
    /// Those that the server did not have any more when they went on.
    pub lost: u64,
    /// Those that the server refused otherwise: no room, no store, a reference that it did not
    /// take.
    pub refused: u64,
    /// Those with a reply that was not the right one.
    pub wrong: u64,
    /// Sessions that ended with a connection in the middle of a step: it is unknown whether the
    /// server took the step.
    pub broken: u64,
    /// Those under way at the end.
    pub unfinished: u64,
}

impl SessionTally {
    /// Adds another one.
    pub fn add(&mut self, other: &Self) {
        self.started += other.started;
        self.completed += other.completed;
        self.spanning += other.spanning;
        self.lost += other.lost;
        self.refused += other.refused;
        self.wrong += other.wrong;
        self.broken += other.broken;
        self.unfinished += other.unfinished;
    }

    /// Whether every session has exactly one fate.
    #[must_use]
    pub fn reconciles(&self) -> bool {
        let ended = self.completed + self.lost + self.refused + self.wrong + self.broken;
        self.started == ended + self.unfinished && self.spanning <= self.completed
    }
}

/// One client's session after the other. It outlives its connections.
#[derive(Debug, Default)]
pub(crate) struct Talk {
    /// What tells this session's numbers from those of others.
    seed: u64,
    /// Steps that were answered.
    done: u32,
    /// Whether a session is under way: its first step was sent.
    under_way: bool,
    total: u64,
    digest: u64,
    reference: Vec<u8>,
    /// It goes on over another connection than it began with.
    spans: bool,
    tally: SessionTally,
}

impl Talk {
    /// Appends the next step. A new session takes its numbers from `tag`.
    pub(crate) fn write(&mut self, tag: u64, script: &Script, framing: Framing, out: &mut Vec<u8>) {
        if !self.under_way {
            self.under_way = true;
            self.tally.started += 1;
            (self.seed, self.done, self.total) = (tag, 0, 0);
            (self.digest, self.spans) = (script.first_digest, false);
            self.reference.clear();
            self.reference.extend_from_slice(NO_REFERENCE);
        }
        let n = addend(self.seed, u64::from(self.done) + 1);
        let numbers = [u64::from(self.done + 1), script.sessions.steps.into(), n];
        let [before, between, after, end] = match framing {
            Framing::Http => ask::POST_ADD,
            Framing::Line => ["ADD ", " ", " ", "\n"],
            Framing::Raw => ["ADD ", " ", " ", ""],
        };
        out.extend_from_slice(before.as_bytes());
        for (at, number) in numbers.into_iter().enumerate() {
            if at > 0 {
                out.extend_from_slice(between.as_bytes());
            }
            respond::number(number, out);
        }
        out.extend_from_slice(after.as_bytes());
        if framing == Framing::Http {
            respond::number(self.reference.len() as u64, out);
            out.extend_from_slice(end.as_bytes());
            out.extend_from_slice(&self.reference);
        } else {
            out.extend_from_slice(&self.reference);
            out.extend_from_slice(end.as_bytes());
        }
    }

    /// The length of the correct reply in raw framing; `None` if it is unknown.
    pub(crate) fn reply_len(&self, script: &Script) -> Option<usize> {
        let step = self.done + 1;
        let total = self.total + addend(self.seed, step.into());
        script.reply_len(total, step == script.sessions.steps)
    }

    /// Takes a whole reply, without terminator and without `OK `. Returns whether it is right; if
    /// so, the session has gone on.
    pub(crate) fn take(&mut self, reply: &[u8], script: &Script) -> bool {
        let step = self.done + 1;
        let total = self.total + addend(self.seed, step.into());
        let digest = script.digest(self.digest, self.seed, step);
        let last = step == script.sessions.steps;
        let mut words = reply.split(|byte| *byte == b' ');
        let (said_total, said_digest) = (words.next(), words.next());
        let (reference, none) = (words.next().unwrap_or_default(), words.next());
        let mut digits = Vec::with_capacity(20);
        respond::number(total, &mut digits);
        let fits = match script.sessions.home {
            _ if last => reference == NO_REFERENCE,
            None => !reference.is_empty(),
            Some(Home::Connection) => reference == NO_REFERENCE,
            Some(home) => reference.len() == home.reference_len(script.sessions.history),
        };
        let right = said_total == Some(&*digits)
            && said_digest == Some(&hex(digest)[..])
            && fits
            && none.is_none();
        if right {
            (self.done, self.total, self.digest) = (step, total, digest);
            self.reference.clear();
            self.reference.extend_from_slice(reference);
            if last {
                self.tally.completed += 1;
                self.tally.spanning += u64::from(self.spans);
                self.under_way = false;
            }
        }
        right
    }

    /// Its step was refused with this code.
    pub(crate) fn refused(&mut self, code: &str) {
        match code {
            // It is the connection that was refused: the step was not looked at.
            "busy" => {}
            "no-session" => self.ends(|tally| &mut tally.lost),
            _ => self.ends(|tally| &mut tally.refused),
        }
    }

    /// The reply to its step was none that it could have had.
    pub(crate) fn was_wrong(&mut self) {
        self.ends(|tally| &mut tally.wrong);
    }

    /// Its connection is gone, perhaps in the middle of a step.
    pub(crate) fn connection_gone(&mut self, in_step: bool) {
        if in_step {
            self.ends(|tally| &mut tally.broken);
        } else {
            self.spans = true;
        }
    }

    fn ends(&mut self, fate: fn(&mut SessionTally) -> &mut u64) {
        if core::mem::take(&mut self.under_way) {
            *fate(&mut self.tally) += 1;
        }
    }

    /// The outcomes of its sessions so far.
    pub(crate) fn tally(&self) -> SessionTally {
        SessionTally { unfinished: u64::from(self.under_way), ..self.tally }
    }
}
