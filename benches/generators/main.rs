//! Our load generator beside others, all against the same server.
//!
//! - closed loop at 50 and 1,000 connections: requests a second, and CPU of the client for each
//! - open loop at half of what the first one reached: the latencies that each tells of one and the
//!   same server, beside a C program that never sleeps
//! - a connection for each request
//!
//! Every generator is one process on one processor, the server is on another. What a generator
//! costs is the CPU time of its whole process, start and end included, over the requests that it
//! says were answered: all are measured from outside, alike. Rounds are interleaved, and the order
//! turns by one from round to round; ratios are of the same round.

mod clients;
mod oha;
mod report;
mod server;
#[path = "../support/mod.rs"]
mod support;

use std::io::Read;
use std::num::{NonZeroU32, NonZeroU64};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use c10k::accounts;
use c10k::units::{as_f64, ns};
use clap::Parser;
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
use serde::Serialize;

use clients::{C_PROGRAMS, CLIENTS, Job, Loader, Told, Work};
use server::TargetServer;
use support::conditions::{self, Common, Conditions, publish};
use support::process::{build_c, spawn_on};

/// Our load generator beside others.
#[derive(Debug, Parser)]
#[command(name = "generators")]
struct Args {
    /// How often each generator is run
    #[arg(long, default_value = "7", value_name = "N")]
    rounds: NonZeroU32,
    /// How long each runs, in whole seconds
    #[arg(long, default_value = "2")]
    seconds: NonZeroU64,
    /// Only these kinds of work: closed, open, connection-per-request
    #[arg(long, value_delimiter = ',')]
    works: Vec<String>,
    /// Only these generators, by name, separated by commas
    #[arg(long, value_delimiter = ',')]
    clients: Vec<String>,
    /// What they load: nginx, or one of our models by name
    #[arg(long, default_value = "nginx")]
    server: String,
    #[command(flatten)]
    common: Common,
}

const CONNECTIONS: [usize; 2] = [50, 1_000];
/// Half of what a closed loop reaches is looked for with this generator.
const PROBE: &str = "c10k epoll";

/// What `--json` writes.
#[derive(Serialize)]
struct Record {
    #[serde(flatten)]
    conditions: Conditions,
    server: String,
    rounds: u32,
    seconds: u64,
    /// What each generator calls itself.
    versions: Vec<(String, String)>,
    skipped: Vec<String>,
    runs: Vec<Run>,
}

/// One run of a generator.
#[derive(Debug, Serialize)]
struct Run {
    client: &'static str,
    work: Work,
    round: u32,
    told: Told,
    /// Of the whole process.
    client_cpu_ns: u64,
    server_cpu_ns: u64,
}

impl Run {
    fn cpu_per_request_ns(&self) -> f64 {
        as_f64(self.client_cpu_ns) / as_f64(self.told.requests)
    }

    fn server_cpu_per_request_ns(&self) -> f64 {
        as_f64(self.server_cpu_ns) / as_f64(self.told.requests)
    }
}

fn main() -> Result<()> {
    let args = Args::parse();
    let begun = Conditions::begin("generators", 1, &args.common)?;
    let Some(conditions) = begun else { return Ok(()) };
    let Conditions { server_cpu, client_cpu, .. } = conditions;
    if args.server == "nginx"
        && Command::new("nginx").arg("-v").stderr(Stdio::null()).status().is_err()
    {
        return conditions::skip(
            "generators",
            "there is no nginx; name a model with --server epoll",
        );
    }
    support::raise_descriptor_limit();
    let folder = tempfile::tempdir().context("no folder for the C clients")?;
    // Where there is no compiler these clients are missing, and said to be.
    for program in C_PROGRAMS {
        build_c(&format!("generators/c/{program}.c"), folder.path());
    }

    let bench = Bench { args: &args, server_cpu, client_cpu, folder: folder.path() };
    let (mut present, mut versions, mut skipped) = (Vec::new(), Vec::new(), Vec::new());
    for client in CLIENTS.iter().filter(|client| bench.wanted(client)) {
        match client.version(folder.path()) {
            Some(version) => {
                versions.push((client.name.to_string(), version));
                present.push(client);
            }
            None => skipped.push(format!("{}: skipped: not installed", client.name)),
        }
    }
    let runs = bench.run_all(&present, &mut skipped)?;
    let record = Record {
        conditions: conditions.end(),
        server: args.server.clone(),
        rounds: args.rounds.get(),
        seconds: args.seconds.get(),
        versions,
        skipped,
        runs,
    };
    publish(&report::text(&record), &record, &args.common)
}

struct Bench<'a> {
    args: &'a Args,
    server_cpu: usize,
    client_cpu: usize,
    folder: &'a Path,
}

impl Bench<'_> {
    fn wanted(&self, client: &Loader) -> bool {
        self.args.clients.is_empty() || self.args.clients.iter().any(|name| name == client.name)
    }

    fn works(&self) -> Result<Vec<Work>> {
        let wanted =
            |kind: &str| self.args.works.is_empty() || self.args.works.iter().any(|k| k == kind);
        let mut works = Vec::new();
        if wanted("closed") {
            works.extend(CONNECTIONS.map(|connections| Work::Closed { connections }));
        }
        if wanted("open") {
            let [connections, _] = CONNECTIONS;
            let probe = CLIENTS.iter().find(|client| client.name == PROBE).expect("it is listed");
            let capacity = self.run(probe, Work::Closed { connections }, 0)?.told.requests_per_s;
            // In whole thousands, by way of a whole number of nanoseconds.
            let half = ns(Duration::from_secs_f64(capacity / 2.0 / 1e9));
            let rate_per_s = half.div_ceil(1_000) * 1_000;
            works.push(Work::Open { connections, rate_per_s });
        }
        if wanted("connection-per-request") {
            let [connections, _] = CONNECTIONS;
            works.push(Work::ConnectionPerRequest { connections });
        }
        Ok(works)
    }

    /// All rounds of all work. A run that fails is named, and the others go on.
    fn run_all(&self, clients: &[&Loader], skipped: &mut Vec<String>) -> Result<Vec<Run>> {
        let mut runs = Vec::new();
        let works = self.works()?;
        let rounds = self.args.rounds.get();
        for round in 0..rounds {
            eprintln!("generators: round {} of {rounds}", round + 1);
            for work in &works {
                for at in 0..clients.len() {
                    let client = clients[(at + round as usize) % clients.len()];
                    if !self.can(client, *work) {
                        continue;
                    }
                    match self.run(client, *work, round) {
                        Ok(run) => runs.push(run),
                        Err(error) => skipped.push(format!(
                            "{}, {work:?}, round {}: {error:#}",
                            client.name,
                            round + 1
                        )),
                    }
                }
            }
        }
        Ok(runs)
    }

    fn job(&self, work: Work, at: std::net::SocketAddr) -> Job {
        Job { work, time: Duration::from_secs(self.args.seconds.get()), at, cpu: self.client_cpu }
    }

    fn can(&self, client: &Loader, work: Work) -> bool {
        let nowhere = ([127, 0, 0, 1], 1).into();
        client.command(&self.job(work, nowhere), self.folder).is_some()
    }

    /// One generator against a fresh server.
    fn run(&self, client: &Loader, work: Work, round: u32) -> Result<Run> {
        let server = TargetServer::start(&self.args.server, self.server_cpu)?;
        let mut command = client
            .command(&self.job(work, server.address), self.folder)
            .context("it cannot do that")?;
        let before = accounts::cpu_now(server.pid());
        let (output, cpu) = self.to_end(&mut command)?;
        let server_cpu = accounts::cpu_now(server.pid()).saturating_sub(before);
        Ok(Run {
            client: client.name,
            work,
            round,
            told: client.read(&output)?,
            client_cpu_ns: ns(cpu),
            server_cpu_ns: ns(server_cpu),
        })
    }

    /// Runs a program to its end. Returns what it printed and the CPU time of its process.
    fn to_end(&self, command: &mut Command) -> Result<(String, Duration)> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = spawn_on(command, self.client_cpu)?;
        let (mut output, mut errors) = (String::new(), String::new());
        child.stdout.take().expect("it was asked for").read_to_string(&mut output)?;
        child.stderr.take().expect("it was asked for").read_to_string(&mut errors)?;
        let pid = i32::try_from(child.id()).expect("process ids fit");
        let id = WaitId::Pid(Pid::from_raw(pid).context("a process has a number")?);
        // Its clock can be read for as long as nobody has taken note of its end.
        waitid(id, WaitIdOptions::EXITED | WaitIdOptions::NOWAIT)?;
        let cpu = accounts::cpu_now(pid);
        let status = child.wait()?;
        // Exit 4 is ours for a result that its own checks do not trust; the table has it all the same.
        ensure!(status.success() || status.code() == Some(4), "{status}: {errors}");
        ensure!(!cpu.is_zero(), "its CPU clock did not move");
        Ok((output, cpu))
    }
}
