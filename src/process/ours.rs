//! The server of one trial: a fresh process with the plan's settings, pinned.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Error, Result};
use rustix::process::Signal;
use serde_json::Value;
use servers::{Model, Workers};

use super::parent::end_with_parent;
use super::program::{copy_of, this_program};
use super::serve::ServeArgs;
use crate::base::values::{any_app, framing};
use crate::host::machine;
use crate::plan::ServerPlan;
use crate::process::child::{Accounts, ServerChild};

/// Its clients are gone when it is asked to stop, so there is nothing to wait for but threads.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(1);
/// How long it may take to end beyond its drain timeout; on a busy machine that is long.
const STOP_GRACE: Duration = Duration::from_secs(30);

/// What a server is to know of its clients.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Clients {
    /// They are greeted.
    pub(crate) greeting: bool,
    /// Their connections end while they are measured, and with them what a model has made for each.
    pub(crate) come_and_go: bool,
}

/// Starts this program as a server on a free port, on these processors; the calling thread goes
/// back to its own.
pub(crate) fn start(
    model: &Model,
    settings: &ServerPlan,
    clients: Clients,
    cpus: (&[usize], &[usize]),
) -> Result<ServerChild> {
    start_of(&this_program()?, model, settings, clients, cpus)
}

/// The same with another build of this program.
pub(crate) fn start_of(
    program: &Path,
    model: &Model,
    settings: &ServerPlan,
    clients: Clients,
    cpus: (&[usize], &[usize]),
) -> Result<ServerChild> {
    let args = ServeArgs {
        app: any_app(&settings.app).map_err(Error::msg)?,
        framing: framing(&settings.framing).map_err(Error::msg)?,
        backlog: settings.backlog,
        drain_timeout: DRAIN_TIMEOUT,
        // A plan's number is for those models that have workers.
        workers: settings.workers.filter(|_| has_workers(model)),
        max_connections: settings.max_connections,
        state: settings.state()?,
        greeting: clients.greeting,
        ..ServeArgs::child(&["--model", model.name])?
    };
    // Only then is there something that the clocks of its processes do not tell.
    let accounts = if model.process_per_client && clients.come_and_go {
        Accounts::Group
    } else {
        Accounts::Clocks
    };
    let mut command = args.command(copy_of(program));
    command.arg0(program);
    spawn(command, accounts, cpus)
}

fn has_workers(model: &Model) -> bool {
    !matches!(model.workers, Workers::None)
}

/// Starts this program as the null baseline, likewise.
pub(crate) fn start_null(cpus: (&[usize], &[usize])) -> Result<ServerChild> {
    let program = this_program()?;
    let mut command = Command::new(copy_of(&program));
    command.arg0(program);
    command.args(["calibrate", "--law", "none", "--stop-with-parent", "--listen", "127.0.0.1:0"]);
    end_with_parent(&mut command, Signal::TERM);
    spawn(command, Accounts::Clocks, cpus)
}

fn spawn(
    command: Command,
    accounts: Accounts,
    (server_cpus, client_cpus): (&[usize], &[usize]),
) -> Result<ServerChild> {
    // A child inherits the processors of the thread that starts it.
    if !server_cpus.is_empty() {
        machine::pin(server_cpus)?;
    }
    let server = ServerChild::start_with(command, accounts);
    if !client_cpus.is_empty() {
        machine::pin(client_cpus)?;
    }
    server
}

/// Asks it to stop and returns what it says then; ends it if it does not.
pub(crate) fn stop(mut server: ServerChild) -> Result<Value> {
    server.signal(Signal::TERM);
    server.stopped(DRAIN_TIMEOUT + STOP_GRACE)
}
