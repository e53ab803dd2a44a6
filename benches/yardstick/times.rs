//! CPU per request and throughput of a generator or a server, ours and theirs in turn.

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use c10k::document::Trial;
use c10k::units::as_f64;
use loadgen::Engine;
use serde::Serialize;

use crate::references::Reference;
use crate::support::load::{Loop, cpu_per_request, rate};
use crate::support::process::{Process, ServerProcess};
use crate::tools::{C_SERVER, Side, Subject, Tools};

/// Load before measuring.
const WARMUP: Duration = Duration::from_millis(100);
/// How long each side of a pair is measured. It is short because, on a shared machine, the two sides
/// of a pair must be close in time. It still covers some ten thousand echoes.
const MEASURE: Duration = Duration::from_millis(400);

/// No load is stopped early: an interrupt ends this program and its children.
static NEVER: AtomicBool = AtomicBool::new(false);

/// Ours and theirs, one right after the other.
#[derive(Debug, Serialize)]
pub(crate) struct Pair {
    pub(crate) subject: String,
    against: String,
    round: u32,
    ours_first: bool,
    pub(crate) ours: Cost,
    pub(crate) theirs: Cost,
    /// Ours over theirs.
    pub(crate) cpu_ratio: f64,
    pub(crate) rate_ratio: f64,
}

/// What the requests of one measurement cost the compared process, and how many there were.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Cost {
    pub(crate) cpu_per_request_ns: f64,
    pub(crate) requests_per_s: f64,
    cpu_ns: u64,
    requests: u64,
}

/// Measures one pair. The order changes from round to round, so that a machine that gets slower or
/// faster favours neither side.
pub(crate) fn pair(tools: &Tools, subject: Subject, round: u32) -> Result<Pair> {
    let ours_first = round.is_multiple_of(2);
    let measure = |side| match (subject, side) {
        (Subject::Generator(engine, program), Side::Ours) => our_generator(tools, engine, program),
        (Subject::Generator(engine, program), Side::Theirs) => c_generator(tools, engine, program),
        (Subject::Server(reference), _) => {
            server(tools, &reference, &tools.server(&reference, side)?)
        }
    };
    let (ours, theirs) = if ours_first {
        let ours = measure(Side::Ours)?;
        (ours, measure(Side::Theirs)?)
    } else {
        let theirs = measure(Side::Theirs)?;
        (measure(Side::Ours)?, theirs)
    };
    Ok(Pair {
        subject: subject.name(),
        against: tools.opponent(subject).unwrap_or_default(),
        round,
        ours_first,
        ours,
        theirs,
        cpu_ratio: ours.cpu_per_request_ns / theirs.cpu_per_request_ns,
        rate_ratio: ours.requests_per_s / theirs.requests_per_s,
    })
}

/// `c10k load` with the C server, by the CPU time that it reports.
fn our_generator(tools: &Tools, engine: Engine, program: &str) -> Result<Cost> {
    let (_server, mut client) = generator(tools, engine, program, Side::Ours)?;
    let text = client.output()?;
    let trial: Trial = serde_json::from_str(&text).context("c10k load printed no trial")?;
    let census = &trial.census;
    ensure!(census.reconciles && census.failed() == 0, "c10k load failed: {census:?}");
    Ok(Cost {
        cpu_per_request_ns: trial.client.cpu_per_request_ns.context("no request was answered")?,
        requests_per_s: as_f64(census.ok) / as_f64(trial.phases.measure_ns) * 1e9,
        cpu_ns: trial.client.cpu_ns,
        requests: census.ok,
    })
}

/// A C client with the C server, by the CPU time that it reports.
fn c_generator(tools: &Tools, engine: Engine, program: &str) -> Result<Cost> {
    let (_server, mut client) = generator(tools, engine, program, Side::Theirs)?;
    client.event("begin")?;
    let line = client.event("end")?;
    let number = |name: &str| line[name].as_u64().with_context(|| format!("no {name}: {line}"));
    let (requests, cpu_ns) = (number("replies")?, number("cpu_ns")?);
    ensure!(requests > 0 && cpu_ns > 0, "nothing was measured: {line}");
    Ok(Cost {
        cpu_per_request_ns: as_f64(cpu_ns) / as_f64(requests),
        requests_per_s: as_f64(requests) / as_f64(number("elapsed_ns")?) * 1e9,
        cpu_ns,
        requests,
    })
}

/// The C server, and a generator that loads it.
fn generator(
    tools: &Tools,
    engine: Engine,
    program: &str,
    side: Side,
) -> Result<(ServerProcess, Process)> {
    let server = tools.c_server(C_SERVER, None)?;
    let times = (WARMUP.as_millis(), MEASURE.as_millis());
    let mut command = tools.generator((engine, program), side, server.address.port(), times)?;
    let client = Process::start(&mut command, tools.client_cpu)?;
    Ok((server, client))
}

/// A server under our generator, by the CPU time of the server's processes.
fn server(tools: &Tools, reference: &Reference, server: &ServerProcess) -> Result<Cost> {
    let load = Loop {
        arrivals: loadgen::Arrivals::Closed,
        target: server.address,
        pid: server.process.pid(),
        connections: reference.connections,
        request: reference.request,
        conduct: loadgen::Conduct::default(),
        warmup: WARMUP,
        measure: MEASURE,
        client_cpu: tools.client_cpu,
        stop: &NEVER,
    };
    let (outcome, cpu) = load.run()?;
    let (census, tally) = (&outcome.census, outcome.connections);
    // A server that leaves clients out cannot be compared with one that serves them all.
    ensure!(
        census.errors_total() == 0 && census.timeouts == 0 && tally.served == tally.asked,
        "{} of {} connections were served, {} requests failed",
        tally.served,
        tally.asked,
        census.errors_total() + census.timeouts
    );
    Ok(Cost {
        cpu_per_request_ns: cpu_per_request(&outcome, cpu)?,
        requests_per_s: rate(&outcome),
        cpu_ns: c10k::units::ns(cpu),
        requests: outcome.completed,
    })
}
