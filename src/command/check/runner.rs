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

/// How long a server is given for what cannot be observed, such as reading if its process is
/// unknown. Most servers need far less; for a slower one the test is only weaker.
const PAUSE: Duration = Duration::from_millis(20);

/// A server that never sleeps counts as having stopped reading if it reads nothing for this long.
const STALLED: Duration = Duration::from_millis(250);

/// The result of a behaviour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The server shows the behaviour.
    Pass,
    /// It does not; the text says what was expected and what came.
    Fail(String),
    /// It both passed and failed; the reason for the failure.
    Unstable(String),
    /// It serves one client at a time by design.
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

/// The reason why a behaviour cannot be tried on this server, which is not a failure.
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
    /// Its resources before any client.
    alone: Footprint,
    /// Its resources with only the well-behaved client.
    accompanied: Footprint,
    /// How many clients the behaviour has connected.
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
        // A server that is still starting its threads does not have all of its resources yet.
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

    /// The model, if it is one.
    #[must_use]
    pub fn model(&self) -> Option<&'static servers::Model> {
        if let Subject::Model { model, .. } = self.setting.subject { Some(model) } else { None }
    }

    /// Whether it serves a second client only when the first has left.
    #[must_use]
    pub fn one_at_a_time(&self) -> bool {
        self.setting.one_at_a_time
    }

    /// Connects a client.
    ///
    /// # Errors
    /// When the connection is not accepted.
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

    /// Checks that a new client is served.
    ///
    /// # Errors
    /// When it is not.
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

    /// Waits until the server has read what was sent: until it sleeps again or, if it never sleeps,
    /// until it has stopped reading. If its process is unknown, waits for a moment. Not for use
    /// beside a well-behaved client, which does not let the server sleep.
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
    /// When the server is not a model.
    pub fn command(&self, flags: &[&str]) -> Result<Command> {
        self.setting.subject.command(self.setting.plain(self.speech, flags))
    }

    /// Gives the server a moment for what cannot be observed. For a slower server the test is only
    /// weaker.
    pub fn pause(&self) {
        thread::sleep(PAUSE);
    }

    /// Waits until a new client is served.
    ///
    /// # Errors
    /// When it is not.
    pub fn recovers(&self, what: &str) -> Result<()> {
        self.until(what, || self.served_client().is_ok())
    }

    /// Waits until the server has released every client of the behaviour: no thread, process or
    /// descriptor is left beyond the server's own and those of the well-behaved client. The runtime
    /// of another server may add threads of its own when it has work. A leak grows with every
    /// client, so one more for four clients is not a leak.
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
        let shrinks = self.until("the server releases its clients", || {
            now = Footprint::read_from(pid);
            now.is_within(size)
        });
        shrinks.with_context(|| format!("the server may hold {size}, but holds {now}"))
    }

    /// Its resources before any client.
    #[must_use]
    pub fn at_first(&self) -> Footprint {
        self.alone
    }

    /// Has this counter of a model checked once it has stopped, which it does after every client
    /// has left, the well-behaved one included.
    pub fn will_have_counted(&mut self, name: &'static str, range: RangeInclusive<u64>) {
        self.counters.push((name, range));
    }

    /// Starts one more server of the same model, without root's exemptions if `unprivileged`, or
    /// returns how it refused to start.
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

    /// Starts one more server of the same model and tells it to stop after this time. Returns how
    /// it ended and what it printed to standard output.
    ///
    /// # Errors
    /// When it does not end.
    pub fn one_more_that_stops(&self, after: Duration) -> Result<(ExitStatus, String)> {
        self.setting.subject.start_and_stop(self.setting.plain(self.speech, &[]), after)
    }

    /// Starts the server again, at a port that is free now.
    ///
    /// # Errors
    /// When it does not start to listen.
    pub fn start_again(&mut self) -> Result<()> {
        self.start_again_at(0)
    }

    /// Starts the server again, at the same port. Another program may have taken it meanwhile.
    ///
    /// # Errors
    /// When it does not start to listen.
    pub fn start_again_at_its_port(&mut self) -> Result<()> {
        self.start_again_at(self.server.address.port())
    }

    fn start_again_at(&mut self, port: u16) -> Result<()> {
        let start = self.setting.plain(self.speech, self.flags);
        self.server = self.setting.subject.start(Start { port, ..start })?;
        Ok(())
    }
}

/// Checks that a counter of a stopped model is within a range.
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
