//! The classroom's systems at scale, compared with minimal C programs.
//!
//! - `chat`: a room of a thousand members of which a few send, for every model that has one: deliveries per second and
//!   the fan-out's p99, compared with `c/broadcast.c`, a minimal room over epoll
//! - `shell`: commands per second of a remote shell, compared with `c/spawn.c`, which starts the same program as often
//!   as it can
//! - `clock`: memory of ten thousand sessions of `clock` in every event loop, compared with as many of `bench`
//!
//! Both sides of a pair are measured one right after the other, each with fresh processes, the server on the first
//! processor and the client on the second. Figures are compared within a pair. Every claim has one of three answers.
//!
//! `--quick` only checks that everything works: few members, few sessions, one round, and no claim is judged. It runs
//! in any build.
//!
//! It does not use criterion: the measured code runs in other processes, and the unit is a pair.

mod chat;
mod clock;
mod comparison;
mod report;
mod setting;
mod shell;
#[path = "../support/mod.rs"]
mod support;

use std::num::NonZeroU32;
use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;
use serde::Serialize;

use comparison::{Comparison, Verdict};
use setting::{Found, Setting};
use support::conditions::{Common, Conditions, publish};

/// Measures the classroom's systems at scale against minimal C programs.
///
/// The exit code is 0 if all requested claims hold, 1 if one does not, and 4 if one could not be judged here.
#[derive(Debug, Parser)]
#[command(name = "classroom")]
struct Args {
    /// Only these parts, separated by commas
    #[arg(long, value_delimiter = ',', value_name = "chat,shell,clock")]
    parts: Vec<Part>,
    /// Only these models, by name, separated by commas
    #[arg(long, value_delimiter = ',')]
    models: Vec<String>,
    /// How often each pair is measured
    #[arg(long, default_value = "9", value_name = "N")]
    rounds: NonZeroU32,
    /// Only check that everything works, in seconds; no claim is judged
    #[arg(long)]
    quick: bool,
    #[command(flatten)]
    common: Common,
}

/// A part of the benchmark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    Chat,
    Shell,
    Clock,
}

/// What `--json` writes.
#[derive(Serialize)]
struct Record {
    #[serde(flatten)]
    conditions: Conditions,
    cc_flags: Vec<String>,
    rounds: u32,
    quick: bool,
    verdicts: Vec<Verdict>,
    comparisons: Vec<Comparison>,
    /// What was not measured, and why.
    skipped: Vec<String>,
}

/// Measures a part.
type Measure = fn(&Setting, &mut Found) -> Result<()>;

/// All parts, in order.
const PARTS: [(Part, Measure); 3] =
    [(Part::Chat, chat::measure), (Part::Shell, shell::measure), (Part::Clock, clock::measure)];

fn main() -> Result<ExitCode> {
    let args = Args::parse();
    let begun = if args.quick {
        Conditions::in_any_build("classroom", 1, &args.common)?
    } else {
        Conditions::begin("classroom", 1, &args.common)?
    };
    let Some(conditions) = begun else { return Ok(ExitCode::SUCCESS) };
    for name in &args.models {
        anyhow::ensure!(servers::models::find(name).is_some(), "there is no model {name}");
    }
    let setting = Setting {
        rounds: if args.quick { 1 } else { args.rounds.get() },
        quick: args.quick,
        models: args.models,
        server_cpu: conditions.server_cpu,
        client_cpu: conditions.client_cpu,
    };
    let wants = |part: Part| args.parts.is_empty() || args.parts.contains(&part);
    let mut found = Found::default();
    for (part, measure) in PARTS {
        if wants(part) {
            measure(&setting, &mut found)?;
        }
    }
    let Found { comparisons, skipped } = found;
    let verdicts: Vec<Verdict> =
        comparisons.iter().map(|comparison| comparison.verdict(setting.quick)).collect();
    let record = Record {
        conditions: conditions.end(),
        cc_flags: support::process::CC_FLAGS.map(String::from).to_vec(),
        rounds: setting.rounds,
        quick: setting.quick,
        verdicts,
        comparisons,
        skipped,
    };
    publish(&report::text(&record), &record, &args.common)?;
    Ok(report::exit_code(&record))
}
