//! The homes of sessions: where a server keeps their state between two requests. The arithmetic is
//! the protocol's and the same in each home.
//!
//! - [`table`]: a table that all connections share, under one lock, under many, or in a concurrent
//!   map
//! - [`token`]: with the client, signed
//! - [`external`]: in Redis
//!
//! The other two homes, the request itself and the connection, need nothing from the server.
//!
//! A step is taken where its request is read, as a short product is. It costs a lookup and a pass
//! over the history, and handing it to a worker would cost more. A store in another process has to
//! be waited for, so there a step is a job and runs where the model runs jobs. In a loop without
//! workers the whole loop waits.

pub mod external;
pub mod table;
#[cfg(test)]
mod tests;
pub mod token;

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use protocol::Home;
use protocol::state::{HISTORY_BYTES_MAX, HISTORY_BYTES_MAX_RAW, InConnections, InRequests, Store};

use crate::config::{Config, StartError};
use crate::models::{Family, MODELS, Model};
use external::External;
use table::{Lock, Table};
use token::Tokens;

/// What a server is to do with the state of sessions.
#[derive(Clone, Debug)]
pub struct StateConfig {
    /// Where it is between two requests.
    pub home: Home,
    /// Bytes of history of each session; a multiple of 8.
    pub history: usize,
    /// How the table is locked.
    pub lock: Lock,
    /// Sessions in the table at most.
    pub sessions_max: usize,
    /// A session that is not used for so long expires.
    pub ttl: Duration,
    /// The external store, as in `redis://127.0.0.1:6379`.
    pub store: Option<String>,
    /// What tokens are signed with, 32 bytes or more; without one the server makes a key of its own,
    /// and its tokens end with it.
    pub key: Option<Vec<u8>>,
}

impl Default for StateConfig {
    fn default() -> Self {
        Self {
            home: Home::None,
            history: 0,
            lock: Lock::Sharded,
            sessions_max: 100_000,
            ttl: Duration::from_secs(300),
            store: None,
            key: None,
        }
    }
}

/// The store of a server, and its table if that is what it is.
pub(crate) type Opened = (&'static dyn Store, Option<&'static Table>);

/// Makes the home of sessions.
///
/// # Errors
/// When what was asked for cannot be, with what to do about it.
pub(crate) fn open(model: &Model, config: &Config) -> Result<Opened, StartError> {
    let state = &config.state;
    let wrong = |what: String| Err(StartError::State(what));
    let most = match config.service.framing {
        protocol::Framing::Raw => HISTORY_BYTES_MAX_RAW,
        _ => HISTORY_BYTES_MAX,
    };
    if state.history > most || !state.history.is_multiple_of(8) {
        return wrong(format!("the history must be a multiple of 8 bytes, at most {most}"));
    }
    if let Some(reason) = model.refuses(state.home) {
        return wrong(reason);
    }
    if state.store.is_some() != (state.home == Home::External) {
        return wrong(
            "--state external needs --state-store, as in redis://127.0.0.1:6379; no other home \
             takes one"
                .into(),
        );
    }
    let words = state.history / 8;
    Ok(match state.home {
        Home::None => (leak(InRequests { words }), None),
        Home::Connection => (leak(InConnections { words }), None),
        Home::Client => (leak(Tokens::new(state.key.as_deref(), words, state.ttl)?), None),
        Home::External => {
            let address = state.store.as_deref().unwrap_or_default();
            (leak(External::new(address, words, state.ttl)?), None)
        }
        Home::Table => {
            let table = Table::new(state.lock, words, state.sessions_max, state.ttl);
            let table: &'static Table = Box::leak(Box::new(table));
            (table, Some(table))
        }
    })
}

/// Has the programs of a server's clients sign tokens with the key that the server has made, if it was given
/// none: the server writes it there, and they read it.
///
/// # Errors
/// When the kernel gives no random bytes.
pub(crate) fn share_key(
    state: &mut StateConfig,
    shared: &[AtomicU64],
    makes: bool,
) -> Result<(), StartError> {
    if state.home != Home::Client || state.key.is_some() {
        return Ok(());
    }
    if makes {
        for (word, bytes) in shared.iter().zip(token::new_key()?.as_chunks().0) {
            word.store(u64::from_ne_bytes(*bytes), SeqCst);
        }
    }
    let words = shared.iter().map(|word| word.load(SeqCst).to_ne_bytes());
    state.key = Some(words.flatten().collect());
    Ok(())
}

fn leak(store: impl Store + 'static) -> &'static dyn Store {
    Box::leak(Box::new(store))
}

impl Model {
    /// Why this model cannot keep sessions in such a home, if it cannot.
    #[must_use]
    pub fn refuses(&self, home: Home) -> Option<String> {
        (home == Home::Table && self.family == Family::Process).then(|| {
            let others = MODELS.iter().filter(|model| model.family != Family::Process);
            let names: Vec<_> = others.map(|model| model.name).collect();
            format!(
                "the model {} has several processes, which cannot share a table: use another home \
                 (none, connection, client or external) or a model with one process: {}",
                self.name,
                names.join(", ")
            )
        })
    }

    /// The homes of state that it can have, by name.
    pub fn homes(&self) -> impl Iterator<Item = &'static str> {
        let can = |(_, home): &(&str, Home)| self.refuses(*home).is_none();
        Home::ALL.into_iter().filter(can).map(|(name, _)| name)
    }
}

/// Milliseconds of a clock that is cheap to read and never steps.
pub(crate) fn coarse_ms() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::MonotonicCoarse);
    let ms = i128::from(now.tv_sec) * 1000 + i128::from(now.tv_nsec) / 1_000_000;
    u64::try_from(ms).unwrap_or(0)
}
