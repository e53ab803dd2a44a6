//! What each step of a staircase came to.

use std::time::Duration;

use hdrhistogram::Histogram;

use crate::Arrivals;
use crate::clock::to_ns;
use crate::outcome::Step;

/// One tally for each step.
#[derive(Debug)]
pub(crate) struct Steps {
    length: Duration,
    tallies: Vec<Tally>,
}

#[derive(Debug)]
struct Tally {
    rate_per_s: f64,
    offered: u64,
    ok: u64,
    failed: u64,
    latency: Histogram<u64>,
}

impl Steps {
    /// Of a staircase; `model` is what their histograms are like.
    pub(super) fn of(arrivals: &Arrivals, model: &Histogram<u64>) -> Option<Self> {
        let Arrivals::Staircase { rates_per_s, step, .. } = arrivals else { return None };
        let tally = |rate: &f64| Tally {
            rate_per_s: *rate,
            offered: 0,
            ok: 0,
            failed: 0,
            latency: model.clone(),
        };
        Some(Self { length: *step, tallies: rates_per_s.iter().map(tally).collect() })
    }

    /// The step of a request that was due so long after the measurement began. The last one goes
    /// on to the end.
    fn at(&mut self, since_begin: u64) -> &mut Tally {
        let last = self.tallies.len() - 1;
        let at = since_begin / to_ns(self.length).max(1);
        &mut self.tallies[usize::try_from(at).map_or(last, |at| at.min(last))]
    }

    pub(super) fn offered(&mut self, since_begin: u64) {
        self.at(since_begin).offered += 1;
    }

    pub(super) fn ok(&mut self, since_begin: u64) {
        self.at(since_begin).ok += 1;
    }

    pub(super) fn failed(&mut self, since_begin: u64) {
        self.at(since_begin).failed += 1;
    }

    pub(super) fn took(&mut self, since_begin: u64, latency: u64) {
        self.at(since_begin).latency.saturating_record(latency);
    }

    pub(super) fn add(&mut self, other: &Self) {
        for (mine, theirs) in self.tallies.iter_mut().zip(&other.tallies) {
            mine.offered += theirs.offered;
            mine.ok += theirs.ok;
            mine.failed += theirs.failed;
            mine.latency.add(&theirs.latency).expect("histograms of one load have equal bounds");
        }
    }

    /// Those of a measurement that lasted `measure`, which may have been cut short.
    pub(super) fn finish(self, measure: Duration) -> Vec<Step> {
        let (mut start, count) = (Duration::ZERO, self.tallies.len());
        let mut steps = Vec::with_capacity(count);
        for (at, tally) in self.tallies.into_iter().enumerate() {
            let end = start.saturating_add(self.length).min(measure);
            let end = if at + 1 == count { measure } else { end };
            if end > start || tally.offered > 0 {
                let Tally { rate_per_s, offered, ok, failed, latency } = tally;
                let width = end.saturating_sub(start);
                steps.push(Step { start, width, rate_per_s, offered, ok, failed, latency });
            }
            start = end.max(start);
        }
        steps
    }
}
