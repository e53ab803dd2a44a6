//! The lab "chat": how long a message takes to reach each member of a room, as the room grows.

mod rounds;
mod sentences;
mod tell;

use std::path::Path;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use super::lesson::{Lab, Lesson};
use crate::command::lab::told::Times;
use crate::document::Estimate;

/// The model that the others are compared with.
const AGAINST: &str = "epoll";

/// The lab.
pub(super) struct Chat;

/// All that was measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Measured {
    /// Model by model, the smallest room first.
    rooms: Vec<Room>,
    /// Bytes of a message, without the name in front.
    message_bytes: usize,
    /// Rounds, each of all models and rooms.
    rounds: u32,
    /// The smallest detectable difference, as a share; absent without an A/A control.
    detectable: Detectable,
    /// Whether server and generator had a processor each.
    apart: bool,
    /// The measurements that were left out, and why.
    left_out: Vec<String>,
}

/// The noise of each figure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Detectable {
    fan_out: Option<f64>,
    cpu: Option<f64>,
}

/// One model with one number of members.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Room {
    model: String,
    members: usize,
    /// From the sender's send to a member's receipt: half of all deliveries took as long at most, and 99 of a
    /// hundred.
    p50_ns: Option<Estimate>,
    p99_ns: Option<Estimate>,
    /// The server's CPU time for each delivery.
    cpu_ns: Option<Estimate>,
    deliveries_per_s: Option<Estimate>,
    /// Deliveries of all rounds, missing ones, and those in another order.
    deliveries: u64,
    missing: u64,
    out_of_order: u64,
    /// The server's threads when all members were there.
    threads: Option<u64>,
    /// The median delivery over that of the model's smallest room, in pairs of the same round.
    over_smallest: Option<Times>,
    /// CPU for a delivery, likewise.
    cpu_over_smallest: Option<Times>,
    /// The median delivery over that of epoll with as many members.
    over_epoll: Option<Times>,
    /// CPU for a delivery, likewise.
    cpu_over_epoll: Option<Times>,
    /// Checks that did not pass in some round.
    flags: Vec<String>,
}

impl Lab for Chat {
    const NAME: &'static str = "chat";
    const QUESTION: &'static str = "One member of a chat sends a message: how long does it take to reach all members as the room grows?";
    type Measured = Measured;

    fn measure(quick: bool, _dir: &Path) -> Result<Measured> {
        rounds::measure(quick)
    }

    fn lesson(measured: &Measured) -> Lesson {
        tell::lesson(measured)
    }
}

#[cfg(test)]
mod tests;
