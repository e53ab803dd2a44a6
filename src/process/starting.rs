//! Starting the server under check: a model of ours, somebody's command, or nothing where it runs.

mod command;

use std::fs::File;
use std::io::{Read, Seek};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::{
    Pid, Signal, geteuid, kill_process, kill_process_group, test_kill_process_group,
};
use servers::{Model, broken};

use super::child::EndedEarly;
use super::inherited::Inherited;
use super::server::{Kind, RunningServer};
use super::{ServeArgs, until};
use crate::process::child::ServerChild;
use crate::workload::speech::Speech;

/// The user that nobody is: for a server that must not have root's exemptions.
const NOBODY: u32 = 65534;

/// What is checked.
#[derive(Clone, Debug)]
pub enum Subject {
    /// A model of ours, run by this program.
    Model {
        /// The model.
        model: &'static Model,
        /// The program that has `serve`.
        program: PathBuf,
    },
    /// A command that starts a server, as words; `{port}` or `{address}` in them is where it is to
    /// listen.
    Command(Vec<String>),
    /// A server that runs already and is not ours to stop.
    Address(SocketAddr),
}

/// How a server is to be started.
#[derive(Clone, Copy, Debug)]
pub struct Start<'a> {
    /// What it is to speak.
    pub speech: Speech,
    /// More arguments, where it is a model of ours.
    pub flags: &'a [&'a str],
    /// The port; 0 for a free one.
    pub port: u16,
    /// Without the exemptions that root has.
    pub unprivileged: bool,
    /// What it inherits, where it is a model of ours.
    pub inherited: Inherited,
    /// How long to wait for it.
    pub patience: Duration,
}

impl Start<'_> {
    /// With nothing particular about it.
    #[must_use]
    pub fn plain(speech: Speech, patience: Duration) -> Self {
        let inherited = Inherited::default();
        Self { speech, flags: &[], port: 0, unprivileged: false, inherited, patience }
    }
}

impl Subject {
    /// Starts the server, or takes the one that runs.
    ///
    /// # Errors
    /// When it does not come to listen.
    pub fn start(&self, start: Start<'_>) -> Result<RunningServer> {
        let Start { patience, .. } = start;
        let (address, kind) = match self {
            Self::Model { model, program } => {
                let server = start_model(model, program, start, Stdio::inherit())?;
                (server.address, Kind::Model(server))
            }
            Self::Command(words) => command::start(words, start)?,
            Self::Address(address) => (*address, Kind::Address),
        };
        Ok(RunningServer { address, patience, kind, stopped: None })
    }

    /// Starts a model of ours, or says how it has refused to start.
    ///
    /// # Errors
    /// When it does neither.
    pub fn start_or_refuse(&self, start: Start<'_>) -> Result<Result<RunningServer, Refusal>> {
        let Start { patience, .. } = start;
        let Self::Model { model, program } = self else { bail!("it is not a built-in model") };
        let mut stderr = tempfile::tempfile()?;
        let error = match start_model(model, program, start, stderr.try_clone()?.into()) {
            Ok(server) => {
                let (address, kind) = (server.address, Kind::Model(server));
                return Ok(Ok(RunningServer { address, patience, kind, stopped: None }));
            }
            Err(error) => error,
        };
        let EndedEarly(status) = error.downcast()?;
        let mut words = String::new();
        stderr.rewind()?;
        stderr.read_to_string(&mut words)?;
        Ok(Err(Refusal { status, words }))
    }

    /// The command that starts a model of ours, for whoever wants its output elsewhere.
    ///
    /// # Errors
    /// When it is none.
    pub fn command(&self, start: Start<'_>) -> Result<Command> {
        let Self::Model { model, program } = self else { bail!("it is not a built-in model") };
        let file = File::open(program).context("cannot open this program's own file")?;
        model_command(model, program, &file, start)
    }

    /// Starts a model of ours and tells it to stop so soon after, ready or not. Returns how it has
    /// ended and what it said on standard output.
    ///
    /// # Errors
    /// When it does not end.
    pub fn start_and_stop(
        &self,
        start: Start<'_>,
        after: Duration,
    ) -> Result<(ExitStatus, String)> {
        let Self::Model { model, program } = self else { bail!("it is not a built-in model") };
        let file = File::open(program).context("cannot open this program's own file")?;
        let mut stdout = tempfile::tempfile()?;
        let mut command = model_command(model, program, &file, start)?;
        command.stdin(Stdio::null()).stdout(stdout.try_clone()?).process_group(0);
        let mut child = command.spawn().context("cannot start a server process")?;
        let group = Pid::from_raw(i32::try_from(child.id())?).context("a process id")?;
        thread::sleep(after);
        // It is our child and was not waited for: the number is its own.
        kill_process(group, Signal::TERM)?;
        let mut status = None;
        let ends = until("the server ends", start.patience, || {
            status = child.try_wait().ok().flatten();
            status.is_some()
        });
        if ends.is_err() {
            let _ = kill_process_group(group, Signal::KILL);
            child.wait()?;
        }
        ends?;
        until("every process of the server has ended", start.patience, || {
            test_kill_process_group(group).is_err()
        })?;
        let mut said = String::new();
        stdout.rewind()?;
        stdout.read_to_string(&mut said)?;
        Ok((status.context("it has ended")?, said))
    }
}

/// How a server has refused to start.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// How it ended.
    pub status: ExitStatus,
    /// What it said on standard error.
    pub words: String,
}

fn start_model(
    model: &Model,
    program: &PathBuf,
    start: Start<'_>,
    stderr: Stdio,
) -> Result<ServerChild> {
    let file = File::open(program).context("cannot open this program's own file")?;
    let mut command = model_command(model, program, &file, start)?;
    command.stderr(stderr);
    ServerChild::start(command)
}

/// The command that starts it. `file` is the program's, and is to stay open until then.
fn model_command(
    model: &Model,
    program: &PathBuf,
    file: &File,
    start: Start<'_>,
) -> Result<Command> {
    // No broken server is called like a model.
    let kind = if broken::find(model.name).is_some() { "--broken" } else { "--model" };
    let args = ServeArgs {
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, start.port)),
        app: start.speech.app,
        framing: start.speech.framing,
        ..ServeArgs::child(&[&[kind, model.name], start.flags].concat())?
    };
    let mut command = args.command(program);
    if start.unprivileged && geteuid().is_root() {
        // By descriptor: the folders on the way to it may be closed to others.
        command = args.command(format!("/proc/self/fd/{}", file.as_raw_fd()));
        command.arg0("c10k").uid(NOBODY).gid(NOBODY);
    }
    start.inherited.leave_to(&mut command);
    Ok(command)
}
