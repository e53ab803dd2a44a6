//! What a server is asked to be, what the machine gives for it, and why it may not start.

use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::time::Duration;

use protocol::Service;
use rustix::process::{Resource, Rlimit};
use socket2::{Domain, Protocol, Socket, Type};
use thiserror::Error;

use crate::state::StateConfig;

/// Descriptors that are not connections: standard streams, listeners, pollers, the spare one.
pub(crate) const DESCRIPTORS_RESERVED: usize = 32;
/// Where a limit of "unlimited" is cut: more loopback connections than this need several
/// machines' memory.
const DESCRIPTORS_MAX: u64 = 1 << 20;

/// What a server is asked to be. Every choice is the caller's: the command line owns the defaults.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// What every connection offers.
    pub service: Service,
    /// Threads of a pool or of a runtime; `None` is the model's own choice.
    pub workers: Option<usize>,
    /// Live connections at most; `None` is as many as the descriptor limit leaves room for.
    pub max_connections: Option<usize>,
    /// Length of the kernel's queue of connections not yet accepted; the kernel caps it at
    /// net.core.somaxconn.
    pub backlog: u32,
    /// A connection that completes no request, or reads no reply, for so long is closed.
    pub idle_timeout: Duration,
    /// How long live connections have to finish after the first signal.
    pub drain_timeout: Duration,
    /// Whether every connection begins with a greeting that says who serves it; in line framing
    /// only.
    pub greeting: bool,
    /// Whether every request is told of on standard error, with its reply and how long that took.
    pub verbose: bool,
    /// Where the state of sessions is kept.
    pub state: StateConfig,
}

/// Why a server did not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// The address cannot be listened on.
    #[error("cannot listen on {listen}: {source}; {advice}")]
    Listen {
        /// The address asked for.
        listen: SocketAddr,
        /// What the kernel said.
        source: io::Error,
        /// What to do about it.
        advice: &'static str,
    },
    /// The limit of open descriptors leaves no room for that many connections.
    #[error(
        "{asked} connections need {need} descriptors and this process may open {limit}: raise \
         the limit (ulimit -n {need}) or ask for --max-connections {room}"
    )]
    Descriptors {
        /// Connections asked for.
        asked: usize,
        /// Descriptors that takes.
        need: usize,
        /// The hard limit.
        limit: usize,
        /// Connections there is room for.
        room: usize,
    },
    /// The model has no workers to set the number of.
    #[error("the model {model} has no workers: leave --workers out")]
    NoWorkers {
        /// Its name.
        model: &'static str,
    },
    /// The model cannot run here.
    #[error("the model {model} cannot run here: {reason}")]
    Unavailable {
        /// Its name.
        model: &'static str,
        /// What this machine refuses.
        reason: String,
    },
    /// The model cannot hold so many connections anywhere.
    #[error(
        "the model {model} holds {most} connections at most: ask for --max-connections {most} or \
         leave it out"
    )]
    TooMany {
        /// Its name.
        model: &'static str,
        /// What it can hold.
        most: usize,
    },
    /// A greeting where a client could not tell where it ends.
    #[error("a greeting is a line: it needs line framing")]
    Greeting,
    /// Sessions cannot be kept like that.
    #[error("{0}")]
    State(String),
    /// Nobody answers where sessions are to be kept.
    #[error("cannot reach {address}: {source}; start what is to keep the sessions")]
    Store {
        /// The address.
        address: String,
        /// What went wrong.
        source: redis::RedisError,
    },
    /// Something else that the kernel refused.
    #[error("cannot start: {0}")]
    Kernel(#[from] io::Error),
}

impl StartError {
    /// Whether what was asked for can never work, as opposed to not working now.
    #[must_use]
    pub fn is_usage(&self) -> bool {
        !matches!(self, Self::Listen { .. } | Self::Store { .. } | Self::Kernel(_))
    }
}

/// So many sockets that listen on the same address. The kernel spreads connections over them by a
/// hash of both addresses; the backlog is divided, so that the queues together are as long as
/// one would be.
pub(crate) fn listen(
    config: &Config,
    sockets: usize,
) -> Result<(Vec<OwnedFd>, SocketAddr), StartError> {
    let share = config.backlog.div_ceil(u32::try_from(sockets).unwrap_or(u32::MAX));
    let bind = |address: SocketAddr, reuse_port| -> io::Result<Socket> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        // A port whose last owner's connections are in TIME_WAIT is free.
        socket.set_reuse_address(true)?;
        socket.set_reuse_port(reuse_port)?;
        socket.bind(&address.into())?;
        socket.listen(i32::try_from(share).unwrap_or(i32::MAX))?;
        Ok(socket)
    };
    let listen = || {
        // Alone first: with SO_REUSEPORT two servers of one user would share a port unawares.
        let first = bind(config.listen, false)?;
        // Port 0 has become a number, and all are to have the same.
        let address = first.local_addr()?.as_socket().unwrap_or(config.listen);
        if sockets == 1 {
            return Ok((vec![first.into()], address));
        }
        drop(first);
        let all = (0..sockets).map(|_| Ok(bind(address, true)?.into()));
        Ok((all.collect::<io::Result<_>>()?, address))
    };
    listen().map_err(|source: io::Error| {
        let advice = match source.kind() {
            io::ErrorKind::AddrInUse => {
                "something else listens there: stop it, or choose another port (port 0 takes a \
                 free one)"
            }
            io::ErrorKind::AddrNotAvailable => "that is not an address of this machine",
            io::ErrorKind::PermissionDenied => "ports below 1024 need privileges: choose another",
            _ => "check the address",
        };
        StartError::Listen { listen: config.listen, source, advice }
    })
}

/// Raises the soft limit of open descriptors to the hard one and returns it.
pub(crate) fn raise_descriptor_limit() -> usize {
    let hard = rustix::process::getrlimit(Resource::Nofile).maximum;
    let limit = hard.unwrap_or(DESCRIPTORS_MAX).min(DESCRIPTORS_MAX);
    // If this fails the limit that is there applies, and accept says so when it is reached.
    let raised = Rlimit { current: Some(limit), maximum: hard };
    let _ = rustix::process::setrlimit(Resource::Nofile, raised);
    usize::try_from(limit).unwrap_or(usize::MAX)
}

pub(crate) fn admission_limit(
    asked: Option<usize>,
    descriptors: usize,
) -> Result<usize, StartError> {
    let room = descriptors.saturating_sub(DESCRIPTORS_RESERVED).max(1);
    match asked {
        None => Ok(room),
        Some(asked) if asked <= room => Ok(asked),
        Some(asked) => {
            let need = asked + DESCRIPTORS_RESERVED;
            Err(StartError::Descriptors { asked, need, limit: descriptors, room })
        }
    }
}

pub(crate) fn somaxconn() -> u32 {
    let text = std::fs::read_to_string("/proc/sys/net/core/somaxconn").unwrap_or_default();
    text.trim().parse().unwrap_or(u32::MAX)
}
