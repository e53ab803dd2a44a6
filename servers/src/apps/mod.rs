//! Resources of the machine that the classroom applications need beside their connections.
//!
//! - `commands`: commands that clients of a shell run
//! - `journal`: the log of a dispatch server
//! - `wall_clock`: the time of day
//! - `outside`: work that a session does outside its connection, and how models wait for it
//! - `visitors`: log lines for clients that connect and leave

pub(crate) mod commands;
pub(crate) mod journal;
pub(crate) mod outside;
pub(crate) mod visitors;
pub(crate) mod wall_clock;

use std::time::Duration;

use protocol::app::chat::Rules;
use protocol::state::Store;
use protocol::{App, Context, Framing, Service};

use crate::broken::BROKEN;
use crate::config::Config;
use crate::models::{Model, chat};
pub use commands::ShellConfig;
pub use journal::DispatchConfig;
use journal::Log;
use wall_clock::SystemClock;

/// The settings of a server's application.
#[derive(Clone, Debug)]
pub struct AppConfig {
    /// `clock`: the word that ends a session.
    pub bye: String,
    /// `daytime`: how long a client waits for its date.
    pub delay: Duration,
    /// `shell`: allowed commands and their limits.
    pub shell: ShellConfig,
    /// `chat`: the rules of the room.
    pub room: Rules,
    /// `dispatch`: what its clients are to run.
    pub dispatch: DispatchConfig,
}

impl Default for AppConfig {
    fn default() -> Self {
        let (shell, dispatch) = (ShellConfig::default(), DispatchConfig::default());
        let room = Rules::default();
        Self { bye: Context::BYE.into(), delay: Duration::ZERO, shell, room, dispatch }
    }
}

/// Why no such server can be, if none can.
pub(crate) fn check(model: &Model, config: &Config) -> Result<(), String> {
    let Service { app, framing, .. } = config.service;
    if let Some(reason) = model.cannot_run(app) {
        return Err(format!("the model {} cannot run {}: {reason}", model.name, app.name()));
    }
    if framing == Framing::Http && !app.is_request_reply() {
        return Err(format!(
            "{} is not served over HTTP: choose --framing line or raw",
            app.name()
        ));
    }
    if config.apps.bye.trim().is_empty() {
        return Err("--bye needs a word".into());
    }
    let commands = &config.apps.dispatch.commands;
    if app == App::Dispatch && commands.is_empty() {
        return Err("dispatch needs a command for its clients, as in --command date".into());
    }
    if commands.iter().any(|line| line.trim().is_empty() || line.contains(['\n', '\0'])) {
        return Err("--command takes a command line, as in --command 'date -u'".into());
    }
    if app == App::Shell {
        let ShellConfig { allow, from_anywhere, .. } = &config.apps.shell;
        if allow.is_empty() {
            return Err("shell runs allowed commands only: name one, as in --allow date".into());
        }
        if !config.listen.ip().to_canonical().is_loopback() && !from_anywhere {
            return Err(format!(
                "anyone who can reach {} could run commands: use --listen 127.0.0.1:9000, or \
                 confirm with --commands-from-anywhere",
                config.listen
            ));
        }
    }
    if app == App::Chat && config.greeting {
        return Err("chat has no greeting: leave --greeting out".into());
    }
    check_room(&config.apps.room)
}

/// What no room can be like.
fn check_room(Rules { labels, max_behind }: &Rules) -> Result<(), String> {
    for label in [&labels.joined, &labels.left] {
        let most = Rules::LABEL_BYTES_MAX;
        if label.trim().is_empty() || label.len() > most || label.contains(char::is_control) {
            return Err(format!("a label is one line of at most {most} bytes: {label:?}"));
        }
    }
    if *max_behind < Rules::MAX_BEHIND_MIN {
        let least = Rules::MAX_BEHIND_MIN;
        return Err(format!("--max-behind {max_behind} is too small: the minimum is {least}"));
    }
    Ok(())
}

/// What all sessions of a server share.
pub(crate) fn context(
    config: &AppConfig,
    store: &'static dyn Store,
    journal: &'static Log,
) -> &'static Context {
    let AppConfig { bye, delay, shell, room: _, dispatch } = config;
    let (bye, delay, status) = (bye.trim().into(), *delay, shell.status);
    let DispatchConfig { commands, result_bytes, .. } = dispatch;
    let (commands, result_bytes) = (commands.clone(), *result_bytes);
    let clock = &SystemClock;
    Box::leak(Box::new(Context {
        store,
        clock,
        bye,
        delay,
        status,
        commands,
        result_bytes,
        journal,
    }))
}

impl Model {
    /// Why this model cannot run such an application, if it cannot.
    #[must_use]
    pub fn cannot_run(&self, app: App) -> Option<&'static str> {
        // Compared by name: a model is a constant, which has no place of its own.
        if BROKEN.iter().any(|broken| broken.model.name == self.name) && !app.is_request_reply() {
            return Some("its fault shows in requests and replies: use bench, echo or multiply");
        }
        if app == App::Chat && self.chat.is_none() {
            return Some(chat::WHY_NOT);
        }
        if app == App::Sink
            && let Err(reason) = self.prints
        {
            return Some(reason);
        }
        if app.leads_outside() { self.waits_outside.err() } else { None }
    }

    /// The applications that it can run, by name.
    pub fn apps(&self) -> impl Iterator<Item = &'static str> {
        let can = |(_, app): &(&str, App)| self.cannot_run(*app).is_none();
        App::ALL.into_iter().filter(can).map(|(name, _)| name)
    }
}
