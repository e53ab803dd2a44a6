//! The project's own claims of speed, measured against the least that C can do.
//!
//! - the load generator: CPU for each echo, with epoll against `c/epoll_client.c` and with io_uring
//!   against `c/uring_client.c`, all under `c/epoll.c`
//! - every model that has a program in `c/` of its own shape: server CPU for each request and
//!   throughput, both under our generator
//! - memory for each idle connection of the models that keep one in a few hundred bytes
//!
//! What is compared is measured in pairs, one right after the other, each with fresh processes,
//! the server on the first processor and the client on the second, and it is the ratio within a
//! pair that counts: absolute figures drift with the machine. Claims are reported, not enforced.
//!
//! Not criterion: what is measured happens in other processes, and a pair is the unit.

mod conformance;
mod measure;
mod memory;
mod references;
mod report;
#[path = "../support/mod.rs"]
mod support;

use std::num::NonZeroU32;
use std::sync::atomic::AtomicBool;

use anyhow::{Result, ensure};
use c10k::accounts;
use clap::Parser;
use serde::Serialize;
use servers::models;

use measure::{C_CLIENTS, Pair, Subject, Tools};
use memory::Idle;
use references::REFERENCES;
use report::Verdict;
use support::conditions::{self, Common, Conditions, publish};

/// The project's own claims of speed, measured against minimal C.
#[derive(Debug, Parser)]
#[command(name = "yardstick")]
struct Args {
    /// How often each pair is measured
    #[arg(long, default_value = "11", value_name = "N")]
    rounds: NonZeroU32,
    /// Only these models, by name, separated by commas, and `generator` for the load generator;
    /// without memory
    #[arg(long, value_delimiter = ',')]
    models: Vec<String>,
    #[command(flatten)]
    common: Common,
}

/// What `--models` calls the load generator.
const GENERATOR: &str = "generator";

/// Nobody stops a load here: an interrupt ends this program, and its children with it.
static NEVER: AtomicBool = AtomicBool::new(false);

/// What `--json` writes.
#[derive(Serialize)]
struct Record {
    #[serde(flatten)]
    conditions: Conditions,
    cc: String,
    cc_flags: Vec<String>,
    connections: usize,
    rounds: u32,
    cpu_method: &'static str,
    verdicts: Vec<Verdict>,
    skipped: Vec<String>,
    pairs: Vec<Pair>,
    memory: Vec<Idle>,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let begun = Conditions::begin("yardstick", 2, &args.common)?;
    let Some(conditions) = begun else { return Ok(()) };
    let Some(cc) = measure::compiler() else {
        return conditions::skip(
            "yardstick",
            "there is no C compiler (cc) to build what it compares with",
        );
    };
    let tools = Tools::build(conditions.server_cpu, conditions.client_cpu, &NEVER)?;
    let (subjects, mut skipped) = subjects(&tools, &args.models)?;
    let (pairs, idle) = measure_all(&tools, &subjects, &args, &mut skipped)?;
    let record = Record {
        conditions: conditions.end(),
        cc,
        cc_flags: support::process::CC_FLAGS.map(String::from).to_vec(),
        connections: references::CONNECTIONS,
        rounds: args.rounds.get(),
        cpu_method: accounts::METHOD,
        verdicts: report::verdicts(&subjects, &pairs, &idle),
        skipped,
        pairs,
        memory: idle,
    };
    publish(&report::text(&record), &record, &args.common)
}

/// All pairs of all rounds, and memory in the first of them. A pair that fails is named, and the
/// others go on.
fn measure_all(
    tools: &Tools<'_>,
    subjects: &[Subject],
    args: &Args,
    skipped: &mut Vec<String>,
) -> Result<(Vec<Pair>, Vec<Idle>)> {
    let (mut pairs, mut idle) = (Vec::new(), Vec::new());
    let rounds = args.rounds.get();
    for round in 0..rounds {
        eprintln!("yardstick: round {} of {rounds}", round + 1);
        for subject in subjects {
            match tools.pair(*subject, round) {
                Ok(pair) => pairs.push(pair),
                Err(error) => {
                    skipped.push(format!("{}: round {}: {error:#}", subject.name(), round + 1));
                }
            }
        }
        if round < memory::ROUNDS_MAX && args.models.is_empty() {
            memory::round(tools.server_cpu, round, &mut idle, skipped)?;
        }
    }
    Ok((pairs, idle))
}

/// What is compared, of these models or of all, and what is not and why.
fn subjects(tools: &Tools<'_>, only: &[String]) -> Result<(Vec<Subject>, Vec<String>)> {
    for name in only {
        let known = models::find(name).is_some()
            || name == GENERATOR
            || REFERENCES.iter().any(|r| r.model == *name);
        ensure!(known, "no model {name}");
    }
    let wanted = |model: &str| only.is_empty() || only.iter().any(|name| name == model);
    let (mut subjects, mut skipped) = (Vec::new(), Vec::new());
    for (engine, program) in C_CLIENTS.into_iter().filter(|_| wanted(GENERATOR)) {
        let subject = Subject::Generator(engine, program);
        match tools.check_generator(engine, program) {
            Ok(()) => subjects.push(subject),
            Err(why) => skipped.push(format!("{}: skipped: {why:#}", subject.name())),
        }
    }
    for reference in REFERENCES.iter().filter(|reference| wanted(reference.model)) {
        match reference.probe().and_then(|()| tools.check(reference)) {
            Ok(()) => subjects.push(Subject::Server(reference)),
            Err(why) => skipped.push(format!("server {}: skipped: {why:#}", reference.model)),
        }
    }
    let without = references::without().filter(|model| wanted(model));
    skipped.extend(without.map(|model| format!("server {model}: skipped: no C program for it")));
    Ok((subjects, skipped))
}
