//! When the requests of `c10k load` are sent, and for how long.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use loadgen::Arrivals;

use super::LoadArgs;
use crate::base::units::{ns, show_ns};
use crate::base::usage;
use crate::workload::arrivals::RateArg;
use crate::workload::replay;

/// The schedule of requests, and the length of the measurement.
///
/// # Errors
/// When the options contradict each other or there is no such file, with what to do about it.
pub(crate) fn schedule_of(args: &LoadArgs) -> Result<(Arrivals, Duration)> {
    let seed = args.poisson.then_some(args.seed);
    if args.step.is_some() && !matches!(args.rate, Some(RateArg::Steps(_))) {
        return Err(usage("--step needs a list of rates: write --rate 1000,2000,5000 --step 5s"));
    }
    let duration = args.duration();
    let arrivals = match (&args.rate, &args.replay) {
        (None, None) => Arrivals::Closed,
        (None, Some(file)) => {
            let due_ns = replay::read(file).map_err(|error| usage(format!("{error:#}")))?;
            within(file, &due_ns, duration)?;
            // What is due at the very end is not within it; and a burst at the beginning has no length.
            let last = due_ns.last().filter(|last| **last > 0);
            let end = last.map(|last| Duration::from_nanos(last + 1));
            let duration = args.duration.or(end).unwrap_or(duration);
            return Ok((Arrivals::Replay { due_ns: due_ns.into() }, duration));
        }
        (Some(RateArg::One(rate_per_s)), _) => at(args, *rate_per_s),
        (Some(RateArg::Ramp(from_per_s, to_per_s)), _) => {
            let (from_per_s, to_per_s) = (*from_per_s, *to_per_s);
            Arrivals::Ramp { from_per_s, to_per_s, over: duration, seed }
        }
        (Some(RateArg::Steps(rates)), _) => {
            let count = u32::try_from(rates.len()).map_err(|_| usage("too many steps"))?;
            let step = args.step.unwrap_or(duration / count);
            let stairs = Arrivals::Staircase { rates_per_s: rates.as_slice().into(), step, seed };
            // With --step there is no --duration: it is that of all steps.
            return Ok((stairs, args.step.map_or(duration, |step| step * count)));
        }
    };
    Ok((arrivals, duration))
}

/// An open loop at one rate.
pub(crate) fn at(args: &LoadArgs, rate_per_s: f64) -> Arrivals {
    if args.poisson {
        Arrivals::Poisson { rate_per_s, seed: args.seed }
    } else {
        Arrivals::Constant { rate_per_s }
    }
}

/// A replay of which nothing is due would measure nothing.
fn within(file: &Path, due_ns: &[u64], duration: Duration) -> Result<()> {
    let first = due_ns.first().copied().unwrap_or_default();
    if first < ns(duration) {
        return Ok(());
    }
    Err(usage(format!(
        "{}: the first request is due at {} but the measurement lasts {}: times count from its \
         start, so subtract the first one, or raise --duration",
        file.display(),
        show_ns(first),
        show_ns(ns(duration))
    )))
}
