//! Quantiles of cells over all their trials together.
//!
//! Trials are independent replications of one experiment, each with a process and connections of
//! its own. So their samples come from one distribution, and one histogram holds them. Their
//! effective sample sizes add up, but only as far as the differences between trials allow: a far
//! quantile may rest on events that occur in some trials and not in others. Parts of one load
//! (`c10k merge`) are not independent, and are merged in another way.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use hdrhistogram::Histogram;

use crate::base::units::as_f64;
use crate::document::{
    Cell, CellQuantile, Distribution, Estimate, Pooled, Summary, Trial, is_admitted,
};
use crate::document::{histogram, store};

/// The quantiles of a cell.
pub const QUANTILES: [f64; 6] = [0.5, 0.9, 0.95, 0.99, 0.999, 1.0];

/// Quantiles outside the tail. Trials differ here too, but this moves the value little, and the
/// range beside it shows the difference.
const MIDDLE: std::ops::RangeInclusive<f64> = 0.1..=0.9;

/// A trial's samples.
struct Part<'a> {
    of: &'a Distribution,
    samples: Histogram<u64>,
    /// For each value that occurs, the highest that counts as equal, and how many samples are not above it: a
    /// figure asks for hundreds of values, and the histogram would add up from 0 for each.
    up_to: Vec<(u64, u64)>,
}

impl<'a> Part<'a> {
    fn new(of: &'a Distribution, samples: Histogram<u64>) -> Self {
        let mut total = 0;
        let steps = samples.iter_recorded().map(|step| {
            total += step.count_at_value();
            (step.value_iterated_to(), total)
        });
        Self { of, up_to: steps.collect(), samples }
    }

    /// Samples that count as equal to the value or are less.
    fn within(&self, value: u64) -> u64 {
        let highest = self.samples.highest_equivalent(value);
        let passed = self.up_to.partition_point(|(value, _)| *value <= highest);
        passed.checked_sub(1).map_or(0, |last| self.up_to[last].1)
    }

    fn beyond(&self, value: u64) -> u64 {
        self.samples.len() - self.within(value)
    }

    fn reaching(&self, value: u64) -> u64 {
        let lowest = self.samples.lowest_equivalent(value);
        self.samples.len() - lowest.checked_sub(1).map_or(0, |below| self.within(below))
    }

    /// Its effective sample size; all samples if it was not computed.
    fn effective_count(&self, q: f64) -> u64 {
        let known = self.of.quantile(q).and_then(|quantile| quantile.effective_count);
        known.unwrap_or(self.of.count)
    }
}

/// The quantiles of a cell from its trials, not yet pooled.
#[must_use]
pub fn of_each(trials: &[&Distribution]) -> Vec<CellQuantile> {
    QUANTILES.map(|q| over(trials, q)).to_vec()
}

/// A quantile over the trials; without a value if one of them lacks it.
fn over(trials: &[&Distribution], q: f64) -> CellQuantile {
    let found: Vec<_> = trials.iter().filter_map(|times| times.quantile(q)).collect();
    let values: Option<Vec<_>> =
        found.iter().map(|quantile| quantile.admitted.then(|| as_f64(quantile.value))).collect();
    CellQuantile {
        q,
        value_ns: values.and_then(|values| Estimate::from_values(&values)),
        at_least: found.iter().any(|quantile| quantile.at_least),
        pooled: None,
    }
}

/// These quantiles of the trials of a cell; `None` for all of them without any samples.
///
/// # Errors
/// When a histogram is damaged.
pub fn pooled_quantiles(
    trials: &[&Distribution],
    quantiles: &[f64],
) -> Result<Vec<Option<Pooled>>> {
    let with_samples = trials.iter().filter(|trial| trial.count > 0);
    let parts: Vec<Part<'_>> = with_samples.map(|trial| part(trial)).collect::<Result<_>>()?;
    if parts.is_empty() {
        return Ok(vec![None; quantiles.len()]);
    }
    let all = histogram::sum(parts.iter().map(|part| &part.samples))?;
    let mut found: Vec<Pooled> = quantiles.iter().map(|q| one(&parts, &all, *q)).collect();
    admit_no_farther(quantiles, &mut found);
    Ok(found.into_iter().map(Some).collect())
}

fn part(of: &Distribution) -> Result<Part<'_>> {
    let samples = of.histogram()?;
    ensure!(samples.len() == of.count, "a histogram and the sample count in its document differ");
    Ok(Part::new(of, samples))
}

fn one(parts: &[Part<'_>], all: &Histogram<u64>, q: f64) -> Pooled {
    let value_ns = all.value_at_quantile(q);
    let within: u64 = parts.iter().map(|part| part.effective_count(q)).sum();
    let alone = |part: &Part<'_>| part.of.quantile(q).is_some_and(|found| found.admitted);
    let beyond: Vec<u64> = parts.iter().map(|part| part.beyond(value_ns)).collect();
    // What was cut off counts as its trial's longest, as in a trial by itself. If all of it lies beyond,
    // it is there where the truth would be, and the value is exact though it may be a bound in that trial.
    // If not, the truth may be more. Of one trial this is the rule that documents have for it.
    let reaches = |(part, beyond): (&Part<'_>, &u64)| *beyond < part.of.censored;
    let (most, total) = (beyond.iter().max().copied().unwrap_or(0), beyond.iter().sum::<u64>());
    let is_tail = q > 0.0 && q < 1.0 && !MIDDLE.contains(&q);
    // Where many samples have this very value, nothing may lie beyond it.
    let reached: Vec<u64> = parts.iter().map(|part| part.reaching(value_ns)).collect();
    let worths = [&beyond, &reached].into_iter().filter_map(|found| clusters(parts, found));
    let between = worths.reduce(f64::min).filter(|_| is_tail);
    // What each knows by itself, they know together: counts are cut to whole ones.
    let from_within = is_admitted(q, as_f64(within)) || parts.iter().all(alone);
    Pooled {
        value_ns,
        admitted: from_within && between.is_none_or(|worth| is_admitted(q, worth)),
        effective_count: between.map_or(within, |worth| within.min(whole(worth))),
        at_least: parts.iter().zip(&beyond).any(reaches),
        of_trials: parts.iter().map(|part| part.samples.value_at_quantile(q)).collect(),
        most_of_one_trial: (total > 0).then(|| as_f64(most) / as_f64(total)),
    }
}

/// How many independent samples those of all trials are worth if each trial is a cluster: as many as have the
/// variance that the share `beyond` a value has from trial to trial (Kish's design effect; a ratio of sums, since
/// trials hold unequal numbers). `None` of one trial, and of trials that do not differ.
fn clusters(parts: &[Part<'_>], beyond: &[u64]) -> Option<f64> {
    let own = || {
        parts.iter().map(|part| as_f64(part.samples.len())).zip(beyond.iter().map(|n| as_f64(*n)))
    };
    let (total, all) = own().fold((0.0, 0.0), |sum, (n, beyond)| (sum.0 + n, sum.1 + beyond));
    let (share, trials) = (all / total, as_f64(parts.len() as u64));
    let apart: f64 = own().map(|(n, beyond)| (beyond - share * n).powi(2)).sum();
    let variance = trials / (trials - 1.0) * apart / total.powi(2);
    (parts.len() > 1 && variance > 0.0).then(|| share * (1.0 - share) / variance)
}

/// Of 999 samples divisions leave a hair less.
fn whole(samples: f64) -> u64 {
    const HAIR: f64 = 1e-6;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "positive, and as large as fits otherwise"
    )]
    let whole = (samples + HAIR) as u64;
    whole
}

/// Who does not know a quantile of the tail does not know a rarer one: a stall that is one event at the
/// nearer may be counted as several at the farther. The extreme is what it is.
fn admit_no_farther(quantiles: &[f64], found: &mut [Pooled]) {
    let refused = quantiles.iter().zip(&*found).filter(|(q, own)| **q >= 0.5 && !own.admitted);
    let first = refused.map(|(q, _)| *q).fold(1.0, f64::min);
    for (q, own) in quantiles.iter().zip(found) {
        own.admitted &= *q <= first || *q >= 1.0;
    }
}

/// Sums up the quantiles of a summary's cells again from its trials, which those of an earlier version
/// lack, some or all together. All or none, so that a column has one meaning: where a trial's file is not there, the summary
/// stays as it is, and a sentence says so.
///
/// # Errors
/// When a trial is there and cannot be read.
pub fn again(summary: &mut Summary, dir: &Path) -> Result<Option<String>> {
    let files = || summary.cells.iter().flat_map(|cell| &cell.trials);
    let (all, missing) =
        (files().count(), files().filter(|file| !store::is_there(&dir.join(file))).count());
    if missing > 0 {
        return Ok(Some(format!(
            "{missing} of {all} trial files are missing: quantiles are taken from the summary"
        )));
    }
    for cell in &mut summary.cells {
        let trials = cell.trials.iter().map(|file| store::read_json(&dir.join(file)));
        fill(cell, &trials.collect::<Result<Vec<Trial>>>()?)?;
    }
    Ok(None)
}

/// Gives a cell's quantiles, those of turnaround, of connecting and of steps too, what all its trials
/// together say.
///
/// # Errors
/// When a histogram is damaged.
pub fn fill(cell: &mut Cell, trials: &[Trial]) -> Result<()> {
    let latency: Vec<_> = trials.iter().map(|trial| trial.latency.headline()).collect();
    let what = format!("{} under {}", cell.model, cell.workload);
    renew(&mut cell.latency, &latency).with_context(|| what.clone())?;
    let times: Option<Vec<_>> =
        trials.iter().map(|trial| Some(&trial.turnaround.as_ref()?.times)).collect();
    if let (Some(turnaround), Some(times)) = (&mut cell.turnaround, times) {
        renew(&mut turnaround.quantiles, &times).with_context(|| what.clone())?;
    }
    let connect: Vec<_> = trials.iter().map(|trial| &trial.latency.connect).collect();
    renew(&mut cell.connect, &connect).with_context(|| what.clone())?;
    for step in &mut cell.steps {
        // A cell has not every step of its trials: the one that began at the same time is meant.
        let response = trials.iter().map(|trial| {
            let own = trial.steps.iter().find(|own| own.start_ns == step.start_ns);
            own.map(|own| &own.response)
        });
        if let Some(response) = response.collect::<Option<Vec<_>>>() {
            renew(&mut step.response, &response).with_context(|| what.clone())?;
        }
    }
    Ok(())
}

fn renew(quantiles: &mut Vec<CellQuantile>, trials: &[&Distribution]) -> Result<()> {
    // Histograms are read only on demand, because reading them is most of the work.
    if quantiles.is_empty() {
        return Ok(());
    }
    // Earlier versions had fewer of them.
    let missing = QUANTILES.into_iter().filter(|q| CellQuantile::among(quantiles, *q).is_none());
    let missing: Vec<_> = missing.map(|q| over(trials, q)).collect();
    quantiles.extend(missing);
    quantiles.sort_by(|a, b| a.q.total_cmp(&b.q));
    let at: Vec<f64> = quantiles.iter().map(|quantile| quantile.q).collect();
    for (quantile, pooled) in quantiles.iter_mut().zip(pooled_quantiles(trials, &at)?) {
        quantile.pooled = pooled;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
