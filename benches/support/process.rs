//! A child process that reports in JSON lines, and is killed when its owner is dropped.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, bail};
use c10k::{ServeArgs, machine};
use serde_json::Value;

/// How C programs are built.
pub(crate) const CC_FLAGS: [&str; 3] = ["-O2", "-Wall", "-pthread"];

/// A child process and its standard output.
pub(crate) struct Process {
    child: Child,
    stdout: BufReader<ChildStdout>,
    name: String,
    /// Whether dropping this kills the process.
    is_ours: bool,
}

impl Process {
    /// Starts a program on one processor.
    pub(crate) fn start(command: &mut Command, cpu: usize) -> Result<Self> {
        let name = command.get_program().to_string_lossy().into_owned();
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = spawn_on(command, cpu)?;
        let stdout = BufReader::new(child.stdout.take().expect("standard output is piped"));
        Ok(Self { child, stdout, name, is_ours: true })
    }

    /// Waits for its next line, which has to report this event.
    pub(crate) fn event(&mut self, event: &str) -> Result<Value> {
        let mut line = String::new();
        if self.stdout.read_line(&mut line)? == 0 {
            bail!("{} ended before its '{event}' line: {}", self.name, self.child.wait()?);
        }
        let value: Value = serde_json::from_str(&line)
            .with_context(|| format!("{} printed a line that is not JSON: {line}", self.name))?;
        anyhow::ensure!(value["event"] == event, "{} printed {line}, not '{event}'", self.name);
        Ok(value)
    }

    /// The rest of its output.
    pub(crate) fn output(&mut self) -> Result<String> {
        Ok(std::io::read_to_string(&mut self.stdout)?)
    }

    /// Its exit status, if it has ended.
    pub(crate) fn ended(&mut self) -> Option<std::process::ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    pub(crate) fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).expect("process ids fit")
    }

    /// The caller has killed and reaped this process, so its id may belong to another one by now.
    pub(crate) fn has_been_killed(mut self) {
        self.is_ours = false;
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.is_ours {
            // This fails if the process has ended already, which is fine.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// A server, ours or not: both print a line with their address when they are ready.
pub(crate) struct ServerProcess {
    pub(crate) process: Process,
    pub(crate) address: std::net::SocketAddr,
}

impl ServerProcess {
    /// Starts a server and waits until it is ready.
    pub(crate) fn start(command: &mut Command, cpu: usize) -> Result<Self> {
        let mut process = Process::start(command, cpu)?;
        let ready = process.event("ready")?;
        let address = ready["address"].as_str().context("the ready line has no address")?;
        let address = address.parse().context("the ready line has no usable address")?;
        Ok(Self { process, address })
    }

    /// Starts one of our models.
    pub(crate) fn start_model(model: &str, cpu: usize) -> Result<Self> {
        Self::start_model_with(model, &[], cpu)
    }

    /// Starts one of our models with more arguments.
    pub(crate) fn start_model_with(model: &str, more: &[String], cpu: usize) -> Result<Self> {
        Self::start(&mut serving(model, more)?, cpu)
    }

    /// The same without its messages about clients.
    pub(crate) fn start_silent(model: &str, more: &[String], cpu: usize) -> Result<Self> {
        Self::start(serving(model, more)?.stderr(Stdio::null()), cpu)
    }
}

fn serving(model: &str, more: &[String]) -> Result<Command> {
    let more: Vec<&str> = more.iter().map(String::as_str).collect();
    let args = ServeArgs::child(&[&["--model", model], &more[..]].concat())?;
    Ok(args.command(C10K))
}

/// Starts a program on one processor.
pub(crate) fn spawn_on(command: &mut Command, cpu: usize) -> Result<Child> {
    let ours = machine::cpus();
    // A child inherits the processors of the thread that starts it.
    machine::pin(&[cpu])?;
    let child = command.spawn();
    machine::pin(&ours)?;
    child.with_context(|| format!("cannot start {}", command.get_program().to_string_lossy()))
}

/// Builds a C program, whose source is below `benches/`, into the folder under the name of its
/// source. A program that cannot be built is missing.
pub(crate) fn build_c(source: &str, folder: &Path) {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches").join(source);
    let program = folder.join(source.file_stem().expect("a source has a name"));
    let _ = Command::new("cc").args(CC_FLAGS).arg("-o").arg(program).arg(source).status();
}

/// The measured program, built with the same profile as this benchmark.
pub(crate) const C10K: &str = env!("CARGO_BIN_EXE_c10k");

/// A command that runs the measured program.
pub(crate) fn c10k() -> Command {
    Command::new(C10K)
}
