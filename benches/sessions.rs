//! A million sessions in one table, for every layout of its locks: the memory of an idle session, and
//! the time of a step among so many sessions.
//!
//! Each table has a process of its own. The growth of that process's resident memory is the memory of
//! the sessions. It does not use criterion: a table fills only once.

#[path = "support/conditions.rs"]
#[allow(dead_code, reason = "this benchmark has no second process to pin")]
mod conditions;

use std::fmt::Write as _;
use std::num::NonZeroUsize;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use c10k::units::{as_f64, ns};
use clap::Parser;
use protocol::state::{Add, Reference, Store};
use serde::{Deserialize, Serialize};
use servers::Lock;
use servers::state::table::Table;

use conditions::{Common, Conditions, publish};

const NAME: &str = "sessions";
/// Steps on the full table, spread over all sessions.
const STEPS: usize = 200_000;

/// A million sessions in one table, for every layout of its locks.
#[derive(Debug, Parser)]
#[command(name = NAME)]
struct Args {
    /// Sessions in the table
    #[arg(long, default_value = "1000000", value_name = "N")]
    sessions: NonZeroUsize,
    /// Bytes of history per session: several values, separated by commas, make several tables
    #[arg(long, default_value = "0,1024", value_delimiter = ',', value_name = "BYTES")]
    history: Vec<usize>,
    /// Fill one table in this process
    #[arg(long, hide = true)]
    one: Option<String>,
    #[command(flatten)]
    common: Common,
}

/// What `--json` writes.
#[derive(Serialize)]
struct Record {
    #[serde(flatten)]
    conditions: Conditions,
    memory_method: &'static str,
    tables: Vec<Held>,
}

/// The figures of one table.
#[derive(Debug, Serialize, Deserialize)]
struct Held {
    lock: String,
    sessions: usize,
    history_bytes: usize,
    rss_before_bytes: u64,
    rss_after_bytes: u64,
    bytes_per_session: f64,
    /// Mean time to begin a session, while the table grows.
    begin_ns: f64,
    /// Mean time of a step of a random session in the full table.
    step_ns: f64,
}

fn main() -> Result<()> {
    let args = Args::parse();
    if let Some(lock) = &args.one {
        let history = args.history.first().copied().unwrap_or(0);
        let held = hold(lock, args.sessions.get(), history)?;
        return c10k::print(&serde_json::to_string(&held)?);
    }
    let Some(conditions) = Conditions::begin(NAME, 1, &args.common)? else {
        return Ok(());
    };
    let mut tables = Vec::new();
    for history in &args.history {
        for (lock, _) in Lock::ALL {
            tables.push(in_a_process(lock, args.sessions, *history)?);
        }
    }
    let memory_method = "resident memory of the process, /proc/self/statm";
    let record = Record { conditions: conditions.end(), memory_method, tables };
    publish(&text(&record), &record, &args.common)
}

fn in_a_process(lock: &str, sessions: NonZeroUsize, history: usize) -> Result<Held> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["--one", lock, "--sessions", &sessions.to_string()]);
    let output = command.args(["--history", &history.to_string()]).output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{lock} with {history} bytes of history: {said}");
    serde_json::from_slice(&output.stdout).context("the process printed no figures")
}

fn hold(name: &str, sessions: usize, history: usize) -> Result<Held> {
    let (_, lock) = Lock::ALL.into_iter().find(|(n, _)| *n == name).context("no such layout")?;
    let table = Table::new(lock, history / 8, sessions, Duration::from_secs(36_000));
    let mut ids = vec![0_u64; sessions];
    // Touch every page, so that `before` includes this vector.
    ids.iter_mut().enumerate().for_each(|(at, id)| *id = at as u64);
    let before = resident()?;
    let started = Instant::now();
    for id in &mut ids {
        *id = step(&table, 1, None)?;
    }
    let begin_ns = as_f64(ns(started.elapsed())) / as_f64(sessions as u64);
    let after = resident()?;
    ensure!(table.live() == sessions, "{} of {sessions} sessions are live", table.live());
    let mut random = fastrand::Rng::with_seed(1);
    let mut steps = vec![1_u32; sessions];
    let started = Instant::now();
    for _ in 0..STEPS {
        let at = random.usize(..sessions);
        steps[at] += 1;
        step(&table, steps[at], Some(ids[at]))?;
    }
    let step_ns = as_f64(ns(started.elapsed())) / as_f64(STEPS as u64);
    let bytes_per_session = as_f64(after.saturating_sub(before)) / as_f64(sessions as u64);
    Ok(Held {
        lock: name.into(),
        sessions,
        history_bytes: history,
        rss_before_bytes: before,
        rss_after_bytes: after,
        bytes_per_session,
        begin_ns,
        step_ns,
    })
}

/// Makes a step with a reference as in a request. Returns the session's number.
fn step(table: &Table, step: u32, id: Option<u64>) -> Result<u64> {
    let reference = id.map_or_else(|| "-".to_string(), |id| format!("{id:016x}"));
    let add = Add { step, steps: 1_000_000, n: 5, reference: reference.as_bytes() };
    match table.add(&add, &mut None).map(|added| added.reference) {
        Ok(Reference::Id(id)) => Ok(id),
        other => anyhow::bail!("step {step} returned {other:?}"),
    }
}

fn resident() -> Result<u64> {
    let statm = std::fs::read_to_string("/proc/self/statm")?;
    let pages: u64 = statm.split(' ').nth(1).context("no resident pages")?.parse()?;
    Ok(pages * rustix::param::page_size() as u64)
}

fn text(record: &Record) -> String {
    let mut text = String::new();
    for held in &record.tables {
        let Held { lock, sessions, history_bytes, bytes_per_session, begin_ns, step_ns, .. } = held;
        let _ = writeln!(
            text,
            "{lock:>8}, {sessions} sessions of {history_bytes} bytes of history: {bytes_per_session:.0} \
             bytes each, {begin_ns:.0} ns to begin one, {step_ns:.0} ns for a step among them all"
        );
    }
    text + &record.conditions.text()
}
