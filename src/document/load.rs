//! The load of a server: its requests, and when they were sent.

#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ConductRecord, DrawRecord, ShardRecord};

/// How it was loaded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct LoadRecord {
    /// The application.
    pub app: String,
    /// The framing.
    pub framing: String,
    /// The content of requests.
    pub request: RequestRecord,
    /// When requests were sent.
    pub arrivals: ArrivalsRecord,
    /// Connections.
    pub connections: usize,
    /// Total number of requests; absent if the load had a duration instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests: Option<u64>,
    /// Threads of the generator.
    pub threads: usize,
    /// Processors they were pinned to; empty if they were not.
    pub cpus: Vec<usize>,
    /// A request without a reply for so long counted as timed out.
    pub request_timeout_ns: u64,
    /// Whether every connection had to begin with a greeting.
    #[serde(default)]
    pub greeting: bool,
    /// Which part of the schedule this is; absent for a generator on its own. The rate above is
    /// that of all parts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<ShardRecord>,
    /// How the connections behaved, where it is not the usual.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conduct: Option<ConductRecord>,
}

/// The content of requests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum RequestRecord {
    /// This many bytes of text are returned.
    Echo {
        /// Bytes of text.
        bytes: usize,
    },
    /// Two whole numbers multiplied.
    Multiply {
        /// Decimal digits of each.
        digits: usize,
    },
    /// CPU burnt, a wait waited, a reply of a certain size.
    Work {
        /// Rounds of CPU work.
        rounds: u64,
        /// The wait.
        wait_ns: u64,
        /// Bytes of the reply.
        reply_bytes: usize,
    },
    /// A step of a session, of which every connection has its own.
    Session {
        /// Steps of each.
        steps: u32,
        /// Bytes of history that the server keeps for each.
        history_bytes: usize,
        /// Where it keeps their state, if that was known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        home: Option<String>,
    },
    /// As `echo`, of a size that was drawn for each request.
    EchoDrawn {
        /// Bytes of text.
        bytes: DrawRecord,
        /// Seed of the draws.
        seed: u64,
    },
    /// As `work`, with numbers that were drawn for each request.
    WorkDrawn {
        /// Rounds of CPU work.
        rounds: DrawRecord,
        /// The wait, in whole microseconds.
        wait_ns: DrawRecord,
        /// Bytes of the reply.
        reply_bytes: DrawRecord,
        /// Seed of the draws.
        seed: u64,
    },
    /// A request to any HTTP server.
    Http {
        /// The method.
        method: String,
        /// The path.
        path: String,
        /// Header fields beside those that every request has.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        headers: Vec<String>,
        /// Bytes of its body.
        body_bytes: usize,
        /// The status that was expected; without one, any from 200 to 299.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        status: Option<u16>,
        /// How long every body had to be.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expect_bytes: Option<u64>,
        /// Whether bodies could differ in length; otherwise all had to be as long as the first.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        any_length: bool,
    },
}

/// When requests were sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum ArrivalsRecord {
    /// Each connection sent its next request when it had its reply.
    Closed,
    /// Open loop, evenly spaced.
    Constant {
        /// Requests per second.
        rate_per_s: f64,
    },
    /// Open loop, exponentially spaced.
    Poisson {
        /// Requests per second, on average.
        rate_per_s: f64,
        /// Seed of the spacing.
        seed: u64,
    },
    /// Open loop, at a rate that changed along a line during the measurement.
    Ramp {
        /// Requests per second at its beginning, and during the warm-up.
        from_per_s: f64,
        /// Requests per second at its end.
        to_per_s: f64,
        /// How long the change took.
        over_ns: u64,
        /// Seed of exponential spacing; absent if spaced as evenly as the rate allows.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        seed: Option<u64>,
    },
    /// Open loop, at one rate after another during the measurement; `steps` has what each came to.
    Staircase {
        /// Requests per second of each step; the first also during the warm-up.
        rates_per_s: Vec<f64>,
        /// Length of each step.
        step_ns: u64,
        /// Seed of exponential spacing; absent if spaced evenly.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        seed: Option<u64>,
    },
    /// Open loop, at the times of a file.
    Replay {
        /// Times in the file; those within the measurement are `census.offered`.
        requests: u64,
        /// The last of them, from the start of the measurement.
        span_ns: u64,
    },
}

impl ArrivalsRecord {
    /// Whether requests were due at times that the server could not move.
    #[must_use]
    pub fn is_open(&self) -> bool {
        *self != Self::Closed
    }

    /// Whether the rate was to change during the measurement.
    #[must_use]
    pub fn changes(&self) -> bool {
        matches!(self, Self::Ramp { .. } | Self::Staircase { .. })
    }

    /// The rate of an open loop, that of all generators together, its mean if it changed; `None`
    /// of a replay, which has none.
    #[must_use]
    pub fn rate_per_s(&self) -> Option<f64> {
        match self {
            Self::Closed | Self::Replay { .. } => None,
            Self::Constant { rate_per_s } | Self::Poisson { rate_per_s, .. } => Some(*rate_per_s),
            Self::Ramp { from_per_s, to_per_s, .. } => Some(f64::midpoint(*from_per_s, *to_per_s)),
            Self::Staircase { rates_per_s, .. } => {
                let count = crate::base::units::as_f64(rates_per_s.len() as u64);
                Some(rates_per_s.iter().sum::<f64>() / count)
            }
        }
    }
}
