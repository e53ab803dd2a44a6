//! `--aa`: one model measured against itself. Its differences are noise: smaller differences
//! between two models mean nothing on this machine.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use loadgen::{Load, Moment, Phase};
use protocol::{App, Framing, Recipe, Request};

use super::{Subject, graded};
use crate::base::units::{as_f64, ns};
use crate::base::{interrupted, note};
use crate::document::{Finding, Noise, Ratio};
use crate::host::accounts;
use crate::plan::Plan;
use crate::process::ours::{self, Clients};
use crate::process::{assign_processors, interrupts};
use crate::statistics::{extremes, median};
use crate::trial::explain;
use crate::workload::CONNECT_TIMEOUT;

const CONNECTIONS: usize = 50;
const WARMUP: Duration = Duration::from_millis(100);
const DRAIN: Duration = Duration::from_millis(500);

/// Throughput, and server CPU time per request in nanoseconds.
type Figures = (f64, f64);

/// Measures a model so many times against itself.
pub(super) fn measure(model: &str, pairs: u32, trial: Duration) -> Result<Noise> {
    let stop = interrupts()?;
    let mut figures: Vec<(Figures, Figures)> = Vec::new();
    for pair in 0..pairs {
        note!("{model} against itself: pair {} of {pairs}", pair + 1);
        let one = || figures_of(model, trial, &stop);
        let (first, second) = (one()?, one()?);
        // Who comes first changes from pair to pair, so that a drift does not look like a model.
        figures.push(if pair % 2 == 0 { (first, second) } else { (second, first) });
    }
    Ok(Noise {
        model: model.into(),
        measure_ns: ns(trial),
        connections: CONNECTIONS,
        throughput: ratio(figures.iter().map(|(a, b)| a.0 / b.0).collect()),
        cpu_per_request: ratio(figures.iter().map(|(a, b)| a.1 / b.1).collect()),
    })
}

/// One trial: a fresh server and fresh connections, in a closed loop.
fn figures_of(
    model: &str,
    trial: Duration,
    stop: &std::sync::atomic::AtomicBool,
) -> Result<Figures> {
    let model = servers::models::find(model).context("no such model")?;
    let plan = Plan::quick();
    let (server_cpus, client_cpus) = assign_processors(&plan);
    let server =
        ours::start(model, &plan.server, Clients::default(), (&server_cpus, &client_cpus))?;
    let request = Request::Echo { bytes: 64 };
    let recipe = Arc::new(Recipe::new(App::Bench, Framing::Line, request)?);
    let load = Load {
        cpus: client_cpus,
        warmup: WARMUP,
        measure: trial,
        drain: DRAIN,
        request_timeout: plan.request_timeout,
        connect_timeout: CONNECT_TIMEOUT,
        interval: trial,
        ..Load::closed(server.address, recipe, CONNECTIONS)
    };
    let pid = server.pid();
    let (mut before, mut cpu) = (Duration::ZERO, Duration::ZERO);
    let outcome = loadgen::run(&load, stop, &mut |moment| match moment {
        Moment::Begins(Phase::Measure) => before = accounts::cpu_now(pid),
        Moment::Begins(Phase::Drain) => cpu = accounts::cpu_now(pid).saturating_sub(before),
        _ => {}
    });
    let outcome = outcome.map_err(explain)?;
    ours::stop(server)?;
    if outcome.interrupted {
        return Err(interrupted("interrupted: the noise was not measured"));
    }
    ensure!(
        outcome.completed > 0,
        "{} answered nothing in {trial:?}: end what else runs here, or measure longer (--trial)",
        model.name
    );
    let completed = as_f64(outcome.completed);
    Ok((completed / outcome.phases.measure.as_secs_f64(), as_f64(ns(cpu)) / completed))
}

fn ratio(pairs: Vec<f64>) -> Ratio {
    let median = median(&pairs).unwrap_or(1.0);
    let (min, max) = extremes(&pairs).unwrap_or((1.0, 1.0));
    Ratio { noise: (max - 1.0).abs().max((min - 1.0).abs()), pairs, median, min, max }
}

/// What the noise comes to.
pub(super) fn finding(noise: &Noise) -> Finding {
    let subject = Subject {
        name: "noise",
        limit: "at most 10 % between two trials of one model",
        why: "A/A control: both trials of a pair run the same model, so smaller differences \
            between models are noise here",
        mend: "fix the findings above, measure longer (--trial), and repeat more often",
    };
    let Noise { throughput, cpu_per_request: cpu, .. } = noise;
    let percent = |share: f64| share * 100.0;
    let value = format!(
        "noise floor {:.1} % in throughput and {:.1} % in CPU per request ({} pairs; ratios {:.3} \
         to {:.3}, and {:.3} to {:.3})",
        percent(throughput.noise),
        percent(cpu.noise),
        throughput.pairs.len(),
        throughput.min,
        throughput.max,
        cpu.min,
        cpu.max
    );
    subject.found(graded(throughput.noise.max(cpu.noise), 0.1, 0.5), value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Status;

    fn noise(pairs: &[f64]) -> Noise {
        Noise {
            model: "epoll".into(),
            measure_ns: 1,
            connections: 1,
            throughput: ratio(pairs.to_vec()),
            cpu_per_request: ratio(vec![1.0]),
        }
    }

    #[test]
    fn noise_is_the_farthest_pair_on_either_side() {
        let found = ratio(vec![1.02, 0.93, 1.0, 1.05]);
        assert!((found.noise - 0.07).abs() < 1e-9 && (found.median - 1.01).abs() < 1e-9);
        assert_eq!((found.min, found.max, found.pairs[1]), (0.93, 1.05, 0.93));
        assert!((ratio(vec![1.09, 0.99, 1.0]).noise - 0.09).abs() < 1e-9);
    }

    #[test]
    fn much_noise_is_warned_of_with_its_size() {
        assert_eq!(finding(&noise(&[1.05, 0.99])).status, Status::Pass);
        let loud = finding(&noise(&[1.0, 0.8]));
        assert_eq!(loud.status, Status::Warn);
        assert!(loud.value.contains("noise floor 20.0 % in throughput"), "{}", loud.value);
    }
}
