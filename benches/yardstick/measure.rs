//! CPU for each request and throughput, of a generator or of a server, ours and C in turn.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use c10k::document::Trial;
use c10k::units::as_f64;
use loadgen::Engine;
use serde::Serialize;

use crate::conformance;
use crate::references::{CONNECTIONS, REFERENCES, Reference};
use crate::support::load::{Loop, cpu_per_request, rate};
use crate::support::process::{Process, Server, build_c, c10k};

/// The server under which generators are compared.
const C_SERVER: &str = "epoll";
/// The C client of each engine of our generator.
pub(crate) const C_CLIENTS: [(Engine, &str); 2] =
    [(Engine::Epoll, "epoll_client"), (Engine::IoUring, "uring_client")];

/// Load before measuring.
const WARMUP: Duration = Duration::from_millis(100);
/// How long each side of a pair is measured. Short, and many pairs: on a shared machine the two
/// sides of a pair must be near each other in time, and it is still some ten thousand echoes.
const MEASURE: Duration = Duration::from_millis(400);

/// What is compared with its C counterpart.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Subject {
    /// `c10k load` with an engine, and the C client that does without the rest.
    Generator(Engine, &'static str),
    /// `c10k serve` with a model.
    Server(&'static Reference),
}

impl Subject {
    pub(crate) fn name(self) -> String {
        match self {
            Self::Generator(engine, _) => format!("generator {}", engine.name()),
            Self::Server(reference) => format!("server {}", reference.model),
        }
    }

    /// The C program that does the same.
    pub(crate) fn program(self) -> &'static str {
        match self {
            Self::Generator(_, program) => program,
            Self::Server(reference) => reference.program,
        }
    }
}

/// Ours and theirs, one right after the other.
#[derive(Debug, Serialize)]
pub(crate) struct Pair {
    pub(crate) subject: String,
    program: &'static str,
    round: u32,
    ours_first: bool,
    pub(crate) ours: Cost,
    pub(crate) theirs: Cost,
    /// Ours over theirs.
    pub(crate) cpu_ratio: f64,
    pub(crate) rate_ratio: f64,
}

/// What the requests of one measurement cost whoever is compared, and how many there were.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Cost {
    pub(crate) cpu_per_request_ns: f64,
    pub(crate) requests_per_s: f64,
    cpu_ns: u64,
    requests: u64,
}

/// The C programs, and where everything runs.
pub(crate) struct Tools<'a> {
    /// Gone with the programs in it when this is dropped.
    folder: tempfile::TempDir,
    pub(crate) server_cpu: usize,
    client_cpu: usize,
    stop: &'a AtomicBool,
}

/// What the C compiler calls itself; `None` where there is none.
pub(crate) fn compiler() -> Option<String> {
    let output = Command::new("cc").arg("--version").output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    output.status.success().then(|| text.lines().next().unwrap_or_default().to_string())
}

impl<'a> Tools<'a> {
    /// Builds the C programs. Those that this system's headers are too old for are missing then,
    /// and so are their pairs.
    pub(crate) fn build(
        server_cpu: usize,
        client_cpu: usize,
        stop: &'a AtomicBool,
    ) -> Result<Self> {
        let folder = tempfile::tempdir().context("no folder to build the C programs in")?;
        let programs = REFERENCES.iter().map(|reference| reference.program);
        let clients = C_CLIENTS.map(|(_, program)| program);
        for name in programs.chain([C_SERVER]).chain(clients).collect::<BTreeSet<_>>() {
            build_c(&format!("yardstick/c/{name}.c"), folder.path());
        }
        Ok(Self { folder, server_cpu, client_cpu, stop })
    }

    /// Whether the program of this reference is there and does what its clients ask.
    pub(crate) fn check(&self, reference: &Reference) -> Result<()> {
        let program = reference.program;
        ensure!(self.program(program).exists(), "cc could not build {program}.c");
        let server = self.c_server(program, reference.workers)?;
        conformance::check(reference, server.address).with_context(|| format!("{program}.c"))
    }

    /// Whether this machine lets the generator have its engine, and the C client is there.
    pub(crate) fn check_generator(&self, engine: Engine, program: &str) -> Result<()> {
        engine.resolve()?;
        ensure!(self.program(program).exists(), "cc could not build {program}.c");
        Ok(())
    }

    /// Measures one pair. Who is first changes from round to round, so that a machine that gets
    /// slower or faster favours neither.
    pub(crate) fn pair(&self, subject: Subject, round: u32) -> Result<Pair> {
        let ours_first = round.is_multiple_of(2);
        let measure = |ours: bool| match (subject, ours) {
            (Subject::Generator(engine, _), true) => self.our_generator(engine),
            (Subject::Generator(_, program), false) => self.c_generator(program),
            (Subject::Server(reference), true) => self.server(reference, &self.ours(reference)?),
            (Subject::Server(reference), false) => {
                self.server(reference, &self.c_server(reference.program, reference.workers)?)
            }
        };
        let (first, second) = (measure(ours_first)?, measure(!ours_first)?);
        let (ours, theirs) = if ours_first { (first, second) } else { (second, first) };
        Ok(Pair {
            subject: subject.name(),
            program: subject.program(),
            round,
            ours_first,
            ours,
            theirs,
            cpu_ratio: ours.cpu_per_request_ns / theirs.cpu_per_request_ns,
            rate_ratio: ours.requests_per_s / theirs.requests_per_s,
        })
    }

    /// `c10k load` against the C server, by its own account.
    fn our_generator(&self, engine: Engine) -> Result<Cost> {
        let server = self.c_server(C_SERVER, None)?;
        let mut command = c10k();
        command.args(["load", "--json", "-", "--closed", "--echo", "64", "--threads", "1"]);
        command.args(["--engine", engine.name()]);
        command.args(["--target", &server.address.to_string()]);
        command.args(["--connections", &CONNECTIONS.to_string()]);
        command.args(["--warmup", &format!("{}ms", WARMUP.as_millis())]);
        command.args(["--duration", &format!("{}ms", MEASURE.as_millis())]);
        let text = Process::start(&mut command, self.client_cpu)?.output()?;
        let trial: Trial = serde_json::from_str(&text).context("c10k load printed no trial")?;
        let census = &trial.census;
        ensure!(census.reconciles && census.failed() == 0, "c10k load failed: {census:?}");
        Ok(Cost {
            cpu_per_request_ns: trial.client.cpu_per_request_ns.context("there was no reply")?,
            requests_per_s: as_f64(census.ok) / as_f64(trial.phases.measure_ns) * 1e9,
            cpu_ns: trial.client.cpu_ns,
            requests: census.ok,
        })
    }

    /// A C client against the C server, by its own account.
    fn c_generator(&self, program: &str) -> Result<Cost> {
        let server = self.c_server(C_SERVER, None)?;
        let mut command = Command::new(self.program(program));
        command.arg(server.address.port().to_string()).arg(CONNECTIONS.to_string());
        command.args([WARMUP, MEASURE].map(|time| time.as_millis().to_string()));
        let mut client = Process::start(&mut command, self.client_cpu)?;
        client.event("begin")?;
        let line = client.event("end")?;
        let number = |name: &str| line[name].as_u64().with_context(|| format!("no {name}: {line}"));
        let (requests, cpu_ns) = (number("replies")?, number("cpu_ns")?);
        ensure!(requests > 0 && cpu_ns > 0, "nothing was measured: {line}");
        Ok(Cost {
            cpu_per_request_ns: as_f64(cpu_ns) / as_f64(requests),
            requests_per_s: as_f64(requests) / as_f64(number("elapsed_ns")?) * 1e9,
            cpu_ns,
            requests,
        })
    }

    /// A server under our generator, by the account of the server's processes.
    fn server(&self, reference: &Reference, server: &Server) -> Result<Cost> {
        let load = Loop {
            arrivals: loadgen::Arrivals::Closed,
            target: server.address,
            pid: server.process.pid(),
            connections: reference.connections,
            request: reference.request,
            conduct: loadgen::Conduct::default(),
            warmup: WARMUP,
            measure: MEASURE,
            client_cpu: self.client_cpu,
            stop: self.stop,
        };
        let (outcome, cpu) = load.run()?;
        let (census, tally) = (&outcome.census, outcome.connections);
        // A comparison of servers one of which leaves clients out would be one of nothing.
        ensure!(
            census.errors_total() == 0 && census.timeouts == 0 && tally.served == tally.asked,
            "{} of {} connections were served, {} requests failed",
            tally.served,
            tally.asked,
            census.errors_total() + census.timeouts
        );
        Ok(Cost {
            cpu_per_request_ns: cpu_per_request(&outcome, cpu)?,
            requests_per_s: rate(&outcome),
            cpu_ns: c10k::units::ns(cpu),
            requests: outcome.completed,
        })
    }

    fn ours(&self, reference: &Reference) -> Result<Server> {
        let workers = reference.workers.map(|n| ["--workers".to_string(), n.to_string()]);
        let more = workers.into_iter().flatten().collect::<Vec<_>>();
        Server::start_model_with(reference.model, &more, self.server_cpu)
    }

    fn c_server(&self, program: &str, workers: Option<usize>) -> Result<Server> {
        let mut command = Command::new(self.program(program));
        command.args(workers.map(|n| n.to_string()));
        Server::start(&mut command, self.server_cpu)
    }

    fn program(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}
