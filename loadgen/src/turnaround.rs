//! Turnaround time of clients with a fixed number of requests: from connect to last reply.

use std::time::Duration;

use hdrhistogram::Histogram;

use crate::recorder::record;

/// How long clients took to the last reply on a connection: from connect(2), or from the beginning of the
/// load if they were connected before it. Only of clients whose last reply was correct and arrived within
/// the measurement.
#[derive(Clone, Debug)]
pub struct Turnaround {
    /// In nanoseconds, to three significant digits.
    pub times: Histogram<u64>,
    /// The sum of all times.
    pub total: Duration,
}

impl Turnaround {
    /// Without times yet; `times` is an empty histogram.
    pub(crate) fn new(times: Histogram<u64>) -> Self {
        Self { times, total: Duration::ZERO }
    }

    /// Records the time of a client. Returns 1 if it was too long for the histogram, otherwise 0.
    pub(crate) fn done(&mut self, took_ns: u64) -> u64 {
        self.total += Duration::from_nanos(took_ns);
        record(&mut self.times, took_ns)
    }

    /// Adds the times of another thread of the same load.
    pub(crate) fn add(&mut self, other: &Self) {
        self.times.add(&other.times).expect("histograms of one load have equal bounds");
        self.total += other.total;
    }
}
