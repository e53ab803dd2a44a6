//! Connections that are all live: every one has a request under way all the time.

use std::time::Duration;

use anyhow::Result;
use serde::Serialize;

use crate::subject::Subject;
use crate::support::load::{cpu_per_request, rate};
use crate::support::process::Server;

/// The longest measurement, where a slow server has to come round to everybody.
const MEASURE_MAX: Duration = Duration::from_secs(20);

/// What became of them.
#[derive(Debug, Serialize)]
pub(crate) struct Live {
    pub(crate) connections: usize,
    /// Open when the load began.
    opened: usize,
    /// Those that got a right reply in the measurement.
    pub(crate) served: usize,
    /// Right replies of the connection that got fewest, and of the one that got most.
    pub(crate) replies_least: u64,
    replies_most: u64,
    failed: u64,
    timeouts: u64,
    reconnects: u64,
    measured_ns: u64,
    pub(crate) replies_per_s: f64,
    cpu_per_request_ns: f64,
    /// All were open and stayed open, and each was answered twice at least, never wrongly.
    pub(crate) all_served: bool,
}

/// Loads so many connections of a fresh server.
pub(crate) fn measure(subject: &Subject<'_>, connections: usize) -> Result<Live> {
    let server = subject.start(connections)?;
    let mut measure = subject.measure;
    loop {
        let live = once(subject, &server, connections, measure)?;
        // The generator resends on what is answered before it begins on the next ones, so that
        // all have their turn only after several times as many requests. Where that takes longer
        // than the measurement, measure longer, but not for ever.
        if live.all_served || live.failed > 0 || measure * 3 > MEASURE_MAX {
            return Ok(live);
        }
        measure *= 3;
    }
}

fn once(
    subject: &Subject<'_>,
    server: &Server,
    connections: usize,
    measure: Duration,
) -> Result<Live> {
    let (outcome, cpu) = subject.closed_loop(server, connections, measure).run()?;
    let tally = outcome.connections;
    let failed = outcome.census.errors_total() + tally.unsolicited + tally.connect_failures;
    let all_served = tally.served == connections
        && tally.opened == connections
        && tally.ok_min >= 2
        && failed + outcome.census.timeouts + tally.reconnects == 0;
    Ok(Live {
        connections,
        opened: tally.opened,
        served: tally.served,
        replies_least: tally.ok_min,
        replies_most: tally.ok_max,
        failed,
        timeouts: outcome.census.timeouts,
        reconnects: tally.reconnects,
        measured_ns: c10k::units::ns(outcome.phases.measure),
        replies_per_s: rate(&outcome),
        cpu_per_request_ns: cpu_per_request(&outcome, cpu)?,
        all_served,
    })
}
