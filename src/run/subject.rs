//! The server of one trial: one of ours or an external one.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result};
use protocol::{App, Framing};
use rustix::process::{Pid, Signal, kill_process_group};

use super::{Run, slots::Slot};
use crate::document::{Target, Trial};
use crate::host::machine;
use crate::plan::{External, Subject};
use crate::process::child::ServerChild;
use crate::process::ours::{self, Clients};
use crate::process::server::RunningServer;
use crate::process::starting::{Start, Subject as Started};
use crate::workload::speech::Speech;

/// How long a server of others may take to end after SIGTERM before it is ended.
const PATIENCE: Duration = Duration::from_secs(5);

/// A server that can be loaded.
pub(super) enum Running {
    /// One of ours.
    Model(ServerChild),
    /// One that a command of the plan has started.
    Command(RunningServer),
    /// One that was there before and will be there after.
    There(SocketAddr),
}

impl Running {
    /// Starts the server of a trial on its processors, beside the generator's, or takes the one that
    /// is there.
    pub(super) fn start(
        run: &Run,
        slot: &Slot<'_>,
        service: (App, Framing),
        cpus: (&[usize], &[usize]),
    ) -> Result<Self> {
        let plan = &run.plan;
        match slot.candidate.subject {
            Subject::Model(model) => {
                let settings = plan.server_of(slot.workload);
                let greeting = slot.workload.greeting;
                let come_and_go = slot.workload.conduct()?.connections_end();
                let clients = Clients { greeting, come_and_go };
                let server = match &run.program {
                    Some(program) => ours::start_of(program, model, settings, clients, cpus),
                    None => ours::start(model, settings, clients, cpus),
                };
                server.map(Self::Model)
            }
            Subject::Null => ours::start_null(cpus).map(Self::Model),
            Subject::External(external) => Self::start_external(external, service, cpus),
        }
    }

    fn start_external(
        external: &External,
        (app, framing): (App, Framing),
        (server_cpus, client_cpus): (&[usize], &[usize]),
    ) -> Result<Self> {
        let Some(words) = external.words()? else { return external.address().map(Self::There) };
        let start = Start::plain(Speech::for_app(app, framing), PATIENCE);
        // A child inherits the processors of the thread that starts it.
        if !server_cpus.is_empty() {
            machine::pin(server_cpus)?;
        }
        let server = Started::Command(words).start(start);
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

    /// The first of its processes, if it is a child of ours that serves, or has others serve that are in sight.
    pub(super) fn pid(&self) -> Option<i32> {
        match self {
            Self::Model(server) => Some(server.pid()),
            Self::Command(server) => server.pid().ok().filter(|_| !server.is_out_of_sight()),
            Self::There(_) => None,
        }
    }

    /// Stops it if it was started for the trial, and says what was measured.
    pub(super) fn stop(self, name: &str, cpus: &[usize]) -> Result<Target> {
        let address = self.address().to_string();
        let model = Some(name.to_string());
        let mut target = Target { address, model, cpus: cpus.to_vec(), ..Target::default() };
        match self {
            Self::Model(server) => {
                target.ready = Some(server.ready.clone());
                target.stopped = Some(ours::stop(server)?);
            }
            Self::Command(server) => end(server)?,
            Self::There(_) => target.cpus = Vec::new(),
        }
        Ok(target)
    }
}

/// What is to be said of a server that a command has started and that nobody knows the accounts of.
pub(super) fn unseen(subject: Subject<'_>, trial: &Trial) -> Option<String> {
    let Subject::External(External { name, command: Some(_), .. }) = subject else { return None };
    trial.server.is_none().then(|| {
        format!(
            "the CPU and memory of {name} are unknown: its command did not start the process that \
             listens at its port (a container or a service?); give a command that is the server \
             itself"
        )
    })
}

/// Asks all processes of a server to end, and ends them if they do not.
///
/// # Errors
/// When it had ended by itself: then it was not there to be measured.
fn end(mut server: RunningServer) -> Result<()> {
    let group = Pid::from_raw(server.pid()?).context("a process id")?;
    if let Some(words) = server.ended_unasked() {
        anyhow::bail!("the server ended during the measurement: {words}");
    }
    // Its first process is a child that was not waited for, so the number is nobody else's.
    kill_process_group(group, Signal::TERM).context("the server exited on its own")?;
    if server.stopped().is_err() {
        // Either that is still so, or others of it are still in the group.
        let _ = kill_process_group(group, Signal::KILL);
    }
    Ok(())
}
