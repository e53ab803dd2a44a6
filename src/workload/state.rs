//! Options for sessions of several requests, for servers and for loads.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use protocol::state::SESSION_STEPS_MAX;
use protocol::{Home, Sessions};
use servers::{Lock, StateConfig};

use crate::base::units::parse_bytes;
use crate::base::usage;
use crate::base::values::{named, positive, positive_duration, read};

/// Options for the state of sessions on a server.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct StateArgs {
    /// Where the server keeps the state of ADD sessions: none (the requests carry it), connection,
    /// table, client (in a signed token) or external
    #[arg(long, value_name = "HOME", default_value = "none", value_parser = home)]
    pub state: Home,
    /// Size of the history that each session keeps and each of its steps reads; a multiple of 8
    #[arg(long, value_name = "BYTES", default_value = "0", value_parser = parse_bytes)]
    pub history: usize,
    /// With --state table: one lock, a lock for each of 64 shards, or a concurrent map
    #[arg(long, value_name = "one|sharded|map", default_value = "sharded", value_parser = lock)]
    pub state_lock: Lock,
    /// With --state table: maximum number of sessions; further ones are refused
    #[arg(long, value_name = "N", default_value = "100k", value_parser = positive)]
    pub sessions_max: usize,
    /// Idle time after which a session expires (table, client and external)
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = positive_duration)]
    pub session_ttl: Duration,
    /// With --state external: a Redis server, as in redis://127.0.0.1:6379
    #[arg(long, value_name = "URL")]
    pub state_store: Option<String>,
    /// With --state client: sign tokens with the bytes of this file (32 or more), so that they
    /// survive a restart; by default the server generates a key
    #[arg(long, value_name = "FILE")]
    pub state_key: Option<PathBuf>,
}

impl Default for StateArgs {
    fn default() -> Self {
        read(&[]).expect("each of them has a default, or needs none")
    }
}

impl StateArgs {
    /// The options as command-line words, without defaults.
    #[must_use]
    pub fn words(&self) -> Vec<String> {
        let default = Self::default();
        let Self { state, history, state_lock, sessions_max, session_ttl, state_store, state_key } =
            self;
        let changed = |value: String, default: String| (value != default).then_some(value);
        let time = |time: Duration| humantime::format_duration(time).to_string();
        let options = [
            ("--state", changed(state.name().into(), default.state.name().into())),
            ("--history", changed(history.to_string(), default.history.to_string())),
            ("--state-lock", changed(state_lock.name().into(), default.state_lock.name().into())),
            ("--sessions-max", changed(sessions_max.to_string(), default.sessions_max.to_string())),
            ("--session-ttl", changed(time(*session_ttl), time(default.session_ttl))),
            ("--state-store", state_store.clone()),
            ("--state-key", state_key.as_ref().map(|file| file.display().to_string())),
        ];
        let said = options.into_iter().filter_map(|(flag, value)| Some([flag.into(), value?]));
        said.flatten().collect()
    }

    /// The server's settings.
    ///
    /// # Errors
    /// When the key cannot be read, or is for another home.
    pub fn config(&self) -> Result<StateConfig> {
        if self.state_key.is_some() && self.state != Home::Client {
            return Err(usage("--state-key signs the tokens of --state client: leave it out"));
        }
        let read = |path: &PathBuf| {
            std::fs::read(path)
                .with_context(|| format!("--state-key: cannot read {}", path.display()))
                .map_err(|error| usage(format!("{error:#}")))
        };
        Ok(StateConfig {
            home: self.state,
            history: self.history,
            lock: self.state_lock,
            sessions_max: self.sessions_max,
            ttl: self.session_ttl,
            store: self.state_store.clone(),
            key: self.state_key.as_ref().map(read).transpose()?,
        })
    }
}

/// Options for sessions in a load.
#[derive(Clone, Debug, Args)]
pub struct SessionArgs {
    /// Send sessions of this many steps. Each connection runs one session after another; every
    /// total and digest is checked, even across connections
    #[arg(long, value_name = "STEPS", value_parser = steps, conflicts_with_all = ["echo", "mul", "work", "path"])]
    pub session: Option<u32>,
    /// With --session: size of the history that the server keeps (its --history)
    #[arg(long, value_name = "BYTES", default_value = "0", value_parser = parse_bytes, requires = "session")]
    pub history: usize,
    /// With --session: the server's --state, to check its references too; required for raw framing
    #[arg(long, value_name = "HOME", value_parser = home, requires = "session")]
    pub state: Option<Home>,
}

impl SessionArgs {
    /// The session of every connection, if there is one.
    #[must_use]
    pub fn sessions(&self) -> Option<Sessions> {
        let Self { session, history, state } = self;
        session.map(|steps| Sessions { steps, history: *history, home: *state })
    }
}

/// A home by name.
///
/// # Errors
/// A sentence that lists the names.
pub fn home(name: &str) -> Result<Home, String> {
    named(&Home::ALL, name)
}

/// A layout of locks by name.
///
/// # Errors
/// A sentence that lists the names.
pub fn lock(name: &str) -> Result<Lock, String> {
    named(&Lock::ALL, name)
}

fn steps(text: &str) -> Result<u32, String> {
    let most = SESSION_STEPS_MAX;
    let fits = |n: &usize| (1..=most as usize).contains(n);
    let steps = positive(text).ok().filter(fits).and_then(|n| u32::try_from(n).ok());
    steps.ok_or_else(|| format!("write a number of steps from 1 to {most}"))
}
