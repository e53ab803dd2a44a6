//! The specification of a load, and its validation.

use std::sync::Arc;
use std::time::Duration;

use protocol::Framing;

use crate::{Conduct, Engine, LoadError, Pacing, StartAt, Target, schedule};
#[cfg(doc)]
use crate::{Outcome, Progress};

/// What to load, how, and for how long.
#[derive(Clone, Debug)]
pub struct Load {
    /// The server.
    pub target: Target,
    /// What every request asks for, and what its reply must be.
    pub recipe: Arc<protocol::Recipe>,
    /// Number of connections, at least 1; split over the threads as evenly as possible.
    pub connections: usize,
    /// Number of threads, from 1 to `connections`. Each takes every `threads`-th request of the
    /// schedule, so that together they make exactly the schedule of one thread.
    pub threads: usize,
    /// Thread k runs only on CPU `cpus[k % cpus.len()]`. Empty: the kernel chooses.
    pub cpus: Vec<usize>,
    /// How the threads talk to the kernel.
    pub engine: Engine,
    /// How threads wait until a request is due.
    pub pacing: Pacing,
    /// When requests are sent.
    pub arrivals: Arrivals,
    /// Whether the server begins every connection with a greeting; in line framing only.
    pub greeting: bool,
    /// How the connections behave, beside sending requests.
    pub conduct: Conduct,
    /// How long requests are made before the measurement, without being counted.
    pub warmup: Duration,
    /// How long the measurement lasts; more than zero.
    pub measure: Duration,
    /// Total number of requests, without a warm-up. The measurement ends with the reply to the last
    /// of them, or when no connection could be opened for `connect_timeout`, and after `measure` at
    /// the latest; a server that was lost in this way is not waited for in the drain either. For a
    /// closed loop, or an open loop with one rate.
    pub requests: Option<u64>,
    /// How long the generator waits for replies after the measurement.
    pub drain: Duration,
    /// A request in flight for longer is a timeout, even if its reply still arrives, and its connection
    /// is reopened. The generator notices a timeout within a twentieth of this time, or within 1 ms if
    /// that is longer, and always within 100 ms. The same holds for an open connection without its
    /// greeting, from the beginning of the load on.
    pub request_timeout: Duration,
    /// How long one connection may take to open, and how long the connect phase may last.
    pub connect_timeout: Duration,
    /// Width of one entry of [`Outcome::intervals`], more than zero. It is widened if the
    /// measurement would have more than 1,000 of them.
    pub interval: Duration,
    /// `(k, n)`: this process is number k, counted from 0, of n generators that load one server
    /// together. It makes the requests of the schedule whose index is congruent to k modulo n, and its
    /// threads share those. The rate in [`Load::arrivals`] is that of all n together; `connections`
    /// are those of this process. `(0, 1)` is a single generator.
    pub shard: (u64, u64),
    /// When the load begins, warm-up included. Shards make one schedule only if they begin together.
    pub start_at: StartAt,
    /// Whether to fill in [`Progress::live`].
    pub live: bool,
}

impl Load {
    /// A closed loop of one thread for ten seconds without a warm-up, as a base for other loads.
    #[must_use]
    pub fn closed(
        target: impl Into<Target>,
        recipe: Arc<protocol::Recipe>,
        connections: usize,
    ) -> Self {
        Self {
            target: target.into(),
            recipe,
            connections,
            threads: 1,
            cpus: Vec::new(),
            engine: Engine::Epoll,
            pacing: Pacing::SLEEP,
            arrivals: Arrivals::Closed,
            greeting: false,
            conduct: Conduct::default(),
            warmup: Duration::ZERO,
            measure: Duration::from_secs(10),
            requests: None,
            drain: Duration::from_secs(2),
            request_timeout: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(5),
            interval: Duration::from_secs(1),
            shard: (0, 1),
            start_at: StartAt::Soon,
            live: false,
        }
    }
}

/// More generators for one server are a mistake; the bound also keeps indices from overflowing.
const SHARDS_MAX: u64 = 1_000_000;

/// When requests are sent.
#[derive(Clone, Debug, PartialEq)]
pub enum Arrivals {
    /// Closed loop: on each connection, as soon as the reply to its last request is checked.
    Closed,
    /// Open loop, equal gaps.
    Constant {
        /// Requests per second over all connections: from 10⁻³ to 10⁹.
        rate_per_s: f64,
    },
    /// Open loop, gaps drawn independently from the exponential distribution.
    Poisson {
        /// Mean requests per second over all connections: from 10⁻³ to 10⁹.
        rate_per_s: f64,
        /// The same seed makes the same schedule, whatever the number of threads.
        seed: u64,
    },
    /// Open loop, at a rate that changes linearly from the beginning of the measurement on. During the
    /// warm-up it is the first rate, and after `over` the last.
    Ramp {
        /// Requests per second at the beginning: from 10⁻³ to 10⁹.
        from_per_s: f64,
        /// Requests per second at the end.
        to_per_s: f64,
        /// How long the change lasts.
        over: Duration,
        /// With a seed, a Poisson process at that rate; without one, evenly spaced at that rate.
        seed: Option<u64>,
    },
    /// Open loop, at one rate after the other from the beginning of the measurement on. During the
    /// warm-up it is the first rate, and after the last step the last.
    Staircase {
        /// Requests per second of each step: at least one step, each rate from 10⁻³ to 10⁹.
        rates_per_s: Arc<[f64]>,
        /// How long each step lasts.
        step: Duration,
        /// With a seed, a Poisson process at that rate; without one, evenly spaced at that rate.
        seed: Option<u64>,
    },
    /// Open loop, at given times. Times after the end of the measurement are cut off. During the
    /// warm-up, requests are evenly spaced at the mean rate of all times.
    Replay {
        /// Nanoseconds since the beginning of the measurement, at least one, in order.
        due_ns: Arc<[u64]>,
    },
}

impl Load {
    /// How many connections thread number `index` has: the first threads have one more each, if the
    /// number does not divide evenly.
    pub(crate) fn connections_of(&self, index: usize) -> usize {
        self.connections / self.threads + usize::from(index < self.connections % self.threads)
    }

    /// The (k, n) of thread number `index`, which makes the requests with the index k modulo n. All
    /// threads of all shards together make each request once.
    pub(crate) fn share_of(&self, index: usize) -> (u64, u64) {
        let (shard, of) = self.shard;
        (shard + of * index as u64, of * self.threads as u64)
    }

    /// Checks this load before anything is opened.
    ///
    /// # Errors
    /// If the load is impossible on any machine.
    pub fn check(&self) -> Result<(), LoadError> {
        let rule = |holds: bool, what: &'static str| {
            if holds { Ok(()) } else { Err(LoadError::Invalid { what }) }
        };
        rule(self.connections >= 1, "a load needs at least 1 connection")?;
        rule(
            (1..=self.connections).contains(&self.threads),
            "a load needs at least 1 thread, and at most as many as connections",
        )?;
        rule(
            self.shard.0 < self.shard.1 && self.shard.1 <= SHARDS_MAX,
            "parts are counted from 0, at most 1,000,000: the first of three is 0/3",
        )?;
        rule(!self.measure.is_zero(), "the measurement must last longer than 0 s")?;
        rule(!self.interval.is_zero(), "the interval of the series must be longer than 0 s")?;
        rule(!self.request_timeout.is_zero(), "the request timeout must be longer than 0 s")?;
        rule(!self.connect_timeout.is_zero(), "the connect timeout must be longer than 0 s")?;
        rule(
            !self.greeting || self.recipe.framing() == Framing::Line,
            "a greeting is a line, so it needs line framing",
        )?;
        rule(
            self.recipe.sessions().is_none() || self.conduct.pipeline == 1,
            "a session's step needs the reply to the previous step: leave out pipelining",
        )?;
        rule(self.requests != Some(0), "--requests must be at least 1")?;
        rule(
            self.requests.is_none() || self.warmup.is_zero(),
            "--requests counts all requests sent: leave out the warm-up",
        )?;
        self.conduct.check(self)?;
        self.conduct.think.map_or(Ok(()), |think| think.time.check())?;
        self.check_arrivals(rule)
    }

    fn check_arrivals(
        &self,
        rule: impl Fn(bool, &'static str) -> Result<(), LoadError>,
    ) -> Result<(), LoadError> {
        let rates = |rates: &[f64]| {
            let fit = rates.iter().all(|rate| schedule::RATE_PER_S.contains(rate));
            rule(fit, "the rate must be from 0.001 to 1,000,000,000 requests a second")
        };
        let steady = matches!(
            self.arrivals,
            Arrivals::Closed | Arrivals::Constant { .. } | Arrivals::Poisson { .. }
        );
        rule(
            self.requests.is_none() || steady,
            "--requests needs a constant rate: a ramp, a staircase and a replay have an end of their own",
        )?;
        match &self.arrivals {
            Arrivals::Closed => Ok(()),
            Arrivals::Constant { rate_per_s } | Arrivals::Poisson { rate_per_s, .. } => {
                rates(&[*rate_per_s])
            }
            Arrivals::Ramp { from_per_s, to_per_s, over, .. } => {
                rule(!over.is_zero(), "a ramp must last longer than 0 s")?;
                rates(&[*from_per_s, *to_per_s])
            }
            Arrivals::Staircase { rates_per_s, step, .. } => {
                rule(!rates_per_s.is_empty(), "a staircase needs at least 1 rate")?;
                rule(!step.is_zero(), "a step must last longer than 0 s")?;
                rates(rates_per_s)
            }
            Arrivals::Replay { due_ns } => {
                rule(!due_ns.is_empty(), "a replay needs at least 1 request")?;
                rule(due_ns.is_sorted(), "the times of a replay must be in ascending order")
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod example {
    use super::*;
    use std::net::SocketAddr;

    /// A load to begin a test with.
    pub(crate) fn load(connections: usize, arrivals: Arrivals) -> Load {
        let echo = protocol::Request::Echo { bytes: 1 };
        let recipe = protocol::Recipe::new(protocol::App::Bench, Framing::Line, echo);
        let target = SocketAddr::from(([127, 0, 0, 1], 1));
        let recipe = Arc::new(recipe.expect("a recipe"));
        Load {
            arrivals,
            measure: Duration::from_secs(1),
            drain: Duration::ZERO,
            request_timeout: Duration::from_secs(1),
            connect_timeout: Duration::from_secs(1),
            ..Load::closed(target, recipe, connections)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_threads_of_all_shards_make_each_request_once() {
        let (shards, threads) = (3, 2);
        let mut shares = Vec::new();
        for shard in 0..shards {
            let load =
                Load { shard: (shard, shards), threads, ..example::load(4, Arrivals::Closed) };
            assert!(load.check().is_ok());
            shares.extend((0..threads).map(|index| load.share_of(index)));
        }
        for request in 0..100 {
            let makers = shares.iter().filter(|(k, n)| request % n == *k);
            assert_eq!(makers.count(), 1, "request {request} of {shares:?}");
        }
    }

    #[test]
    fn shards_that_cannot_be_are_refused() {
        for shard in [(3, 3), (0, 0), (0, u64::MAX)] {
            let load = Load { shard, ..example::load(1, Arrivals::Closed) };
            assert!(load.check().is_err(), "{shard:?}");
        }
    }
}
