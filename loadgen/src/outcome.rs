//! The outcome of a load.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;

use crate::{
    Address, Census, Engine, Greetings, Misbehaved, Misbehaviour, SentSample, Series, Standstill,
    Turnaround,
};

/// The results of a run. All histograms hold nanoseconds.
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
    /// Correct replies that arrived within the measurement, whenever their requests were sent. Over
    /// [`Phases::measure`] this is the throughput. The census covers the requests that were due or
    /// sent in the measurement; a request that was answered only in the drain is `ok` there and not
    /// counted here.
    pub completed: u64,
    /// How long requests took.
    pub latency: Latency,
    /// The ages, at the end of the drain, of requests without a known latency: unfinished ones, and in
    /// open loop those never sent. An age counts from the due time in open loop, and from the send in
    /// closed loop. A percentile of [`Latency::response`] (closed loop: [`Latency::service`]) that
    /// reaches into this share of the requests is a lower bound.
    pub censored_ages: Histogram<u64>,
    /// The measurement in pieces of equal length, the last one possibly shorter.
    pub intervals: Vec<Interval>,
    /// The steps of a staircase, in their order; empty for anything else.
    pub steps: Vec<Step>,
    /// The headline latencies (as in [`Interval::latency`]) in order of time, the warm-up's too.
    pub series: Series,
    /// When requests were sent; `None` unless arrivals are random.
    pub sent: Option<SentSample>,
    /// What the generator cost.
    pub cost: Cost,
    /// The outcomes of the connections.
    pub connections: ConnectionTally,
    /// Failed attempts to open a connection, by
    /// [`ConnectFailure::name`](crate::ConnectFailure::name); names that did not occur are left out.
    pub connect_errors: BTreeMap<&'static str, u64>,
    /// Of these, failures before the load began: the server may just have been starting.
    pub connect_errors_before: BTreeMap<&'static str, u64>,
    /// Latencies, waits and ages too long for their histogram, which has them as its longest. Quantiles
    /// that reach into them are lower bounds. More than zero only if the generator itself stood still
    /// for longer than all the load's times together.
    pub saturated: u64,
    /// How many sockets were ready at a time.
    pub batch: Batch,
    /// The standstills of the generator.
    pub standstill: Standstill,
    /// The results of the greetings; `None` if none were expected.
    pub greetings: Option<Greetings>,
    /// The outcomes of the sessions, in all phases; `None` if there are none.
    pub sessions: Option<protocol::SessionTally>,
    /// The turnaround time of clients; `None` if connections carry any number of requests.
    pub turnaround: Option<Turnaround>,
    /// The silent connections beside the load.
    pub idle: IdleTally,
    /// The outcomes of misbehaving clients; empty if there are none.
    pub misbehaving: BTreeMap<Misbehaviour, Misbehaved>,
    /// The start of the first wrong reply or greeting, for messages.
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
    /// From the call that reported [`Phase::Measure`](crate::Phase::Measure) to the one that reported
    /// [`Phase::Drain`](crate::Phase::Drain), on the calling thread: the time between the caller's
    /// samples in these two calls. Close to `measure`.
    pub bracket: Duration,
    /// From the end of the measurement to the end of the last thread.
    pub drain: Duration,
    /// When the measurement began, since the Unix epoch.
    pub began: Duration,
}

/// How long requests of the measurement took, in nanoseconds, to three significant digits.
#[derive(Clone, Debug)]
pub struct Latency {
    /// From due to done, for correct replies; for timeouts, their ages. `None` in closed loop, where
    /// nothing is due.
    pub response: Option<Histogram<u64>>,
    /// From sent to done, for correct replies; for timeouts, their ages.
    pub service: Histogram<u64>,
    /// How long after its due time each sent request waited until a connection was free. The server
    /// causes this wait; time in which the generator stood still ([`Standstill`]) is left out. Empty in
    /// closed loop.
    pub conn_wait: Histogram<u64>,
    /// The rest of the time until each request was sent: the generator's own lateness. In closed loop
    /// it counts from the last reply on the connection; a reply that is read right after a standstill
    /// counts as arrived when the standstill began.
    pub sched_lag: Histogram<u64>,
    /// How long connections took to open, from connect(2) on, in all phases.
    pub connect: Histogram<u64>,
}

/// One piece of the measurement. A request belongs to the piece in which it was due (open loop)
/// or sent (closed loop), so the pieces add up to the census.
#[derive(Clone, Debug)]
pub struct Interval {
    /// Since the measurement began.
    pub start: Duration,
    /// Its length.
    pub width: Duration,
    /// Requests that got the correct reply.
    pub ok: u64,
    /// Requests that failed, timeouts included.
    pub failed: u64,
    /// In nanoseconds to two significant digits: like [`Latency::response`] in open loop, and like
    /// [`Latency::service`] in closed loop.
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
    /// Its rate, in requests per second.
    pub rate_per_s: f64,
    /// Requests that were due in it.
    pub offered: u64,
    /// Of these, requests that got the correct reply.
    pub ok: u64,
    /// Of these, requests that failed, timeouts included.
    pub failed: u64,
    /// Like [`Latency::response`], of these requests.
    pub latency: Histogram<u64>,
    /// Like [`Outcome::censored_ages`], of these requests.
    pub censored_ages: Histogram<u64>,
}

/// What the generator itself used within the measurement.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cost {
    /// Threads that made load.
    pub threads: usize,
    /// CPU time of these threads together, user and kernel.
    pub cpu: Duration,
    /// Of that, time in which they polled without a pause and found no reply.
    pub spun: Duration,
    /// CPU time over wall-clock time of the busiest thread, both between the same two readings,
    /// without the time that it spun. Near 1 the generator was the bottleneck.
    pub cpu_max_share: f64,
    /// The time that threads spun over wall-clock time, as a mean over all threads.
    pub spin_share: f64,
    /// The longest wall-clock time of a thread between these readings.
    pub wall: Duration,
}

/// The outcomes of the connections.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ConnectionTally {
    /// Connections of the load.
    pub asked: usize,
    /// Connections that were open when the load began.
    pub opened: usize,
    /// Connections that were opened after that, for the first time or again.
    pub reconnects: u64,
    /// Failed attempts to open a connection, in all phases.
    pub connect_failures: u64,
    /// Of those, failures for lack of a local port: the generator's limit, not the server's.
    pub port_shortages: u64,
    /// Connections that the generator closed in all phases, because they had carried their requests or
    /// were old enough. Each was opened again.
    pub closed_by_us: u64,
    /// Think time of all clients within the measurement.
    pub thinking: Duration,
    /// Time spent opening connections within the measurement, over all connections.
    pub connecting: Duration,
    /// Messages on a connection without an outstanding request, in all phases: a refusal of the
    /// connection, or a reply sent twice. The connection was reopened. Messages instead of a
    /// greeting are in [`Greetings`].
    pub unsolicited: u64,
    /// Connections that got at least one correct reply within the measurement.
    pub served: usize,
    /// Correct replies in the measurement, of the connection that got fewest.
    pub ok_min: u64,
    /// Correct replies in the measurement, of the connection that got most.
    pub ok_max: u64,
    /// Correct replies in the measurement, of all connections together.
    pub ok_sum: u64,
    /// The sum of the squares of each connection's correct replies, from which the fairness index of
    /// several generators together follows.
    pub ok_square_sum: u64,
    /// Jain's fairness index (Jain, Chiu and Hawe, 1984) over the correct replies of each
    /// connection: 1 if all got the same number, 1/n if one of n got all of them, and 0 if no
    /// connection got any.
    pub jain: f64,
    /// The sum of the service times of the correct replies that arrived within the measurement,
    /// whenever their requests were sent. Over [`Phases::measure`] this is the mean number of requests
    /// in service that were answered (Little, 1961).
    pub service: Duration,
    /// The longest mean service time of a connection; `None` without replies.
    pub slowest: Option<Duration>,
}

/// The silent connections that were opened before the load.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IdleTally {
    /// Idle connections of the load.
    pub asked: usize,
    /// Connections that were opened.
    pub opened: usize,
    /// Of these, connections that the server had closed or reset when the load was over.
    pub lost: usize,
}

impl ConnectionTally {
    /// Fills in the figures that follow from the correct replies of each connection.
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

/// How many sockets were ready at a time, within the measurement. If many are, replies wait in the
/// generator for their turn, and this wait is charged to the server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// How often a thread found at least one socket ready.
    pub wakeups: u64,
    /// How many sockets it found ready, in all.
    pub events: u64,
    /// The most that it found at once, at most 64.
    pub max: usize,
}

impl Batch {
    /// Mean number of ready sockets when there were any; 0 if there never were.
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
