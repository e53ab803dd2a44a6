//! CPU for each echo, of a generator or of a server, ours and minimal C in turn.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use c10k::accounts::Sample;
use c10k::document::Trial;
use c10k::units;
use serde::Serialize;

use crate::support::process::{Process, Server, c10k};

/// Connections of every load.
pub(crate) const CONNECTIONS: usize = 50;
/// How the C programs are built.
pub(crate) const CC_FLAGS: [&str; 2] = ["-O2", "-Wall"];

/// Load before measuring.
const WARMUP: Duration = Duration::from_millis(100);
/// How long each side of a pair is measured. Short, and many pairs: on a shared machine the two
/// sides of a pair must be near each other in time, and it is still some ten thousand echoes.
const MEASURE: Duration = Duration::from_millis(400);

/// What is compared with its C counterpart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Subject {
    /// `c10k load`.
    Generator,
    /// `c10k serve` with this model.
    Server(&'static str),
}

impl Subject {
    pub(crate) const ALL: [Self; 6] = [
        Self::Generator,
        Self::Server("epoll"),
        Self::Server("mio"),
        Self::Server("poll"),
        Self::Server("select"),
        Self::Server("tokio-current"),
    ];

    pub(crate) fn name(self) -> String {
        match self {
            Self::Generator => "generator".into(),
            Self::Server(model) => format!("server {model}"),
        }
    }

    /// The ratio that is promised; the others are measured for comparison.
    pub(crate) fn claim(self) -> Option<f64> {
        match self {
            Self::Generator => Some(1.15),
            Self::Server("epoll" | "mio" | "poll") => Some(1.10),
            Self::Server(_) => None,
        }
    }
}

/// Ours and theirs, one right after the other.
#[derive(Debug, Serialize)]
pub(crate) struct Pair {
    pub(crate) subject: Subject,
    round: u32,
    ours_first: bool,
    pub(crate) ours: Cost,
    pub(crate) theirs: Cost,
    pub(crate) ratio: f64,
}

/// What the echoes of one measurement cost.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Cost {
    pub(crate) cpu_per_echo_ns: f64,
    cpu_ns: u64,
    /// The stretch that `cpu_ns` is of.
    cpu_elapsed_ns: u64,
    replies: u64,
    /// The stretch that `replies` is of.
    replies_elapsed_ns: u64,
}

/// The C programs, and where everything runs.
pub(crate) struct Tools {
    /// Gone with the programs in it when this is dropped.
    folder: tempfile::TempDir,
    server_cpu: usize,
    client_cpu: usize,
}

/// What the C compiler calls itself; `None` where there is none.
pub(crate) fn compiler() -> Option<String> {
    let output = Command::new("cc").arg("--version").output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    output.status.success().then(|| text.lines().next().unwrap_or_default().to_string())
}

impl Tools {
    /// Builds the C programs.
    pub(crate) fn build(server_cpu: usize, client_cpu: usize) -> Result<Self> {
        let folder = tempfile::tempdir().context("no folder to build the C programs in")?;
        for name in ["epoll_server", "epoll_client"] {
            let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/yardstick");
            let mut cc = Command::new("cc");
            cc.args(CC_FLAGS).arg("-o").arg(folder.path().join(name));
            let built = cc.arg(source.join(name).with_extension("c")).status()?;
            ensure!(built.success(), "cc cannot build {name}.c: {built}");
        }
        Ok(Self { folder, server_cpu, client_cpu })
    }

    /// Measures one pair. Who is first changes from round to round, so that a machine that gets
    /// slower or faster favours neither.
    pub(crate) fn pair(&self, subject: Subject, round: u32) -> Result<Pair> {
        let ours_first = round.is_multiple_of(2);
        let measure = |ours: bool| match (subject, ours) {
            (Subject::Generator, true) => self.our_generator(),
            (Subject::Generator, false) => self.c_generator(),
            (Subject::Server(model), true) => {
                self.server(&Server::start_model(model, self.server_cpu)?)
            }
            (Subject::Server(_), false) => self.server(&self.c_server()?),
        };
        let (first, second) = (measure(ours_first)?, measure(!ours_first)?);
        let (ours, theirs) = if ours_first { (first, second) } else { (second, first) };
        let ratio = ours.cpu_per_echo_ns / theirs.cpu_per_echo_ns;
        Ok(Pair { subject, round, ours_first, ours, theirs, ratio })
    }

    /// `c10k load` against the C server, by its own account.
    fn our_generator(&self) -> Result<Cost> {
        let server = self.c_server()?;
        let mut command = c10k();
        command.args(["load", "--json", "-", "--closed", "--echo", "64", "--threads", "1"]);
        command.args(["--target", &server.address.to_string()]);
        command.args(["--connections", &CONNECTIONS.to_string()]);
        command.args(["--warmup", &format!("{}ms", WARMUP.as_millis())]);
        command.args(["--duration", &format!("{}ms", MEASURE.as_millis())]);
        let text = Process::start(&mut command, self.client_cpu)?.output()?;
        let trial: Trial = serde_json::from_str(&text).context("c10k load printed no trial")?;
        let census = &trial.census;
        ensure!(census.reconciles && census.failed() == 0, "c10k load failed: {census:?}");
        Ok(Cost {
            cpu_per_echo_ns: trial.client.cpu_per_request_ns.context("there was no reply")?,
            cpu_ns: trial.client.cpu_ns,
            cpu_elapsed_ns: trial.phases.measure_ns,
            replies: census.ok,
            replies_elapsed_ns: trial.phases.measure_ns,
        })
    }

    /// The C client against the C server, by its own account.
    fn c_generator(&self) -> Result<Cost> {
        let server = self.c_server()?;
        let mut client = self.c_client(&server, MEASURE)?;
        client.event("begin")?;
        let end = End::of(&mut client)?;
        Cost::new(end.cpu_ns, end.elapsed_ns, &end)
    }

    /// A server under the C client, by the account of the server's process.
    fn server(&self, server: &Server) -> Result<Cost> {
        let pid = server.process.pid();
        let mut client = self.c_client(server, MEASURE)?;
        client.event("begin")?;
        let (start, before) = (Instant::now(), Sample::take(pid)?);
        let end = End::of(&mut client)?;
        let (elapsed, after) = (start.elapsed(), Sample::take(pid)?);
        let cpu = after.cpu.saturating_sub(before.cpu);
        Cost::new(units::ns(cpu), units::ns(elapsed), &end)
    }

    fn c_server(&self) -> Result<Server> {
        Server::start(&mut Command::new(self.program("epoll_server")), self.server_cpu)
    }

    fn c_client(&self, server: &Server, measure: Duration) -> Result<Process> {
        let mut command = Command::new(self.program("epoll_client"));
        command.arg(server.address.port().to_string()).arg(CONNECTIONS.to_string());
        command.args([WARMUP, measure].map(|time| time.as_millis().to_string()));
        Process::start(&mut command, self.client_cpu)
    }

    fn program(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

impl Cost {
    /// CPU over its stretch by replies over theirs. Both stretches are the client's measurement;
    /// whoever samples a server wakes up a little late for both of its ends.
    #[expect(clippy::cast_precision_loss, reason = "nanoseconds of seconds stay below 2^53")]
    fn new(cpu_ns: u64, cpu_elapsed_ns: u64, end: &End) -> Result<Self> {
        let End { replies, elapsed_ns: replies_elapsed_ns, .. } = *end;
        let all = [cpu_ns, cpu_elapsed_ns, replies, replies_elapsed_ns];
        ensure!(!all.contains(&0), "nothing was measured: {end:?}");
        let [cpu, cpu_elapsed, echoes, echoes_elapsed] = all.map(|n| n as f64);
        let cpu_per_echo_ns = (cpu / cpu_elapsed) / (echoes / echoes_elapsed);
        Ok(Self { cpu_per_echo_ns, cpu_ns, cpu_elapsed_ns, replies, replies_elapsed_ns })
    }
}

/// What the C client says when it has measured.
#[derive(Debug)]
struct End {
    replies: u64,
    cpu_ns: u64,
    elapsed_ns: u64,
}

impl End {
    fn of(client: &mut Process) -> Result<Self> {
        let line = client.event("end")?;
        let number = |name: &str| line[name].as_u64().with_context(|| format!("no {name}: {line}"));
        Ok(Self {
            replies: number("replies")?,
            cpu_ns: number("cpu_ns")?,
            elapsed_ns: number("elapsed_ns")?,
        })
    }
}
