//! Why there is no outcome.

use std::io;
use std::time::Duration;

use crate::Target;

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
    /// There are not as many local ports as this load would hold at a time.
    #[error(
        "this load holds {need} local ports at a time and {addresses} source address(es) have \
         {have}: a connection that is closed by us keeps its port for a while (TIME_WAIT). Spread \
         it over {addresses_needed} addresses (--source-addresses {addresses_needed}, or name them \
         with --source), use fewer connections or let them carry more requests"
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
        target: Target,
        /// How long it was waited for: the request timeout.
        within: Duration,
    },
    /// The instant at which the load should have begun is over.
    #[error(
        "the load should have begun before all connections were open: name a later start, which \
         leaves time to open them"
    )]
    TooLate,
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
