//! A setting that a plan varies.

#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One setting that a plan varies, and what it is here.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Factor {
    /// The setting, by its key in the workload: `connections`, `request.rounds`.
    pub name: String,
    /// What it is here, as the plan spells it.
    pub text: String,
    /// That as a number, of bytes, requests or nanoseconds; absent where it is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<f64>,
}
