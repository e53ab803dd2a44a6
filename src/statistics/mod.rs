//! Estimates from trials, and their certainty.
//!
//! A trial is one observation: a fresh server with fresh connections. Requests within a trial are
//! many and far from independent, so only [`series`] uses them; intervals describe the differences
//! between trials.
//!
//! - [`signed_rank`]: a shift from paired differences, exact, for any distribution
//! - [`looks`]: the same for growing data with interim looks; [`best`]: which of several is best
//! - [`interval`]: an estimate over trials with its confidence interval (bootstrap)
//! - [`ratio`]: a ratio with its interval, from pairs or not
//! - [`factorial`]: several factors, alone and together
//! - [`rank`]: exact tests by rank or sign, for any distribution, and Holm's adjustment
//! - [`verdict`]: better, worse, or undecided
//! - [`claim`]: a limit holds, does not hold, or is undecided
//! - [`drift`]: whether something grows, by the median of slopes
//! - [`queueing`]: queueing theory for the same load (Little, Erlang C)
//! - [`series`]: autocorrelated series within one trial: batch means, trends, warm-ups
//! - [`scalability`]: Gunther's universal scalability law, fitted

pub mod best;
pub mod claim;
pub mod drift;
pub mod factorial;
pub mod interval;
pub mod looks;
pub mod queueing;
pub mod rank;
pub mod ratio;
pub mod scalability;
pub mod series;
pub mod signed_rank;
pub mod verdict;

pub use interval::Interval;
pub use verdict::Verdict;

/// The mean; 0 of nothing.
#[must_use]
pub fn mean(values: &[f64]) -> f64 {
    if values.is_empty() { 0.0 } else { values.iter().sum::<f64>() / count(values) }
}

/// The variance of a sample, its divisor one less than its size; 0 of fewer than two.
#[must_use]
pub fn variance(values: &[f64]) -> f64 {
    if values.len() < 2 {
        return 0.0;
    }
    let mean = mean(values);
    values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count(values) - 1.0)
}

/// The value in the middle, or half-way between the two; `None` of nothing.
#[must_use]
pub fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    let above = *sorted.get(middle)?;
    Some(if sorted.len() % 2 == 1 { above } else { f64::midpoint(sorted[middle - 1], above) })
}

/// The smallest and the largest value; `None` of nothing.
#[must_use]
pub fn extremes(values: &[f64]) -> Option<(f64, f64)> {
    let least = values.iter().copied().min_by(f64::total_cmp)?;
    Some((least, values.iter().copied().max_by(f64::total_cmp)?))
}

fn count(values: &[f64]) -> f64 {
    crate::base::units::as_f64(values.len() as u64)
}

/// For tests: independent and nearly normal: sums of twelve uniform draws (mean 0, variance 1).
#[cfg(test)]
pub(crate) fn normal(random: &mut fastrand::Rng) -> f64 {
    (0..12).map(|_| random.f64()).sum::<f64>() - 6.0
}

#[cfg(test)]
mod tests;
