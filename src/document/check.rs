//! What came of checking a server.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::SchemaId;

/// A whole check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CheckReport {
    /// Which document this is.
    pub schema: SchemaId,
    /// When it started, RFC 3339, UTC.
    pub started_at: String,
    /// The version of this program.
    pub program_version: String,
    /// What was checked.
    pub subject: CheckSubject,
    /// Points reached.
    pub score: u32,
    /// Points of the behaviours that were tried.
    pub max: u32,
    /// Every behaviour, tried or not.
    pub tests: Vec<CheckTest>,
}

/// The server that was checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CheckSubject {
    /// `model`, `command` or `target`.
    pub kind: String,
    /// The model's name, the command, or the address.
    pub name: String,
    /// The application that was spoken to it.
    pub app: String,
    /// The framing of requests and replies.
    pub framing: String,
    /// It served the second client only when the first had left.
    pub one_at_a_time: bool,
}

/// One behaviour on that server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CheckTest {
    /// What was expected, as a sentence in snake case.
    pub name: String,
    /// `pass`, `fail`, `skipped`, or `by_nature` where a model serves one client at a time and is
    /// meant to.
    pub result: String,
    /// Points reached.
    pub points: u32,
    /// Points that could be reached; 0 where it was not tried or cannot be by nature.
    pub max: u32,
    /// Why it matters.
    pub why: String,
    /// What came instead, or why it was not tried; absent where it passed.
    pub reason: Option<String>,
}
