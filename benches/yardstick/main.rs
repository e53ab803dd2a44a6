//! The project's claims of speed and memory, measured against minimal C programs.
//!
//! - counts: instructions and system calls per request, of every model and of the load generator with either
//!   engine. A busy machine does not change them. A model without a program in `c/` is counted without a claim
//! - times: server CPU per request and throughput of every model that has a program in `c/`, under our
//!   generator; the generator's CPU per echo compared with `c/epoll_client.c` and `c/uring_client.c`, all
//!   three with `c/epoll.c` as the server
//! - memory: bytes per idle connection of some event loops
//!
//! Times are measured in pairs: ours and theirs one right after the other, each with fresh processes, the
//! server on the first processor and the client on the second. Only the ratio within a pair is compared,
//! because absolute figures drift with the machine.
//!
//! It does not use criterion: the measured code runs in other processes, and the unit is a pair.

mod claims;
mod conformance;
mod counts;
mod memory;
mod references;
mod report;
mod stepper;
#[path = "../support/mod.rs"]
mod support;
mod times;
mod tools;

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, ensure};
use c10k::accounts;
use clap::Parser;
use serde::Serialize;
use servers::models;

use counts::Counted;
use memory::Idle;
use report::Verdict;
use support::conditions::{Common, Conditions, Output, publish_to};
use times::Pair;
use tools::{Against, C_CLIENTS, Subject, Tools};

/// Measures the project's claims of speed and memory against minimal C; without a command, all of them.
///
/// The exit code is 0 if all requested claims hold, 1 if one does not, and 4 if one could not be judged here.
#[derive(Debug, Parser)]
#[command(name = "yardstick", args_conflicts_with_subcommands = true)]
struct Args {
    #[command(subcommand)]
    part: Option<Part>,
    #[command(flatten)]
    what: What,
    #[command(flatten)]
    common: Common,
}

/// One part of the benchmark.
#[derive(Debug, clap::Subcommand)]
enum Part {
    /// Instructions and system calls per request, which a busy machine does not change
    Counts {
        /// Compare this build with another one instead of C; the limit is 1 % more
        #[arg(long, value_name = "PATH")]
        program: Option<PathBuf>,
        /// Only these models, by name, separated by commas, and `generator` for the load generator
        #[arg(long, value_delimiter = ',')]
        models: Vec<String>,
        #[command(flatten)]
        output: Output,
    },
    /// CPU per request and throughput, in pairs; needs a machine that does nothing else
    Times {
        #[command(flatten)]
        what: What,
        #[command(flatten)]
        output: Output,
    },
    /// Memory per idle connection
    Memory {
        #[command(flatten)]
        output: Output,
    },
}

#[derive(Clone, Debug, clap::Args)]
struct What {
    /// How often each pair is measured
    #[arg(long, default_value = "25", value_name = "N")]
    rounds: NonZeroU32,
    /// Only these models, by name, separated by commas, and `generator` for the load generator;
    /// leaves memory out
    #[arg(long, value_delimiter = ',')]
    models: Vec<String>,
}

/// What `--models` calls the load generator.
const GENERATOR: &str = "generator";

/// Which parts to measure.
#[derive(Clone, Copy, Debug)]
struct Parts {
    counts: bool,
    times: bool,
    memory: bool,
}

/// What `--json` writes.
#[derive(Serialize)]
struct Record {
    #[serde(flatten)]
    conditions: Conditions,
    /// What the tables call the other side.
    #[serde(skip)]
    against: &'static str,
    /// The other build of this program, if ours is compared with one.
    program: Option<String>,
    cc: Option<String>,
    cc_flags: Vec<String>,
    connections: usize,
    rounds: u32,
    cpu_method: &'static str,
    verdicts: Vec<Verdict>,
    skipped: Vec<String>,
    counts: Vec<Counted>,
    pairs: Vec<Pair>,
    memory: Vec<Idle>,
}

fn main() -> Result<ExitCode> {
    let args = Args::parse();
    let all = args.what.models.is_empty();
    let (parts, what, program, output) = match args.part {
        None => {
            let parts = Parts { counts: true, times: true, memory: all };
            let begun = Conditions::begin("yardstick", 3, &args.common)?;
            let Some(conditions) = begun else { return Ok(ExitCode::SUCCESS) };
            return measure(conditions, parts, &args.what, None, &args.common.output);
        }
        Some(Part::Counts { program, models, output }) => {
            let parts = Parts { counts: true, times: false, memory: false };
            (parts, What { rounds: args.what.rounds, models }, program, output)
        }
        Some(Part::Times { what, output }) => {
            (Parts { counts: false, times: true, memory: false }, what, None, output)
        }
        Some(Part::Memory { output }) => {
            (Parts { counts: false, times: false, memory: true }, args.what, None, output)
        }
    };
    let processors = if parts.times { 2 } else { 1 };
    let Some(conditions) = Conditions::here("yardstick", 3, processors)? else {
        // The part was requested by name, so it counts as not judged.
        return Ok(ExitCode::from(4));
    };
    measure(conditions, parts, &what, program, &output)
}

fn measure(
    conditions: Conditions,
    parts: Parts,
    what: &What,
    program: Option<PathBuf>,
    output: &Output,
) -> Result<ExitCode> {
    let subjects = wanted(&what.models)?;
    let against_c = program.is_none();
    let cc = if against_c { tools::compiler() } else { None };
    let other = program.as_ref().map(|path| path.display().to_string());
    let against = program.map_or_else(Against::c, Against::program)?;
    let tools = Tools::new(against, conditions.server_cpu, conditions.client_cpu);
    let mut found = Found::default();
    let compared: Vec<_> = if parts.counts || parts.times {
        let present = subjects.iter().filter(|subject| found.is_there(&tools, **subject));
        present.copied().collect()
    } else {
        Vec::new()
    };
    if parts.counts {
        found.count(&tools, &compared);
    }
    let has_opponent = |subject: &Subject| tools.opponent(*subject).is_some();
    let timed: Vec<_> =
        compared.into_iter().filter(|subject| parts.times && has_opponent(subject)).collect();
    found.measure(&tools, &timed, parts, what.rounds.get())?;
    let named: Vec<_> =
        subjects.into_iter().map(|subject| (subject, tools.opponent(subject))).collect();
    let mut verdicts = Vec::new();
    if parts.counts {
        verdicts.extend(report::of_counts(&named, &found.counts, against_c));
    }
    if parts.times {
        verdicts.extend(report::of_times(&named, &found.pairs));
    }
    if parts.memory {
        verdicts.extend(report::of_memory(&found.memory));
    }
    let Found { counts, pairs, memory, mut skipped } = found;
    let alone = named.iter().filter(|(_, against)| against.is_none());
    skipped.extend(alone.map(|(subject, _)| {
        format!("{}: no C program has its shape, so there is no claim", subject.name())
    }));
    let record = Record {
        conditions: conditions.end(),
        against: if against_c { "C" } else { "other" },
        program: other,
        cc,
        cc_flags: support::process::CC_FLAGS.map(String::from).to_vec(),
        connections: references::CONNECTIONS,
        rounds: what.rounds.get(),
        cpu_method: accounts::METHOD,
        verdicts,
        skipped,
        counts,
        pairs,
        memory,
    };
    publish_to(&report::text(&record, parts), &record, output)?;
    Ok(report::exit_code(&record.verdicts))
}

/// What was measured, and what was skipped and why.
#[derive(Default)]
struct Found {
    counts: Vec<Counted>,
    pairs: Vec<Pair>,
    memory: Vec<Idle>,
    skipped: Vec<String>,
}

impl Found {
    /// Whether both sides of a comparison can run.
    fn is_there(&mut self, tools: &Tools, subject: Subject) -> bool {
        let checked = tools.check(subject);
        if let Err(why) = &checked {
            self.skipped.push(format!("{}: not judged: {why:#}", subject.name()));
        }
        checked.is_ok()
    }

    /// Counts every subject. A failure is recorded, and the others go on.
    fn count(&mut self, tools: &Tools, subjects: &[Subject]) {
        for subject in subjects {
            eprintln!("yardstick: counting {}", subject.name());
            match counts::count(tools, *subject) {
                Ok(counted) => self.counts.push(counted),
                Err(why) => {
                    self.skipped.push(format!("{}: not counted: {why:#}", subject.name()));
                }
            }
        }
    }

    /// Measures all pairs of all rounds, and memory in the first few rounds. A pair that fails is
    /// recorded, and the others go on.
    fn measure(
        &mut self,
        tools: &Tools,
        subjects: &[Subject],
        parts: Parts,
        rounds: u32,
    ) -> Result<()> {
        for round in 0..rounds {
            if subjects.is_empty() && round >= memory::ROUNDS_MAX {
                break;
            }
            if parts.times {
                eprintln!("yardstick: round {} of {rounds}", round + 1);
            }
            for subject in subjects {
                match times::pair(tools, *subject, round) {
                    Ok(pair) => self.pairs.push(pair),
                    Err(error) => {
                        let name = subject.name();
                        self.skipped.push(format!("{name}: round {}: {error:#}", round + 1));
                    }
                }
            }
            if round < memory::ROUNDS_MAX && parts.memory {
                memory::round(tools.server_cpu, round, &mut self.memory, &mut self.skipped)?;
            }
        }
        Ok(())
    }
}

/// The subjects with these names, or all.
fn wanted(only: &[String]) -> Result<Vec<Subject>> {
    for name in only {
        let known = name == GENERATOR || models::find(name).is_some();
        ensure!(known, "no model {name}: `c10k models` lists them");
    }
    let wanted = |model: &str| only.is_empty() || only.iter().any(|name| name == model);
    let generators = C_CLIENTS.into_iter().filter(|_| wanted(GENERATOR));
    let servers = references::all().filter(|reference| wanted(reference.model));
    let generators = generators.map(|(engine, program)| Subject::Generator(engine, program));
    Ok(generators.chain(servers.map(Subject::Server)).collect())
}
