//! A load generator whose numbers can be believed.
//!
//! [`run`] opens connections to one server, sends it requests for a while, checks every reply
//! byte by byte and returns an [`Outcome`]: how many requests there were and what became of each
//! ([`Census`]), how long they took ([`Latency`]), and what the generator itself cost ([`Cost`]),
//! so that a run in which the generator was the bottleneck can be told from one in which it was
//! not.
//!
//! Two ways to load a server, told apart by [`Arrivals`]:
//! - **closed loop**: each connection sends its next request as soon as it has the reply to the
//!   last. It measures capacity. A slow server slows the clients down with it, so only *service
//!   times* are known (from the write to the last byte read) and no response times.
//! - **open loop**: requests become due by a [`Schedule`] that the server cannot delay. It
//!   measures *response times*: from the instant a request was due, whether or not a connection
//!   was free to send it, so that a stall is felt by all the requests that it kept waiting
//!   (Tene's "coordinated omission" is the failure to do so).
//!
//! Every request has three stamps: *due*, *sent* (just before its write) and *done* (just after
//! the read that completed its reply). The gap between due and sent is split in two: until a
//! connection was free (`conn_wait`: the server's doing) and from then on (`sched_lag`: the
//! generator's own lateness).
//!
//! A server may begin each connection with a *greeting* ([`Load::greeting`]). Nothing is sent on a
//! connection before its greeting is there, or the wait for a worker would be in the service time
//! of the first request. What the greetings told is in [`Greetings`].
//!
//! Layout:
//! - [`schedule`]: when requests are due; pure
//! - `run`: the calling thread: phases, clocks, and the merging of what the threads found
//! - `worker`: one thread of load, from connecting to draining
//! - `wire`: how a worker reaches the server, and how time passes
//! - `engine`: which way that is
//! - `pacing`: how a thread waits until a request is due
//! - `connection`, `in_flight`, `fifo`, `free`, `clock`: what a worker works with
//! - `conduct`, `think`: how connections behave, beside sending requests
//! - [`ports`]: whether there are local ports for them all
//! - `worker::misbehaving`: connections beside the load: idle ones, and clients that misbehave
//! - `recorder`: what a worker counts and times
//! - `live`: what a watcher may see meanwhile
//! - `series`, `sent`, `clients`: what it keeps in order of time, of when it sent, of each connection
//! - `census`, `connect_failure`, `greetings`, `outcome`, `error`: what comes out
//! - `truth`: tests in virtual time: what is reported is what was so
//! - `limits`: how many descriptors the process may open
//!
//! It needs Linux 5.11 or newer, for timeouts of epoll in nanoseconds; [`Engine::IoUring`] needs
//! Linux 6.0. Unsafe code is in `wire/uring` only, whose operations name memory.

mod census;
mod clients;
mod clock;
mod conduct;
mod connect_failure;
mod connection;
mod engine;
mod error;
mod fifo;
mod free;
mod greetings;
mod in_flight;
mod limits;
mod live;
mod outcome;
mod pacing;
pub mod ports;
mod recorder;
mod run;
pub mod schedule;
mod sent;
mod series;
mod think;
#[cfg(test)]
mod truth;
mod turnaround;
mod wire;
mod worker;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use protocol::Framing;

pub use census::{Census, Failure};
pub use conduct::{Conduct, Misbehaviour, PIPELINE_MAX};
pub use connect_failure::ConnectFailure;
pub use engine::Engine;
pub use error::LoadError;
pub use greetings::Greetings;
pub use hdrhistogram::Histogram;
pub use outcome::{
    Batch, ConnectionTally, Cost, IdleTally, Interval, Latency, Outcome, Phases, Step,
};
pub use pacing::{Ground, Pacing};
pub use run::run;
pub use schedule::Schedule;
pub use sent::SentSample;
pub use series::{Series, Tally};
pub use think::{Think, ThinkTime};
pub use turnaround::Turnaround;
pub use worker::misbehaving::Misbehaved;

/// What to load, how, and for how long.
#[derive(Clone, Debug)]
pub struct Load {
    /// The server.
    pub target: SocketAddr,
    /// What every request asks for, and what its reply must be.
    pub recipe: Arc<protocol::Recipe>,
    /// How many connections, at least 1; split over the threads as evenly as possible.
    pub connections: usize,
    /// How many threads, from 1 to `connections`. Each takes every `threads`-th request of the
    /// schedule, so that together they make exactly the schedule of one.
    pub threads: usize,
    /// Thread k runs on CPU `cpus[k % cpus.len()]` only. Empty: wherever the kernel likes.
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
    /// How long requests are made and not counted, before the measurement.
    pub warmup: Duration,
    /// How long the measurement lasts; more than zero.
    pub measure: Duration,
    /// How long after the measurement replies are waited for.
    pub drain: Duration,
    /// A request in flight for longer is a timeout, and its connection is reopened. Looked at
    /// every 100 ms; a reply that comes after this time and before that look still counts. The
    /// same holds for an open connection without its greeting, from the beginning of the load on.
    pub request_timeout: Duration,
    /// How long one connection may take to open, and how long the connect phase may last.
    pub connect_timeout: Duration,
    /// Width of one entry of [`Outcome::intervals`], more than zero. It is widened when the
    /// measurement would have more than 1,000 of them.
    pub interval: Duration,
    /// This process is number k of n generators that load one server together, k from 0: it makes
    /// the requests of the schedule whose index is congruent to k modulo n, and its threads share
    /// those. The rate in [`Load::arrivals`] is that of all n together, and `connections` are
    /// this process's own. `(0, 1)` for a generator on its own.
    pub shard: (u64, u64),
    /// When the load begins, warm-up included, since the Unix epoch: connections are opened before
    /// and wait. `None`: as soon as all are open. Shards are one schedule only if they begin
    /// together.
    pub start_at: Option<Duration>,
    /// Whether [`Progress::live`] is wanted.
    pub live: bool,
}

/// More generators than this for one server are a mistake; and indices must not overflow.
const SHARDS_MAX: u64 = 1_000_000;

/// When requests are sent.
#[derive(Clone, Debug, PartialEq)]
pub enum Arrivals {
    /// Closed loop: on each connection, as soon as the reply to the last request is checked.
    Closed,
    /// Open loop, equal gaps.
    Constant {
        /// Requests a second over all connections: from 10⁻³ to 10⁹.
        rate_per_s: f64,
    },
    /// Open loop, gaps drawn independently from the exponential distribution.
    Poisson {
        /// Requests a second over all connections, in the mean: from 10⁻³ to 10⁹.
        rate_per_s: f64,
        /// The same seed makes the same schedule, whatever the number of threads.
        seed: u64,
    },
    /// Open loop, at a rate that changes along a line from the beginning of the measurement on.
    /// During the warm-up it is the first rate, and after `over` the last.
    Ramp {
        /// Requests a second at the beginning: from 10⁻³ to 10⁹.
        from_per_s: f64,
        /// Requests a second at the end.
        to_per_s: f64,
        /// From the beginning to the end.
        over: Duration,
        /// With one, a Poisson process at that rate; without, as even as the rate is.
        seed: Option<u64>,
    },
    /// Open loop, at one rate after the other from the beginning of the measurement on. During the
    /// warm-up it is the first rate, and after the last step the last.
    Staircase {
        /// Requests a second of each step, at least one, each from 10⁻³ to 10⁹.
        rates_per_s: Arc<[f64]>,
        /// How long each step lasts.
        step: Duration,
        /// With one, a Poisson process at that rate; without, as even as the rate is.
        seed: Option<u64>,
    },
    /// Open loop, at given times, which end before the measurement does or are cut off by its end.
    /// During the warm-up requests come evenly at the mean rate of all the times.
    Replay {
        /// Nanoseconds since the beginning of the measurement, at least one, in order.
        due_ns: Arc<[u64]>,
    },
}

/// A part of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Connections are opened, and where a greeting is expected, one of them has heard something.
    Connect,
    /// Requests are made and not counted.
    Warmup,
    /// Requests that become due (closed loop: are sent) now are counted.
    Measure,
    /// Nothing new becomes due; what was counted as offered is sent and waited for.
    Drain,
}

/// What the caller of [`run`] is told while it waits, on its own thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// A phase begins. Phases come in order, none twice. When a run is interrupted, the phases
    /// before [`Phase::Drain`] that had not begun are left out; when it is interrupted while
    /// connecting, [`Phase::Drain`] is left out too. Until the call for [`Phase::Drain`] returns, the
    /// load's connections stay open, so that it may look at a server that still has them.
    Begins(Phase),
    /// About ten times a second within a phase.
    Tick(Progress),
    /// All threads are done. Comes once, last, unless `run` fails.
    Ends,
}

/// How far a run has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The current phase.
    pub phase: Phase,
    /// Since that phase began.
    pub elapsed: Duration,
    /// Right replies so far, warm-up included. A few milliseconds old.
    pub done: u64,
    /// How it goes, if [`Load::live`] asked for it. About a tenth of a second old.
    pub live: Option<Live>,
}

/// How a load goes at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Live {
    /// Requests that wait for their reply.
    pub in_flight: u64,
    /// Requests of the measurement that have failed so far, timeouts included.
    pub failed: u64,
    /// How long those took that were due (closed loop: were sent) within the last second and have
    /// their reply; `None` before the measurement, or without any.
    pub recent: Option<Recent>,
}

/// Latencies of about the last second: as [`Latency::response`] in open loop, as
/// [`Latency::service`] in closed loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recent {
    /// How many.
    pub count: u64,
    /// The median.
    pub p50: Duration,
    /// The 99th percentile.
    pub p99: Duration,
}

impl Load {
    /// How many connections thread number `index` has: the first ones have one more each, if they
    /// do not come out even.
    fn connections_of(&self, index: usize) -> usize {
        self.connections / self.threads + usize::from(index < self.connections % self.threads)
    }

    /// Thread number `index` makes the requests with the index k modulo n: its (k, n). All threads
    /// of all shards together make each request once.
    fn share_of(&self, index: usize) -> (u64, u64) {
        let (shard, of) = self.shard;
        (shard + of * index as u64, of * self.threads as u64)
    }

    /// What makes this load impossible, before anything is opened.
    ///
    /// # Errors
    /// When it is impossible whatever the machine is like.
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
            "shards are counted from 0 and are at most 1,000,000: the first of three is 0/3",
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
            "a step of a session needs the reply to the one before: leave out the pipelining",
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
                rule(due_ns.is_sorted(), "the times of a replay must be in order")
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod example {
    use super::*;

    /// A load to begin a test with.
    pub(crate) fn load(connections: usize, arrivals: Arrivals) -> Load {
        let echo = protocol::Request::Echo { bytes: 1 };
        let recipe = protocol::Recipe::new(protocol::App::Bench, Framing::Line, echo);
        Load {
            target: ([127, 0, 0, 1], 1).into(),
            recipe: Arc::new(recipe.expect("a recipe")),
            connections,
            threads: 1,
            cpus: Vec::new(),
            engine: Engine::Epoll,
            pacing: Pacing::SLEEP,
            arrivals,
            greeting: false,
            conduct: Conduct::default(),
            warmup: Duration::ZERO,
            measure: Duration::from_secs(1),
            drain: Duration::ZERO,
            request_timeout: Duration::from_secs(1),
            connect_timeout: Duration::from_secs(1),
            interval: Duration::from_secs(1),
            shard: (0, 1),
            start_at: None,
            live: false,
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
