//! Adding up series in time: slices and steps.

use std::collections::BTreeMap;

use anyhow::Result;
use hdrhistogram::Histogram;

use super::latency::distribution;
use crate::document::histogram;
use crate::document::{Interval, StepRecord, Sums, Trial};
use crate::trial::record;
use crate::view::export;

/// The length of a slice: the last one may be shorter.
pub(in crate::command::merge) fn slice_ns(trial: &Trial) -> Option<u64> {
    trial.intervals.iter().map(|interval| interval.width_ns).max()
}

/// What is known of one slice, of all generators.
#[derive(Default)]
struct Slice {
    width_ns: u64,
    ok: u64,
    failed: u64,
    histograms: Vec<Histogram<u64>>,
}

/// The slices side by side, by the time of day at which they began, to the nearest slice.
pub(super) fn intervals(documents: &[Trial], sums: &Sums) -> Result<Vec<Interval>> {
    let width = documents.iter().filter_map(slice_ns).max().unwrap_or(1).max(1);
    let mut slices: BTreeMap<u64, Slice> = BTreeMap::new();
    for trial in documents {
        let later = trial.sums.map_or(0, |own| own.began_unix_ns - sums.began_unix_ns);
        let shift = (later + width / 2) / width;
        for interval in &trial.intervals {
            let slice = slices.entry(interval.start_ns / width + shift).or_default();
            slice.width_ns = slice.width_ns.max(interval.width_ns);
            slice.ok += interval.ok;
            slice.failed += interval.failed;
            slice.histograms.extend(export::recorded(interval)?);
        }
    }
    let interval = |(at, slice): (u64, Slice)| {
        let latency = histogram::sum(&slice.histograms)?;
        record::interval(&loadgen::Interval {
            start: std::time::Duration::from_nanos(at * width),
            width: std::time::Duration::from_nanos(slice.width_ns),
            ok: slice.ok,
            failed: slice.failed,
            latency,
        })
    };
    slices.into_iter().map(interval).collect()
}

/// The steps of a staircase, which are the same in every part.
pub(super) fn steps(documents: &[Trial]) -> Result<Vec<StepRecord>> {
    let mut all: BTreeMap<u64, Vec<&StepRecord>> = BTreeMap::new();
    for step in documents.iter().flat_map(|trial| &trial.steps) {
        all.entry(step.start_ns).or_default().push(step);
    }
    let sum = |parts: Vec<&StepRecord>| {
        let add = |of: fn(&StepRecord) -> u64| parts.iter().map(|step| of(step)).sum();
        let response: Vec<_> = parts.iter().map(|step| &step.response).collect();
        Ok(StepRecord {
            offered: add(|step| step.offered),
            ok: add(|step| step.ok),
            failed: add(|step| step.failed),
            response: distribution(&response)?,
            ..parts[0].clone()
        })
    };
    all.into_values().map(sum).collect()
}
