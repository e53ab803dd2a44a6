//! The outcome of a load.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;

use crate::{
    Address, Census, Engine, Greetings, Misbehaved, Misbehaviour, SentSample, Series, Standstill,
    Turnaround,
};

/// What a run found out. All histograms hold nanoseconds.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// How the threads talked to the kernel: never [`Engine::Auto`].
    pub engine: Engine,
    /// Where the load went: one of the target's addresses.
    pub address: Address,
    /// How long each phase lasted.
    pub phases: Phases,
    /// The run was stopped before the measurement was over; it is shorter than asked.
    pub interrupted: bool,
    /// The outcomes of all requests of the measurement.
    pub census: Census,
    /// Right replies that arrived within the measurement, whenever they were asked for: over
    /// [`Phases::measure`] this is the throughput. The census is about the requests that were
    /// due or sent in it; one that was answered only in the drain is `ok` there and not counted
    /// here.
    pub completed: u64,
    /// How long requests took.
    pub latency: Latency,
    /// The ages, at the end of the drain, of requests that have no known latency: unfinished
    /// ones, and in open loop those never sent. Since they were due in open loop, since they
    /// were sent in closed loop. A percentile of [`Latency::response`] (closed loop:
    /// [`Latency::service`]) that reaches into this share of the requests is a lower bound.
    pub censored_ages: Histogram<u64>,
    /// The measurement in pieces of equal length, the last one possibly shorter.
    pub intervals: Vec<Interval>,
    /// The steps of a staircase, in their order; empty for anything else.
    pub steps: Vec<Step>,
    /// The headline latencies (as in [`Interval::latency`]) in order of time, the warm-up's too.
    pub series: Series,
    /// When requests were sent; `None` unless their gaps were to be random.
    pub sent: Option<SentSample>,
    /// What the generator cost.
    pub cost: Cost,
    /// The outcomes of the connections.
    pub connections: ConnectionTally,
    /// Attempts to open one that failed, by
    /// [`ConnectFailure::name`](crate::ConnectFailure::name); names that did not occur are left out.
    pub connect_errors: BTreeMap<&'static str, u64>,
    /// Of these, failures before the load began: the server may just have been starting.
    pub connect_errors_before: BTreeMap<&'static str, u64>,
    /// Latencies, waits and ages that were longer than their histogram has room for, and are in it
    /// as the longest. Quantiles that reach into them are lower bounds. More than zero only when
    /// the generator itself stood still for longer than all the load's times together.
    pub saturated: u64,
    /// How many sockets were ready at a time.
    pub batch: Batch,
    /// When the generator stood still.
    pub standstill: Standstill,
    /// What the greetings told; `None` where none were expected.
    pub greetings: Option<Greetings>,
    /// The outcomes of the sessions, in all phases; `None` if there are none.
    pub sessions: Option<protocol::SessionTally>,
    /// How long clients took in all; `None` where connections carry any number of requests.
    pub turnaround: Option<Turnaround>,
    /// The silent connections beside the load.
    pub idle: IdleTally,
    /// The outcomes of misbehaving clients; empty if there are none.
    pub misbehaving: BTreeMap<Misbehaviour, Misbehaved>,
    /// The start of the first wrong reply or greeting, for people.
    pub wrong_example: Option<String>,
}

/// How long each phase lasted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Phases {
    /// Until all connections were open or given up.
    pub connect: Duration,
    /// Before the measurement, with load.
    pub warmup: Duration,
    /// The measurement: the requests that became due (closed loop: were sent) in it are those
    /// of the census. Divide by this for a rate.
    pub measure: Duration,
    /// From the call that told of [`Phase::Measure`](crate::Phase::Measure) to the one that told
    /// of [`Phase::Drain`](crate::Phase::Drain), on the calling thread: the time in which
    /// whatever the caller sampled in these two calls was used. Close to `measure`.
    pub bracket: Duration,
    /// From the end of the measurement to the end of the last thread.
    pub drain: Duration,
    /// When the measurement began, since the Unix epoch.
    pub began: Duration,
}

/// How long requests of the measurement took, in nanoseconds, to three significant digits.
#[derive(Clone, Debug)]
pub struct Latency {
    /// From due to done, of correct replies, and the ages of timeouts. `None` in closed loop,
    /// where nothing is due.
    pub response: Option<Histogram<u64>>,
    /// From sent to done, of correct replies, and the ages of timeouts.
    pub service: Histogram<u64>,
    /// How long after it was due a request waited until a connection was free, of all that were
    /// sent: the server's doing, without what the generator slept through ([`Standstill`]). Empty
    /// in closed loop.
    pub conn_wait: Histogram<u64>,
    /// The rest of the time until it was sent, of all that were sent: the generator's own
    /// lateness. In closed loop, from the last reply on this connection, which had come when the
    /// generator stood still if it was read right after.
    pub sched_lag: Histogram<u64>,
    /// How long connections took to open, from connect(2) on, later ones and those before the
    /// measurement included.
    pub connect: Histogram<u64>,
}

/// One piece of the measurement. A request belongs to the piece in which it was due (open loop)
/// or sent (closed loop), so the pieces add up to the census.
#[derive(Clone, Debug)]
pub struct Interval {
    /// Since the measurement began.
    pub start: Duration,
    /// How long it is.
    pub width: Duration,
    /// Requests that got the correct reply.
    pub ok: u64,
    /// Requests that failed, timeouts included.
    pub failed: u64,
    /// In nanoseconds to two significant digits: as [`Latency::response`] in open loop,
    /// as [`Latency::service`] in closed loop.
    pub latency: Histogram<u64>,
}

/// One step of a staircase. A request belongs to the step in which it was due, so the steps add up
/// to the census.
#[derive(Clone, Debug)]
pub struct Step {
    /// Since the measurement began.
    pub start: Duration,
    /// How long it lasted.
    pub width: Duration,
    /// Its rate, in requests a second.
    pub rate_per_s: f64,
    /// Requests that were due in it.
    pub offered: u64,
    /// Of these, those that got the correct reply.
    pub ok: u64,
    /// Those that failed, timeouts included.
    pub failed: u64,
    /// As [`Latency::response`], of these requests.
    pub latency: Histogram<u64>,
    /// As [`Outcome::censored_ages`], of these requests.
    pub censored_ages: Histogram<u64>,
}

/// What the generator itself used within the measurement.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cost {
    /// Threads that made load.
    pub threads: usize,
    /// CPU time of these threads together, user and kernel.
    pub cpu: Duration,
    /// Of that, time in which they looked for replies without a pause and there were none.
    pub spun: Duration,
    /// Of the busiest thread, CPU time over wall-clock time, both between the same two readings,
    /// without what it spun. Near 1 the generator was the bottleneck.
    pub cpu_max_share: f64,
    /// Of all threads together, what they spun over wall-clock time.
    pub spin_share: f64,
    /// Wall-clock time between these readings, of the thread where it is longest.
    pub wall: Duration,
}

/// The outcomes of the connections.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ConnectionTally {
    /// How many the load has.
    pub asked: usize,
    /// How many were open when the load began.
    pub opened: usize,
    /// How many were opened after that, for the first time or again.
    pub reconnects: u64,
    /// Attempts to open one that failed, in all phases.
    pub connect_failures: u64,
    /// Of those, how many for want of a local port: the generator's limit, not the server's.
    pub port_shortages: u64,
    /// How many we closed, because they had carried their requests or were old enough; each was
    /// opened again. In all phases.
    pub closed_by_us: u64,
    /// Time that clients were thinking within the measurement, of all together.
    pub thinking: Duration,
    /// Time that connections were being opened within the measurement, of all together.
    pub connecting: Duration,
    /// Messages on a connection without an outstanding request, in all phases: a refusal of the
    /// connection, or a reply sent twice. The connection was reopened. Messages instead of a
    /// greeting are in [`Greetings`].
    pub unsolicited: u64,
    /// How many got at least one correct reply within the measurement.
    pub served: usize,
    /// Right replies in the measurement, of the connection that got fewest.
    pub ok_min: u64,
    /// Right replies in the measurement, of the connection that got most.
    pub ok_max: u64,
    /// Right replies in the measurement, of all connections together.
    pub ok_sum: u64,
    /// The sum of the squares of each connection's: with it, indices of several generators can be
    /// put together.
    pub ok_square_sum: u64,
    /// Jain's fairness index (Jain, Chiu and Hawe, 1984) over the correct replies of each
    /// connection: 1 if all got the same number, 1/n if one of n got all of them, and 0 if no
    /// connection got any.
    pub jain: f64,
    /// The service times of the correct replies that arrived within the measurement, whenever they
    /// were asked for, all together. Over [`Phases::measure`] this is the mean number of
    /// requests in service, as far as they were answered (Little, 1961).
    pub service: Duration,
    /// Of these, the mean of the connection where it is longest; `None` without any.
    pub slowest: Option<Duration>,
}

/// The silent connections that were opened before the load.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IdleTally {
    /// How many were to be opened.
    pub asked: usize,
    /// How many were.
    pub opened: usize,
    /// How many of them the server had closed or reset when the load was over.
    pub lost: usize,
}

impl ConnectionTally {
    /// Fills in what follows from the correct replies of each connection.
    pub(crate) fn spread(&mut self, ok: &[u64]) {
        self.served = ok.iter().filter(|ok| **ok > 0).count();
        self.ok_min = ok.iter().copied().min().unwrap_or(0);
        self.ok_max = ok.iter().copied().max().unwrap_or(0);
        self.ok_sum = ok.iter().sum();
        self.ok_square_sum =
            ok.iter().fold(0, |sum: u64, ok| sum.saturating_add(ok.saturating_mul(*ok)));
        self.jain = jain(ok);
    }
}

/// (Σx)² / (n Σx²).
fn jain(shares: &[u64]) -> f64 {
    let sum: f64 = shares.iter().map(|x| *x as f64).sum();
    let squares: f64 = shares.iter().map(|x| (*x as f64).powi(2)).sum();
    if squares == 0.0 { 0.0 } else { sum * sum / (shares.len() as f64 * squares) }
}

/// How many sockets were ready at a time, within the measurement. When many are, replies wait in
/// the generator for their turn, and the server is blamed for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// How often a thread looked and found at least one ready.
    pub wakeups: u64,
    /// How many it found ready, in all.
    pub events: u64,
    /// The most it found at once; it looks for 64 at most.
    pub max: usize,
}

impl Batch {
    /// Mean number of ready sockets when there were any; 0 when there never were.
    #[must_use]
    pub fn mean(&self) -> f64 {
        if self.wakeups == 0 { 0.0 } else { self.events as f64 / self.wakeups as f64 }
    }

    pub(crate) fn found(&mut self, events: usize) {
        self.wakeups += 1;
        self.events += events as u64;
        self.max = self.max.max(events);
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.wakeups += other.wakeups;
        self.events += other.events;
        self.max = self.max.max(other.max);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jain_tells_equal_shares_from_one_winner() {
        assert_eq!(jain(&[7, 7, 7, 7]), 1.0);
        assert_eq!(jain(&[0, 0, 9, 0]), 0.25);
        assert_eq!(jain(&[0, 0]), 0.0);
        assert!((jain(&[1, 3]) - 0.8).abs() < 1e-12);
    }

    #[test]
    fn a_batch_has_the_mean_of_its_events() {
        let mut batch = Batch::default();
        assert_eq!(batch.mean(), 0.0);
        [1, 2, 6].into_iter().for_each(|events| batch.found(events));
        assert_eq!((batch.mean(), batch.max), (3.0, 6));
    }
}
