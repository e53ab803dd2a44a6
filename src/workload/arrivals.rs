//! Arrivals: the rate option, and its record in documents.

use loadgen::{Arrivals, schedule::RATE_PER_S};

use crate::base::units::{as_f64, ns, parse_rate, show_count, show_ns};
use crate::document::ArrivalsRecord;

/// The value of `--rate`.
#[derive(Clone, Debug, PartialEq)]
pub enum RateArg {
    /// `500`: one rate.
    One(f64),
    /// `1000..50000`: a ramp.
    Ramp(f64, f64),
    /// `1000,2000,5000`: steps.
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

/// What latencies under these arrivals cannot show; `None` if requests are sent whatever the server
/// does.
#[must_use]
pub fn blind_to(arrivals: &ArrivalsRecord) -> Option<&'static str> {
    let closed = *arrivals == ArrivalsRecord::Closed;
    closed.then_some(
        "A closed loop hides stalls: while the server stands still its clients send nothing, so \
         the delayed requests are missing from the percentiles. Use an open loop (--rate) to see \
         them.",
    )
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
    fn only_a_closed_loop_is_blind_to_stalls() {
        assert!(blind_to(&ArrivalsRecord::Closed).is_some_and(|said| said.contains("stall")));
        assert_eq!(blind_to(&ArrivalsRecord::Constant { rate_per_s: 1.0 }), None);
    }

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
