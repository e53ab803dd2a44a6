//! When requests are sent: as it is typed, and as it is written down.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use loadgen::{Arrivals, schedule::RATE_PER_S};

use crate::cli::{LoadArgs, usage};
use crate::document::ArrivalsRecord;
use crate::replay;
use crate::units::{as_f64, ns, parse_rate, show_count, show_ns};

/// A rate as it is typed.
#[derive(Clone, Debug, PartialEq)]
pub enum RateArg {
    /// `500`: one rate.
    One(f64),
    /// `1000..50000`: from one to another.
    Ramp(f64, f64),
    /// `1000,2000,5000`: one after another.
    Steps(Vec<f64>),
}

/// A rate such as `20k`, a ramp such as `1000..50k`, or steps such as `1000,2000,5000`.
///
/// # Errors
/// A sentence that says what is wrong with the text.
pub fn parse_rates(text: &str) -> Result<RateArg, String> {
    let rate = |text: &str| {
        let rate = parse_rate(text.trim())?;
        let fits = RATE_PER_S.contains(&rate);
        fits.then_some(rate).ok_or_else(|| {
            format!("the rate {text} must be from 0.001 to 1,000,000,000 requests a second")
        })
    };
    let hint = |error| format!("{error}, 1000..50k for a ramp or 1000,2000 for steps");
    let rates = if let Some((from, to)) = text.split_once("..") {
        rate(from).and_then(|from| Ok(RateArg::Ramp(from, rate(to)?)))
    } else if text.contains(',') {
        text.split(',').map(rate).collect::<Result<_, _>>().map(RateArg::Steps)
    } else {
        rate(text).map(RateArg::One)
    };
    rates.map_err(hint)
}

/// When requests are to be sent, and how long the measurement lasts.
///
/// # Errors
/// When the options contradict each other or there is no such file, with what to do about it.
pub fn of(args: &LoadArgs) -> Result<(Arrivals, Duration)> {
    let seed = args.poisson.then_some(args.seed);
    if args.step.is_some() && !matches!(args.rate, Some(RateArg::Steps(_))) {
        return Err(usage("--step is for steps: write --rate 1000,2000,5000 --step 5s"));
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
#[must_use]
pub fn at(args: &LoadArgs, rate_per_s: f64) -> Arrivals {
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
        "{}: the first request is due {} after the beginning and the measurement lasts {}: times \
         count from its beginning, so subtract the first one, or raise --duration",
        file.display(),
        show_ns(first),
        show_ns(ns(duration))
    )))
}

/// As it is written down.
#[must_use]
pub fn record(arrivals: &Arrivals) -> ArrivalsRecord {
    match arrivals {
        Arrivals::Closed => ArrivalsRecord::Closed,
        Arrivals::Constant { rate_per_s } => ArrivalsRecord::Constant { rate_per_s: *rate_per_s },
        Arrivals::Poisson { rate_per_s, seed } => {
            ArrivalsRecord::Poisson { rate_per_s: *rate_per_s, seed: *seed }
        }
        Arrivals::Ramp { from_per_s, to_per_s, over, seed } => ArrivalsRecord::Ramp {
            from_per_s: *from_per_s,
            to_per_s: *to_per_s,
            over_ns: ns(*over),
            seed: *seed,
        },
        Arrivals::Staircase { rates_per_s, step, seed } => ArrivalsRecord::Staircase {
            rates_per_s: rates_per_s.to_vec(),
            step_ns: ns(*step),
            seed: *seed,
        },
        Arrivals::Replay { due_ns } => ArrivalsRecord::Replay {
            requests: due_ns.len() as u64,
            span_ns: due_ns.last().copied().unwrap_or_default(),
        },
    }
}

/// As people read it.
#[must_use]
pub fn describe(arrivals: &ArrivalsRecord) -> String {
    let spacing = |seed: &Option<u64>| if seed.is_some() { "Poisson" } else { "evenly spaced" };
    match arrivals {
        ArrivalsRecord::Closed => "closed loop, service time".to_string(),
        ArrivalsRecord::Constant { rate_per_s } => {
            format!("open loop at {}/s, evenly spaced, response time", show_count(*rate_per_s))
        }
        ArrivalsRecord::Poisson { rate_per_s, .. } => {
            format!("open loop at {}/s, Poisson, response time", show_count(*rate_per_s))
        }
        ArrivalsRecord::Ramp { from_per_s, to_per_s, over_ns, seed } => format!(
            "open loop from {}/s to {}/s in {}, {}, response time",
            show_count(*from_per_s),
            show_count(*to_per_s),
            show_ns(*over_ns),
            spacing(seed)
        ),
        ArrivalsRecord::Staircase { rates_per_s, step_ns, seed } => format!(
            "open loop in {} steps of {}, {}, response time",
            rates_per_s.len(),
            show_ns(*step_ns),
            spacing(seed)
        ),
        ArrivalsRecord::Replay { requests, span_ns } => format!(
            "open loop, replay of {} requests in {}, response time",
            show_count(as_f64(*requests)),
            show_ns(*span_ns)
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_one_or_a_ramp_or_steps() {
        assert_eq!(parse_rates("20k"), Ok(RateArg::One(20_000.0)));
        assert_eq!(parse_rates("0.5..50k"), Ok(RateArg::Ramp(0.5, 50_000.0)));
        assert_eq!(parse_rates("1k, 2k,500"), Ok(RateArg::Steps(vec![1_000.0, 2_000.0, 500.0])));
        for wrong in ["", "fast", "1..", "..5", "1,,2", "0..5", "5,-1", "1..2..3", "1..2,3"] {
            let error = parse_rates(wrong).expect_err(wrong);
            assert!(error.contains("1000..50k") && error.contains("1000,2000"), "{error}");
        }
        assert!(parse_rates("2000M").expect_err("too many").contains("1,000,000,000"));
    }
}
