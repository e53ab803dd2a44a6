//! One behaviour on one server: a fresh start, a well-behaved client beside it, the behaviour
//! itself, and nothing left behind.

use std::cell::Cell;
use std::fmt;
use std::ops::RangeInclusive;
use std::process::{Command, ExitStatus};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Error, Result, anyhow, ensure};
use serde_json::Value;

use super::client::{self, CheckClient};
use super::companion::Companion;
use super::{Behaviour, Setting, Speech};
use crate::process::inherited::Inherited;
use crate::process::server::RunningServer;
use crate::process::starting::{Refusal, Start, Subject};
use crate::process::watch::{self, Footprint};

/// How long a server is given for what cannot be seen, to read for one whose process is not known. Most
/// take far less; one that takes longer is only tried less hard.
const PAUSE: Duration = Duration::from_millis(20);

/// How long nothing is read by a server that never sleeps before it is taken not to want it.
const STALLED: Duration = Duration::from_millis(250);

/// The result of a behaviour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The server behaves so.
    Pass,
    /// It does not; this was expected and that came.
    Fail(String),
    /// It both passed and failed; the reason for the failure.
    Unstable(String),
    /// It serves one client at a time, and is meant to.
    ByNature,
    /// It was not tried, for this reason.
    Skipped(String),
}

impl Verdict {
    /// The word in documents.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail(_) => "fail",
            Self::Unstable(_) => "unstable",
            Self::ByNature => "by_nature",
            Self::Skipped(_) => "skipped",
        }
    }

    /// Why it is not simply a pass.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Pass => None,
            Self::Fail(reason) | Self::Unstable(reason) | Self::Skipped(reason) => Some(reason),
            Self::ByNature => Some("one client at a time by design"),
        }
    }
}

/// A behaviour found out that it cannot be tried here; not a failure.
#[derive(Debug)]
pub struct Skip(pub &'static str);

impl fmt::Display for Skip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Skip {}

/// A server and what a behaviour may do with it.
#[derive(Debug)]
pub struct Case<'a> {
    /// The server.
    pub server: RunningServer,
    /// What it speaks.
    pub speech: Speech,
    setting: &'a Setting,
    flags: &'static [&'static str],
    /// What it had before any client.
    alone: Footprint,
    /// Its resources with only the well-behaved client.
    accompanied: Footprint,
    /// Clients that the behaviour has had.
    clients: Cell<usize>,
    /// The counters that a model must report when it stops.
    counters: Vec<(&'static str, RangeInclusive<u64>)>,
}

impl<'a> Case<'a> {
    pub(super) fn new(setting: &'a Setting, behaviour: &Behaviour) -> Result<Self> {
        let Behaviour { flags, unprivileged, inherited, .. } = *behaviour;
        let speech = behaviour.speech(&setting.subject, setting.speech);
        let start = Start { unprivileged, inherited, ..setting.plain(speech, flags) };
        let server = setting.subject.start(start)?;
        let alone = Footprint::default();
        let mut case = Self {
            server,
            speech,
            setting,
            flags,
            alone,
            accompanied: alone,
            clients: Cell::new(0),
            counters: Vec::new(),
        };
        // A server that is still starting its threads has not all that is its own.
        if let Ok(pid) = case.server.pid() {
            case.rests()?;
            case.alone = Footprint::read_from(pid);
            case.accompanied = case.alone;
        }
        Ok(case)
    }

    pub(super) fn carry_out(&mut self, behaviour: &Behaviour) -> Result<()> {
        let accompany = behaviour.hostile && !self.setting.one_at_a_time;
        let companion = if accompany { Some(self.accompany()?) } else { None };
        (behaviour.run)(self)?;
        if let Some(companion) = companion {
            companion.finish().context("a well-behaved client beside it was not served")?;
        }
        self.nothing_is_left()
    }

    /// The idle timeout of a model.
    fn idle_timeout(&self) -> Option<Duration> {
        let ready = self.server.ready()?;
        ready["settings"]["idle_timeout_ns"].as_u64().map(Duration::from_nanos)
    }

    fn accompany(&mut self) -> Result<Companion> {
        let idle = self.idle_timeout();
        let address = self.server.address;
        let companion = Companion::start(address, self.speech, self.patience(), idle)?;
        if let Ok(pid) = self.server.pid() {
            self.accompanied = Footprint::read_from(pid);
        }
        Ok(companion)
    }

    /// A model releases every thread, process and descriptor when its client has left; when it
    /// stops, its counters cover every connection.
    fn nothing_is_left(&mut self) -> Result<()> {
        if self.is_model() && !self.server.is_stopped() {
            self.shrinks_to(self.alone)?;
            let stopped = self.server.stop()?;
            for (name, range) in self.counters.drain(..) {
                counted(&stopped, name, range)?;
            }
        }
        Ok(())
    }

    pub(super) fn with_last_words(&mut self, error: Error) -> Error {
        match self.server.last_words() {
            Some(words) if !error.is::<Skip>() => anyhow!("{error:#}; {words}"),
            _ => error,
        }
    }

    /// How long to wait for what the server should do at once.
    #[must_use]
    pub fn patience(&self) -> Duration {
        self.setting.patience
    }

    /// Whether it is a model of this program.
    #[must_use]
    pub fn is_model(&self) -> bool {
        matches!(self.setting.subject, Subject::Model { .. })
    }

    /// The name of the model, if it is one.
    #[must_use]
    pub fn model(&self) -> Option<&'static servers::Model> {
        if let Subject::Model { model, .. } = self.setting.subject { Some(model) } else { None }
    }

    /// Whether it serves the second client when the first has left.
    #[must_use]
    pub fn one_at_a_time(&self) -> bool {
        self.setting.one_at_a_time
    }

    /// A client.
    ///
    /// # Errors
    /// When nobody accepts.
    pub fn client(&self) -> Result<CheckClient> {
        self.clients.set(self.clients.get() + 1);
        CheckClient::connect(self.server.address, self.patience())
    }

    /// A client whose first question was answered, so that it is served and not in a queue.
    ///
    /// # Errors
    /// When it was not.
    pub fn served_client(&self) -> Result<CheckClient> {
        client::served(|| self.client(), &self.speech.question(2), self.idle_timeout())
    }

    /// A new client is served, whatever happened before.
    ///
    /// # Errors
    /// When nobody is.
    pub fn serves(&self) -> Result<()> {
        self.served_client().map(drop).context("a new client is not served")
    }

    /// Waits for a condition.
    ///
    /// # Errors
    /// When it does not come true.
    pub fn until(&self, what: &str, condition: impl FnMut() -> bool) -> Result<()> {
        client::until(what, self.patience(), condition)
    }

    /// Waits until the server has read what was sent: until it sleeps again, where it ever does and that
    /// can be seen. Only without a well-behaved client, who does not let it sleep.
    ///
    /// # Errors
    /// When it does not come to rest.
    pub fn rests(&self) -> Result<()> {
        match self.server.pid() {
            Ok(pid) if !self.model().is_some_and(|model| model.never_sleeps) => {
                watch::rest(pid, self.patience())
            }
            Ok(pid) => {
                let port = self.server.address.port();
                watch::takes_all(pid, port, STALLED, self.patience())
            }
            Err(_) => {
                thread::sleep(PAUSE);
                Ok(())
            }
        }
    }

    /// The command that starts another server of the same model.
    ///
    /// # Errors
    /// When it is none.
    pub fn command(&self, flags: &[&str]) -> Result<Command> {
        self.setting.subject.command(self.setting.plain(self.speech, flags))
    }

    /// Gives the server a moment for what cannot be waited for. One that takes longer is only tried
    /// less hard.
    pub fn pause(&self) {
        thread::sleep(PAUSE);
    }

    /// Waits until a new client is served.
    ///
    /// # Errors
    /// When nobody is.
    pub fn recovers(&self, what: &str) -> Result<()> {
        self.until(what, || self.served_client().is_ok())
    }

    /// Waits until every client of the behaviour is forgotten: no thread, process or descriptor
    /// is left that is not the server's own or the well-behaved client's. A server of others may
    /// have a runtime that adds a thread of its own when it has something to do; what is lost with
    /// clients is lost with each of them, so one for four clients is no loss.
    ///
    /// # Errors
    /// When something is left.
    pub fn is_left_alone(&self) -> Result<()> {
        let its_own = if self.is_model() { 0 } else { (self.clients.get() / 4).max(1) };
        self.shrinks_to(self.accompanied.and(its_own))
    }

    fn shrinks_to(&self, size: Footprint) -> Result<()> {
        let pid = self.server.pid()?;
        let mut now = Footprint::default();
        let shrinks = self.until("it forgets its clients", || {
            now = Footprint::read_from(pid);
            now.is_within(size)
        });
        shrinks.with_context(|| format!("it had {size}, and now has {now}"))
    }

    /// What it had before any client.
    #[must_use]
    pub fn at_first(&self) -> Footprint {
        self.alone
    }

    /// Has a model of ours held to this counter once it has stopped, which it does when
    /// everybody has left, the well-behaved client too.
    pub fn will_have_counted(&mut self, name: &'static str, range: RangeInclusive<u64>) {
        self.counters.push((name, range));
    }

    /// Starts one more server of the same model, without root's exemptions where it is
    /// `unprivileged`, or says how it has refused to start.
    ///
    /// # Errors
    /// When it does neither.
    pub fn one_more(
        &self,
        flags: &[&str],
        inherited: Inherited,
        unprivileged: bool,
    ) -> Result<Result<RunningServer, Refusal>> {
        let start = self.setting.plain(self.speech, flags);
        self.setting.subject.start_or_refuse(Start { inherited, unprivileged, ..start })
    }

    /// Starts one more server of the same model and tells it to stop so soon after. Returns how it
    /// has ended and what it said on standard output.
    ///
    /// # Errors
    /// When it does not end.
    pub fn one_more_that_stops(&self, after: Duration) -> Result<(ExitStatus, String)> {
        self.setting.subject.start_and_stop(self.setting.plain(self.speech, &[]), after)
    }

    /// Starts the server again, at a port that is free now.
    ///
    /// # Errors
    /// When it does not come to listen.
    pub fn start_again(&mut self) -> Result<()> {
        self.start_again_at(0)
    }

    /// Starts the server again, at the same port. Somebody else may have taken it meanwhile.
    ///
    /// # Errors
    /// When it does not come to listen.
    pub fn start_again_at_its_port(&mut self) -> Result<()> {
        self.start_again_at(self.server.address.port())
    }

    fn start_again_at(&mut self, port: u16) -> Result<()> {
        let start = self.setting.plain(self.speech, self.flags);
        self.server = self.setting.subject.start(Start { port, ..start })?;
        Ok(())
    }
}

/// A stopped model has counted so many of these.
///
/// # Errors
/// When it has not.
pub fn counted(stopped: &Value, name: &str, range: RangeInclusive<u64>) -> Result<()> {
    let count = stopped["counters"][name].as_u64();
    let count = count.with_context(|| format!("the counter {name} is missing in {stopped}"))?;
    let expected = match (*range.start(), *range.end()) {
        (least, u64::MAX) => format!("at least {least}"),
        (least, most) if least == most => least.to_string(),
        (least, most) => format!("{least} to {most}"),
    };
    ensure!(
        range.contains(&count),
        "expected {name} to be {expected}, but it is {count}: {stopped}"
    );
    Ok(())
}
