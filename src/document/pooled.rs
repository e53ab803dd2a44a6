//! A quantile of a cell over all its trials together, and the shown part of it.

#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{CellQuantile, Estimate};
use crate::base::units::as_f64;
use crate::statistics::extremes;

/// A quantile of the samples of all trials together. Trials are independent replications, so their
/// effective sample sizes add up, as far as trials are alike.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Pooled {
    /// The value, in nanoseconds.
    pub value_ns: u64,
    /// Whether the trials together have samples enough to say so: about 6/(1-q) effective ones.
    pub admitted: bool,
    /// How many independent samples they are worth at this quantile: the sum over the trials, and in the tail no
    /// more than what they are worth if each trial is a cluster.
    pub effective_count: u64,
    /// Whether in some trial it lies among requests that had not ended: the true value is this or
    /// more.
    pub at_least: bool,
    /// The same quantile of each trial that has samples, enough or not, in the order of the trials.
    pub of_trials: Vec<u64>,
    /// The share of the samples beyond it that is of one trial, of the one with most; absent where
    /// nothing lies beyond.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub most_of_one_trial: Option<f64>,
}

/// What tables and figures show of a figure.
#[derive(Clone, Debug, PartialEq)]
pub struct Shown {
    /// The value.
    pub value: f64,
    /// Where it may be, or how far the trials spread.
    pub low: f64,
    /// The same at the other end.
    pub high: f64,
    /// The trials' own.
    pub values: Vec<f64>,
    /// Whether the truth is this or more.
    pub at_least: bool,
}

impl Shown {
    /// Of a figure over several trials: its median with the interval, or with the spread where trials
    /// are too few for one.
    #[must_use]
    pub fn from_estimate(estimate: &Estimate) -> Self {
        let Estimate { median, min, max, interval, ref values } = *estimate;
        Self {
            value: median,
            low: interval.map_or(min, |interval| interval.low),
            high: interval.map_or(max, |interval| interval.high),
            values: values.clone(),
            at_least: false,
        }
    }
}

impl CellQuantile {
    /// The shown value: that of all trials together, with the range of the trials' own; `None` if
    /// there are too few samples. Every output takes quantiles of cells from here, so a column has
    /// one meaning. For a summary of an earlier version without trials, it is the estimate over
    /// trials that all have it.
    ///
    /// It must not be used for comparisons, which need a value for each trial
    /// ([`Cell::known_quantile`]).
    ///
    /// [`Cell::known_quantile`]: super::Cell::known_quantile
    #[must_use]
    pub fn shown(&self) -> Option<Shown> {
        let Some(pooled) = &self.pooled else {
            let estimate = self.value_ns.as_ref()?;
            return Some(Shown { at_least: self.at_least, ..Shown::from_estimate(estimate) });
        };
        let values: Vec<f64> = pooled.of_trials.iter().map(|value| as_f64(*value)).collect();
        let (low, high) = extremes(&values)?;
        let value = as_f64(pooled.value_ns);
        let at_least = pooled.at_least;
        pooled.admitted.then_some(Shown { value, low, high, values, at_least })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quantile(admitted: bool) -> CellQuantile {
        let pooled = Pooled {
            value_ns: 30,
            admitted,
            effective_count: 700,
            at_least: false,
            of_trials: vec![20, 90, 10],
            most_of_one_trial: Some(0.6),
        };
        let value_ns = Estimate::from_values(&[20.0, 90.0, 10.0]);
        CellQuantile { q: 0.99, value_ns, at_least: true, pooled: Some(pooled) }
    }

    #[test]
    fn all_trials_together_are_shown_with_the_spread_of_their_own() {
        let shown = quantile(true).shown().expect("enough samples");
        assert_eq!((shown.value, shown.low, shown.high), (30.0, 10.0, 90.0));
        assert_eq!(shown.values, [20.0, 90.0, 10.0]);
        assert!(!shown.at_least, "a bound of one trial need not be one of all");
        assert_eq!(quantile(false).shown(), None);
    }

    #[test]
    fn without_trials_the_estimate_of_an_earlier_version_is_shown() {
        let mut old = quantile(true);
        old.pooled = None;
        let shown = old.shown().expect("known in every trial");
        assert_eq!((shown.value, shown.low, shown.high), (20.0, 10.0, 90.0));
        assert!(shown.at_least);
        old.value_ns = None;
        assert_eq!(old.shown(), None);
    }
}
