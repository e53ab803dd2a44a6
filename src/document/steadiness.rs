//! Autocorrelation and trend of a trial's latencies, and whether arrivals followed their
//! distribution.

#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The headline latencies of the measurement in order of time. Changes are of their geometric mean,
/// which one stall does not decide.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Steadiness {
    /// Batches of equal length that trend and dependence are judged by; those without a latency are
    /// left out.
    pub batches: usize,
    /// Length of one.
    pub batch_ns: u64,
    /// Spearman's rank correlation of the batches' latencies with time.
    pub trend: f64,
    /// Latency in the second half over latency in the first.
    pub second_half_over_first: f64,
    /// Correlation of the latencies of neighbouring batches (von Neumann's ratio in other words).
    pub lag_one: f64,
    /// How much of the measurement White's rule (MSER-5) would leave out as warm-up.
    pub still_warming_ns: u64,
    /// Latency in that part over the rest; 1 where there is none.
    pub warming_over_rest: f64,
    /// Whether the difference is more than chance: four standard errors.
    pub warming_significant: bool,
}

/// Whether requests of a Poisson stream were sent as one. What the server made them wait for a
/// connection is taken off.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SentGaps {
    /// Gaps that were looked at, spread over the measurement.
    pub count: usize,
    /// Kolmogorov-Smirnov distance of their distribution from the exponential one.
    pub distance: f64,
}
