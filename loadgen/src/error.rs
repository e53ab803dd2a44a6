//! Why there is no outcome.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

/// Why a load could not be run. What a server does wrong is never one of these, but counted in
/// the [`Census`](crate::Census).
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The load contradicts itself.
    #[error("impossible load: {what}")]
    Invalid {
        /// The rule that it breaks.
        what: &'static str,
    },
    /// This machine does not let us have the engine.
    #[error("the engine {engine} is not to be had here: {why}; use --engine auto or epoll")]
    Engine {
        /// Its name.
        engine: &'static str,
        /// What refuses it.
        why: String,
    },
    /// The process may not open so many descriptors.
    #[error(
        "this load needs {need} file descriptors and the limit is {limit}: raise it (`ulimit -n \
         {need}`, as root; for good in /etc/security/limits.conf) or use fewer connections"
    )]
    Descriptors {
        /// One for each connection, and 64 for everything else.
        need: u64,
        /// The hard limit, to which the soft limit was raised.
        limit: u64,
    },
    /// Not one connection was opened within the connect timeout.
    #[error(
        "no connection to {target} could be opened: {source}; is the server running, does it \
         listen on that address and port, and does a firewall let it through?"
    )]
    Unreachable {
        /// The server.
        target: SocketAddr,
        /// What the last attempt ended with.
        source: io::Error,
    },
    /// Connections were opened, and not one byte came on any of them where a greeting had to.
    #[error(
        "{target} accepts connections and sent no greeting within {within:?}: was it started with \
         --greeting? If not, load it without. A server whose workers are all held by other \
         clients is silent too"
    )]
    NoGreeting {
        /// The server.
        target: SocketAddr,
        /// How long it was waited for: the request timeout.
        within: Duration,
    },
    /// A thread could not be bound to its CPU.
    #[error(
        "a thread cannot be bound to CPU {cpu}: {source}; `taskset -cp $$` and `nproc` show which \
         CPUs there are and may be used"
    )]
    Pin {
        /// The CPU's number.
        cpu: usize,
        /// What the kernel said.
        source: io::Error,
    },
    /// The kernel refused something that every load needs.
    #[error("{what}: {source}")]
    System {
        /// What was to be done.
        what: &'static str,
        /// What the kernel said.
        source: io::Error,
    },
    /// A thread of the generator panicked: a fault of the generator, whatever the server did.
    #[error("a thread of the load generator panicked: {message}; this is a bug in it")]
    Panicked {
        /// What it said.
        message: String,
    },
}
