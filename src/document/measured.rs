//! The measurements: the outcomes of requests, and their latencies.

use std::collections::BTreeMap;

#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Distribution, is_zero};

/// The outcomes of all requests of the measurement.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Census {
    /// Requests that became due (open loop) or were sent (closed loop).
    pub offered: u64,
    /// Of these, sent.
    pub sent: u64,
    /// Answered, and the reply was right.
    pub ok: u64,
    /// Failed, by reason.
    pub errors: BTreeMap<String, u64>,
    /// No reply within the request timeout.
    pub timeouts: u64,
    /// Sent, and without reply when the drain ended.
    pub unfinished: u64,
    /// Due, and not sent when the drain ended.
    pub never_sent: u64,
    /// Whether the above add up.
    pub reconciles: bool,
    /// The first wrong reply, for people.
    pub wrong_example: Option<String>,
}

impl Census {
    /// Requests that failed, for whatever reason.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.errors.values().sum::<u64>() + self.timeouts
    }

    /// Replies that were not what they had to be.
    #[must_use]
    pub fn wrong(&self) -> u64 {
        self.errors.get("wrong_reply").copied().unwrap_or(0)
    }
}

/// Where the time went.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Latency {
    /// From due to done. Absent in a closed loop, which has no due times.
    pub response: Option<Distribution>,
    /// From sent to done.
    pub service: Distribution,
    /// Part of due to sent in which every connection was busy: the server's doing.
    pub conn_wait: Distribution,
    /// Part of due to sent in which a connection was free: the generator's doing.
    pub sched_lag: Distribution,
    /// Opening a connection.
    pub connect: Distribution,
    /// Samples, of all of these together, that were longer than a histogram holds and are in it as
    /// the longest. Absent if there were none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub saturated: u64,
    /// From connect(2) to the greeting, in all phases; absent without greetings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub greeting: Option<Distribution>,
    /// Of that, from connect(2) until the server had accepted; of greetings that arrived.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accept_delay: Option<Distribution>,
    /// Of that, from then on until a worker took it; of greetings that arrived.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue_delay: Option<Distribution>,
}

impl Latency {
    /// What a client felt: response time in an open loop, service time in a closed one.
    #[must_use]
    pub fn headline(&self) -> &Distribution {
        self.response.as_ref().unwrap_or(&self.service)
    }
}

/// One slice of the measurement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Interval {
    /// Start, from the start of the measurement.
    pub start_ns: u64,
    /// Length.
    pub width_ns: u64,
    /// Right replies.
    pub ok: u64,
    /// Failed requests.
    pub failed: u64,
    /// Median of the headline latency, if there were replies.
    pub p50_ns: Option<u64>,
    /// 99th percentile of the headline latency, if there were replies.
    pub p99_ns: Option<u64>,
    /// Largest headline latency, if there were replies.
    pub max_ns: Option<u64>,
    /// The histogram of the headline latency to two digits, in the form of
    /// [`Distribution::histogram`]; absent without replies, and in documents of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub histogram: Option<String>,
}
