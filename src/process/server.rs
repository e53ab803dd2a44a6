//! The server under check: a model of ours, a command that starts somebody's server, or only an
//! address.

use std::net::{SocketAddr, TcpListener};
use std::process::{Child, ExitStatus};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use rustix::process::{Pid, Signal, kill_process, kill_process_group, test_kill_process_group};
use serde_json::Value;

use super::words::Words;
use super::{until, watch};
use crate::host::accounts::Group;
use crate::process::child::ServerChild;

/// How long the end of a process may come after the end of its connections.
const ENDS_WITHIN: Duration = Duration::from_millis(300);

/// A server that runs.
#[derive(Debug)]
pub struct RunningServer {
    /// Where it listens.
    pub address: SocketAddr,
    pub(super) patience: Duration,
    pub(super) kind: Kind,
    pub(super) stopped: Option<Value>,
}

#[derive(Debug)]
pub(super) enum Kind {
    Model(ServerChild),
    Command { child: Child, said: Words, status: Option<ExitStatus>, group: Option<Group> },
    Address,
}

impl RunningServer {
    /// Its process.
    ///
    /// # Errors
    /// When all that is known of it is an address.
    pub fn pid(&self) -> Result<i32> {
        match &self.kind {
            Kind::Model(server) => Ok(server.pid()),
            Kind::Command { child, .. } => Ok(i32::try_from(child.id())?),
            Kind::Address => Err(anyhow!("only the address of this server is known")),
        }
    }

    /// What a model of ours said when it was ready.
    #[must_use]
    pub fn ready(&self) -> Option<&Value> {
        if let Kind::Model(server) = &self.kind { Some(&server.ready) } else { None }
    }

    /// Whether it has been stopped.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.stopped.is_some()
    }

    /// Sends it a signal.
    ///
    /// # Errors
    /// When it has no process of ours.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        let pid = Pid::from_raw(self.pid()?).context("a process id")?;
        kill_process(pid, signal).context("the server exited on its own")
    }

    /// Sends a signal to each of its processes.
    ///
    /// # Errors
    /// When it has none of ours.
    pub fn signal_all(&self, signal: Signal) -> Result<()> {
        // Each server is the first of a group of its own.
        let group = Pid::from_raw(self.pid()?).context("a process id")?;
        kill_process_group(group, signal).context("the server exited on its own")
    }

    /// Stops each of its processes with SIGSTOP, and waits until none of them runs any more.
    /// SIGCONT lets them go on.
    ///
    /// # Errors
    /// When it has none of ours, or one does not stop.
    pub fn pause(&self) -> Result<()> {
        self.signal_all(Signal::STOP)?;
        let pid = self.pid()?;
        until("every process of the server has stopped", self.patience, || watch::is_paused(pid))
    }

    /// Asks it to stop, waits until it has, and returns what a model of ours says then.
    ///
    /// # Errors
    /// As [`Self::stopped`].
    pub fn stop(&mut self) -> Result<Value> {
        self.signal(Signal::TERM)?;
        self.stopped()
    }

    /// Asks it to stop at once: a model of ours cuts its clients at the second signal.
    ///
    /// # Errors
    /// As [`Self::stopped`].
    pub fn cut(&mut self) -> Result<Value> {
        self.signal(Signal::TERM)?;
        self.taken(Signal::TERM)?;
        self.stop()
    }

    /// Waits until it has taken this signal. Two that wait to be taken are one.
    ///
    /// # Errors
    /// When it does not take it.
    pub fn taken(&self, signal: Signal) -> Result<()> {
        let pid = self.pid()?;
        until("the signal is taken", self.patience, || !watch::is_pending(pid, signal.as_raw()))
    }

    /// Waits until it has stopped by itself or as asked, with nothing left of it: no process,
    /// no listener, and in a model of ours no connection whose end was not counted. Returns
    /// what a model of ours says then.
    ///
    /// # Errors
    /// When it does not stop, or something is left.
    pub fn stopped(&mut self) -> Result<Value> {
        let group = Pid::from_raw(self.pid()?).context("a process id")?;
        let patience = self.patience;
        let stopped = match &mut self.kind {
            Kind::Model(server) => {
                let stopped = server.stopped(patience)?;
                reconciles(&stopped)?;
                stopped
            }
            Kind::Command { .. } => {
                until("the server ends after SIGTERM", patience, || self.has_ended())?;
                Value::Null
            }
            Kind::Address => Value::Null,
        };
        // Each server is the first of a group of its own, which lasts as long as any member.
        until("every process of the server has ended", patience, || {
            test_kill_process_group(group).is_err()
        })?;
        // Whether its port can be bound at once is a matter of its own with somebody's server.
        let ours = matches!(self.kind, Kind::Model(_));
        until("its port is free", patience, || match ours {
            true => TcpListener::bind(self.address).is_ok(),
            false => !watch::is_listening(self.address.port()),
        })?;
        self.stopped = Some(stopped.clone());
        Ok(stopped)
    }

    /// Whether the first process of a command has ended well and others of it go on.
    pub(super) fn went_into_the_background(&mut self, ended: bool, port: u16) -> bool {
        let Kind::Command { status: Some(status), group, .. } = &self.kind else { return false };
        let lives = group.as_ref().is_some_and(Group::is_inhabited);
        ended && status.success() && (lives || watch::is_listening(port))
    }

    /// Whether nobody who listens at its port is among its processes: then it is started by them, but
    /// its accounts are somebody else's.
    #[must_use]
    pub fn is_out_of_sight(&self) -> bool {
        self.pid().is_ok_and(|pid| watch::is_listener(pid, self.address.port()) == Some(false))
    }

    pub(super) fn has_ended(&mut self) -> bool {
        match &mut self.kind {
            Kind::Model(server) => !matches!(server.status(), Ok(None)),
            Kind::Command { child, status, .. } => {
                *status = status.or_else(|| child.try_wait().ok().flatten());
                status.is_some()
            }
            Kind::Address => false,
        }
    }

    /// What is to be said about its end, if it has ended unasked.
    #[must_use]
    pub fn ended_unasked(&mut self) -> Option<String> {
        if self.has_ended() { self.last_words() } else { None }
    }

    /// What is to be said about its end, if it has ended unasked, or about its last complaint.
    #[must_use]
    pub fn last_words(&mut self) -> Option<String> {
        if self.is_stopped() {
            return None;
        }
        // One that has just closed on its client is perhaps about to end, and to say why.
        let _ = until("it has ended", ENDS_WITHIN, || self.has_ended());
        let ended = self.has_ended();
        let Kind::Command { said, status, .. } = &mut self.kind else {
            return ended.then(|| "the server ended".into());
        };
        let last = said.last(ended);
        match (status, last) {
            (Some(status), Some(last)) => {
                Some(format!("it ended with {status} and printed: {last}"))
            }
            (Some(status), None) => Some(format!("it ended with {status}")),
            (None, Some(last)) => Some(format!("it said: {last}")),
            (None, None) => None,
        }
    }
}

impl Drop for RunningServer {
    fn drop(&mut self) {
        // A model of ours is ended by its own type.
        let Kind::Command { child, status, .. } = &mut self.kind else { return };
        // The group, not only its first: a server's workers go with it. Until it is waited for,
        // its number is nobody else's.
        if status.is_none()
            && let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw)
        {
            let _ = kill_process_group(group, Signal::KILL);
            let _ = child.wait();
        }
    }
}

/// Every connection that was accepted has ended in one way and was counted once. Connections
/// shed are counted together, whether a spare descriptor had accepted them only to turn them
/// away, which is not counted as accepted, or there was no thread or place for them afterwards.
fn reconciles(stopped: &Value) -> Result<()> {
    let count = |name: &str| stopped["counters"][name].as_u64().unwrap_or(0);
    let ended: u64 =
        ["finished", "reset", "idle", "cut", "too_slow", "lost"].map(count).iter().sum();
    let (accepted, shed) = (count("accepted"), count("shed"));
    ensure!(
        (ended..=ended + shed).contains(&accepted),
        "of {accepted} connections accepted {ended} have ended and {shed} were shed: {stopped}"
    );
    Ok(())
}

/// Splits a command into words, as a shell would.
///
/// # Errors
/// When a quotation mark is missing, or everything.
pub fn words(command: &str) -> Result<Vec<String>> {
    let words = shlex::split(command).context("a quotation mark is missing in the command")?;
    ensure!(!words.is_empty(), "the command is empty");
    Ok(words)
}
