//! Errors that prevent a load.

use std::io;
use std::time::Duration;

use crate::Target;

/// Why a load could not be run. Faults of the server are not errors; the [`Census`](crate::Census)
/// counts them.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The load contradicts itself.
    #[error("impossible load: {what}")]
    Invalid {
        /// The rule that it breaks.
        what: &'static str,
    },
    /// This machine does not offer the engine.
    #[error("the engine {engine} is not available here: {why}; use --engine auto or epoll")]
    Engine {
        /// Its name.
        engine: &'static str,
        /// What refuses it.
        why: String,
    },
    /// The process may not open this many descriptors.
    #[error(
        "this load needs {need} file descriptors and the limit is {limit}: raise it (`ulimit -n \
         {need}` as root; permanently in /etc/security/limits.conf) or use fewer connections"
    )]
    Descriptors {
        /// One for each connection, and 64 for everything else.
        need: u64,
        /// The hard limit, to which the soft limit was raised.
        limit: u64,
    },
    /// There are fewer local ports than this load would hold at a time.
    #[error(
        "this load needs {need} local ports at a time and {addresses} source address(es) have {have}: a connection \
         that the generator closes keeps its port in TIME_WAIT. Use {addresses_needed} addresses \
         (--source-addresses {addresses_needed}, or name them with --source), fewer connections, or more requests \
         per connection"
    )]
    Ports {
        /// Ports that are held at a time.
        need: usize,
        /// Ports of the source addresses together.
        have: usize,
        /// Source addresses of the load.
        addresses: usize,
        /// Source addresses that would do.
        addresses_needed: usize,
    },
    /// Not one connection was opened within the connect timeout.
    #[error(
        "no connection to {target} could be opened: {source}; is the server running, does it \
         listen on that address and port, and does a firewall let it through?"
    )]
    Unreachable {
        /// The server.
        target: Target,
        /// The error of the last attempt.
        source: io::Error,
    },
    /// Connections were opened, but no greeting arrived on any of them.
    #[error(
        "{target} accepts connections but sent no greeting within {within:?}: start it with --greeting, or load it \
         without. A server whose workers are all busy sends no greeting either"
    )]
    NoGreeting {
        /// The server.
        target: Target,
        /// How long the generator waited: the request timeout.
        within: Duration,
    },
    /// The start time had passed before all connections were open.
    #[error("the start time passed before all connections were open: choose a later --start-at")]
    TooLate,
    /// The start was cancelled.
    #[error("the start was cancelled: not all generators were ready")]
    CalledOff,
    /// A thread could not be bound to its CPU.
    #[error("cannot pin a thread to CPU {cpu}: {source}; `taskset -cp $$` shows the usable CPUs")]
    Pin {
        /// The CPU's number.
        cpu: usize,
        /// The kernel's error.
        source: io::Error,
    },
    /// The kernel refused something that every load needs.
    #[error("{what}: {source}")]
    System {
        /// The attempted action.
        what: &'static str,
        /// The kernel's error.
        source: io::Error,
    },
    /// A thread of the generator panicked: a fault of the generator, whatever the server did.
    #[error("a thread of the load generator panicked: {message}; this is a bug in c10k")]
    Panicked {
        /// Its message.
        message: String,
    },
}
