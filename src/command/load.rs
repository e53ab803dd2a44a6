//! `c10k load`: the load generator against any address.

mod args;
mod ask;
mod own;
pub(crate) mod part;
mod room;
pub(crate) mod schedule;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::{Result, bail};
use loadgen::{Address, Arrivals, Conduct, Load, LoadError, Outcome, Pacing, StartAt};

use protocol::App;

use crate::analysis::checks;
use crate::analysis::steadiness::longer_warmup;
use crate::base::target::TargetArg;
use crate::base::units;
use crate::base::values::Warmup;
use crate::base::{Exit, invocation, note, untrusted, usage};
use crate::document::store;
use crate::document::{Target, Trial, TrialRecord, Validity};
use crate::host::accounts::Accountant;
use crate::host::machine;
use crate::host::machine::Ticks;
use crate::process::{interrupts, ours};
use crate::trial::live::LiveView;
use crate::trial::record::{self, Circumstances};
use crate::view::{deliver, table};
use crate::workload::pacing::PacingArg;
use crate::workload::{CONNECT_TIMEOUT, INTERVAL};

pub use args::LoadArgs;
pub(crate) use own::OwnServer;
pub(crate) use part::Part;
use part::together::Together;

/// The first warm-up that is tried where a rule decides.
const FIRST_WARMUP: Duration = Duration::from_millis(100);

/// Loads a server, prints the result, and writes it to a file on request.
///
/// # Errors
/// When the load makes no sense or the server cannot be reached, with what to do about it.
pub(crate) fn load(args: &LoadArgs, part: &Part) -> Result<Exit> {
    args.check()?;
    if args.app() == App::Chat {
        return room::load(args);
    }
    args.formats.leave_standard_output()?;
    outputs_can_be_written(args)?;
    let (arrivals, measure) = schedule::schedule_of(args)?;
    let shot =
        Shot { arrivals, warmup: Duration::ZERO, measure, position: 0, workload: "load", part };
    let stop = interrupts()?;
    let trial = match args.warmup() {
        Warmup::For(warmup) => {
            trial(args, &Shot { warmup, ..shot }, OwnServer::start(args)?, &stop)?
        }
        Warmup::Auto => warmed_up(args, &shot, &stop)?,
    };
    let delivered = finish(&trial, args.json.as_deref());
    args.formats.write(&trial)?;
    delivered
}

/// Refuses files that cannot be written, before the measurement.
pub(crate) fn outputs_can_be_written(args: &LoadArgs) -> Result<()> {
    let files = [&args.json, &args.formats.hlog, &args.formats.hgrm];
    files.into_iter().flatten().try_for_each(|path| store::can_be_written(path))
}

/// Measures again with a longer warm-up until none of it is seen in the measurement, or it is half as
/// long as that.
fn warmed_up(args: &LoadArgs, shot: &Shot<'_>, stop: &AtomicBool) -> Result<Trial> {
    let longest = shot.measure / 2;
    let mut warmup = longest.min(FIRST_WARMUP);
    let mut trials = 1;
    loop {
        let shot = Shot { warmup, position: trials - 1, ..shot.clone() };
        let mut trial = trial(args, &shot, OwnServer::start(args)?, stop)?;
        trial.phases.warmup_trials = Some(trials);
        let longer = longer_warmup(&trial, warmup, longest);
        let Some(longer) = longer.filter(|_| !trial.phases.interrupted) else { return Ok(trial) };
        let again = humantime::format_duration(longer);
        note!("the warm-up was too short: measuring again with a warm-up of {again}");
        warmup = longer;
        trials += 1;
    }
}

/// What one trial has of its own.
#[derive(Clone, Debug)]
pub(crate) struct Shot<'a> {
    pub(crate) arrivals: Arrivals,
    pub(crate) warmup: Duration,
    pub(crate) measure: Duration,
    /// Which trial, from 0.
    pub(crate) position: u32,
    pub(crate) workload: &'a str,
    pub(crate) part: &'a Part,
}

/// What prevented a load; a part that came too late has done nothing wrong.
fn explain(error: LoadError, part: &Part) -> anyhow::Error {
    match error {
        LoadError::TooLate if part.is_one_of_several() => {
            untrusted(format!("part {} of {} cannot start in time: {error}", part.k, part.n))
        }
        // What the others make is not the load that was asked for.
        LoadError::Unreachable { .. } if part.is_one_of_several() => {
            untrusted(format!("part {} of {}: {error}", part.k, part.n))
        }
        other => crate::trial::explain(other),
    }
}

/// One trial, on fresh connections. A server that c10k started is stopped after it.
pub(crate) fn trial(
    args: &LoadArgs,
    shot: &Shot<'_>,
    server: Option<OwnServer>,
    stop: &AtomicBool,
) -> Result<Trial> {
    let of_ours = server.as_ref().map(|server| server.child.address);
    let (target, host) = match (of_ours, args.named()) {
        (Some(address), _) => (address.into(), address.to_string()),
        (None, Some(named)) => (named.target.clone(), named.host.clone()),
        (None, None) => bail!("no target given: name one, or a model with --serve"),
    };
    let (recipe, request) = ask::recipe(args, &host)?;
    let mut load = asked(args, shot, target, recipe)?;
    let host = machine::host();
    load.pacing = args.pacing.choose(&load, None, machine::processor_count());
    let together = Together::begin(args, shot.part, &mut load, &request)?;
    let started_at = units::now();
    let mut accountant = server.as_ref().map(|server| {
        Accountant::for_process(server.child.pid()).listening_on(server.child.address)
    });
    let watched = watched(&load, stop, args.quiet, &mut accountant);
    let start = together.end(watched.as_ref().err())?;
    let (outcome, ticks) = watched.map_err(|error| explain(error, shot.part))?;
    let circumstances = Circumstances {
        run: TrialRecord {
            id: "load".into(),
            workload: shot.workload.into(),
            block: 0,
            position: shot.position,
            seed: args.seed,
            started_at,
            program_version: env!("CARGO_PKG_VERSION").into(),
            command: invocation(),
            ..TrialRecord::default()
        },
        target: stopped(&outcome.address, args.named(), server)?,
        service: (args.app(), args.framing()),
        request,
        load: &load,
        server: accountant.and_then(|accountant| accountant.bracket),
        host,
        conditions: ticks.conditions(),
        contention: ticks.contention(),
    };
    let mut trial = record::trial(circumstances, &outcome)?;
    if let Some(shard) = &mut trial.load.shard {
        shard.launcher = shot.part.launcher.clone();
        if let Some(start) = start {
            let start = start.record(&outcome, shard);
            trial.checks.push(checks::clock_kept(&start));
            trial.validity = checks::validity(&trial.checks);
        }
    }
    Ok(trial)
}

/// The load that the options ask for.
fn asked(
    args: &LoadArgs,
    shot: &Shot<'_>,
    target: loadgen::Target,
    recipe: protocol::Recipe,
) -> Result<Load> {
    let load = Load {
        target,
        recipe: Arc::new(recipe),
        connections: args.connections(),
        threads: args.threads(),
        cpus: args.cpus.to_vec(),
        engine: args.engine,
        pacing: Pacing::SLEEP,
        arrivals: shot.arrivals.clone(),
        greeting: args.greeting,
        conduct: Conduct::default(),
        warmup: shot.warmup,
        measure: shot.measure,
        requests: args.requests.map(|requests| requests as u64),
        drain: args.drain,
        request_timeout: args.timeout,
        connect_timeout: CONNECT_TIMEOUT,
        interval: INTERVAL,
        shard: (shot.part.k, shot.part.n),
        start_at: args.part.start_at.map_or(StartAt::Soon, StartAt::Time),
        live: !args.quiet,
    };
    if args.pacing == PacingArg::Spin && load.arrivals == Arrivals::Closed {
        return Err(usage("--pacing spin needs an open loop: add --rate"));
    }
    args.conduct.apply(load, args.app(), args.seed)
}

/// Runs the load with its live display, and reads the accounts of the machine and the server.
fn watched(
    load: &Load,
    stop: &AtomicBool,
    quiet: bool,
    accountant: &mut Option<Accountant>,
) -> Result<(Outcome, Ticks), LoadError> {
    let (mut ticks, mut view) = (Ticks::begin(), LiveView::new(load, quiet));
    let outcome = loadgen::run(load, stop, &mut |moment| {
        if let Some(accountant) = accountant.as_mut() {
            accountant.watch(moment);
        }
        ticks.watch(moment);
        view.watch(moment);
    });
    view.finish();
    outcome.map(|outcome| (outcome, ticks))
}

/// The measurements, and the stopped line of a server that c10k started.
fn stopped(
    address: &Address,
    named: Option<&TargetArg>,
    server: Option<OwnServer>,
) -> Result<Target> {
    let address = address.to_string();
    let Some(OwnServer { child, model, cpus }) = server else {
        let name = named.map(|named| named.name.clone()).filter(|name| *name != address);
        return Ok(Target { address, name, ..Target::default() });
    };
    let ready = Some(child.ready.clone());
    let stopped = Some(ours::stop(child)?);
    Ok(Target { address, name: None, model: Some(model.into()), ready, stopped, cpus })
}

/// Prints a load's result, or writes it as JSON, and returns the exit code.
///
/// # Errors
/// When it cannot be written.
pub fn finish(trial: &Trial, json: Option<&Path>) -> Result<Exit> {
    deliver(trial, json, &table::load(trial))?;
    Ok(match trial.validity {
        _ if trial.phases.interrupted => Exit::Interrupted,
        Validity::Invalid => Exit::Untrusted,
        Validity::Valid | Validity::Suspect => Exit::Ok,
    })
}
