//! What is compared, and how each side is started.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use loadgen::Engine;

use crate::conformance;
use crate::references::{self, CONNECTIONS, Reference};
use crate::support::process::{ServerProcess, build_c, c10k};

/// The server that the compared generators load.
pub(crate) const C_SERVER: &str = "epoll";
/// The C client of each engine of our generator.
pub(crate) const C_CLIENTS: [(Engine, &str); 2] =
    [(Engine::Epoll, "epoll_client"), (Engine::IoUring, "uring_client")];
/// The servers' idle timeout and the generator's request timeout. While instructions are counted one by one, a
/// turn of all clients takes a minute or more, so the usual timeouts would expire.
const PATIENT: &str = "1h";

/// What is compared.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Subject {
    /// `c10k load` with an engine, and the C client that only sends and receives.
    Generator(Engine, &'static str),
    /// `c10k serve` with a model.
    Server(Reference),
}

impl Subject {
    pub(crate) fn name(self) -> String {
        match self {
            Self::Generator(engine, _) => format!("generator {}", engine.name()),
            Self::Server(reference) => reference.model.to_string(),
        }
    }

    /// The C program that does the same, if there is one.
    pub(crate) fn program(self) -> Option<&'static str> {
        match self {
            Self::Generator(_, program) => Some(program),
            Self::Server(reference) => reference.program,
        }
    }
}

/// One side of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// This build.
    Ours,
    /// What it is compared with.
    Theirs,
}

/// What everything is compared with.
#[derive(Debug)]
pub(crate) enum Against {
    /// C programs, in a folder that is removed when this is dropped.
    C(tempfile::TempDir),
    /// Another build of c10k.
    Program(PathBuf),
}

/// Both sides, and where they run.
pub(crate) struct Tools {
    against: Against,
    pub(crate) server_cpu: usize,
    pub(crate) client_cpu: usize,
}

/// The C compiler's name and version; `None` without a compiler.
pub(crate) fn compiler() -> Option<String> {
    let output = Command::new("cc").arg("--version").output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    output.status.success().then(|| text.lines().next().unwrap_or_default().to_string())
}

impl Against {
    /// Builds the C programs. One that does not build, for example with old headers, is missing
    /// afterwards; [`Tools::check`] then reports it.
    pub(crate) fn c() -> Result<Self> {
        let folder = tempfile::tempdir().context("no folder to build the C programs in")?;
        let programs = references::all().filter_map(|reference| reference.program);
        let clients = C_CLIENTS.map(|(_, program)| program);
        for name in programs.chain([C_SERVER]).chain(clients).collect::<BTreeSet<_>>() {
            build_c(&format!("yardstick/c/{name}.c"), folder.path());
        }
        Ok(Self::C(folder))
    }

    /// Another build of this program.
    pub(crate) fn program(path: PathBuf) -> Result<Self> {
        let version = Command::new(&path).arg("--version").output();
        let version = version.with_context(|| format!("cannot run {}", path.display()))?;
        ensure!(
            version.status.success() && version.stdout.starts_with(b"c10k"),
            "{} is not a build of c10k: its --version says {:?}",
            path.display(),
            String::from_utf8_lossy(&version.stdout).trim()
        );
        Ok(Self::Program(path))
    }
}

impl Tools {
    pub(crate) fn new(against: Against, server_cpu: usize, client_cpu: usize) -> Self {
        Self { against, server_cpu, client_cpu }
    }

    /// The name of what a subject is compared with; `None` without an opponent.
    pub(crate) fn opponent(&self, subject: Subject) -> Option<String> {
        match &self.against {
            Against::C(_) => subject.program().map(|program| format!("{program}.c")),
            Against::Program(path) => Some(path.display().to_string()),
        }
    }

    /// Checks that each side exists, can run here, and handles its requests correctly.
    pub(crate) fn check(&self, subject: Subject) -> Result<()> {
        match subject {
            Subject::Generator(engine, _) => engine.resolve().map(drop)?,
            Subject::Server(reference) => reference.probe()?,
        }
        let Against::C(_) = self.against else { return Ok(()) };
        let Some(program) = subject.program() else { return Ok(()) };
        ensure!(self.c_program(program)?.exists(), "cc could not build {program}.c");
        if let Subject::Server(reference) = subject {
            let server = self.server(&reference, Side::Theirs)?;
            conformance::check(&reference, server.address)
                .with_context(|| format!("{program}.c"))?;
        }
        Ok(())
    }

    /// Starts a server.
    pub(crate) fn server(&self, reference: &Reference, side: Side) -> Result<ServerProcess> {
        match self.c10k(side) {
            Some(mut command) => {
                command.args(["serve", "--stop-with-parent", "--listen", "127.0.0.1:0"]);
                command.args(["--model", reference.model, "--idle-timeout", PATIENT]);
                if let Some(workers) = reference.workers {
                    command.args(["--workers", &workers.to_string()]);
                }
                ServerProcess::start(&mut command, self.server_cpu)
            }
            None => {
                let program = reference.program.context("it has no program in C")?;
                self.c_server(program, reference.workers)
            }
        }
    }

    /// Starts a C program as a server.
    pub(crate) fn c_server(&self, program: &str, workers: Option<usize>) -> Result<ServerProcess> {
        let mut command = Command::new(self.c_program(program)?);
        command.args(workers.map(|n| n.to_string()));
        ServerProcess::start(&mut command, self.server_cpu)
    }

    /// A generator that loads this port of loopback with echoes of 64 bytes in a closed loop, with this warm-up
    /// and this measurement.
    pub(crate) fn generator(
        &self,
        (engine, program): (Engine, &str),
        side: Side,
        port: u16,
        (warmup_ms, measure_ms): (u128, u128),
    ) -> Result<Command> {
        let Some(mut command) = self.c10k(side) else {
            let mut command = Command::new(self.c_program(program)?);
            command.arg(port.to_string()).arg(CONNECTIONS.to_string());
            command.arg(warmup_ms.to_string()).arg(measure_ms.to_string());
            return Ok(command);
        };
        command.args(["load", "--quiet", "--json", "-", "--closed", "--echo", "64"]);
        command.args(["--threads", "1", "--engine", engine.name(), "--timeout", PATIENT]);
        command.args(["--target", &format!("127.0.0.1:{port}")]);
        command.args(["--connections", &CONNECTIONS.to_string()]);
        command.args(["--warmup", &format!("{warmup_ms}ms")]);
        command.args(["--duration", &format!("{measure_ms}ms")]);
        Ok(command)
    }

    /// The build of this program on that side, if it is one.
    fn c10k(&self, side: Side) -> Option<Command> {
        match (side, &self.against) {
            (Side::Ours, _) => Some(c10k()),
            (Side::Theirs, Against::Program(path)) => Some(Command::new(path)),
            (Side::Theirs, Against::C(_)) => None,
        }
    }

    fn c_program(&self, name: &str) -> Result<PathBuf> {
        match &self.against {
            Against::C(folder) => Ok(folder.path().join(name)),
            Against::Program(_) => anyhow::bail!("there are no C programs in this comparison"),
        }
    }
}
