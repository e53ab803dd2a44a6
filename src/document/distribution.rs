//! A latency distribution: the figures that people read, and the whole histogram for programs.

use anyhow::{Context, Result};
use hdrhistogram::Histogram;
#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::base::units::as_f64;
use crate::document::histogram::{decode, encode};

/// The quantiles that are written down.
pub const QUANTILES: [f64; 13] =
    [0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.995, 0.999, 0.9999, 0.99999, 1.0];

/// Samples that quantile q needs, times 1 - q: with fewer than about six samples beyond it, a
/// quantile is the accident of one of them.
pub const SAMPLES_BEYOND: f64 = 6.0;

/// One latency distribution.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Distribution {
    /// Unit of every value: `ns`.
    pub unit: String,
    /// Samples, those that were cut off included.
    pub count: u64,
    /// Of these, how many had not ended when the trial did. They are in with the age they had
    /// reached, which is less than the truth.
    pub censored: u64,
    /// The effective sample size at the median, estimated by batch means; absent if it was not
    /// computed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effective_count: Option<u64>,
    /// The smallest value, or 0 without samples.
    pub min: u64,
    /// The largest value, or 0 without samples.
    pub max: u64,
    /// The mean, or 0 without samples.
    pub mean: f64,
    /// The quantiles, in ascending order of `q`.
    pub quantiles: Vec<Quantile>,
    /// The whole histogram: HdrHistogram V2, deflated, in base64.
    pub histogram: String,
}

/// One quantile.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Quantile {
    /// From 0 to 1.
    pub q: f64,
    /// The value, in the distribution's unit.
    pub value: u64,
    /// Whether there are samples enough to say so: about 6/(1-q) effective ones.
    pub admitted: bool,
    /// How many independent samples they are worth at this quantile; absent where that was not
    /// looked at, and all of them count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effective_count: Option<u64>,
    /// Whether it lies among requests that had not ended: the true value is this or more.
    pub at_least: bool,
}

impl Distribution {
    /// From a histogram of nanoseconds. `censored` has the ages of requests that had not ended.
    ///
    /// # Errors
    /// When the histograms cannot be merged or serialised, which is a bug.
    pub fn from_histograms(recorded: &Histogram<u64>, censored: &Histogram<u64>) -> Result<Self> {
        let mut all = recorded.clone();
        all.add(censored)
            .context("the ages of unfinished requests exceed the histogram's range")?;
        let quantiles = QUANTILES.map(|q| quantile(&all, censored.len(), q)).to_vec();
        Ok(Self {
            unit: "ns".into(),
            count: all.len(),
            censored: censored.len(),
            effective_count: None,
            min: all.min(),
            max: all.max(),
            mean: all.mean(),
            quantiles,
            histogram: encode(&all)?,
        })
    }

    /// Applies effective sample sizes: `effect` gives the number of samples that are worth one
    /// independent one, at a quantile. Quantiles with too few effective samples are not admitted.
    #[must_use]
    pub fn worth(mut self, effect: impl Fn(f64) -> f64) -> Self {
        for quantile in self.quantiles.iter_mut().filter(|quantile| is_inner(quantile.q)) {
            let effective = as_f64(self.count) / effect(quantile.q).max(1.0);
            quantile.admitted = is_admitted(quantile.q, effective);
            #[expect(clippy::cast_possible_truncation, reason = "at most the count")]
            let effective = effective as u64;
            quantile.effective_count = Some(effective);
        }
        self.effective_count = self.quantile(0.5).and_then(|median| median.effective_count);
        self
    }

    /// The quantile that was written down for `q`.
    #[must_use]
    pub fn quantile(&self, q: f64) -> Option<Quantile> {
        self.quantiles.iter().copied().find(|quantile| (quantile.q - q).abs() < 1e-12)
    }

    /// Decodes the whole histogram.
    ///
    /// # Errors
    /// When the text is not what [`Distribution::from_histograms`] wrote.
    pub fn histogram(&self) -> Result<Histogram<u64>> {
        decode(&self.histogram)
    }
}

fn quantile(all: &Histogram<u64>, censored: u64, q: f64) -> Quantile {
    let (count, censored) = (as_f64(all.len()), as_f64(censored));
    Quantile {
        q,
        value: all.value_at_quantile(q),
        admitted: is_admitted(q, count),
        effective_count: None,
        at_least: censored > 0.0 && q > 1.0 - censored / count,
    }
}

/// The extremes are what they are: the smallest and the largest seen.
fn is_inner(q: f64) -> bool {
    q > 0.0 && q < 1.0
}

/// Whether this many independent samples suffice for quantile q.
#[must_use]
pub fn is_admitted(q: f64, samples: f64) -> bool {
    let beyond = samples * (1.0 - q).min(if q < 0.5 { q } else { 1.0 });
    samples > 0.0 && (!is_inner(q) || beyond >= SAMPLES_BEYOND)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn histogram(values: impl IntoIterator<Item = u64>) -> Histogram<u64> {
        let mut histogram = Histogram::new_with_bounds(1, 60_000_000_000, 3).expect("bounds");
        for value in values {
            histogram.record(value).expect("in range");
        }
        histogram
    }

    #[test]
    fn the_histogram_survives_writing_and_reading() {
        let recorded = histogram((1..10_000).map(|i| i * 977));
        let written = Distribution::from_histograms(&recorded, &histogram([])).expect("written");
        assert_eq!(written.histogram().expect("read"), recorded);
    }

    #[test]
    fn a_quantile_needs_six_samples_beyond_it() {
        let of =
            |n| Distribution::from_histograms(&histogram(1..=n), &histogram([])).expect("written");
        let admitted = |n, q| of(n).quantile(q).expect("a listed quantile").admitted;
        assert!(admitted(600, 0.99) && !admitted(590, 0.99));
        assert!(admitted(6_000, 0.999) && !admitted(5_990, 0.999));
        assert!(admitted(1, 1.0) && !admitted(0, 1.0));
    }

    #[test]
    fn samples_that_hang_together_count_for_fewer() {
        let plain =
            Distribution::from_histograms(&histogram(1..=10_000), &histogram([])).expect("written");
        assert!(plain.quantile(0.999).expect("listed").admitted);
        // Two of them are worth one from the 99th percentile on.
        let found = plain.clone().worth(|q| if q >= 0.99 { 2.0 } else { 1.0 });
        let of = |q| found.quantile(q).expect("listed");
        assert_eq!(
            (of(0.5).effective_count, of(0.999).effective_count),
            (Some(10_000), Some(5_000))
        );
        assert!(of(0.99).admitted && !of(0.999).admitted && of(1.0).admitted);
        assert_eq!(found.effective_count, Some(10_000));
        assert_eq!((plain.effective_count, of(1.0).effective_count), (None, None));
    }

    #[test]
    fn a_quantile_in_the_cut_off_share_is_a_lower_bound() {
        let written = Distribution::from_histograms(
            &histogram((1..=900).map(|_| 1_000)),
            &histogram((1..=100).map(|_| 5_000)),
        );
        let written = written.expect("written");
        let at_least = |q| written.quantile(q).expect("a listed quantile").at_least;
        assert!(!at_least(0.5) && !at_least(0.9) && at_least(0.95) && at_least(1.0));
        assert_eq!((written.count, written.censored), (1_000, 100));
    }
}
