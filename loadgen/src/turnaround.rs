//! Turnaround time of clients with a fixed number of requests: from connect to last reply.

use std::time::Duration;

use hdrhistogram::Histogram;

use crate::recorder::record;

/// How long clients took from connect(2), or from the beginning of the load if they were connected
/// before it, to the last reply of as many requests as a connection carries. Of those whose last reply was right and came within the measurement.
#[derive(Clone, Debug)]
pub struct Turnaround {
    /// In nanoseconds, to three significant digits.
    pub times: Histogram<u64>,
    /// All of them together.
    pub total: Duration,
}

impl Turnaround {
    /// `times` is empty, and has room for the longest.
    pub(crate) fn new(times: Histogram<u64>) -> Self {
        Self { times, total: Duration::ZERO }
    }

    /// A client is done. Returns how often there was no room for its time.
    pub(crate) fn done(&mut self, took_ns: u64) -> u64 {
        self.total += Duration::from_nanos(took_ns);
        record(&mut self.times, took_ns)
    }

    /// Adds what another thread recorded for the same load.
    pub(crate) fn add(&mut self, other: &Self) {
        self.times.add(&other.times).expect("histograms of one load have equal bounds");
        self.total += other.total;
    }
}
