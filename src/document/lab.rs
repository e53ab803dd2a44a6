//! The results of a lab: the numbers of its page.

#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Host, NoiseFloor, SchemaId};
use crate::statistics::Interval;

/// A lab's result, `lab.json` beside its page.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct LabReport {
    /// Which document this is.
    pub schema: SchemaId,
    /// The lab.
    pub lab: String,
    /// What it asks.
    pub question: String,
    /// The run that it is made of.
    pub run: String,
    /// When that started, RFC 3339, UTC.
    pub started_at: String,
    /// The version of this program.
    pub program_version: String,
    /// Where it ran.
    pub host: Host,
    /// What the numbers say, in sentences, the most important first.
    pub sentences: Vec<String>,
    /// Each model by itself.
    pub models: Vec<LabModel>,
    /// Missing cells, and why.
    pub left_out: Vec<String>,
    /// Whether the arithmetic was right, for each home of the state.
    pub sessions: Vec<LabSessions>,
    /// What two equal cells differed by; absent where nothing was measured twice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub noise: Option<LabNoise>,
    /// The same load against a server that does nothing, in each block: whether the machine was the same in
    /// all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<super::Reference>,
    /// The usual, naive experiment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub naive: Option<Naive>,
    /// What each home loses when the server is killed in mid-session.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub killed: Vec<Killed>,
}

/// What two equal cells differed by. No sentence claims a smaller difference.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct LabNoise {
    /// The model that was measured twice in each block.
    pub model: String,
    /// Each figure of each workload under which it was.
    pub floors: Vec<NoiseFloor>,
    /// How much more memory a further client took the second time; absent where that was not measured
    /// twice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<ClientMemory>,
}

/// The results of one model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct LabModel {
    /// Its name.
    pub model: String,
    /// How each figure depends on the factors, one for each figure and complete design.
    pub designs: Vec<DesignRecord>,
    /// What a request costs the server, part by part.
    pub split: Vec<CostSplit>,
    /// The classroom's comparison taken apart, for each history and each life of the stateless server's
    /// connections.
    pub decompositions: Vec<Decomposition>,
    /// Memory for each client.
    pub memory: Vec<ClientMemory>,
    /// How long its slowest requests took at equal load, in every cell of an open loop.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tails: Vec<LabTail>,
}

/// How one figure depends on the factors, over cells that are all there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct DesignRecord {
    /// `server_cpu_per_request_ns`, `throughput_per_s` or `p99_ns`.
    pub metric: String,
    /// The factors and the levels that are in it; the others are compared with the first.
    pub factors: Vec<DesignFactor>,
    /// Blocks; each has every cell once.
    pub blocks: usize,
    /// Cells of these factors' levels that are not in it, as some of their combinations are missing.
    pub cells_left_out: usize,
    /// What each level does, over all levels of the other factors.
    pub effects: Vec<EffectRecord>,
    /// What two levels do together beyond what each does alone.
    pub interactions: Vec<InteractionRecord>,
    /// How the variation of the logarithms is shared.
    pub shares: Vec<ShareRecord>,
}

/// The factor of how many clients there are.
pub const CLIENTS: &str = "clients";
/// The factor of how long connections last.
pub const CONNECTION: &str = "connection";
/// The level of connections that stay, in words.
pub const KEPT: &str = "kept";

/// The parts of a cost in the order in which they are added.
pub const PARTS: [&str; 4] = ["request", "home", "history", "connecting"];

impl DesignRecord {
    /// Whether it is over kept connections alone.
    #[must_use]
    pub fn is_of_kept(&self) -> bool {
        self.factors.iter().any(|factor| factor.name == CONNECTION && factor.levels == [KEPT])
    }

    /// Whether clients were varied in it.
    #[must_use]
    pub fn is_of_clients(&self) -> bool {
        self.factors.iter().any(|factor| factor.name == CLIENTS)
    }

    /// A factor of it, in words.
    #[must_use]
    pub fn factor_words(&self, factor: &str) -> String {
        if self.is_of_kept() { format!("{factor}, kept") } else { factor.into() }
    }
}

impl EffectRecord {
    /// Whether it is that of the number of clients.
    #[must_use]
    pub fn is_of_clients(&self) -> bool {
        self.factor == CLIENTS
    }
}

impl CostSplit {
    /// Whether it has the parts as far as this one. A request that carries its state has no step to a
    /// home.
    #[must_use]
    pub fn reaches(&self, last: &str) -> bool {
        let last = PARTS.iter().position(|name| *name == last).unwrap_or(PARTS.len() - 1);
        let has = |name: &str| self.parts.iter().any(|part| part.name == name);
        PARTS[..=last].iter().all(|name| has(name) || (*name == "home" && self.home == "none"))
    }
}

/// A factor of a design.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct DesignFactor {
    /// `connection`, `home`, `history` or `clients`.
    pub name: String,
    /// In words; the first is what the others are compared with.
    pub levels: Vec<String>,
}

/// A level of a factor against the factor's first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct EffectRecord {
    /// The factor.
    pub factor: String,
    /// The level.
    pub level: String,
    /// The first level of the factor.
    pub against: String,
    /// How many times as much, of geometric means.
    pub ratio: f64,
    /// Where that may be, at 95 % (Student's t over the blocks).
    pub interval: Interval,
    /// How likely such a ratio would be without an effect; not adjusted.
    pub p_value: f64,
    /// How much more, in the unit of the figure.
    pub difference: f64,
    /// Where that may be, at 95 %.
    pub difference_interval: Interval,
}

/// Two levels together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct InteractionRecord {
    /// The two factors.
    pub factors: [String; 2],
    /// Their levels.
    pub levels: [String; 2],
    /// Their joint effect divided by the product of their separate effects; 1 means no interaction.
    pub ratio: f64,
    /// Where that may be, at 95 %.
    pub interval: Interval,
}

/// A share of the variation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ShareRecord {
    /// What explains it: factors, `three or more together`, `blocks` or `not explained`.
    pub source: String,
    /// From 0 to 1.
    pub share: f64,
    /// Degrees of freedom.
    pub freedom: usize,
}

/// What a request costs the server, from the plainest to one in this home, step by step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CostSplit {
    /// The home of the state.
    pub home: String,
    /// The parts in the order in which they were added; they add up to the last cell's cost.
    pub parts: Vec<CostPart>,
}

/// A part of a cost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CostPart {
    /// `request`, `home`, `history` or `connecting`.
    pub name: String,
    /// Server CPU for each request, the mean of the blocks.
    pub ns: f64,
    /// Where that may be, at 95 %.
    pub interval: Interval,
}

/// The step from a stateful server with kept connections to a stateless one that replaces them, in its two
/// parts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Decomposition {
    /// How long the stateless server's connections last.
    pub connection: String,
    /// Bytes of history, in words.
    pub history: String,
    /// Server CPU for each request where connections and state are kept.
    pub stateful_ns: f64,
    /// The same with neither.
    pub stateless_ns: f64,
    /// The whole difference.
    pub whole: CostPart,
    /// Of it: no longer keeping the state in the connection.
    pub keeping: CostPart,
    /// Of it: connecting.
    pub connecting: CostPart,
    /// Connecting as a share of the whole; absent where the whole may be 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connecting_share: Option<f64>,
    /// Where that may be, at 95 %.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connecting_share_interval: Option<Interval>,
}

/// What a further client takes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ClientMemory {
    /// The home of the state.
    pub home: String,
    /// Bytes of history.
    pub history: String,
    /// The fewest and the most clients that were compared.
    pub clients: [f64; 2],
    /// Proportional set size of the server for each further client, the mean of the blocks.
    pub bytes: f64,
    /// Where that may be, at 95 %.
    pub interval: Interval,
}

/// The 99th percentile of a cell at equal load, of all its trials together. Nothing is compared by it: that
/// takes one for each trial.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct LabTail {
    /// Clients.
    pub clients: u64,
    /// How long connections lasted.
    pub connection: String,
    /// The home of the state.
    pub home: String,
    /// The value, in nanoseconds; absent where all trials together have too few samples.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value_ns: Option<f64>,
    /// How far the trials' own values spread.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spread: Option<Interval>,
    /// Whether the truth is this or more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub at_least: bool,
}

/// Whether sessions came to their right ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct LabSessions {
    /// The home of the state.
    pub home: String,
    /// How long connections lasted.
    pub connection: String,
    /// Sessions whose last total was checked.
    pub completed: u64,
    /// Sessions that the server no longer knew.
    pub lost: u64,
    /// Replies with a wrong total.
    pub wrong: u64,
}

/// Two servers timed once each, one request after the other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Naive {
    /// The model of both.
    pub model: String,
    /// Requests to each.
    pub requests: u32,
    /// Seconds for all, over one kept connection.
    pub stateful_s: f64,
    /// Seconds for all, each over a connection of its own.
    pub stateless_s: f64,
    /// Mean response time of a client that starts its clock when it sends, in seconds.
    pub stateful_response_s: f64,
    /// The same where each request has a connection of its own, opened before the clock starts.
    pub stateless_response_s: f64,
    /// The mean of the response times that the server itself tells of (`serve --verbose`), in seconds.
    pub stateful_server_s: f64,
    /// The same of the other server.
    pub stateless_server_s: f64,
}

/// The outcome of a session whose server was killed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Killed {
    /// The home of the state.
    pub home: String,
    /// Whether the session went on, with the right total, at the server that was started next.
    pub went_on: bool,
    /// The server's reply to the next step.
    pub said: String,
}
