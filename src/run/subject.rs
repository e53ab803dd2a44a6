//! The server of one trial, whoever has written it.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result};
use protocol::{App, Framing};
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::Value;

use super::{Run, server, slots::Slot};
use crate::check::server::{Server, Start, Subject as Started};
use crate::check::speech::Speech;
use crate::child::ServerChild;
use crate::document::Target;
use crate::machine;
use crate::plan::{External, Subject};

/// How long a server of others may take to end after SIGTERM before it is ended.
const PATIENCE: Duration = Duration::from_secs(5);

/// A server that can be loaded.
pub(super) enum Running {
    /// One of ours.
    Model(ServerChild),
    /// One that a command of the plan has started.
    Command(Server),
    /// One that was there before and will be there after.
    There(SocketAddr),
}

impl Running {
    /// Starts the server of a trial, pinned, or takes the one that is there.
    pub(super) fn start(run: &Run, slot: &Slot<'_>, service: (App, Framing)) -> Result<Self> {
        let Run { plan, record, .. } = run;
        let cpus = (&record.server_cpus[..], &record.client_cpus[..]);
        match slot.candidate.subject {
            Subject::Model(model) => {
                let settings = plan.server_of(slot.workload);
                server::start(model, settings, slot.workload.greeting, cpus).map(Self::Model)
            }
            Subject::External(external) => Self::start_external(external, service, cpus),
        }
    }

    fn start_external(
        external: &External,
        (app, framing): (App, Framing),
        (server_cpus, client_cpus): (&[usize], &[usize]),
    ) -> Result<Self> {
        let Some(words) = &external.command else { return external.address().map(Self::There) };
        let start = Start {
            speech: Speech { app, framing },
            flags: &[],
            port: 0,
            unprivileged: false,
            patience: PATIENCE,
        };
        // A child inherits the processors of the thread that starts it.
        if !server_cpus.is_empty() {
            machine::pin(server_cpus)?;
        }
        let server = Started::Command(words.clone()).start(start);
        if !client_cpus.is_empty() {
            machine::pin(client_cpus)?;
        }
        server.map(Self::Command)
    }

    pub(super) fn address(&self) -> SocketAddr {
        match self {
            Self::Model(server) => server.address,
            Self::Command(server) => server.address,
            Self::There(address) => *address,
        }
    }

    /// The first of its processes, if it is a child of ours.
    pub(super) fn pid(&self) -> Option<i32> {
        match self {
            Self::Model(server) => Some(server.pid()),
            Self::Command(server) => server.pid().ok(),
            Self::There(_) => None,
        }
    }

    /// Stops it if it was started for the trial, and says what was measured.
    pub(super) fn stop(self, name: &str, cpus: &[usize]) -> Result<Target> {
        let address = self.address().to_string();
        let model = Some(name.to_string());
        let mut target = Target { address, model, ready: None, stopped: None, cpus: cpus.to_vec() };
        match self {
            Self::Model(server) => {
                target.ready = Some(server.ready.clone());
                target.stopped = Some(server::stop(server)?);
            }
            Self::Command(server) => end(server)?,
            Self::There(_) => target.cpus = Vec::new(),
        }
        Ok(target)
    }
}

/// Asks a server to end, and ends all of its processes if it does not.
///
/// # Errors
/// When it had ended by itself: then it was not there to be measured.
fn end(mut server: Server) -> Result<()> {
    let group = Pid::from_raw(server.pid()?).context("a process id")?;
    if let Some(words) = server.ended_unasked() {
        anyhow::bail!("the server ended while it was measured: {words}");
    }
    server.signal(Signal::TERM)?;
    let stopped: Result<Value> = server.stopped();
    if stopped.is_err() {
        // Its first process is ours and not yet waited for, or its workers are still in the group:
        // either way the number is nobody else's.
        let _ = kill_process_group(group, Signal::KILL);
    }
    Ok(())
}
