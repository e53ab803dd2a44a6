//! Connections that are all live: every one is asked once a second.

use std::time::Duration;

use anyhow::{Context, Result};
use c10k::units;
use loadgen::Arrivals;
use serde::Serialize;

use crate::subject::Subject;
use crate::support::load::{Loop, cpu_per_request, rate};

/// Every connection is asked three times.
const MEASURE: Duration = Duration::from_secs(3);
/// Connecting so many at once takes a server's acceptor a while.
const WARMUP: Duration = Duration::from_secs(3);

/// What became of them.
#[derive(Debug, Serialize)]
pub(crate) struct Live {
    pub(crate) connections: usize,
    /// Open when the load began.
    opened: usize,
    /// Those that got a correct reply in the measurement.
    pub(crate) served: usize,
    /// Right replies of the connection that got fewest, and of the one that got most.
    pub(crate) replies_least: u64,
    replies_most: u64,
    failed: u64,
    timeouts: u64,
    reconnects: u64,
    measured_ns: u64,
    replies_per_s: f64,
    /// From when a request was due to its reply.
    pub(crate) response_p50_ns: u64,
    pub(crate) response_p99_ns: u64,
    cpu_per_request_ns: f64,
    /// All were open and stayed open, and each was answered twice at least, never wrongly.
    pub(crate) all_served: bool,
}

/// Has every connection of a fresh server asked once a second.
///
/// Not a closed loop: with thousands that are always waiting for the processor, a model in which one
/// thread or process accepts for all gives that one a share of thousandths, and most connections would
/// stay in the kernel's queue.
pub(crate) fn measure(subject: &Subject<'_>, connections: usize) -> Result<Live> {
    let server = subject.start(connections)?;
    let (outcome, cpu) = Loop {
        arrivals: Arrivals::Constant { rate_per_s: units::as_f64(connections as u64) },
        warmup: WARMUP,
        ..subject.closed_loop(&server, connections, MEASURE)
    }
    .run()?;
    let tally = outcome.connections;
    let failed = outcome.census.errors_total() + tally.unsolicited + tally.connect_failures;
    let all_served = tally.served == connections
        && tally.opened == connections
        && tally.ok_min >= 2
        && failed + outcome.census.timeouts + tally.reconnects == 0;
    let response = outcome.latency.response.as_ref().context("an open loop has response times")?;
    Ok(Live {
        connections,
        opened: tally.opened,
        served: tally.served,
        replies_least: tally.ok_min,
        replies_most: tally.ok_max,
        failed,
        timeouts: outcome.census.timeouts,
        reconnects: tally.reconnects,
        measured_ns: units::ns(outcome.phases.measure),
        replies_per_s: rate(&outcome),
        response_p50_ns: response.value_at_quantile(0.5),
        response_p99_ns: response.value_at_quantile(0.99),
        cpu_per_request_ns: cpu_per_request(&outcome, cpu)?,
        all_served,
    })
}
