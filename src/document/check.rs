//! The results of checking a server.

#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::SchemaId;

/// A whole check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CheckReport {
    /// Which document this is.
    pub schema: SchemaId,
    /// When it started, RFC 3339, UTC.
    pub started_at: String,
    /// The version of this program.
    pub program_version: String,
    /// The server under check.
    pub subject: CheckSubject,
    /// Points reached.
    pub score: u32,
    /// Points of the behaviours that were tried.
    pub max: u32,
    /// Every behaviour, tried or not.
    pub tests: Vec<CheckTest>,
}

/// The server that was checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
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
    /// The requested path, for other HTTP servers.
    pub path: Option<String>,
    /// It served the second client only when the first had left.
    pub one_at_a_time: bool,
}

/// One behaviour on that server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CheckTest {
    /// The expected behaviour, as a sentence in snake case.
    pub name: String,
    /// `pass`, `fail`, `unstable` where tries of the same server differ, `skipped`, or `by_nature` where
    /// a model serves one client at a time and is meant to.
    pub result: String,
    /// How often it was tried; 0 where it was skipped.
    pub tries: u32,
    /// How many of those failed.
    pub failures: u32,
    /// Points reached; an unstable behaviour has none.
    pub points: u32,
    /// Points that could be reached; 0 where it was not tried or cannot be by nature.
    pub max: u32,
    /// Why it matters.
    pub why: String,
    /// What happened instead, or why it was not tried; absent if it passed.
    pub reason: Option<String>,
}

impl CheckTest {
    /// Whether something is known by it.
    #[must_use]
    pub fn was_tried(&self) -> bool {
        self.result != "skipped"
    }

    /// Its name as a sentence.
    #[must_use]
    pub fn sentence(&self) -> String {
        self.name.replace('_', " ")
    }
}

impl CheckReport {
    /// The behaviours with this result.
    pub fn with<'a>(&'a self, result: &'a str) -> impl Iterator<Item = &'a CheckTest> {
        self.tests.iter().filter(move |test| test.result == result)
    }

    /// Why behaviours were not tried, and how many for each reason, the most frequent first.
    #[must_use]
    pub fn reasons_skipped(&self) -> Vec<(&str, usize)> {
        let mut reasons: Vec<(&str, usize)> = Vec::new();
        for test in self.with("skipped") {
            let reason = test.reason.as_deref().unwrap_or_default();
            match reasons.iter_mut().find(|(known, _)| *known == reason) {
                Some((_, count)) => *count += 1,
                None => reasons.push((reason, 1)),
            }
        }
        reasons.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        reasons
    }
}
