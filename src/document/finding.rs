//! A check of a trial, and its result.

#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One thing that was checked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// Its name.
    pub name: String,
    /// Its cause.
    pub about: About,
    /// Its result.
    pub status: Status,
    /// The observation.
    pub observed: f64,
    /// What it was compared with.
    pub limit: f64,
    /// A sentence for people, which says what follows from it.
    pub message: String,
}

/// The cause of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum About {
    /// A finding about the server: the figure stands, and this explains it.
    Server,
    /// A limit of the load generator.
    Generator,
    /// A disturbance by the machine.
    Host,
}

/// The result of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// Nothing to say.
    Pass,
    /// Read the figure with this in mind.
    Warn,
    /// The figure does not say what it seems to.
    Fail,
}

/// What the checks come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Validity {
    /// Every check passed.
    Valid,
    /// Some check warned.
    Suspect,
    /// Some check failed.
    Invalid,
}
