//! What is asked of a generator, and what it says of it.

use std::net::SocketAddr;
use std::time::Duration;

use serde::Serialize;

/// What is asked of a generator.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub(crate) enum Work {
    /// Each connection asks again when it has its reply.
    Closed { connections: usize },
    /// So many requests a second, whatever the server does.
    Open { connections: usize, rate_per_s: u64 },
    /// As `Closed`, with a connection for each request.
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

/// A run of a generator: what, how long, against whom, on which processor.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Job {
    pub(crate) work: Work,
    /// In whole seconds, as some take no other.
    pub(crate) time: Duration,
    pub(crate) at: SocketAddr,
    pub(crate) cpu: usize,
}

/// What a generator said of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Told {
    /// Requests that were answered well.
    pub(crate) requests: u64,
    pub(crate) failed: u64,
    pub(crate) requests_per_s: f64,
    pub(crate) mean_ns: Option<f64>,
    pub(crate) p50_ns: Option<f64>,
    pub(crate) p99_ns: Option<f64>,
    /// Ours: lateness at p99.9, which no other tells.
    pub(crate) lag_p999_ns: Option<f64>,
}
