//! A number that is drawn for each request.

#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A number that was drawn for each request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct DrawRecord {
    /// Its law: a number, `uniform:A..B` (both included), `exp:MEAN`, `lognormal:MEDIAN,SIGMA` or
    /// `bimodal:A@SHARE%,B`.
    pub law: String,
    /// Nothing smaller was drawn.
    pub least: u64,
    /// Nothing larger was drawn.
    pub most: u64,
    /// Whether these two cut off a tail of the law, because the protocol allows no more: what lay
    /// beyond was moved to them.
    pub cut: bool,
}
