//! `c10k load`: the load generator against any address.

use std::io::IsTerminal;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::{Context, Result};
use indicatif::{ProgressBar, ProgressStyle};
use loadgen::{Arrivals, Conduct, Load, LoadError, Moment, Phase};
use protocol::{Recipe, Request, Work};

use crate::cli::{Exit, LoadArgs, RequestArgs, usage};
use crate::document::{Target, Trial, TrialRecord, Validity};
use crate::record::{self, Circumstances};
use crate::{machine, store, table, units};

/// Width of one entry of the series.
pub const INTERVAL: Duration = Duration::from_millis(100);
/// How long connecting may take.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Loads a server, prints what came of it, and writes it down if asked to.
///
/// # Errors
/// When the load makes no sense or the server cannot be reached, with what to do about it.
pub fn load(args: &LoadArgs) -> Result<Exit> {
    let request = request(&args.request);
    let recipe =
        Recipe::new(args.app, args.framing, request).map_err(|error| usage(error.to_string()))?;
    let load = Load {
        target: args.target,
        recipe: Arc::new(recipe),
        connections: args.connections,
        threads: args.threads,
        cpus: args.cpus.to_vec(),
        engine: args.engine,
        arrivals: match args.rate {
            None => Arrivals::Closed,
            Some(rate_per_s) if args.poisson => Arrivals::Poisson { rate_per_s, seed: args.seed },
            Some(rate_per_s) => Arrivals::Constant { rate_per_s },
        },
        greeting: args.greeting,
        conduct: Conduct::default(),
        warmup: args.warmup,
        measure: args.duration,
        drain: args.drain,
        request_timeout: args.timeout,
        connect_timeout: CONNECT_TIMEOUT,
        interval: INTERVAL,
    };
    let load = args.conduct.apply(load, args.app, args.seed)?;
    let stop = interrupts()?;
    let host = machine::host();
    let started_at = units::now();
    let mut ticks = Ticks::default();
    let bar = bar(args.warmup + args.duration);
    let outcome = loadgen::run(&load, &stop, &mut |moment| {
        ticks.watch(moment);
        if let Moment::Tick(progress) = moment {
            let before =
                if progress.phase == Phase::Measure { args.warmup } else { Duration::ZERO };
            bar.set_position(units::ns(before + progress.elapsed) / 1_000_000);
        }
    });
    bar.finish_and_clear();
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
        request,
        load: &load,
        server: None,
        host,
        steal_share: ticks.steal_share(),
    };
    let trial = record::trial(circumstances, &outcome)?;
    finish(&trial, args.json.as_deref())
}

fn finish(trial: &Trial, json: Option<&Path>) -> Result<Exit> {
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

fn request(args: &RequestArgs) -> Request {
    match (args.work, args.mul) {
        (Some(rounds), _) => {
            Request::Work(Work { rounds: rounds as u64, wait: args.wait, reply_bytes: args.reply })
        }
        (None, Some(digits)) => Request::Multiply { digits },
        (None, None) => Request::Echo { bytes: args.echo.unwrap_or(64) },
    }
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
        | LoadError::Ports { .. } => usage(error.to_string()),
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

/// A progress bar over milliseconds; nothing is drawn where nobody watches.
fn bar(total: Duration) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:40} {percent:>3} %  {eta} left");
    let bar = ProgressBar::new(units::ns(total) / 1_000_000);
    bar.set_style(style.expect("the template is in order"));
    bar
}
