//! `c10k load`: the load generator against any address.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::{Context, Result};
use loadgen::{Arrivals, Load, LoadError, Moment, Pacing, Phase};
use protocol::Recipe;

use crate::cli::{Exit, LoadArgs, usage};
use crate::document::{Target, Trial, TrialRecord, Validity};
use crate::live::LiveView;
use crate::pacing::PacingArg;
use crate::record::{self, Circumstances};
use crate::{arrivals, machine, requests, store, table, units};

/// Width of one entry of the series.
pub const INTERVAL: Duration = Duration::from_millis(100);
/// How long connecting may take.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Loads a server, prints what came of it, and writes it down if asked to.
///
/// # Errors
/// When the load makes no sense or the server cannot be reached, with what to do about it.
pub fn load(args: &LoadArgs) -> Result<Exit> {
    args.formats.leave_standard_output()?;
    let request = requests::of(&args.request, args.seed);
    let recipe =
        Recipe::new(args.app, args.framing, request).map_err(|error| usage(error.to_string()))?;
    let (arrivals, measure) = arrivals::of(args)?;
    let mut load = Load {
        target: args.target,
        recipe: Arc::new(recipe),
        connections: args.connections,
        threads: args.threads,
        cpus: args.cpus.to_vec(),
        engine: args.engine,
        pacing: Pacing::SLEEP,
        arrivals,
        greeting: args.greeting,
        warmup: args.warmup,
        measure,
        drain: args.drain,
        request_timeout: args.timeout,
        connect_timeout: CONNECT_TIMEOUT,
        interval: INTERVAL,
        shard: args.shard.unwrap_or((0, 1)),
        start_at: args.start_at,
        live: !args.quiet,
    };
    if args.pacing == PacingArg::Spin && load.arrivals == Arrivals::Closed {
        return Err(usage("--pacing spin is for an open loop, which has due times: add --rate"));
    }
    let stop = interrupts()?;
    let host = machine::host();
    load.pacing = args.pacing.choose(&load, None, host.cpus);
    let started_at = units::now();
    let mut ticks = Ticks::default();
    let mut view = LiveView::new(&load, args.quiet);
    let outcome = loadgen::run(&load, &stop, &mut |moment| {
        ticks.watch(moment);
        view.watch(moment);
    });
    view.finish();
    let outcome = outcome.map_err(explain)?;
    let circumstances = Circumstances {
        run: TrialRecord {
            id: "load".into(),
            workload: "load".into(),
            block: 0,
            position: 0,
            seed: args.seed,
            started_at,
            program_version: env!("CARGO_PKG_VERSION").into(),
            command: std::env::args().collect(),
        },
        target: Target {
            address: args.target.to_string(),
            model: None,
            ready: None,
            stopped: None,
            cpus: Vec::new(),
        },
        service: (args.app, args.framing),
        request: load.recipe.request(),
        load: &load,
        server: None,
        host,
        steal_share: ticks.steal_share(),
    };
    let trial = record::trial(circumstances, &outcome)?;
    args.formats.write(&trial)?;
    finish(&trial, args.json.as_deref())
}

/// Prints a load's result, or writes it as JSON, and says what it comes to.
///
/// # Errors
/// When it cannot be written.
pub fn finish(trial: &Trial, json: Option<&Path>) -> Result<Exit> {
    match json {
        Some(path) if path == Path::new("-") => {
            table::print(&String::from_utf8(store::json(trial)?)?)?;
        }
        json => {
            if let Some(path) = json {
                store::write_json(path, trial)?;
            }
            table::print(&table::load(trial))?;
        }
    }
    Ok(match trial.validity {
        _ if trial.phases.interrupted => Exit::Interrupted,
        Validity::Invalid => Exit::Untrusted,
        Validity::Valid | Validity::Suspect => Exit::Ok,
    })
}

/// A flag that the first Ctrl-C sets; the second ends the program at once.
///
/// # Errors
/// When the kernel refuses a handler.
pub fn interrupts() -> Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        // In this order: the second signal finds the flag set by the first.
        signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(&stop))
            .and_then(|_| signal_hook::flag::register(signal, Arc::clone(&stop)))
            .context("cannot handle Ctrl-C")?;
    }
    Ok(stop)
}

/// What cannot work is the caller's to mend; what did not is the world's.
#[must_use]
pub fn explain(error: LoadError) -> anyhow::Error {
    match error {
        LoadError::Invalid { .. }
        | LoadError::Descriptors { .. }
        | LoadError::Engine { .. }
        | LoadError::TooLate => usage(error.to_string()),
        other => other.into(),
    }
}

/// CPU ticks of the machine when the warm-up began and when the measurement ended.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ticks {
    begin: Option<(u64, u64)>,
    end: Option<(u64, u64)>,
}

impl Ticks {
    /// Reads them when the warm-up begins and when the measurement ends; at its beginning, reading
    /// would hold up the load.
    pub fn watch(&mut self, moment: Moment) {
        match moment {
            Moment::Begins(Phase::Warmup) => self.begin = machine::steal_and_total_ticks(),
            Moment::Begins(Phase::Drain) => self.end = machine::steal_and_total_ticks(),
            _ => {}
        }
    }

    /// Share of all processors' time that the hypervisor took.
    #[must_use]
    pub fn steal_share(&self) -> Option<f64> {
        let ((steal_begin, begin), (steal_end, end)) = (self.begin?, self.end?);
        let total = end.checked_sub(begin).filter(|total| *total > 0)?;
        // A tick is more than a percent of a short trial: one alone says nothing.
        let stolen = steal_end.saturating_sub(steal_begin).saturating_sub(1);
        Some(units::as_f64(stolen) / units::as_f64(total))
    }
}
