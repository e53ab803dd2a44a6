//! Sessions that outlive a request: the verb `ADD`, and where their state is kept.
//!
//! Each step of a session adds a number, keeps a running total and a *history*: the last bytes of
//! the numbers added, up to a fixed size, all of which each step reads. The arithmetic ([`Kept`])
//! is the same wherever the state is. Only its place between two requests differs: its [`Home`]. A
//! [`Store`] keeps the state; this crate contains the one that keeps nothing.
//!
//! - `add`: the request, its reply, and the reasons for a refusal
//! - `kept`: the arithmetic, and the state as bytes
//! - `taken`: taking a step at once, or as a job
//! - `talk`: the client's end, which checks every total and every digest

pub(crate) mod add;
mod kept;
pub(crate) mod taken;
pub(crate) mod talk;

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

pub use add::{Add, AddJob, Added, Reference, Refusal};
pub use kept::Kept;
pub use talk::{SessionTally, Sessions};

/// The longest history, in bytes: the state must fit into a request in text.
pub const HISTORY_BYTES_MAX: usize = 32 * 1024;
/// The same in [`Framing::Raw`](crate::Framing::Raw), whose messages are shorter.
pub const HISTORY_BYTES_MAX_RAW: usize = 8 * 1024;
/// The most steps of one session.
pub const SESSION_STEPS_MAX: u32 = 1_000_000;
/// The largest number that a step may add.
pub const ADDEND_MAX: u64 = 1_000_000_000;

/// Bytes of a signed token beside the state: its expiry, and its authentication code.
pub const TOKEN_BYTES: usize = 8 + 32;

/// Where a session's state is between two requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Home {
    /// In the request, which carries the whole state. The server keeps nothing and believes the
    /// request.
    None,
    /// In the server's end of the connection: it goes with it.
    Connection,
    /// In a table that all connections of a server process share.
    Table,
    /// With the client, in a token that the server signs: it keeps nothing and need not believe.
    Client,
    /// In another process, which outlives the server.
    External,
}

impl Home {
    /// Every home with its name on the command line.
    pub const ALL: [(&'static str, Self); 5] = [
        ("none", Self::None),
        ("connection", Self::Connection),
        ("table", Self::Table),
        ("client", Self::Client),
        ("external", Self::External),
    ];

    /// The name on the command line and in results.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Connection => "connection",
            Self::Table => "table",
            Self::Client => "client",
            Self::External => "external",
        }
    }

    /// How long the reference is that a session of `history` bytes goes on with.
    #[must_use]
    pub fn reference_len(self, history: usize) -> usize {
        let text = |bytes: usize| (4 * bytes).div_ceil(3);
        match self {
            Self::None => text(kept::bytes_of(history)),
            Self::Connection => 1,
            Self::Table | Self::External => 16,
            Self::Client => text(kept::bytes_of(history) + TOKEN_BYTES),
        }
    }
}

/// What a connection keeps of sessions, once it has been asked for a step of one.
#[derive(Debug, Default)]
pub(crate) struct Held {
    pub(crate) kept: Option<Box<Kept>>,
    pub(crate) tally: StateTally,
}

/// The outcomes of the steps on a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StateTally {
    /// Sessions that were begun.
    pub begun: u64,
    /// Last steps that were taken.
    pub ended: u64,
    /// Steps of sessions that were not there any more.
    pub lost: u64,
    /// References that were none, forged or expired.
    pub bad_tokens: u64,
    /// Steps that did not follow the one before.
    pub bad_steps: u64,
    /// Sessions for which there was no room.
    pub full: u64,
    /// Steps for which what keeps the sessions could not be reached.
    pub store_errors: u64,
}

impl StateTally {
    pub(crate) fn count(&mut self, (first, last): (bool, bool), came_to: Result<(), Refusal>) {
        let counter = match came_to {
            Ok(()) => {
                self.begun += u64::from(first);
                self.ended += u64::from(last);
                return;
            }
            Err(Refusal::NoSession) => &mut self.lost,
            Err(Refusal::BadToken) => &mut self.bad_tokens,
            Err(Refusal::BadStep) => &mut self.bad_steps,
            Err(Refusal::TableFull) => &mut self.full,
            Err(Refusal::Store) => &mut self.store_errors,
        };
        *counter += 1;
    }
}

/// A store of session state between requests.
pub trait Store: fmt::Debug + Send + Sync {
    /// Whether a step may take so long that it belongs where jobs run.
    fn is_slow(&self) -> bool {
        false
    }

    /// Takes one step. `here` is what the connection itself keeps.
    ///
    /// # Errors
    /// Why the step was not taken.
    fn add(&self, add: &Add<'_>, here: &mut Option<Box<Kept>>) -> Result<Added, Refusal>;
}

/// Keeps nothing: the state travels in requests and replies.
#[derive(Clone, Copy, Debug, Default)]
pub struct InRequests {
    /// Words of history.
    pub words: usize,
}

impl Store for InRequests {
    fn add(&self, add: &Add<'_>, _: &mut Option<Box<Kept>>) -> Result<Added, Refusal> {
        let mut kept = if add.is_first() {
            Kept::new(self.words)
        } else {
            let state = from_text(add.reference).ok_or(Refusal::BadToken)?;
            Kept::from_bytes(&state, self.words).ok_or(Refusal::BadToken)?
        };
        let (total, digest) = kept.step(add)?;
        let reference = if add.is_last() {
            Reference::Nothing
        } else {
            let mut state = Vec::new();
            kept.write(&mut state);
            Reference::Text(to_text(&state))
        };
        Ok(Added { total, digest, reference })
    }
}

/// Keeps the state in the connection's own session: one at a time, and it goes with the connection.
#[derive(Clone, Copy, Debug, Default)]
pub struct InConnections {
    /// Words of history.
    pub words: usize,
}

impl Store for InConnections {
    fn add(&self, add: &Add<'_>, here: &mut Option<Box<Kept>>) -> Result<Added, Refusal> {
        if add.reference != add::NO_REFERENCE {
            return Err(Refusal::BadToken);
        }
        if add.is_first() {
            *here = Some(Box::new(Kept::new(self.words)));
        }
        let (total, digest) = here.as_mut().ok_or(Refusal::NoSession)?.step(add)?;
        if add.is_last() {
            *here = None;
        }
        Ok(Added { total, digest, reference: Reference::Nothing })
    }
}

/// What a server has that was given nothing else.
pub(crate) static STATELESS: InRequests = InRequests { words: 0 };

/// Bytes as text that fits into a line and a word.
#[must_use]
pub fn to_text(bytes: &[u8]) -> Vec<u8> {
    use base64::Engine;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes).into_bytes()
}

/// The bytes that such a text stands for.
#[must_use]
pub fn from_text(text: &[u8]) -> Option<Vec<u8>> {
    use base64::Engine;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(text).ok()
}
