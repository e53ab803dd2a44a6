//! Arrivals in plans.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use loadgen::Arrivals;
use serde::{Deserialize, Serialize};

use super::{Plan, Workload, durations};

/// When requests are sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum ArrivalsPlan {
    /// Each connection sends when it has its reply.
    Closed,
    /// Open loop, evenly spaced.
    Constant(Rate),
    /// Open loop, exponentially spaced.
    Poisson(Rate),
    /// Open loop, at a rate that changes along a line during the measurement.
    Ramp(Ramp),
    /// Open loop, at one rate after another during the measurement.
    Staircase(Staircase),
}

/// The rate of an open loop: a number, or a share of a measured throughput.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// Requests per second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<f64>,
    /// Share of the throughput of the slowest model that serves all its clients...
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<f64>,
    /// ...under this closed-loop workload of the same plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<String>,
}

/// A rate that changes along a line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ramp {
    /// Requests per second at the beginning of the measurement, and in the warm-up.
    pub from: f64,
    /// Requests per second at its end.
    pub to: f64,
    /// Exponentially spaced instead of as evenly as the rate allows.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub poisson: bool,
}

/// One rate after another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Staircase {
    /// Requests per second of each step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rates: Option<Vec<f64>>,
    /// Instead, each step's share, as in [`Rate::share`]...
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shares: Option<Vec<f64>>,
    /// ...of this closed-loop workload.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<String>,
    /// Length of each step, and the measurement is as long as all of them; left out, the plan's
    /// measurement is divided.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "durations::some")]
    pub step: Option<Duration>,
    /// Exponentially spaced instead of evenly.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub poisson: bool,
}

/// The highest share: higher ones show nothing new.
const SHARE_MAX: f64 = 2.0;

impl ArrivalsPlan {
    /// The workload whose throughput decides the rate, if there is one.
    #[must_use]
    pub fn relative_to(&self) -> Option<&str> {
        match self {
            Self::Constant(Rate { of, .. })
            | Self::Poisson(Rate { of, .. })
            | Self::Staircase(Staircase { of, .. }) => of.as_deref(),
            Self::Closed | Self::Ramp(_) => None,
        }
    }

    fn of_mut(&mut self) -> Option<&mut String> {
        match self {
            Self::Constant(Rate { of, .. })
            | Self::Poisson(Rate { of, .. })
            | Self::Staircase(Staircase { of, .. }) => of.as_mut(),
            Self::Closed | Self::Ramp(_) => None,
        }
    }

    /// The shares of that throughput.
    #[must_use]
    pub fn shares(&self) -> Vec<f64> {
        match self {
            Self::Constant(rate) | Self::Poisson(rate) => rate.share.into_iter().collect(),
            Self::Staircase(stairs) => stairs.shares.clone().unwrap_or_default(),
            Self::Closed | Self::Ramp(_) => Vec::new(),
        }
    }

    /// As the load generator has it. `base` is the throughput that shares are of.
    #[must_use]
    pub fn arrivals(&self, measure: Duration, seed: u64, base: f64) -> Arrivals {
        let per_s = |rate: &Rate| rate.rate.unwrap_or_else(|| rate.share.unwrap_or(1.0) * base);
        match self {
            Self::Closed => Arrivals::Closed,
            Self::Constant(rate) => Arrivals::Constant { rate_per_s: per_s(rate) },
            Self::Poisson(rate) => Arrivals::Poisson { rate_per_s: per_s(rate), seed },
            Self::Ramp(Ramp { from, to, poisson }) => Arrivals::Ramp {
                from_per_s: *from,
                to_per_s: *to,
                over: measure,
                seed: poisson.then_some(seed),
            },
            Self::Staircase(stairs) => {
                let rates: Vec<f64> = match (&stairs.rates, &stairs.shares) {
                    (Some(rates), _) => rates.clone(),
                    (None, shares) => shares.iter().flatten().map(|share| share * base).collect(),
                };
                Arrivals::Staircase {
                    step: stairs.step.unwrap_or_else(|| measure / stairs.steps().max(1)),
                    rates_per_s: rates.into(),
                    seed: stairs.poisson.then_some(seed),
                }
            }
        }
    }

    /// Checks what the types do not.
    ///
    /// # Errors
    /// What is wrong, and what would be right.
    pub(super) fn check(&self, plan: &Plan) -> Result<()> {
        let shares = self.shares();
        ensure!(
            shares.iter().all(|share| *share > 0.0 && *share <= SHARE_MAX),
            "share: from 0 to {SHARE_MAX}, as in 0.5"
        );
        match self {
            Self::Closed => {}
            Self::Constant(rate) | Self::Poisson(rate) => {
                let one = matches!((rate.rate, rate.share, &rate.of), (Some(_), None, None))
                    || matches!((rate.rate, rate.share, &rate.of), (None, Some(_), Some(_)));
                ensure!(
                    one,
                    "an open loop needs rate = 20000, or share = 0.5 and of = \"a closed workload\""
                );
            }
            Self::Ramp(_) => {}
            Self::Staircase(Staircase { rates, shares, of, .. }) => {
                let one = matches!((rates, shares, of), (Some(_), None, None))
                    || matches!((rates, shares, of), (None, Some(_), Some(_)));
                ensure!(
                    one,
                    "a staircase needs rates = [1000, 2000], or shares = [0.5, 1.0] and of = \"a \
                     closed workload\""
                );
            }
        }
        let Some(of) = self.relative_to() else { return Ok(()) };
        let closed = |w: &Workload| w.arrivals == Self::Closed;
        ensure!(
            plan.workload(of).is_some_and(closed),
            "of: '{of}' is not a closed-loop workload of this plan"
        );
        Ok(())
    }
}

impl Staircase {
    fn steps(&self) -> u32 {
        let count = self.rates.as_ref().or(self.shares.as_ref()).map_or(0, Vec::len);
        u32::try_from(count).unwrap_or(u32::MAX)
    }
}

impl Plan {
    /// How long a workload is measured.
    #[must_use]
    pub fn measure(&self, workload: &Workload) -> Duration {
        match &workload.arrivals {
            ArrivalsPlan::Staircase(stairs) => {
                stairs.step.map_or(self.measure, |step| step * stairs.steps())
            }
            _ => self.measure,
        }
    }

    /// Names of varied workloads in `of` become those of the point that they mean: the one whose
    /// settings are all as in the workload that asks.
    pub(super) fn resolve_shares(&mut self) -> Result<()> {
        let points: Vec<(String, Option<String>, Vec<_>)> = self
            .workloads
            .iter()
            .map(|w| (w.name.clone(), w.series.clone(), w.factors.clone()))
            .collect();
        for workload in &mut self.workloads {
            let Workload { name, factors, arrivals, .. } = workload;
            let Some(of) = arrivals.of_mut() else { continue };
            let mut series = points.iter().filter(|point| point.1.as_ref() == Some(of)).peekable();
            if series.peek().is_none() {
                continue;
            }
            let same = |wanted: &[crate::document::Factor]| {
                wanted.iter().all(|factor| factors.contains(factor))
            };
            let found = series.find(|(_, _, wanted)| same(wanted));
            let (point, ..) = found.with_context(|| {
                format!(
                    "workload '{name}': of: '{of}' is varied, but none of its points has the settings of this \
                     workload: name one point, or vary this workload over the same keys"
                )
            })?;
            of.clone_from(point);
        }
        Ok(())
    }
}
