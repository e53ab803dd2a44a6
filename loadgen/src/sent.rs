//! A sample of send times, to test the arrival process.

use crate::clock::to_ns;
use crate::{Arrivals, Load};

/// Windows of the measurement in which every request is recorded.
const WINDOWS: usize = 64;
/// Requests expected in each of them, over all threads.
const PER_WINDOW: f64 = 64.0;
/// The most requests that a thread records.
const NOTED_MAX: usize = 4 * 4096;

/// When requests were sent, in windows that are spread evenly over the measurement. The wait for a
/// connection is subtracted, because the server causes it.
#[derive(Clone, Debug)]
pub struct SentSample {
    stride_ns: u64,
    window_ns: u64,
    /// Nanoseconds since the measurement began, in no order.
    at: Vec<u64>,
}

impl SentSample {
    /// A sample for random arrivals only; for evenly spaced ones, the lateness shows their faults.
    pub(crate) fn for_load(load: &Load) -> Option<Self> {
        let Arrivals::Poisson { rate_per_s, .. } = load.arrivals else { return None };
        Some(Self::new(to_ns(load.measure), rate_per_s))
    }

    /// An empty sample for a measurement of this length and rate.
    #[must_use]
    pub fn new(measure_ns: u64, rate_per_s: f64) -> Self {
        let stride_ns = (measure_ns / WINDOWS as u64).max(1);
        let expected = PER_WINDOW / rate_per_s * 1e9;
        #[expect(clippy::cast_possible_truncation, reason = "the least of both is no longer")]
        let window_ns = expected.min(stride_ns as f64) as u64;
        let mut at = vec![1; NOTED_MAX];
        at.clear();
        Self { stride_ns, window_ns, at }
    }

    /// Records a request sent `at` nanoseconds after the measurement began.
    pub fn sent(&mut self, at: u64) {
        let window = at / self.stride_ns;
        let inside = window < WINDOWS as u64 && at - window * self.stride_ns < self.window_ns;
        if inside && self.at.len() < NOTED_MAX {
            self.at.push(at);
        }
    }

    /// Every window: its length, and the times at which requests were sent in it, in order and in
    /// nanoseconds since its beginning.
    #[must_use]
    pub fn windows(&self) -> Vec<(u64, Vec<u64>)> {
        let mut windows = vec![(self.window_ns, Vec::new()); WINDOWS];
        for at in &self.at {
            let window = at / self.stride_ns;
            let since = at - window * self.stride_ns;
            windows[usize::try_from(window).expect("one of a few")].1.push(since);
        }
        windows.iter_mut().for_each(|(_, sent)| sent.sort_unstable());
        windows
    }

    /// Adds the sample of another thread of the same load.
    pub(crate) fn add(&mut self, other: &Self) {
        self.at.extend_from_slice(&other.at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_spread_over_the_measurement() {
        let second = 1_000_000_000;
        let mut sample = SentSample::new(second, 64_000.0);
        for at in (0..64_000).rev().map(|i| i * second / 64_000) {
            sample.sent(at);
        }
        sample.sent(2 * second);
        let windows = sample.windows();
        assert_eq!(windows.len(), 64);
        for (length, sent) in windows {
            assert_eq!(length, 1_000_000, "64 requests at this rate");
            assert!((63..=65).contains(&sent.len()), "{}", sent.len());
            assert!(sent.is_sorted() && sent.iter().all(|at| *at < length));
        }
    }

    #[test]
    fn at_a_low_rate_everything_is_noted() {
        let mut sample = SentSample::new(1_000_000_000, 100.0);
        (0..100).for_each(|i| sample.sent(i * 9_999_999));
        assert_eq!(sample.windows().iter().map(|(_, sent)| sent.len()).sum::<usize>(), 100);
    }
}
