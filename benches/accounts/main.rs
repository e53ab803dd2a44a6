//! What a server's accounts cost it: everything that a trial does for them within its measurement. A trial reads
//! the CPU clocks of the server's processes, which takes time. A server whose processes end with their clients
//! also has a control group, for which the kernel counts at every switch. The benchmark also measures how long
//! everything takes that a trial reads before and after its measurement.
//!
//! One server runs under one load, and its accounts are switched on and off in slices of a tenth of a second.
//! The two slices of a pair have a random order. Slow changes of the machine hardly affect a ratio within a
//! pair, and hundreds of pairs make its mean precise enough. The claim is reported, not enforced.

mod reading;
mod slices;
#[path = "../support/mod.rs"]
mod support;

use std::fmt::Write as _;
use std::num::{NonZeroU32, NonZeroU64};
use std::time::Duration;

use anyhow::{Context, Result};
use c10k::accounts::{self, Group};
use c10k::statistics::ratio;
use c10k::units::{show_count, show_ns_f64};
use clap::Parser;
use serde::Serialize;
use servers::{Model, models};

use reading::{Beside, Part};
use slices::{Books, CONNECTIONS, Pair, Switch};
use support::conditions::{Common, Conditions, publish};
use support::process::ServerProcess;

/// The claim: CPU per request with the accounts is less than this multiple of that without.
const CLAIM: f64 = 1.01;
/// One process, several processes, a thread for each client, and a process for each client.
const MODELS: [&str; 4] = ["epoll", "prefork", "thread-per-client", "fork"];

/// Measures what a server's accounts cost it.
#[derive(Debug, Parser)]
#[command(name = "accounts")]
struct Args {
    /// Slices of each model, half of them with the accounts
    #[arg(long, default_value = "800", value_name = "N")]
    slices: NonZeroU32,
    /// How long each slice is, in milliseconds
    #[arg(long, default_value = "100", value_name = "MS")]
    slice_ms: NonZeroU64,
    /// Seed of the random order within pairs
    #[arg(long, default_value = "1", value_name = "N")]
    seed: u64,
    /// Also time the search for sockets beside this many connections in TIME_WAIT; 0 turns it off
    #[arg(long, default_value = "20000", value_name = "N")]
    time_wait: u64,
    /// Only these models, by name, separated by commas
    #[arg(long, value_delimiter = ',')]
    models: Vec<String>,
    /// Put every model into a control group, even those whose trials use none
    #[arg(long)]
    group: bool,
    #[command(flatten)]
    common: Common,
}

/// What `--json` writes.
#[derive(Serialize)]
struct Record {
    #[serde(flatten)]
    conditions: Conditions,
    connections: usize,
    slices: u32,
    slice_ms: u64,
    seed: u64,
    cpu_method: &'static str,
    claim: f64,
    models: Vec<Measured>,
    /// Absent with `--time-wait 0`.
    beside_time_wait: Option<Beside>,
}

/// The results of one model.
#[derive(Serialize)]
struct Measured {
    model: &'static str,
    /// What is switched on and off.
    accounts: &'static str,
    requests_per_s: f64,
    /// CPU per request with the accounts, over that without.
    cpu: Option<Shown>,
    verdict: Verdict,
    /// Reading the clocks with and without the accounts, and moving the server between groups.
    looks: [Part; 3],
    /// The parts that a trial reads before and after its measurement.
    reading: Vec<Part>,
    pairs: Vec<Pair>,
}

/// A geometric mean of ratios, and its 95 % interval.
#[derive(Clone, Copy, Serialize)]
struct Shown {
    value: f64,
    low: f64,
    high: f64,
}

/// The verdict of the interval on the claim.
#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Verdict {
    /// The whole interval is below the limit.
    Proven,
    /// The limit is within the interval, or there are too few pairs.
    NotProven,
    /// The whole interval is above the limit.
    Refuted,
}

impl Verdict {
    fn from_cpu(cpu: Option<Shown>) -> Self {
        match cpu {
            Some(cpu) if cpu.high < CLAIM => Self::Proven,
            Some(cpu) if cpu.low > CLAIM => Self::Refuted,
            _ => Self::NotProven,
        }
    }

    const fn words(self) -> &'static str {
        match self {
            Self::Proven => "proven below 1 %",
            Self::NotProven => "not proven below 1 %: more slices make the interval narrower",
            Self::Refuted => "above 1 %",
        }
    }
}

fn main() -> Result<()> {
    let args = Args::parse();
    let begun = Conditions::begin("accounts", 2, &args.common)?;
    let Some(conditions) = begun else { return Ok(()) };
    let wanted: Vec<_> = match &args.models[..] {
        [] => MODELS.map(String::from).to_vec(),
        named => named.to_vec(),
    };
    let find = |name: &String| models::find(name).with_context(|| format!("no model {name}"));
    let wanted: Vec<_> = wanted.iter().map(find).collect::<Result<_>>()?;
    let mut found = Vec::new();
    for model in wanted {
        let name = model.name;
        // Before the server, so that it is dropped after it.
        let books = match args.group || model.process_per_client {
            false => Books::Clocks,
            true => match Group::make() {
                Ok(group) => Books::Group(group),
                Err(why) => {
                    eprintln!(
                        "accounts: {name} is left out: cannot make a control group here: {why:#}"
                    );
                    continue;
                }
            },
        };
        eprintln!("accounts: {name}, {} slices of {} ms", args.slices, args.slice_ms);
        found.push(measure(&conditions, model, &books, &args).context(name)?);
    }
    // Last, because connections stay in TIME_WAIT for a minute.
    let beside = (args.time_wait > 0).then(|| reading::beside(args.time_wait)).transpose()?;
    let record = Record {
        conditions: conditions.end(),
        connections: CONNECTIONS,
        slices: args.slices.get(),
        slice_ms: args.slice_ms.get(),
        seed: args.seed,
        cpu_method: accounts::METHOD,
        claim: CLAIM,
        models: found,
        beside_time_wait: beside,
    };
    publish(&text(&record), &record, &args.common)
}

fn measure(
    conditions: &Conditions,
    model: &'static Model,
    books: &Books,
    args: &Args,
) -> Result<Measured> {
    let server = ServerProcess::start_model(model.name, conditions.server_cpu)?;
    let switch = Switch { server: &server, model, books, conditions };
    let pairs = args.slices.get().div_ceil(2);
    let found = switch.measure(pairs, Duration::from_millis(args.slice_ms.get()), args.seed)?;
    let side = |of: fn(&Pair) -> f64| found.pairs.iter().map(of).collect::<Vec<_>>();
    let (on, off) = (side(|pair| pair.on_cpu_per_request_ns), side(|p| p.off_cpu_per_request_ns));
    let cpu = ratio::paired(&on, &off).map(|found| Shown {
        value: found.value,
        low: found.interval.low,
        high: found.interval.high,
    });
    Ok(Measured {
        model: model.name,
        accounts: match books {
            Books::Clocks => "a look at the clocks",
            Books::Group(_) => "a control group",
        },
        requests_per_s: found.requests_per_s,
        cpu,
        verdict: Verdict::from_cpu(cpu),
        looks: found.looks.map(Part::summed_up),
        reading: found.parts,
        pairs: found.pairs,
    })
}

fn text(record: &Record) -> String {
    let mut text = String::from(
        "server CPU per request with its accounts over that without, geometric means of the pairs\n",
    );
    for of in &record.models {
        let cpu = of.cpu.map_or("too few pairs".into(), |Shown { value, low, high }| {
            format!("{value:.4} [{low:.4}, {high:.4}]")
        });
        let Measured { model, accounts, requests_per_s, pairs, .. } = of;
        let without: Vec<_> = pairs.iter().map(|pair| pair.off_cpu_per_request_ns).collect();
        let without = c10k::statistics::median(&without).map_or("-".into(), show_ns_f64);
        let rate = show_count(*requests_per_s);
        let n = pairs.len();
        let _ = writeln!(
            text,
            "{model}, {accounts}: {cpu}: {}  ({n} pairs; without {without}, {rate}/s)",
            of.verdict.words()
        );
        for part in of.looks.iter().chain(&of.reading).filter(|part| part.ms.is_some()) {
            text += &part.text();
        }
    }
    if let Some(beside) = &record.beside_time_wait {
        let _ = writeln!(text, "beside {} connections in TIME_WAIT:", beside.time_waits);
        for part in &beside.parts {
            text += &part.text();
        }
    }
    text + &record.conditions.text()
}
