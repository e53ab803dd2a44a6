//! A run by rounds: its interim looks, and why it ended.

use std::collections::BTreeMap;

#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::statistics::looks::Look;

/// How a run by rounds was judged. The rule was set before its first trial; `report` comes to the same verdicts
/// from it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RoundsRecord {
    /// Rounds at most.
    pub planned: u32,
    /// Rounds that were begun.
    pub made: u32,
    /// The chance that anything is found in a workload in which there is nothing, over all looks.
    pub error: f64,
    /// When the trials were looked at, and what of the error each look had.
    pub looks: Vec<LookRecord>,
    /// The time that it was to take at most.
    pub time_ns: u64,
    /// The time that it took.
    #[serde(default)]
    pub took_ns: u64,
    /// Trials that were spoiled by something outside of the server, kept apart, and made again: how many by which
    /// check, those of the null baseline included.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub spoiled: BTreeMap<String, usize>,
    /// Why no more rounds were made; absent while the run goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Ended>,
}

/// Why a run by rounds ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Ended {
    /// Every cell was decided.
    Decided,
    /// All rounds were made.
    Rounds,
    /// The time was over.
    Time,
}

/// One look at the trials so far.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct LookRecord {
    /// The rounds that there were.
    pub rounds: u32,
    /// What it spent of the error.
    pub error: f64,
}

impl RoundsRecord {
    /// Until when rounds were made, in words.
    #[must_use]
    pub fn ended_words(&self) -> &'static str {
        match self.ended {
            Some(Ended::Decided) => "every comparison was decided",
            Some(Ended::Rounds) => "the maximum number of rounds was reached",
            Some(Ended::Time) => "the time limit was reached",
            None => "it was interrupted",
        }
    }

    /// The looks, for statistics.
    #[must_use]
    pub fn looks(&self) -> Vec<Look> {
        self.looks.iter().map(|look| Look { rounds: look.rounds, error: look.error }).collect()
    }
}

/// A trial that was spoiled by something outside of the server. It is in no figure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SpoiledTrial {
    /// Its file, below the run's folder.
    pub file: String,
    /// The check.
    pub check: String,
}
