//! Results derived from several cells of a summary: the noise floor, recommendations, crossovers,
//! and scaling laws.

#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Factor;
use crate::statistics::Interval;

/// One model measured twice in each block: its difference from itself is noise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct NoiseFloor {
    /// The workload's name in the plan.
    pub workload: String,
    /// The figure: `throughput_per_s`, `p50_ns`, `p90_ns`, `p99_ns`, `server_cpu_per_request_ns` or `pss_bytes`.
    pub metric: String,
    /// The model.
    pub model: String,
    /// Its second measurement over the first, block by block: of geometric means.
    pub ratio: f64,
    /// Where that ratio may be, at 95 %.
    pub interval: Interval,
    /// The smallest difference, as a share, that is more than this: the end of the interval that is
    /// farther from 1. What differs by less cannot be told.
    pub smallest_detectable: f64,
}

/// Models of many kinds that are alike because something else was at its limit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Ceiling {
    /// The check that shows the limit: `generator-cpu`, `load-above-cores` or `steal`; or
    /// `reference`, if the models reached the generator's throughput against the null baseline.
    pub check: String,
    /// The models that are near each other, the slowest first.
    pub models: Vec<String>,
    /// The families they are of.
    pub families: Vec<String>,
    /// Throughput of the fastest of them over that of the slowest.
    pub spread: f64,
    /// All that in a sentence.
    pub sentence: String,
}

/// How sure a recommendation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Sureness {
    /// Every other model is surely worse, or surely as good.
    Sure,
    /// Some models are surely worse, and some cannot be told from the best.
    Partly,
    /// Too few trials for any verdict, or none came to one.
    Hint,
}

/// Which model to take for a load like this one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Recommendation {
    /// The workload's name in the plan.
    pub workload: String,
    /// The best, and the models that are surely not much worse; only the one with the best median where there
    /// are too few trials for any verdict.
    pub group: Vec<String>,
    /// The undecided models: without a verdict, or with too wide an interval.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unknown: Vec<String>,
    /// Of these, the one with the least server CPU time for each reply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cheapest: Option<String>,
    /// Of these, the one with the least memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leanest: Option<String>,
    /// How sure that is.
    pub sureness: Sureness,
    /// All that in a sentence.
    pub sentence: String,
    /// What makes it sure or not.
    pub how_sure: String,
}

/// Where two models change places in a sweep.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Crossover {
    /// The workload that the plan varied.
    pub series: String,
    /// The setting that is swept.
    pub factor: String,
    /// Other settings that the plan varied, and what they are here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fixed: Vec<Factor>,
    /// The figure.
    pub metric: String,
    /// The model with the better median below.
    pub below: String,
    /// The model with the better median above.
    pub above: String,
    /// Where the medians cross, between two points that were measured.
    pub at: f64,
    /// Where they may cross, at 95 %: bootstrap over blocks.
    pub interval: Interval,
    /// The share of the resamples in which they cross once and this way round.
    pub support: f64,
    /// Whether it is sure: trials enough, nearly every resample agrees, and at either end of the
    /// sweep the one is better than the other by more than the margin.
    pub certain: bool,
    /// A sentence for people; only if it is certain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sentence: Option<String>,
}

/// How a model's throughput follows its load or its workers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Scaling {
    /// The workload that the plan varied.
    pub series: String,
    /// The setting that is swept.
    pub factor: String,
    /// Other settings that the plan varied, and what they are here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fixed: Vec<Factor>,
    /// The model.
    pub model: String,
    /// Gunther's universal scalability law, fitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub law: Option<ScalingLaw>,
    /// Why there is no fit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why_none: Option<String>,
}

/// The universal scalability law with its intervals at 95 %.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ScalingLaw {
    /// Throughput of one alone, per second.
    pub lambda_per_s: f64,
    /// Contention: the share that is done one after the other.
    pub sigma: f64,
    /// Where that may be.
    pub sigma_interval: Interval,
    /// Coherency: what each costs every other.
    pub kappa: f64,
    /// Where that may be.
    pub kappa_interval: Interval,
    /// The load with the greatest throughput; absent where it never falls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak: Option<f64>,
    /// Where that may be; absent where some of the resampled fits never fall.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak_interval: Option<Interval>,
    /// The share of the variance that the law explains.
    pub r_squared: f64,
    /// Points that were left out because the load generator was at its limit there.
    pub limited_points: usize,
    /// Points that the law was fitted to.
    pub points: usize,
    /// Why the law does not describe these points, for people: then nothing is concluded from it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub misfit: Option<String>,
}
