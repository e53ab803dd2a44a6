//! Counts and response times for each step of a staircase.

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
    censored_ages: Histogram<u64>,
}

impl Steps {
    /// The steps of a staircase, with copies of `model` as histograms; `None` for other arrivals.
    pub(super) fn for_arrivals(arrivals: &Arrivals, model: &Histogram<u64>) -> Option<Self> {
        let Arrivals::Staircase { rates_per_s, step, .. } = arrivals else { return None };
        let tally = |rate: &f64| Tally {
            rate_per_s: *rate,
            offered: 0,
            ok: 0,
            failed: 0,
            latency: model.clone(),
            censored_ages: model.clone(),
        };
        Some(Self { length: *step, tallies: rates_per_s.iter().map(tally).collect() })
    }

    /// The step of a request that was due this long after the measurement began. The last step lasts to
    /// the end.
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

    /// A request had no reply when the drain ended.
    pub(super) fn open(&mut self, since_begin: u64, age: u64) {
        self.at(since_begin).censored_ages.saturating_record(age);
    }

    /// This many requests were due then and never sent.
    pub(super) fn never_sent(&mut self, since_begin: u64, age: u64, requests: u64) {
        let tally = self.at(since_begin);
        tally.offered += requests;
        tally.censored_ages.saturating_record_n(age, requests);
    }

    pub(super) fn add(&mut self, other: &Self) {
        for (mine, theirs) in self.tallies.iter_mut().zip(&other.tallies) {
            mine.offered += theirs.offered;
            mine.ok += theirs.ok;
            mine.failed += theirs.failed;
            let sum = |mine: &mut Histogram<u64>, theirs: &Histogram<u64>| {
                mine.add(theirs).expect("histograms of one load have equal bounds");
            };
            sum(&mut mine.latency, &theirs.latency);
            sum(&mut mine.censored_ages, &theirs.censored_ages);
        }
    }

    /// The steps of a measurement that lasted `measure`; it may have been cut short.
    pub(super) fn finish(self, measure: Duration) -> Vec<Step> {
        let (mut start, count) = (Duration::ZERO, self.tallies.len());
        let mut steps = Vec::with_capacity(count);
        for (at, tally) in self.tallies.into_iter().enumerate() {
            let end = start.saturating_add(self.length).min(measure);
            let end = if at + 1 == count { measure } else { end };
            if end > start || tally.offered > 0 {
                let Tally { rate_per_s, offered, ok, failed, latency, censored_ages } = tally;
                steps.push(Step {
                    start,
                    width: end.saturating_sub(start),
                    rate_per_s,
                    offered,
                    ok,
                    failed,
                    latency,
                    censored_ages,
                });
            }
            start = end.max(start);
        }
        steps
    }
}
