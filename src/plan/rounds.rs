//! Runs by rounds: measuring until comparisons are decided.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};

use super::{Plan, durations};
use crate::statistics::looks::spent;

/// The rule by which a run by rounds is judged and ends, which is set before its first trial. In each round every
/// model is measured once under each workload, neighbours side by side; the plan's `trials` are the rounds at most.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RoundsPlan {
    /// Trials are looked at for the first time after so many rounds.
    #[serde(default = "twelve")]
    pub first: u32,
    /// And again each time that so many more are made.
    #[serde(default = "three")]
    pub every: u32,
    /// The chance that anything is found in a workload in which there is nothing, over all looks.
    #[serde(default = "one_in_twenty")]
    pub error: f64,
    /// The time that the run may take.
    #[serde(with = "durations::human")]
    pub time: Duration,
    /// How often a trial that something outside of the server has spoiled is made again at once.
    #[serde(default = "two")]
    pub again: u32,
    /// By which checks a trial is spoiled, each with its own limit.
    #[serde(default = "Spoil::all")]
    pub spoils: Vec<Spoil>,
}

/// Something outside of the server that spoils a trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Spoil {
    /// The hypervisor took more than 5 % of the processors' time.
    Steal,
    /// Others wanted the processors too.
    LoadAboveCores,
    /// The generator stood still for more than 5 % of the measurement.
    Standstill,
    /// The server's CPU time could not be read at the edges of the measurement.
    Accounts,
}

impl Spoil {
    /// The check's name, in documents and file names.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Steal => "steal",
            Self::LoadAboveCores => "load-above-cores",
            Self::Standstill => "standstill",
            Self::Accounts => "accounts",
        }
    }

    fn all() -> Vec<Self> {
        vec![Self::Steal, Self::LoadAboveCores, Self::Standstill, Self::Accounts]
    }
}

impl RoundsPlan {
    /// The usual rule, within this time.
    #[must_use]
    pub fn within(time: Duration) -> Self {
        let (first, every, error, again) = (twelve(), three(), one_in_twenty(), two());
        Self { first, every, error, time, again, spoils: Spoil::all() }
    }

    /// Whether trials are looked at when so many rounds of those that were planned are made.
    #[must_use]
    pub fn is_look(&self, rounds: u32, planned: u32) -> bool {
        rounds == planned
            || (rounds >= self.first && (rounds - self.first).is_multiple_of(self.every.max(1)))
    }

    /// What a look after so many rounds may spend of the error, when so much of it is gone. The last look has all
    /// that is left.
    #[must_use]
    pub fn spend(&self, rounds: u32, planned: u32, gone: f64, is_last: bool) -> f64 {
        let now = if is_last { self.error } else { spent(self.error, rounds, planned) };
        (now - gone).max(0.0)
    }
}

impl Plan {
    pub(super) fn check_rounds(&self) -> Result<()> {
        let Some(rounds) = &self.rounds else { return Ok(()) };
        ensure!(rounds.first > 0 && rounds.every > 0, "rounds: first and every are 1 or more");
        ensure!(rounds.error > 0.0 && rounds.error < 1.0, "rounds: error is between 0 and 1");
        ensure!(!rounds.time.is_zero(), "rounds: time is above 0");
        let waits =
            self.workloads.iter().find(|workload| workload.arrivals.relative_to().is_some());
        if let Some(workload) = waits {
            anyhow::bail!(
                "rounds: workload '{}' derives its rate from another workload, which rounds do not \
                 support: give it a rate",
                workload.name
            );
        }
        Ok(())
    }
}

fn twelve() -> u32 {
    12
}

fn three() -> u32 {
    3
}

fn two() -> u32 {
    2
}

fn one_in_twenty() -> f64 {
    0.05
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule() -> RoundsPlan {
        let time = Duration::from_secs(120);
        RoundsPlan { first: 12, every: 3, error: 0.05, time, again: 2, spoils: Spoil::all() }
    }

    #[test]
    fn looks_come_in_their_rounds_and_at_the_end() {
        let looks: Vec<u32> = (1..=25).filter(|rounds| rule().is_look(*rounds, 25)).collect();
        assert_eq!(looks, [12, 15, 18, 21, 24, 25]);
    }

    #[test]
    fn all_looks_together_spend_the_error_and_no_more_whenever_the_run_ends() {
        for last in [5, 12, 14, 21, 24] {
            let mut gone = 0.0;
            for rounds in 1..=last {
                if rule().is_look(rounds, 24) || rounds == last {
                    gone += rule().spend(rounds, 24, gone, rounds == last);
                }
            }
            assert!((gone - 0.05).abs() < 1e-12, "after {last}: {gone}");
        }
        assert!(rule().spend(12, 24, 0.0, false) < 0.0126);
    }

    #[test]
    fn a_rate_that_depends_on_another_workload_is_refused() {
        let mut plan = Plan::built_in("latency").expect("known").expect("in order");
        plan.rounds = Some(rule());
        let error = format!("{:#}", plan.check().expect_err("it waits for capacity"));
        assert!(error.contains("rounds: workload 'equal-load"), "{error}");
    }
}
