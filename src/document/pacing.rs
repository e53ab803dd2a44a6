//! How the load generator waited for due times.

#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How the load generator waited for due times.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PacingRecord {
    /// Asleep, or looking for replies without a pause.
    pub kind: PacingKind,
    /// Why so.
    pub why: String,
}

/// A way to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum PacingKind {
    /// Its threads spun shortly before a request was due.
    Spin,
    /// They slept until then.
    Sleep,
}
