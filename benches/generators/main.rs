//! Compares our load generator with others, all against the same server.
//!
//! - closed loop at 50 and 1,000 connections: requests per second, and client CPU per request
//! - open loop at half of what ours reaches in a closed loop: the latencies that each reports for the same server,
//!   compared with those of a C program that never sleeps
//! - a connection for each request
//!
//! `peers.toml` has the generators, how each is run, and how its output is read. `claims.rs` has the claims for ours.
//!
//! Every generator is one process on one processor; the server is on another. The cost of a generator is the CPU time
//! of its whole process, start and end included, over the requests that it reports as answered. It is measured from
//! outside, in the same way for all. In each round, the generators that a claim is about run one right after the other,
//! in an order that rotates by one from round to round; the others follow in the same way. Each ratio is of one round.
//!
//! `--quick` only checks that everything works: one round of a second with few connections, and no claim is judged. It
//! runs in any build.

mod claims;
mod peers;
mod reading;
mod report;
mod runs;
mod server;
#[path = "../support/mod.rs"]
mod support;
mod work;

use std::num::{NonZeroU32, NonZeroU64};
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use c10k::units::ns;
use clap::Parser;
use serde::Serialize;

use claims::{CONNECTIONS, LEAST, OURS, Replies, SPINNING, Verdict, WRK};
use peers::{Peer, Presence};
use runs::{Bench, Run};
use support::conditions::{self, Common, Conditions, publish};
use support::process::build_c;
use work::Work;

/// Compares our load generator with others.
///
/// The exit code is 0 if all requested claims hold, 1 if one does not, and 4 if one could not be judged here.
#[derive(Debug, Parser)]
#[command(name = "generators")]
struct Args {
    /// How often each generator is run
    #[arg(long, default_value = "15", value_name = "N")]
    rounds: NonZeroU32,
    /// How long each runs, in whole seconds
    #[arg(long, default_value = "2")]
    seconds: NonZeroU64,
    /// Only these kinds of work: closed, open, connection-per-request
    #[arg(long, value_delimiter = ',')]
    works: Vec<String>,
    /// Only this generator, by name; give it once for each generator
    #[arg(long, value_name = "NAME")]
    client: Vec<String>,
    /// Only the generators that a claim is about
    #[arg(long, conflicts_with = "client")]
    claims: bool,
    /// The server: nginx, or one of our models by name
    #[arg(long, default_value = "nginx")]
    server: String,
    /// Only check that everything works, in seconds; no claim is judged
    #[arg(long)]
    quick: bool,
    #[command(flatten)]
    common: Common,
}

/// The generators that a claim is about; they run one right after the other.
const SIDES: [&str; 4] = [WRK, OURS, LEAST, SPINNING];

/// The load of `--quick`.
const QUICK_CONNECTIONS: usize = 4;
const QUICK_RATE_PER_S: u64 = 500;

/// What `--json` writes.
#[derive(Serialize)]
struct Record {
    #[serde(flatten)]
    conditions: Conditions,
    server: String,
    rounds: u32,
    seconds: u64,
    quick: bool,
    clients: Vec<Client>,
    /// What was not measured, and why.
    skipped: Vec<String>,
    replies: Replies,
    verdicts: Vec<Verdict>,
    runs: Vec<Run>,
}

/// A generator that took part.
#[derive(Serialize)]
struct Client {
    name: String,
    /// The first line that it prints about its version.
    version: String,
    unchecked: String,
}

fn main() -> Result<ExitCode> {
    let args = Args::parse();
    let begun = if args.quick {
        Conditions::in_any_build("generators", 2, &args.common)?
    } else {
        Conditions::begin("generators", 2, &args.common)?
    };
    let Some(conditions) = begun else { return Ok(ExitCode::SUCCESS) };
    let server = match (&*args.server, has_nginx()) {
        ("nginx", false) if args.quick => "epoll",
        ("nginx", false) => {
            conditions::skip(
                "generators",
                "nginx is not installed; install it, or name a model as in --server epoll",
            )?;
            return Ok(ExitCode::from(4));
        }
        (server, _) => server,
    };
    support::raise_descriptor_limit();
    let folder = tempfile::tempdir().context("cannot make a folder for the C clients")?;
    build_c("generators/c/closed_client.c", folder.path());
    build_c("generators/c/spinning_client.c", folder.path());

    let (rounds, seconds) =
        if args.quick { (1, 1) } else { (args.rounds.get(), args.seconds.get()) };
    let bench = Bench {
        server,
        time: Duration::from_secs(seconds),
        server_cpu: conditions.server_cpu,
        client_cpu: conditions.client_cpu,
        folder: folder.path(),
    };
    let all = peers::all()?;
    let (mut present, mut clients, mut skipped) = (Vec::new(), Vec::new(), Vec::new());
    for peer in wanted(&args, &all)? {
        let Peer { name, unchecked, .. } = peer;
        match peer.presence(folder.path())? {
            Presence::Here(version) => {
                clients.push(Client { name: name.clone(), version, unchecked: unchecked.clone() });
                present.push(peer);
            }
            Presence::Absent(why) => skipped.push(format!("{name}: {why}")),
        }
    }
    let works = works(&args, &bench, &all)?;
    let mut runs = Vec::new();
    for round in 0..rounds {
        eprintln!("generators: round {} of {rounds}", round + 1);
        runs.extend(bench.round(round, &works, &turned(&present, round as usize), &mut skipped)?);
    }
    let record = Record {
        conditions: conditions.end(),
        server: server.to_string(),
        rounds,
        seconds,
        quick: args.quick,
        clients,
        skipped,
        replies: claims::replies(&runs),
        verdicts: if args.quick { Vec::new() } else { claims::judge(&runs) },
        runs,
    };
    publish(&report::text(&record), &record, &args.common)?;
    Ok(report::exit_code(&record))
}

fn has_nginx() -> bool {
    Command::new("nginx").arg("-v").stderr(Stdio::null()).status().is_ok()
}

fn wanted<'a>(args: &Args, all: &'a [Peer]) -> Result<Vec<&'a Peer>> {
    for name in &args.client {
        ensure!(all.iter().any(|peer| peer.name == *name), "there is no generator {name}");
    }
    let is_wanted = |peer: &&Peer| {
        if args.claims {
            return SIDES.contains(&&*peer.name);
        }
        args.client.is_empty() || args.client.contains(&peer.name)
    };
    Ok(all.iter().filter(is_wanted).collect())
}

/// The generators that a claim is about, then the others; each group is rotated by this many.
fn turned<'a>(peers: &[&'a Peer], by: usize) -> Vec<&'a Peer> {
    let (mut sides, mut others): (Vec<&Peer>, Vec<&Peer>) =
        peers.iter().partition(|peer| SIDES.contains(&&*peer.name));
    for group in [&mut sides, &mut others] {
        let length = group.len().max(1);
        group.rotate_left(by % length);
    }
    sides.extend(others);
    sides
}

fn works(args: &Args, bench: &Bench, all: &[Peer]) -> Result<Vec<Work>> {
    let kinds = ["closed", "open", "connection-per-request"];
    for kind in &args.works {
        ensure!(kinds.contains(&&**kind), "no kind of work {kind}: there is {}", kinds.join(", "));
    }
    let wanted = |kind: &str| args.works.is_empty() || args.works.iter().any(|k| k == kind);
    if args.quick {
        let connections = QUICK_CONNECTIONS;
        let works = [
            Work::Closed { connections },
            Work::Open { connections, rate_per_s: QUICK_RATE_PER_S },
            Work::ConnectionPerRequest { connections },
        ];
        return Ok(kinds.iter().zip(works).filter(|(k, _)| wanted(k)).map(|it| it.1).collect());
    }
    let mut works = Vec::new();
    let [connections, _] = CONNECTIONS;
    if wanted("closed") {
        works.extend(CONNECTIONS.map(|connections| Work::Closed { connections }));
    }
    if wanted("open") {
        // Half of what ours reaches in a closed loop.
        let ours = all.iter().find(|peer| peer.name == OURS).context("ours is in the table")?;
        let capacity = bench.run(ours, Work::Closed { connections }, 0)?.told.requests_per_s;
        // Rounded up to whole thousands. `ns` only turns the number into an integer.
        let half = ns(Duration::from_secs_f64(capacity / 2.0 / 1e9));
        works.push(Work::Open { connections, rate_per_s: half.div_ceil(1_000) * 1_000 });
    }
    if wanted("connection-per-request") {
        works.push(Work::ConnectionPerRequest { connections });
    }
    Ok(works)
}
