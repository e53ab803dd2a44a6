//! Connections that are all active: each sends one request per second.

use std::time::Duration;

use anyhow::{Context, Result};
use c10k::units;
use loadgen::Arrivals;
use serde::Serialize;

use crate::subject::Subject;
use crate::support::load::{Loop, cpu_per_request, rate};

/// Time for three requests on every connection.
const MEASURE: Duration = Duration::from_secs(3);
/// A server takes a while to accept all connections at once.
const WARMUP: Duration = Duration::from_secs(3);

/// The outcome for all connections.
#[derive(Debug, Serialize)]
pub(crate) struct Live {
    pub(crate) connections: usize,
    /// Open when the load began.
    opened: usize,
    /// Connections that got a correct reply in the measurement.
    pub(crate) served: usize,
    /// Correct replies of the connection that got fewest, and of the one that got most.
    pub(crate) replies_least: u64,
    replies_most: u64,
    failed: u64,
    timeouts: u64,
    reconnects: u64,
    measured_ns: u64,
    replies_per_s: f64,
    /// From the due time of a request to its reply.
    pub(crate) response_p50_ns: u64,
    pub(crate) response_p99_ns: u64,
    cpu_per_request_ns: f64,
    /// All connections opened and stayed open, and each got at least two replies, all correct.
    pub(crate) all_served: bool,
}

/// Sends one request per second over every connection of a fresh server.
///
/// This is not a closed loop. If thousands of threads or processes always wait for the processor, the one
/// that accepts gets a share of thousandths, and most connections stay in the kernel's queue.
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
