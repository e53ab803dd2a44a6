//! The work of a generator, and the figures that it reports.

use std::net::SocketAddr;
use std::time::Duration;

use serde::Serialize;

/// A kind of load.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub(crate) enum Work {
    /// Each connection sends its next request when it has its reply.
    Closed { connections: usize },
    /// Requests at this rate, whatever the server does.
    Open { connections: usize, rate_per_s: u64 },
    /// Like `Closed`, with a new connection for each request.
    ConnectionPerRequest { connections: usize },
}

impl Work {
    pub(crate) fn connections(self) -> usize {
        match self {
            Self::Closed { connections }
            | Self::Open { connections, .. }
            | Self::ConnectionPerRequest { connections } => connections,
        }
    }
}

/// A run of a generator: its work, duration, server and processor.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Job {
    pub(crate) work: Work,
    /// In whole seconds, because some generators take nothing else.
    pub(crate) time: Duration,
    pub(crate) at: SocketAddr,
    pub(crate) cpu: usize,
}

/// The figures that a generator reported for a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Told {
    /// Requests that were answered correctly.
    pub(crate) requests: u64,
    pub(crate) failed: u64,
    pub(crate) requests_per_s: f64,
    pub(crate) mean_ns: Option<f64>,
    pub(crate) p50_ns: Option<f64>,
    pub(crate) p99_ns: Option<f64>,
    /// Send lag at p99.9, which only our generator reports.
    pub(crate) lag_p999_ns: Option<f64>,
}
