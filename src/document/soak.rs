//! A soak: servers under a mixed load for a long time, their resources at rest, and whether these
//! grew.

use std::collections::BTreeMap;

#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Host, SchemaId};
use crate::statistics::Interval;

/// The document that `c10k soak` rewrites after each piece.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SoakReport {
    /// Which document this is.
    pub schema: SchemaId,
    /// When it started, RFC 3339, UTC.
    pub started_at: String,
    /// When it was last written.
    pub written_at: String,
    /// The version of this program.
    pub program_version: String,
    /// The command that made it.
    pub command: Vec<String>,
    /// The machine.
    pub host: Host,
    /// The settings.
    pub settings: SoakSettings,
    /// Whether pieces are missing.
    pub interrupted: bool,
    /// Models that cannot run on this machine, with the reason.
    pub left_out: Vec<String>,
    /// The verdict on each server, in the order in which they were loaded.
    pub verdicts: Vec<SoakVerdict>,
    /// The pieces: the servers in turn, round by round.
    pub pieces: Vec<SoakPiece>,
}

/// The settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SoakSettings {
    /// The servers.
    pub subjects: Vec<SoakSubject>,
    /// The application that they serve, in line framing.
    pub app: String,
    /// How often each has a piece.
    pub rounds: u32,
    /// How long a piece is; absent where connections end it.
    pub piece_ns: Option<u64>,
    /// Connections that end a piece; absent where time does.
    pub piece_connections: Option<u64>,
}

/// A server that is soaked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SoakSubject {
    /// `model`, `broken` or `command`.
    pub kind: String,
    /// Its name, or the command.
    pub name: String,
}

/// One server process under load, from its start to its end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SoakPiece {
    /// The server.
    pub subject: SoakSubject,
    /// Which round, from 0.
    pub round: u32,
    /// When it started, RFC 3339, UTC.
    pub started_at: String,
    /// How long it was under load.
    pub lasted_ns: u64,
    /// Connections that clients opened.
    pub connections: u64,
    /// The outcomes of the requests.
    pub requests: SoakRequests,
    /// The server at rest: before the load, and after each leg of it.
    pub samples: Vec<SoakSample>,
    /// Why the server was not there to the end, or did not end in order; absent where it did.
    pub ended: Option<String>,
    /// The stopped line of a model.
    pub stopped: Option<serde_json::Value>,
}

/// The outcomes of the requests of a piece. Each reply was checked byte by byte.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SoakRequests {
    /// Requests of well-behaved clients.
    pub offered: u64,
    /// Those with the correct reply.
    pub ok: u64,
    /// Those without, and connections that could not be opened, by what went wrong.
    pub failed: BTreeMap<String, u64>,
    /// Requests of clients that misbehave.
    pub misbehaving: u64,
    /// Of these, those with the correct reply. Slow readers and clients that reset take none.
    pub misbehaving_ok: u64,
    /// Connections that could not be opened for want of a local port: that is this machine's limit.
    pub port_shortages: u64,
    /// The start of the first wrong reply.
    pub wrong_example: Option<String>,
}

impl SoakRequests {
    /// How many failed, in any way.
    #[must_use]
    pub fn failures(&self) -> u64 {
        self.failed.values().sum()
    }
}

/// A server at rest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SoakSample {
    /// Connections until then.
    pub connections: u64,
    /// Time since the load began.
    pub at_ns: u64,
    /// Processes of the server, those included that have ended and were not waited for.
    pub processes: u64,
    /// Threads of all.
    pub threads: u64,
    /// Descriptors of all.
    pub descriptors: u64,
    /// Memory of all that belongs to no file, in bytes.
    pub memory_bytes: u64,
    /// Whether it came to rest: the numbers had stopped changing.
    pub rested: bool,
}

/// The verdict on a server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SoakVerdict {
    /// The server.
    pub subject: SoakSubject,
    /// What it comes to.
    pub answer: SoakAnswer,
    /// Why, in a sentence each.
    pub reasons: Vec<String>,
    /// Connections of all its pieces.
    pub connections: u64,
    /// Requests of well-behaved clients, of all its pieces.
    pub requests: u64,
    /// Of these, without the correct reply.
    pub failures: u64,
    /// What it holds at rest, each with its growth.
    pub drifts: Vec<SoakDrift>,
}

/// The answers of a soak, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum SoakAnswer {
    /// It holds more and more.
    Drifts,
    /// A request had no correct reply, or the server ended.
    FellShort,
    /// There is not enough to say.
    NotJudged,
    /// It holds what it held, and each request had its reply.
    Steady,
}

/// Whether one thing that a server holds has grown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SoakDrift {
    /// `descriptors`, `threads`, `processes` or `memory_bytes`.
    pub measure: String,
    /// Growth for each connection: the median of the slopes between samples; absent without any.
    pub per_connection: Option<f64>,
    /// Where the truth may be; absent where so few samples bound nothing.
    pub interval: Option<Interval>,
    /// The least growth that matters.
    pub matters: f64,
    /// What it comes to: [`SoakAnswer::Drifts`], [`SoakAnswer::Steady`] or [`SoakAnswer::NotJudged`].
    pub answer: SoakAnswer,
    /// Why, in a sentence.
    pub reason: String,
}
