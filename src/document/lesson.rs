//! The measurements and conclusions of a small lab: the numbers of its page.

#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Host, SchemaId};

/// The result of a small lab: `lab.json` beside its page.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct LessonReport {
    /// Which document this is.
    pub schema: SchemaId,
    /// The lab.
    pub lab: String,
    /// What it asks.
    pub question: String,
    /// When it started, RFC 3339, UTC.
    pub started_at: String,
    /// The version of this program.
    pub program_version: String,
    /// Where it ran.
    pub host: Host,
    /// Whether it was the short form of the lab.
    pub quick: bool,
    /// What the numbers say, in sentences, the most important first.
    pub sentences: Vec<String>,
    /// The measurements. Each lab has its own structure; names say whether times are in seconds or
    /// nanoseconds.
    pub measured: Value,
}
