//! Ten thousand connections: whether each model holds them, how much memory they take, how fast they
//! come and go, and whether idle ones slow down the others.
//!
//! Four parts for every model, each with a fresh server on the first processor and the client on the
//! second:
//!
//! - `memory`: connections are opened and stay idle, then send one request each; how much memory the
//!   server's processes and the kernel have taken for them
//! - `live`: all of them send one request per second, and every reply is checked
//! - `churn`: connect, one request, its reply, close
//! - `idle`: server CPU per request of a few active connections beside none, 1,000 and all
//!
//! A part that cannot run or fails is recorded by name with its reason, and the others go on.
//!
//! It does not use criterion: the measured code runs in other processes, and most of it only once.

mod bare;
mod churn;
mod holder;
mod idle;
mod kernel;
mod live;
mod memory;
mod report;
mod subject;
#[path = "../support/mod.rs"]
mod support;

use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use c10k::{accounts, units};
use clap::Parser;
use serde::Serialize;
use servers::{MODELS, Model, models};

use bare::Bare;
use subject::Subject;
use support::conditions::{Common, Conditions, publish};

/// Measures every model with ten thousand connections.
#[derive(Debug, Parser)]
#[command(name = "scale")]
struct Args {
    /// Connections, live and idle
    #[arg(long, default_value = "10000", value_name = "N")]
    connections: NonZeroUsize,
    /// Only these models, by name, separated by commas
    #[arg(long, value_delimiter = ',')]
    models: Vec<String>,
    /// How long each measurement lasts
    #[arg(long, default_value = "1", value_name = "S", value_parser = seconds)]
    seconds: Duration,
    /// How often the cost beside idle connections is measured
    #[arg(long, default_value = "3", value_name = "N")]
    rounds: NonZeroU32,
    /// Be the server that only holds this many connections
    #[arg(long, hide = true)]
    bare: Option<usize>,
    #[command(flatten)]
    common: Common,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "write seconds, as in 2 or 0.5".to_string())?;
    let duration = Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())?;
    if duration.is_zero() { Err("must be above 0".into()) } else { Ok(duration) }
}

/// What `--json` writes.
#[derive(Serialize)]
struct Record {
    #[serde(flatten)]
    conditions: Conditions,
    system_limits: String,
    connections: usize,
    active: usize,
    measure_ns: u64,
    rounds: u32,
    interrupted: bool,
    cpu_method: &'static str,
    kernel_method: &'static str,
    churn_method: &'static str,
    /// Both ends of connections to a process that only holds them.
    bare: Bare,
    models: Vec<Figures>,
}

/// The results of one model.
#[derive(Serialize)]
struct Figures {
    model: &'static str,
    family: &'static str,
    memory: Part<memory::Capacity>,
    live: Part<live::Live>,
    churn: Part<churn::Churn>,
    idle: Part<Vec<idle::Level>>,
}

/// One part of a model's figures, or why there are none.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Part<T> {
    Measured(T),
    Failed { reason: String },
}

impl<T> Part<T> {
    fn from_result(result: Result<T>) -> Self {
        match result {
            Ok(figures) => Self::Measured(figures),
            Err(error) => Self::Failed { reason: format!("{error:#}") },
        }
    }

    fn measured(&self) -> Option<&T> {
        match self {
            Self::Measured(figures) => Some(figures),
            Self::Failed { .. } => None,
        }
    }

    fn reason(&self) -> Option<&str> {
        match self {
            Self::Measured(_) => None,
            Self::Failed { reason } => Some(reason),
        }
    }
}

fn main() -> Result<()> {
    let args = Args::parse();
    if let Some(connections) = args.bare {
        return bare::serve(connections);
    }
    let begun = Conditions::begin("scale", 1, &args.common)?;
    let Some(conditions) = begun else { return Ok(()) };
    let Conditions { server_cpu, client_cpu, .. } = conditions;
    let models = chosen(&args.models)?;
    let connections = affordable(args.connections.get());
    let stop = c10k::interrupts()?;
    eprintln!("scale: connections to a process that only holds them");
    let bare = bare::measure(connections, server_cpu, &stop)?;
    let subject =
        |model| Subject { model, server_cpu, client_cpu, measure: args.seconds, stop: &stop };
    let figures = models
        .into_iter()
        .map(|model| figures(&subject(model), connections, args.rounds.get(), &bare));
    let figures = figures.collect();
    let record = Record {
        conditions: conditions.end(),
        system_limits: memory::system_limits(),
        connections,
        active: subject::ACTIVE,
        measure_ns: units::ns(args.seconds),
        rounds: args.rounds.get(),
        interrupted: stop.load(Ordering::Relaxed),
        cpu_method: accounts::METHOD,
        kernel_method: kernel::METHOD,
        churn_method: "the client closes first, with a reset (SO_LINGER of zero)",
        bare,
        models: figures,
    };
    publish(&report::text(&record), &record, &args.common)
}

/// The models of these names, or all.
fn chosen(names: &[String]) -> Result<Vec<&'static Model>> {
    if names.is_empty() {
        return Ok(MODELS.iter().collect());
    }
    let find = |name: &String| models::find(name).with_context(|| format!("no model {name}"));
    names.iter().map(find).collect()
}

/// As many connections as this process has descriptors for.
fn affordable(asked: usize) -> usize {
    let limit = support::raise_descriptor_limit();
    let room = limit.saturating_sub(subject::ACTIVE + support::DESCRIPTORS_RESERVED);
    if room < asked {
        eprintln!(
            "scale: {room} connections instead of {asked}: this process may open only {limit} \
             descriptors; raise the hard limit (ulimit -n)"
        );
    }
    asked.min(room)
}

/// Measures one model. A part that fails does not affect the others, except that `live` and `idle` need
/// the number of connections that `memory` found.
fn figures(subject: &Subject<'_>, connections: usize, rounds: u32, bare: &Bare) -> Figures {
    let name = subject.model.name;
    let begin = |part: &str| -> Result<()> {
        ensure!(!subject.is_stopped(), "not run: interrupted");
        (subject.model.probe)().map_err(|why| anyhow::anyhow!("it cannot run here: {why}"))?;
        eprintln!("scale: {name}: {part}");
        Ok(())
    };
    let memory = begin("memory").and_then(|()| memory::measure(subject, connections, bare));
    let held = memory.as_ref().map(|capacity| capacity.served).map_err(|error| {
        format!("not run, because the number of connections that it holds is unknown: {error:#}")
    });
    let of_held = |part: &str| -> Result<usize> {
        begin(part)?;
        held.clone().map_err(anyhow::Error::msg)
    };
    let live = of_held("live").and_then(|held| live::measure(subject, held));
    let churn = begin("churn").and_then(|()| churn::measure(subject));
    let idle = of_held("idle").and_then(|held| idle::measure(subject, (connections, held), rounds));
    Figures {
        model: name,
        family: subject.model.family.name(),
        memory: Part::from_result(memory),
        live: Part::from_result(live),
        churn: Part::from_result(churn),
        idle: Part::from_result(idle),
    }
}
