//! Load from the project's own generator, and what it cost the server.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use c10k::accounts::cpu_now;
use c10k::units;
use loadgen::{Arrivals, Load, Moment, Outcome, Phase};
use protocol::{App, Framing, Recipe, Request};

/// Load before measuring.
const WARMUP: Duration = Duration::from_millis(300);
/// How long ten thousand connections may take to open; a process each takes a while.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);
const TIMEOUT: Duration = Duration::from_secs(10);

/// A closed loop of echoes, each checked byte by byte, and the server's CPU time over it.
pub(crate) fn closed_loop(
    (target, pid): (SocketAddr, i32),
    connections: usize,
    measure: Duration,
    client_cpu: usize,
    stop: &AtomicBool,
) -> Result<(Outcome, Duration)> {
    let recipe = Recipe::new(App::Bench, Framing::Line, Request::Echo { bytes: 64 });
    let load = Load {
        target,
        recipe: Arc::new(recipe.expect("echoes of this size are offered")),
        connections,
        threads: 1,
        cpus: vec![client_cpu],
        arrivals: Arrivals::Closed,
        warmup: WARMUP,
        measure,
        drain: TIMEOUT,
        request_timeout: TIMEOUT,
        connect_timeout: CONNECT_TIMEOUT,
        interval: measure,
    };
    let (mut before, mut after) = (Duration::ZERO, Duration::ZERO);
    let outcome = loadgen::run(&load, stop, &mut |moment| match moment {
        Moment::Begins(Phase::Measure) => before = cpu_now(pid),
        Moment::Begins(Phase::Drain) => after = cpu_now(pid),
        _ => {}
    })?;
    ensure!(!outcome.interrupted, "interrupted");
    ensure!(outcome.census.reconciles(), "the census does not add up: {:?}", outcome.census);
    Ok((outcome, after.saturating_sub(before)))
}

/// Server CPU for each right reply.
pub(crate) fn cpu_per_request(outcome: &Outcome, cpu: Duration) -> Result<f64> {
    // Each over its own stretch: whoever reads the clocks comes a little late for both edges.
    let share = cpu.as_secs_f64() / outcome.phases.bracket.as_secs_f64();
    let rate = units::as_f64(outcome.completed) / outcome.phases.measure.as_secs_f64();
    Some(share / rate * 1e9)
        .filter(|ns| ns.is_finite() && *ns > 0.0)
        .context("nothing was measured")
}
