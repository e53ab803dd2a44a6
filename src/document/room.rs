//! One load on a room, and the document that `c10k load --app chat --json` writes.

#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Check, Distribution, Host, SchemaId, ServerAccount, Target, Validity};

/// One load on a room: some members speak, and all of them hear.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RoomTrial {
    /// Which document this is.
    pub schema: SchemaId,
    /// When it started, RFC 3339, UTC.
    pub started_at: String,
    /// The version of this program.
    pub program_version: String,
    /// The command that made it.
    pub command: Vec<String>,
    /// The server.
    pub target: Target,
    /// The settings.
    pub load: RoomLoadRecord,
    /// What came of it.
    pub found: RoomFound,
    /// What the server used, if `c10k` started it; what a delivery cost it is in `found`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<ServerAccount>,
    /// The machine.
    pub host: Host,
    /// The checks.
    pub checks: Vec<Check>,
    /// What the checks come to.
    pub validity: Validity,
    /// Whether it was ended early.
    pub interrupted: bool,
}

/// The settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RoomLoadRecord {
    /// Members, all of which hear.
    pub members: usize,
    /// Those of them that speak.
    pub senders: usize,
    /// Bytes of a message, without the name in front and the line end behind.
    pub message_bytes: usize,
    /// Messages per second in an open loop. Absent in a closed loop, where each sender sends its
    /// next message when all members have received its last one.
    pub rate_per_s: Option<f64>,
    /// How long was loaded without recording.
    pub warmup_ns: u64,
    /// How long was to be measured.
    pub measure_ns: u64,
}

/// What came of it: figures cover messages that were due in the measurement, unless they say
/// otherwise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RoomFound {
    /// How long was measured.
    pub measured_ns: u64,
    /// Messages sent in all phases.
    pub said: u64,
    /// Messages.
    pub messages: u64,
    /// Deliveries of them; right is one for each member.
    pub deliveries: u64,
    /// Deliveries that came within the measurement, of whichever messages.
    #[serde(default)]
    pub heard: u64,
    /// Those, divided by the time that was measured.
    pub deliveries_per_s: f64,
    /// The server's CPU time for each of those; absent where the server was not ours to look at, and where the
    /// machine was too busy to look at it when the measurement began and ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_cpu_per_delivery_ns: Option<f64>,
    /// Deliveries that did not come.
    pub missing: u64,
    /// Deliveries, in all phases, in another order than another member heard them.
    pub out_of_order: u64,
    /// Lines, in all phases, that no member of the load sent.
    pub strange: u64,
    /// Members whose connection ended.
    pub members_gone: usize,
    /// From the sender's send, or in an open loop from when that was due, to each member's receipt.
    pub fan_out: Distribution,
    /// Of its time, how much the generator's thread used its processor; absent in documents of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generator_busy_share: Option<f64>,
    /// From due to sent, which is the generator's own delay; absent in a closed loop.
    pub send_lag: Option<Distribution>,
}
