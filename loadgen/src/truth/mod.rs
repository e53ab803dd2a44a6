//! The truth test: the generator's report on a simulated server, compared with the exact answer.
//!
//! The server's latencies are known by construction, and nothing else takes time unless a test says
//! so. An oracle that shares no code with the generator computes the true times of every request.
//! The generator has to report each within one bucket of its histograms, and the census exactly.

mod closed_loop;
mod faults;
mod generator;
mod open_loop;
mod oracle;
mod standstill;
mod timeouts;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::time::Duration;

use hdrhistogram::Histogram;
use protocol::{App, Framing, Recipe, Request};

use crate::clock::to_ns;
use crate::outcome::{Outcome, Phases};
use crate::run::found::outcome;
use crate::run::stage::Timeline;
use crate::wire::virtual_time::{Costs, Laws, VirtualWire};
use crate::worker::{Shared, Worker};
use crate::{Arrivals, Census, Load, Schedule};

/// When the load begins. The odd nanoseconds keep its edges apart from everything that happens.
pub(super) const START: u64 = 3_000_000_007;

pub(super) const MS: u64 = 1_000_000;
pub(super) const S: u64 = 1_000_000_000;

/// The quantiles that are reported.
const QUANTILES: [f64; 13] =
    [0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.995, 0.999, 0.9999, 0.99999, 1.0];

/// The correct figures.
#[derive(Debug, Default)]
pub(super) struct Truth {
    pub(super) census: Census,
    /// Correct replies that arrived within the measurement.
    pub(super) completed: u64,
    pub(super) response: Vec<u64>,
    pub(super) service: Vec<u64>,
    pub(super) conn_wait: Vec<u64>,
    pub(super) sched_lag: Vec<u64>,
    pub(super) censored: Vec<u64>,
    /// For the requests that have a latency, the time that decides their piece, since the measurement began.
    pub(super) belong_at: Vec<u64>,
}

impl Truth {
    /// Counts a request of the measurement that failed in this way.
    pub(super) fn failed(&mut self, name: &'static str) {
        *self.census.errors.entry(name).or_default() += 1;
    }
}

/// A load of one thread over these connections.
pub(crate) fn load(connections: usize, arrivals: Arrivals) -> Load {
    let echo = Request::Echo { bytes: 32 };
    Load {
        recipe: Arc::new(Recipe::new(App::Bench, Framing::Line, echo).unwrap()),
        warmup: Duration::from_millis(150),
        measure: Duration::from_secs(5),
        drain: Duration::from_nanos(2_000_000_111),
        request_timeout: Duration::from_secs(60),
        interval: Duration::from_millis(100),
        ..crate::example::load(connections, arrivals)
    }
}

pub(super) fn constant(rate_per_s: f64) -> Arrivals {
    Arrivals::Constant { rate_per_s }
}

pub(super) fn poisson(rate_per_s: f64) -> Arrivals {
    Arrivals::Poisson { rate_per_s, seed: 42 }
}

/// When the measurement begins, when it ends, and when the drain ends.
pub(super) fn edges(load: &Load) -> (u64, u64, u64) {
    let begin = START + to_ns(load.warmup);
    let end = begin + to_ns(load.measure);
    (begin, end, end + to_ns(load.drain))
}

/// Every request that is due before the measurement ends: its tag, and its due time on the clock.
pub(super) fn due(load: &Load) -> Vec<(u64, u64)> {
    let schedule = Schedule::new(&load.arrivals, load.warmup).expect("an open loop");
    let end = edges(load).1;
    let all = schedule.all().map(|arrival| (arrival.index, START + arrival.due_ns));
    all.take_while(|(_, due)| *due < end).collect()
}

/// The laws of the oracle's server; `work` is a plain function, so that every thread can have its own copy.
fn laws_of(server: &oracle::OracleServer<'_>, work: fn(u64, u64) -> u64) -> Laws {
    Laws {
        work: Box::new(work),
        at_a_time: (server.at_a_time < usize::MAX).then_some(server.at_a_time),
        stall: server.stall,
        ..Laws::fixed(1)
    }
}

/// Runs a load in virtual time, its threads one after the other, each against a server of its own
/// with the same laws.
pub(super) fn run(load: &Load, laws: &dyn Fn() -> Laws, costs: Costs) -> Outcome {
    let (_, end, drain_end) = edges(load);
    let shared = Shared {
        end: AtomicU64::new(end),
        drain_end: AtomicU64::new(drain_end),
        seen: AtomicBool::new(true),
        ..Shared::for_load(load)
    };
    let work = |index| {
        let wire = VirtualWire::new(load.connections_of(index), laws(), costs);
        let mut worker = Worker::new(load, &shared, index, wire);
        worker.connect().unwrap();
        worker.make_load(START).unwrap()
    };
    let found = (0..load.threads).map(work).collect();
    let (warmup, measure, drain) = (load.warmup, load.measure, load.drain);
    let phases = Phases { warmup, measure, drain, ..Phases::default() };
    let outcome = outcome(
        (load, load.engine, load.target.first().clone()),
        &Timeline { phases, ..Timeline::default() },
        found,
        crate::worker::misbehaving::BesideFound::default(),
    );
    assert!(outcome.census.reconciles(), "{:?}", outcome.census);
    assert_eq!(outcome.connect_errors.values().sum::<u64>(), outcome.connections.connect_failures);
    outcome
}

/// Asserts that the generator's report is the truth.
pub(super) fn assert_told(outcome: &Outcome, truth: Truth) {
    assert_eq!(outcome.census, truth.census);
    assert_eq!(outcome.completed, truth.completed, "replies within the measurement");
    let latency = &outcome.latency;
    match &latency.response {
        Some(response) => assert_equal("response", response, truth.response),
        None => assert!(truth.response.is_empty(), "a closed loop has no response times"),
    }
    let finished = truth.service.len() as u64;
    assert_equal("service", &latency.service, truth.service);
    assert_equal("conn_wait", &latency.conn_wait, truth.conn_wait);
    assert_equal("sched_lag", &latency.sched_lag, truth.sched_lag);
    assert_equal("censored ages", &outcome.censored_ages, truth.censored);

    let mut pieces: BTreeMap<u64, u64> = BTreeMap::new();
    truth.belong_at.iter().for_each(|at| *pieces.entry(at / (100 * MS)).or_default() += 1);
    assert_eq!(truth.belong_at.len() as u64, finished);
    for piece in &outcome.intervals {
        let expected = pieces.get(&(to_ns(piece.start) / (100 * MS))).copied().unwrap_or(0);
        assert_eq!(piece.latency.len(), expected, "in the piece at {:?}", piece.start);
    }
}

/// Asserts that a histogram has exactly these values, each within its bucket and no bucket wider than a
/// thousandth, and that each quantile is in the bucket of the exact one.
pub(super) fn assert_equal(what: &str, reported: &Histogram<u64>, mut exact: Vec<u64>) {
    exact.sort_unstable();
    assert_eq!(reported.len(), exact.len() as u64, "samples of {what}");
    let holds = |bucket: u64, value: u64| {
        let (low, high) = (reported.lowest_equivalent(bucket), reported.highest_equivalent(bucket));
        (low..=high).contains(&value) && high - low <= value / 1_000 + 1
    };
    let mut rest = exact.iter().copied().enumerate();
    for bucket in reported.iter_recorded() {
        for (rank, value) in rest.by_ref().take(usize::try_from(bucket.count_at_value()).unwrap()) {
            let bucket = bucket.value_iterated_to();
            assert!(holds(bucket, value), "{what}, rank {rank}: {bucket} instead of {value}");
        }
    }
    for q in QUANTILES {
        let Some(exact) = at_quantile(&exact, q) else { continue };
        let value = reported.value_at_quantile(q);
        assert!(holds(value, exact), "{what}, quantile {q}: {value} instead of {exact}");
    }
}

/// The smallest of these sorted values that is not below the share `q` of them.
pub(super) fn at_quantile(sorted: &[u64], q: f64) -> Option<u64> {
    let at_or_below = |rank: usize| (rank + 1) as f64 >= q * sorted.len() as f64;
    (0..sorted.len()).find(|rank| at_or_below(*rank)).map(|rank| sorted[rank])
}
