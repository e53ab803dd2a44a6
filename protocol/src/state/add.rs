//! The request `ADD`, its reply, and the reasons for a refusal.

use alloc::sync::Arc;
use alloc::vec::Vec;

use super::{ADDEND_MAX, SESSION_STEPS_MAX, Store};
use crate::Framing;
use crate::app::{end, hex, number, words};
use crate::http::respond;

pub(crate) const USAGE: &str = "ADD takes a step, the number of steps (to 1000000), a number (to \
     1000000000) and the reference of the last reply, or - in the first step, as in ADD 1 3 5 -";

/// What stands where no reference is needed.
pub(crate) const NO_REFERENCE: &[u8] = b"-";

/// One step of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Add<'a> {
    /// Which step, from 1.
    pub step: u32,
    /// How many the session has.
    pub steps: u32,
    /// What to add.
    pub n: u64,
    /// The reference of the last reply.
    pub reference: &'a [u8],
}

impl<'a> Add<'a> {
    /// The arguments as words; `None` if they are not what the verb takes.
    pub(crate) fn parse(arguments: &'a [u8]) -> Option<Self> {
        let mut words = words(arguments);
        let (step, steps, n) = (words.next()?, words.next()?, words.next()?);
        let reference = words.next()?;
        words.next().is_none().then(|| Self::from_words(step, steps, n, reference))?
    }

    /// From its four parts.
    pub(crate) fn from_words(
        step: &[u8],
        steps: &[u8],
        n: &[u8],
        reference: &'a [u8],
    ) -> Option<Self> {
        let small = |word| number(word).and_then(|number| u32::try_from(number).ok());
        let add = Self { step: small(step)?, steps: small(steps)?, n: number(n)?, reference };
        let in_range = (1..=add.steps).contains(&add.step)
            && add.steps <= SESSION_STEPS_MAX
            && add.n <= ADDEND_MAX;
        // A session begins from nothing: whoever has a reference is in a later step.
        let begins = add.step > 1 || add.reference == NO_REFERENCE;
        (in_range && begins).then_some(add)
    }

    /// Whether the session begins with it.
    #[must_use]
    pub fn is_first(&self) -> bool {
        self.step == 1
    }

    /// Whether the session ends with it.
    #[must_use]
    pub fn is_last(&self) -> bool {
        self.step == self.steps
    }

    /// The number of the session, where sessions have numbers.
    ///
    /// # Errors
    /// When the reference is none that a server gives.
    pub fn id(&self) -> Result<u64, Refusal> {
        let digits = self.reference.len() == 16;
        let lower = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        let text = core::str::from_utf8(self.reference).ok();
        text.filter(|_| digits && self.reference.iter().all(lower))
            .and_then(|text| u64::from_str_radix(text, 16).ok())
            .ok_or(Refusal::BadToken)
    }
}

/// What a step came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Added {
    /// The sum of the session so far.
    pub total: u64,
    /// The digest of its history.
    pub digest: u64,
    /// What its next request has to say.
    pub reference: Reference,
}

/// The reference that the next request of a session has to carry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reference {
    /// None, or there is no next request.
    Nothing,
    /// The session's number.
    Id(u64),
    /// This one, unchanged.
    Text(Vec<u8>),
}

impl Added {
    /// Appends the reply, of which HTTP has the body only.
    pub(crate) fn write(&self, framing: Framing, out: &mut Vec<u8>) {
        let text = if let Reference::Text(text) = &self.reference { text.len() } else { 16 };
        out.reserve(text + 48);
        if framing != Framing::Http {
            out.extend_from_slice(b"OK ");
        }
        respond::number(self.total, out);
        out.push(b' ');
        out.extend_from_slice(&hex(self.digest));
        out.push(b' ');
        match &self.reference {
            Reference::Nothing => out.extend_from_slice(NO_REFERENCE),
            Reference::Id(id) => out.extend_from_slice(&hex(*id)),
            Reference::Text(text) => out.extend_from_slice(text),
        }
        end(framing, out);
    }
}

/// Why a step was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The session does not exist: it has expired, or ended with its connection or its server.
    NoSession,
    /// The server did not issue the reference, or it is no longer valid.
    BadToken,
    /// It is not the step that follows the session's last one.
    BadStep,
    /// The server has reached its session limit.
    TableFull,
    /// What keeps the sessions cannot be reached.
    Store,
}

impl Refusal {
    /// Every refusal.
    pub const ALL: [Self; 5] =
        [Self::NoSession, Self::BadToken, Self::BadStep, Self::TableFull, Self::Store];

    /// The word after `ERR`.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::NoSession => "no-session",
            Self::BadToken => "bad-token",
            Self::BadStep => "bad-step",
            Self::TableFull => "table-full",
            Self::Store => "store",
        }
    }

    /// The status in HTTP.
    pub(crate) fn status(self) -> u16 {
        match self {
            Self::NoSession => 410,
            Self::BadToken => 403,
            Self::BadStep => 409,
            Self::TableFull | Self::Store => 503,
        }
    }

    /// For people.
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::NoSession => "this session no longer exists: begin a new one",
            Self::BadToken => "this reference is not from this server, or has expired",
            Self::BadStep => "this is not the step that follows the session's last one",
            Self::TableFull => "this server has reached its session limit; try again later",
            Self::Store => "the session store cannot be reached; begin a new session later",
        }
    }

    pub(crate) fn write(self, framing: Framing, out: &mut Vec<u8>) {
        for part in ["ERR ", self.code(), " ", self.text()] {
            out.extend_from_slice(part.as_bytes());
        }
        end(framing, out);
    }
}

/// A step that is to be taken where jobs run.
#[derive(Clone, Debug)]
pub struct AddJob(Arc<Owned>);

#[derive(Debug)]
struct Owned {
    store: &'static dyn Store,
    step: u32,
    steps: u32,
    n: u64,
    reference: Vec<u8>,
}

impl AddJob {
    pub(crate) fn new(store: &'static dyn Store, add: &Add<'_>) -> Self {
        let Add { step, steps, n, reference } = *add;
        Self(Arc::new(Owned { store, step, steps, n, reference: reference.to_vec() }))
    }

    /// Whether it is the first of its session, and the last.
    pub(crate) fn edges(&self) -> (bool, bool) {
        (self.0.step == 1, self.0.step == self.0.steps)
    }

    pub(crate) fn compute(&self) -> Result<Added, Refusal> {
        let Owned { store, step, steps, n, reference } = &*self.0;
        let add = Add { step: *step, steps: *steps, n: *n, reference };
        store.add(&add, &mut None)
    }
}

impl PartialEq for AddJob {
    /// Whether it is the same step of the same request.
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for AddJob {}
