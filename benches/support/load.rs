//! Load from our generator, and its cost for the server.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::{Result, ensure};
use c10k::accounts::cpu_now;
use c10k::units;
use loadgen::{Arrivals, Conduct, Engine, Load, Moment, Outcome, Phase};
use protocol::{App, Framing, Recipe, Request};

/// How long connections may take to open. Ten thousand take a while if each gets a process.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);
/// A request without a reply for this long has timed out.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A load over connections that stay open, unless `conduct` says otherwise. Every reply is checked byte by byte.
pub(crate) struct Loop<'a> {
    pub(crate) arrivals: Arrivals,
    pub(crate) target: SocketAddr,
    /// The server's first process.
    pub(crate) pid: i32,
    pub(crate) connections: usize,
    pub(crate) request: Request,
    pub(crate) conduct: Conduct,
    /// Load before measuring.
    pub(crate) warmup: Duration,
    pub(crate) measure: Duration,
    pub(crate) client_cpu: usize,
    pub(crate) stop: &'a AtomicBool,
}

impl Loop<'_> {
    /// Runs the load. Also returns the server's CPU time over [`Phases::bracket`](loadgen::Phases).
    pub(crate) fn run(&self) -> Result<(Outcome, Duration)> {
        self.run_watched(&mut |_| {})
    }

    /// The same, and calls `watch` at every moment, after the clocks have been read.
    pub(crate) fn run_watched(&self, watch: &mut dyn FnMut(Moment)) -> Result<(Outcome, Duration)> {
        self.run_in_pieces(self.measure, watch)
    }

    /// The same, with replies counted in intervals of this length.
    pub(crate) fn run_in_pieces(
        &self,
        interval: Duration,
        watch: &mut dyn FnMut(Moment),
    ) -> Result<(Outcome, Duration)> {
        let recipe = Recipe::new(App::Bench, Framing::Line, self.request);
        let recipe = Arc::new(recipe.map_err(|error| anyhow::anyhow!("{error}"))?);
        let load = Load {
            cpus: vec![self.client_cpu],
            engine: Engine::Auto,
            arrivals: self.arrivals.clone(),
            warmup: self.warmup,
            measure: self.measure,
            drain: TIMEOUT,
            conduct: self.conduct.clone(),
            request_timeout: TIMEOUT,
            connect_timeout: CONNECT_TIMEOUT,
            interval,
            ..Load::closed(self.target, recipe, self.connections)
        };
        let (mut before, mut after) = (Duration::ZERO, Duration::ZERO);
        let outcome = loadgen::run(&load, self.stop, &mut |moment| {
            match moment {
                Moment::Begins(Phase::Measure) => before = cpu_now(self.pid),
                Moment::Begins(Phase::Drain) => after = cpu_now(self.pid),
                _ => {}
            }
            watch(moment);
        })?;
        ensure!(!outcome.interrupted, "interrupted");
        ensure!(outcome.census.reconciles(), "the census does not add up: {:?}", outcome.census);
        Ok((outcome, after.saturating_sub(before)))
    }
}

/// Correct replies per second.
pub(crate) fn rate(outcome: &Outcome) -> f64 {
    units::as_f64(outcome.completed) / outcome.phases.measure.as_secs_f64()
}

/// Server CPU per correct reply, in nanoseconds. CPU time and replies are each divided by their own
/// duration, because the clocks are read a little after both edges.
pub(crate) fn cpu_per_request(outcome: &Outcome, cpu: Duration) -> Result<f64> {
    ensure!(outcome.completed > 0, "no request was answered");
    ensure!(!cpu.is_zero(), "the server's CPU clock did not move");
    let share = cpu.as_secs_f64() / outcome.phases.bracket.as_secs_f64();
    Ok(share / rate(outcome) * 1e9)
}
