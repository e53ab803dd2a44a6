//! A server in another language beside our models: its description, and whether it could be
//! measured.

use std::collections::BTreeMap;

#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A server of a folder of contenders.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Contender {
    /// Its name, in the place of a model's.
    pub name: String,
    /// The language that it is written in.
    pub language: String,
    /// The version of its compiler or interpreter; absent if it is not installed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// What it is, in a line.
    pub what: String,
    /// The model with the same shape.
    pub compare: String,
    /// The command that starts it, with its settings.
    pub command: Vec<String>,
    /// How it is set where that is not its defaults, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings: Option<String>,
    /// Behaviours that it is excused from, each with the reason.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub exempt: BTreeMap<String, String>,
    /// The longest warm-up that may be tried; absent where each trial has the plan's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warmup_max_ns: Option<u64>,
    /// How long it was warmed up under each workload, so that what it compiles while it runs is compiled.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warmups: Vec<ContenderWarmup>,
    /// Its result.
    pub state: ContenderState,
    /// Why it was not measured, or not to the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// The warm-up of a contender under a workload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ContenderWarmup {
    /// The workload's name in the plan.
    pub workload: String,
    /// How long every trial's warm-up is.
    pub warmup_ns: u64,
    /// Number of trials needed to find it; they are not used for anything else.
    pub trials: u32,
    /// Whether the last of them was warm when its measurement began: otherwise no longer one is allowed.
    pub warm: bool,
}

/// The result of a contender.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum ContenderState {
    /// It is right, and is measured.
    Measured,
    /// Its tools are not installed, or are too old.
    NotInstalled,
    /// It could not be built.
    NotBuilt,
    /// It did not come to listen where it should.
    NotStarted,
    /// It does not do all that a server should.
    Failing,
    /// It was measured and ended by itself, or could not be measured.
    Died,
}

impl ContenderState {
    /// In tables.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Measured => "measured",
            Self::NotInstalled => "not installed",
            Self::NotBuilt => "does not build",
            Self::NotStarted => "does not start",
            Self::Failing => "fails its check",
            Self::Died => "died",
        }
    }

    /// Whether it is missing though its tools are there.
    #[must_use]
    pub fn is_fault(self) -> bool {
        !matches!(self, Self::Measured | Self::NotInstalled)
    }
}
