//! What the page reads from the trials themselves: whole distributions, and the course of a trial
//! over time.

use std::path::Path;

use anyhow::Result;

use crate::analysis::pooled;
use crate::base::units::as_f64;
use crate::document::{Cell, Distribution, LoadRecord, QUANTILES, SAMPLES_BEYOND, Trial};
use crate::document::{histogram, store};
use crate::statistics::median;

/// Points of a curve: more cannot be distinguished on a screen.
const POINTS: u32 = 60;

/// The least CPU time per process, in nanoseconds, with which the kernel's ticks can separate user
/// mode from kernel mode. A tick is 10 ms, and the kernel counts whole ticks for each process.
const SHARE_NEEDS_NS: u64 = 50_000_000;

/// The trials of one cell, drawn together.
#[derive(Debug, Default)]
pub(crate) struct Drawn {
    /// Quantiles of all trials' samples together, and their values in nanoseconds.
    pub(crate) curve: Vec<(f64, u64)>,
    /// The trial with the median throughput.
    pub(crate) typical: Option<Trial>,
    /// Share of the server's CPU time in user mode; median over the trials. Absent where ticks are
    /// too coarse.
    pub(crate) user_share: Option<f64>,
    /// How often the server waited, per second of load; median over the trials.
    pub(crate) waits_per_s: Option<f64>,
    /// How often it waited for each correct reply; median over the trials.
    pub(crate) waits_per_request: Option<f64>,
    /// How often the kernel took the processor from it for each correct reply; median over the trials.
    pub(crate) preemptions_per_request: Option<f64>,
    /// The mean of the headline latency in nanoseconds; median over the trials. Absent where a trial
    /// has samples that had not ended.
    pub(crate) mean_ns: Option<f64>,
    /// The load, from the first trial.
    pub(crate) load: Option<LoadRecord>,
}

/// Reads a cell's trials. Missing trials are left out; if all are missing, so are the figures that
/// need them.
///
/// # Errors
/// When a trial exists but cannot be read.
pub(crate) fn read(dir: &Path, cell: &Cell) -> Result<Drawn> {
    let files = cell.trials.iter().map(|file| dir.join(file)).filter(|path| store::is_there(path));
    let trials: Vec<Trial> = files.map(|path| store::read_json(&path)).collect::<Result<_>>()?;
    let servers = || trials.iter().filter_map(|trial| Some((trial, trial.server.as_ref()?)));
    let shares = servers().map(|(_, server)| {
        // Documents of earlier versions always have a share, which is wrong for short processes.
        let each = server.cpu_ns / server.processes.max(1);
        let told = server.cpu_split.is_some() || each >= SHARE_NEEDS_NS;
        server.cpu_user_share.filter(|_| told)
    });
    let shares: Option<Vec<f64>> = shares.collect();
    let waits = servers().map(|(trial, server)| {
        let loaded = as_f64(trial.phases.warmup_ns + trial.phases.measure_ns) / 1e9;
        as_f64(server.switches.voluntary) / loaded
    });
    let per_request = |of: fn(&Trial) -> Option<u64>| {
        let each = trials.iter().map(|trial| {
            let loaded = as_f64(trial.phases.warmup_ns + trial.phases.measure_ns) / 1e9;
            // Switches are counted from the start of the warm-up, so its replies count at the same
            // rate.
            let replies = trial.throughput_per_s * loaded;
            (replies > 0.0).then_some(as_f64(of(trial)?) / replies)
        });
        each.collect::<Option<Vec<f64>>>().and_then(|each| median(&each))
    };
    let means = trials.iter().map(|trial| {
        let headline = trial.latency.headline();
        (headline.count > 0 && headline.censored == 0).then_some(headline.mean)
    });
    let means: Option<Vec<f64>> = means.collect();
    Ok(Drawn {
        waits_per_request: per_request(|trial| Some(trial.server.as_ref()?.switches.voluntary)),
        preemptions_per_request: per_request(|trial| {
            Some(trial.server.as_ref()?.switches.involuntary)
        }),
        mean_ns: means.and_then(|means| median(&means)),
        load: trials.first().map(|trial| trial.load.clone()),
        curve: curve(&trials.iter().map(|trial| trial.latency.headline()).collect::<Vec<_>>())?,
        user_share: shares.and_then(|shares| median(&shares)),
        waits_per_s: median(&waits.collect::<Vec<_>>()),
        typical: typical(trials, cell.throughput_per_s.median),
    })
}

/// The trial whose throughput is nearest to the median.
fn typical(trials: Vec<Trial>, median: f64) -> Option<Trial> {
    let away = |trial: &Trial| (trial.throughput_per_s - median).abs();
    trials.into_iter().min_by(|a, b| away(a).total_cmp(&away(b)))
}

/// The samples of all trials together, at quantiles evenly spaced on the logarithmic axis of
/// 1/(1-q). The curve ends where tables say "too few", or where requests had not ended.
fn curve(trials: &[&Distribution]) -> Result<Vec<(f64, u64)>> {
    let histograms: Vec<_> = trials.iter().map(|trial| trial.histogram()).collect::<Result<_>>()?;
    let all = histogram::sum(&histograms)?;
    let inner: Vec<f64> = QUANTILES.into_iter().filter(|q| *q > 0.0 && *q < 1.0).collect();
    let told: Vec<_> = inner.iter().zip(pooled::pooled_quantiles(trials, &inner)?).collect();
    let decades = |q: f64| -(1.0 - q).log10();
    // The effective sample size is known at some quantiles. Beyond the last shown quantile the
    // curve goes on with the size known there, but not as far as the first quantile that is not
    // shown.
    let Some((_, Some(last))) =
        told.iter().rev().find(|(_, own)| own.as_ref().is_some_and(|own| own.admitted))
    else {
        return Ok(Vec::new());
    };
    let refused =
        told.iter().find(|(q, own)| **q >= 0.5 && own.as_ref().is_none_or(|own| !own.admitted));
    let end = (as_f64(last.effective_count) / SAMPLES_BEYOND).log10();
    let refused = refused.map(|(q, _)| decades(**q)).filter(|at| *at <= end);
    let censored: u64 = trials.iter().map(|trial| trial.censored).sum();
    let known = 1.0 - as_f64(censored) / as_f64(all.len());
    // The first quantile that is not shown is not a point of the curve either.
    let (end, steps) = refused.map_or((end, POINTS - 1), |at| (at, POINTS));
    let quantiles = (0..POINTS).map(|point| {
        let share = f64::from(point) / f64::from(steps);
        1.0 - 10_f64.powf(-share * end)
    });
    let some = quantiles.take_while(|q| end > 0.0 && *q <= known);
    Ok(some.map(|q| (q, all.value_at_quantile(q))).collect())
}

#[cfg(test)]
mod tests {
    use hdrhistogram::Histogram;

    use super::*;

    fn histogram(values: impl IntoIterator<Item = u64>) -> Histogram<u64> {
        let mut histogram = Histogram::new_with_bounds(1, 60_000_000_000, 3).expect("bounds");
        values.into_iter().for_each(|value| histogram.record(value).expect("in range"));
        histogram
    }

    fn of(ended: Histogram<u64>, cut: Histogram<u64>) -> Distribution {
        Distribution::from_histograms(&ended, &cut).expect("written")
    }

    #[test]
    fn a_curve_is_of_all_trials_together_and_ends_with_the_samples() {
        let none = || histogram([]);
        let (odd, even) = ((1..6_000).step_by(2), (2..=6_000).step_by(2));
        let (a, b) = (of(histogram(odd), none()), of(histogram(even), none()));
        let drawn = curve(&[&a, &b]).expect("a curve");
        assert_eq!(drawn.len(), POINTS as usize);
        let (q, value) = *drawn.last().expect("points");
        assert!((q - 0.999).abs() < 1e-9 && (5990..=6000).contains(&value), "{q} {value}");
        assert!(drawn.is_sorted());
        // All samples beyond p90 come from one trial.
        let (a, b) = (of(histogram(1..=3_000), none()), of(histogram(3_001..=6_000), none()));
        let drawn = curve(&[&a, &b]).expect("a curve");
        assert!(drawn.last().is_some_and(|(q, _)| (0.9..0.95).contains(q)), "{:?}", drawn.last());
    }

    #[test]
    fn a_curve_ends_where_the_table_says_too_few() {
        // A hundred samples are worth one from the 99th percentile on.
        let one =
            of(histogram(1..=6_000), histogram([])).worth(|q| if q >= 0.99 { 100.0 } else { 1.0 });
        let curve = curve(&[&one]).expect("a curve");
        assert!(curve.len() == POINTS as usize && curve.iter().all(|(q, _)| *q < 0.99));
        assert!(curve.last().is_some_and(|(q, _)| *q > 0.98), "{curve:?}");
    }

    #[test]
    fn a_curve_ends_before_what_had_not_ended() {
        let cut = of(histogram(1..=900), histogram((0..100).map(|_| 5000)));
        let curve = curve(&[&cut]).expect("a curve");
        assert!(curve.iter().all(|(q, value)| *q <= 0.9 && *value <= 900), "{curve:?}");
        assert!(!curve.is_empty());
        assert!(super::curve(&[]).expect("no curve").is_empty());
    }
}
