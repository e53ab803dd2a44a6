//! The context that all sessions of a server share: the state store, the clock and the
//! application's settings.

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use crate::app::Journal;
use crate::moment::{Clock, Moment};
use crate::state::{STATELESS, Store};

/// What all sessions of a server share.
#[derive(Debug)]
pub struct Context {
    /// The store of session state.
    pub store: &'static dyn Store,
    /// What time it is.
    pub clock: &'static dyn Clock,
    /// `clock`: the word that ends a session, in whatever letter case it is sent.
    pub bye: String,
    /// `daytime`: how long a client waits for its date.
    pub delay: Duration,
    /// `shell`: whether each reply ends with a line about how its command ended.
    pub status: bool,
    /// `dispatch`: what each client is to run.
    pub commands: Vec<String>,
    /// `dispatch`: bytes of a result that are kept for the log.
    pub result_bytes: usize,
    /// `dispatch`: where what clients do is written down.
    pub journal: &'static dyn Journal,
}

/// What a session has that was given nothing: the state of sessions is in their requests, and
/// time stands still.
pub(crate) static PLAIN: Context = Context {
    store: &STATELESS,
    clock: &Stopped,
    bye: String::new(),
    delay: Duration::ZERO,
    status: false,
    commands: Vec::new(),
    result_bytes: 0,
    journal: &Stopped,
};

impl Context {
    /// The word that ends a session of `clock` unless another one is chosen.
    pub const BYE: &str = "salir";
}

impl Default for Context {
    fn default() -> Self {
        let Self { store, clock, delay, status, result_bytes, journal, .. } = PLAIN;
        let (bye, commands) = (Self::BYE.into(), Vec::new());
        Self { store, clock, bye, delay, status, commands, result_bytes, journal }
    }
}

/// A clock that stands still, and a log that keeps nothing.
#[derive(Debug)]
struct Stopped;

impl Clock for Stopped {
    fn now(&self) -> Moment {
        Moment::default()
    }

    fn offset_s(&self, _unix_s: i64) -> i32 {
        0
    }
}

impl Journal for Stopped {
    fn note(&self, _line: &str) {}
}
