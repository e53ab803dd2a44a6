//! What a server's accounts cost it: all that a trial does for them within its measurement. The clocks of its
//! processes are looked at, which costs whoever looks; a server whose processes end with their clients also has
//! a control group, whose books the kernel keeps as it switches. And how long everything takes that is read
//! before and after.
//!
//! One server runs under one load, and its accounts are switched on and off in slices of a tenth of a second,
//! the two of a pair in random order. A ratio within a pair has little of what a machine does over minutes,
//! and hundreds of pairs make its mean as sure as is asked. The claim is reported, not enforced.

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

/// With the accounts on, CPU for each request may be so many times what it is without.
const CLAIM: f64 = 1.01;
/// One process, several, a thread for each client, and a process that ends with it.
const MODELS: [&str; 4] = ["epoll", "prefork", "thread-per-client", "fork"];

/// What a server's accounts cost.
#[derive(Debug, Parser)]
#[command(name = "accounts")]
struct Args {
    /// Slices of each model, half of them with the accounts
    #[arg(long, default_value = "800", value_name = "N")]
    slices: NonZeroU32,
    /// How long each of them is, in milliseconds
    #[arg(long, default_value = "100", value_name = "MS")]
    slice_ms: NonZeroU64,
    /// Of the order within pairs
    #[arg(long, default_value = "1", value_name = "N")]
    seed: u64,
    /// Also look for sockets beside so many connections in TIME_WAIT; 0 for not
    #[arg(long, default_value = "20000", value_name = "N")]
    time_wait: u64,
    /// Only these models, by name, separated by commas
    #[arg(long, value_delimiter = ',')]
    models: Vec<String>,
    /// Put every model into a control group, also those whose trials do without: what that would cost
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
    /// Absent if it was not asked for.
    beside_time_wait: Option<Beside>,
}

/// One model.
#[derive(Serialize)]
struct Measured {
    model: &'static str,
    /// What is switched on and off.
    accounts: &'static str,
    requests_per_s: f64,
    /// CPU for each request, with the accounts over without.
    cpu: Option<Shown>,
    verdict: Verdict,
    /// Both kinds of looks, and moving between groups in the pause before a slice, if it was.
    looks: [Part; 3],
    /// What is read before and after a measurement.
    reading: Vec<Part>,
    pairs: Vec<Pair>,
}

/// A geometric mean of ratios, and where it may be at 95 %.
#[derive(Clone, Copy, Serialize)]
struct Shown {
    value: f64,
    low: f64,
    high: f64,
}

/// What the interval says of the claim.
#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Verdict {
    /// All of it is below.
    Proven,
    /// The claim is in it, or there are too few pairs.
    NotProven,
    /// All of it is above.
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
                        "accounts: {name} is left out: no control group can be made here: {why:#}"
                    );
                    continue;
                }
            },
        };
        eprintln!("accounts: {name}, {} slices of {} ms", args.slices, args.slice_ms);
        found.push(measure(&conditions, model, &books, &args).context(name)?);
    }
    // Last: what is in TIME_WAIT stays for a minute.
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
        "server CPU for each request with its accounts over without, geometric means of the pairs\n",
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
