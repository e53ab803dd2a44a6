//! The outcomes of the sessions of a load.

#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The outcomes of all sessions, in all phases: warm-up, measurement and drain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SessionsRecord {
    /// Sessions that were begun.
    pub started: u64,
    /// Those of which every total and every digest was right, to the last step.
    pub completed: u64,
    /// Of these, the ones that went over more than one connection.
    pub spanning: u64,
    /// Those that the server did not have any more when they went on.
    pub lost: u64,
    /// Those that the server refused otherwise: no room, no store, a reference that it did not take.
    pub refused: u64,
    /// Those with a reply that was not the right one.
    pub wrong: u64,
    /// Sessions whose connection ended in the middle of a step: it is unknown whether the step was
    /// taken.
    pub broken: u64,
    /// Those under way at the end.
    pub unfinished: u64,
    /// Whether the above add up.
    pub reconciles: bool,
}

impl From<protocol::SessionTally> for SessionsRecord {
    fn from(tally: protocol::SessionTally) -> Self {
        Self {
            started: tally.started,
            completed: tally.completed,
            spanning: tally.spanning,
            lost: tally.lost,
            refused: tally.refused,
            wrong: tally.wrong,
            broken: tally.broken,
            unfinished: tally.unfinished,
            reconciles: tally.reconciles(),
        }
    }
}

impl SessionsRecord {
    /// Those of two loads together.
    #[must_use]
    pub fn and(self, other: &Self) -> Self {
        Self {
            started: self.started + other.started,
            completed: self.completed + other.completed,
            spanning: self.spanning + other.spanning,
            lost: self.lost + other.lost,
            refused: self.refused + other.refused,
            wrong: self.wrong + other.wrong,
            broken: self.broken + other.broken,
            unfinished: self.unfinished + other.unfinished,
            reconciles: self.reconciles && other.reconciles,
        }
    }
}
