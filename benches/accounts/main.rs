//! What reading a server's accounts costs the server and the load: the same model with the accounts on
//! (a control group of its own, everything that a trial reads around its measurement) and off (only the two
//! looks at a clock that every benchmark takes).
//!
//! Both sides of a pair are measured one right after the other with fresh processes, and it is the ratio
//! within a pair that counts. The claim is reported, not enforced.

#[path = "../support/mod.rs"]
mod support;

use std::fmt::Write as _;
use std::num::NonZeroU32;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::{Result, ensure};
use c10k::accounts::{self, Accountant, Group};
use c10k::machine::Ticks;
use c10k::statistics::ratio;
use c10k::units::{show_count, show_ns_f64};
use clap::Parser;
use loadgen::Arrivals;
use protocol::Request;
use serde::Serialize;
use servers::models;

use support::conditions::{Common, Conditions, publish};
use support::load::{Loop, cpu_per_request, rate};
use support::process::{Server, c10k};

/// With the accounts on, CPU for each request may be so many times what it is without, and throughput
/// without so many times what it is with.
const CLAIM: f64 = 1.01;
/// One process, several, and a thread for each client.
const MODELS: [&str; 3] = ["epoll", "prefork", "thread-per-client"];
const CONNECTIONS: usize = 50;
/// Load before measuring.
const WARMUP: Duration = Duration::from_millis(100);

/// Nobody stops a load here: an interrupt ends this program, and its children with it.
static NEVER: AtomicBool = AtomicBool::new(false);

/// What reading a server's accounts costs.
#[derive(Debug, Parser)]
#[command(name = "accounts")]
struct Args {
    /// How often each pair is measured
    #[arg(long, default_value = "21", value_name = "N")]
    rounds: NonZeroU32,
    /// How long each side of a pair is measured, in milliseconds
    #[arg(long, default_value = "1000", value_name = "MS")]
    measure: u64,
    /// Only these models, by name, separated by commas
    #[arg(long, value_delimiter = ',')]
    models: Vec<String>,
    #[command(flatten)]
    common: Common,
}

/// What `--json` writes.
#[derive(Serialize)]
struct Record {
    #[serde(flatten)]
    conditions: Conditions,
    connections: usize,
    rounds: u32,
    measure_ms: u64,
    cpu_method: &'static str,
    /// Whether servers with accounts had a control group; without, only the rest was measured.
    groups: bool,
    claim: f64,
    verdicts: Vec<Verdict>,
    pairs: Vec<Pair>,
}

/// One model with the accounts on and off.
#[derive(Serialize)]
struct Pair {
    model: String,
    round: u32,
    on_first: bool,
    on: Cost,
    off: Cost,
}

#[derive(Clone, Copy, Serialize)]
struct Cost {
    cpu_per_request_ns: f64,
    requests_per_s: f64,
}

/// All pairs of a model.
#[derive(Serialize)]
struct Verdict {
    model: String,
    /// CPU for each request, on over off.
    cpu: Option<Shown>,
    /// Requests a second, off over on.
    throughput: Option<Shown>,
    /// Whether neither ratio is above the claim.
    holds: Option<bool>,
}

/// A geometric mean of ratios, and where it may be at 95 %.
#[derive(Clone, Copy, Serialize)]
struct Shown {
    value: f64,
    low: f64,
    high: f64,
}

impl Shown {
    /// `None` of fewer than two pairs.
    fn of(of: &[f64], to: &[f64]) -> Option<Self> {
        let found = ratio::paired(of, to)?;
        Some(Self { value: found.value, low: found.interval.low, high: found.interval.high })
    }
}

fn main() -> Result<()> {
    let args = Args::parse();
    let begun = Conditions::begin("accounts", 1, &args.common)?;
    let Some(conditions) = begun else { return Ok(()) };
    let wanted: Vec<_> = match &args.models[..] {
        [] => MODELS.map(String::from).to_vec(),
        named => named.to_vec(),
    };
    for model in &wanted {
        ensure!(models::find(model).is_some(), "no model {model}");
    }
    let (rounds, measure) = (args.rounds.get(), Duration::from_millis(args.measure));
    let mut pairs = Vec::new();
    for round in 0..rounds {
        eprintln!("accounts: round {} of {rounds}", round + 1);
        for model in &wanted {
            let on_first = round % 2 == 0;
            let side = |on| measure_one(&conditions, model, measure, on);
            let first = side(on_first)?;
            let second = side(!on_first)?;
            let (on, off) = if on_first { (first, second) } else { (second, first) };
            pairs.push(Pair { model: model.clone(), round, on_first, on, off });
        }
    }
    let record = Record {
        conditions: conditions.end(),
        connections: CONNECTIONS,
        rounds,
        measure_ms: args.measure,
        cpu_method: accounts::METHOD,
        groups: Group::make().is_ok(),
        claim: CLAIM,
        verdicts: wanted.iter().map(|model| verdict(model, &pairs)).collect(),
        pairs,
    };
    publish(&text(&record), &record, &args.common)
}

fn measure_one(conditions: &Conditions, model: &str, measure: Duration, on: bool) -> Result<Cost> {
    let mut command = c10k();
    command.args(["serve", "--stop-with-parent", "--listen", "127.0.0.1:0", "--model", model]);
    // Before the server, so that it is dropped after it.
    let group = on.then(Group::make).and_then(Result::ok);
    if let Some(group) = &group {
        group.admit(&mut command)?;
    }
    let server = Server::start(&mut command, conditions.server_cpu)?;
    let mut watchers = on.then(|| {
        (Accountant::of(server.process.pid()).listening_on(server.address), Ticks::begin())
    });
    let load = Loop {
        arrivals: Arrivals::Closed,
        target: server.address,
        pid: server.process.pid(),
        connections: CONNECTIONS,
        request: Request::Echo { bytes: 64 },
        warmup: WARMUP,
        measure,
        client_cpu: conditions.client_cpu,
        stop: &NEVER,
    };
    let (outcome, cpu) = load.run_watched(&mut |moment| {
        if let Some((accountant, ticks)) = &mut watchers {
            accountant.watch(moment);
            ticks.watch(moment);
        }
    })?;
    let read = watchers.is_none_or(|(accountant, _)| accountant.bracket.is_some());
    ensure!(read, "{model}: there are no accounts to have cost anything");
    Ok(Cost { cpu_per_request_ns: cpu_per_request(&outcome, cpu)?, requests_per_s: rate(&outcome) })
}

fn verdict(model: &str, pairs: &[Pair]) -> Verdict {
    let of = |value: fn(&Pair) -> f64| -> Vec<f64> {
        pairs.iter().filter(|pair| pair.model == model).map(value).collect()
    };
    let cpu =
        Shown::of(&of(|pair| pair.on.cpu_per_request_ns), &of(|pair| pair.off.cpu_per_request_ns));
    let throughput =
        Shown::of(&of(|pair| pair.off.requests_per_s), &of(|pair| pair.on.requests_per_s));
    let holds = cpu.zip(throughput).map(|(a, b)| a.value <= CLAIM && b.value <= CLAIM);
    Verdict { model: model.into(), cpu, throughput, holds }
}

fn text(record: &Record) -> String {
    let mut text = String::from("accounts on over off, geometric means of the pairs\n");
    for verdict in &record.verdicts {
        let show = |ratio: Option<Shown>| {
            ratio.map_or("too few pairs".into(), |Shown { value, low, high }| {
                format!("{value:.3} [{low:.3}, {high:.3}]")
            })
        };
        let first = record.pairs.iter().find(|pair| pair.model == verdict.model);
        let scale = first.map_or(String::new(), |pair| {
            let Cost { cpu_per_request_ns, requests_per_s } = pair.off;
            format!("{}, {}/s", show_ns_f64(cpu_per_request_ns), show_count(requests_per_s))
        });
        let holds = match verdict.holds {
            Some(true) => "holds",
            Some(false) => "does not hold",
            None => "nothing to say",
        };
        let _ = writeln!(
            text,
            "{}: CPU for each request {}, throughput (off over on) {}; at most {CLAIM}: {holds} \
             (the first without: {scale})",
            verdict.model,
            show(verdict.cpu),
            show(verdict.throughput),
        );
    }
    text + &record.conditions.text()
}
