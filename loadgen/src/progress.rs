//! Progress reports to the caller of a load.

use std::time::Duration;

use crate::ConnectFailure;
#[cfg(doc)]
use crate::{Latency, Load, run};

/// A part of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Connections are opened. If greetings are expected, something has arrived on one of them.
    Connect,
    /// Requests are made but not counted.
    Warmup,
    /// Requests that become due (closed loop: are sent) now are counted.
    Measure,
    /// No further request becomes due. Offered requests are sent, and the generator waits for replies.
    Drain,
}

/// A progress report to the caller of [`run()`], on the calling thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// A phase begins. Phases come in order, none twice. If a run is interrupted, the phases before
    /// [`Phase::Drain`] that had not begun are left out. If it is interrupted while connecting,
    /// [`Phase::Drain`] is left out too. The load's connections stay open until the call for
    /// [`Phase::Drain`] returns, so that the callback can observe a server that still has them.
    Begins(Phase),
    /// About ten times a second within a phase.
    Tick(Progress),
    /// All threads are done. Comes once, last, unless `run` fails.
    Ends,
}

/// How far a run has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The current phase.
    pub phase: Phase,
    /// Since that phase began.
    pub elapsed: Duration,
    /// Correct replies so far, warm-up included. A few milliseconds old.
    pub done: u64,
    /// While no connection has been opened: how the latest attempt failed, if one did.
    pub refusal: Option<ConnectFailure>,
    /// Live figures, if [`Load::live`] is set; about a tenth of a second old.
    pub live: Option<Live>,
}

/// Live figures of a load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Live {
    /// Requests that wait for their reply.
    pub in_flight: u64,
    /// Requests of the measurement that have failed so far, timeouts included.
    pub failed: u64,
    /// The latencies of requests that were due (closed loop: were sent) within the last second and have
    /// their reply; `None` before the measurement, or without such requests.
    pub recent: Option<Recent>,
}

/// Latencies of about the last second: like [`Latency::response`] in open loop, and like
/// [`Latency::service`] in closed loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recent {
    /// How many latencies.
    pub count: u64,
    /// The median.
    pub p50: Duration,
    /// The 99th percentile.
    pub p99: Duration,
}
