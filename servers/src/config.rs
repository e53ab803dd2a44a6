//! A server's settings, the resources it needs, and the errors that keep it from starting.

use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::time::Duration;

use protocol::{App, Framing, Service};
use rustix::io::Errno;
use rustix::process::{Resource, Rlimit};
use socket2::{Domain, Protocol, Socket, Type};
use thiserror::Error;

use crate::apps::{AppConfig, commands};
use crate::models::{Model, Workers};
use crate::state::StateConfig;

/// Descriptors that are not connections: standard streams, listeners, pollers, the spare one.
pub(crate) const DESCRIPTORS_RESERVED: usize = 32;
/// Where a limit of "unlimited" is cut: more loopback connections than this need several
/// machines' memory.
const DESCRIPTORS_MAX: u64 = 1 << 20;

/// A server's settings. The command line owns the defaults, so the caller makes every choice.
#[derive(Clone, Debug)]
pub struct Config {
    /// Address to listen on; port 0 picks a free port.
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
    /// Whether every connection begins with a greeting that names its worker; in line framing only.
    pub greeting: bool,
    /// Whether every request is printed to standard error, with its reply and the time it took.
    pub verbose: bool,
    /// Where the state of sessions is kept.
    pub state: StateConfig,
    /// Whether one connection is served and no other.
    pub once: bool,
    /// Whether the server stops when the last connection has ended, after at least one.
    pub until_idle: bool,
    /// Whether a console may close the listening sockets alone, with SIGUSR2, which is ignored
    /// otherwise.
    pub attended: bool,
    /// The settings of the application.
    pub apps: AppConfig,
}

impl Config {
    /// The defaults of `c10k serve`: as many workers and connections as the model and the machine
    /// choose, a queue of 4,096, a minute without progress, five seconds to drain.
    #[must_use]
    pub fn plain(listen: SocketAddr, service: Service) -> Self {
        Self {
            listen,
            service,
            workers: None,
            max_connections: None,
            backlog: 4_096,
            idle_timeout: Duration::from_secs(60),
            drain_timeout: Duration::from_secs(5),
            greeting: false,
            verbose: false,
            state: StateConfig::default(),
            once: false,
            until_idle: false,
            attended: false,
            apps: AppConfig::default(),
        }
    }
}

/// Why a server did not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// The address cannot be listened on.
    #[error("cannot listen on {listen}: {source}; {advice}")]
    Listen {
        /// The requested address.
        listen: SocketAddr,
        /// The kernel's error.
        source: io::Error,
        /// What to do about it.
        advice: &'static str,
    },
    /// The limit of open descriptors leaves no room for that many connections.
    #[error(
        "{asked} connections need {need} descriptors, but this process may open only {limit}: raise the limit \
         (ulimit -n {need}) or use --max-connections {room}"
    )]
    Descriptors {
        /// The requested number of connections.
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
        "the model {model} holds at most {most} connections: use --max-connections {most} or leave \
         it out"
    )]
    TooMany {
        /// Its name.
        model: &'static str,
        /// What it can hold.
        most: usize,
    },
    /// The application cannot be served like that.
    #[error("{0}")]
    App(String),
    /// The log cannot be written to.
    #[error("cannot write to the log {}: {source}; choose another --log", log.display())]
    Log {
        /// Its name.
        log: PathBuf,
        /// The kernel's error.
        source: io::Error,
    },
    /// A greeting where a client could not tell where it ends.
    #[error("a greeting needs line framing")]
    Greeting,
    /// Sessions cannot be kept like that.
    #[error("{0}")]
    State(String),
    /// The session store does not answer.
    #[error("cannot reach the session store at {address}: {source}; start it first")]
    Store {
        /// The address.
        address: String,
        /// What went wrong.
        source: redis::RedisError,
    },
    /// The limit of open descriptors leaves no room for a single connection.
    #[error(
        "the model {model}{} needs {need} descriptors before its first client, but this process may open only \
         {limit}: raise the limit (ulimit -n {need}){}",
        with(*workers), or_fewer(*workers)
    )]
    NoRoom {
        /// The model's name.
        model: &'static str,
        /// Its workers, where that is to be chosen.
        workers: Option<usize>,
        /// Descriptors that it needs.
        need: usize,
        /// The hard limit.
        limit: usize,
    },
    /// The machine does not give the model what it needs before its first client.
    #[error("the model {model}{} cannot start: {source}{}", with(*workers), advice(source, *workers))]
    Refused {
        /// The model's name.
        model: &'static str,
        /// Its workers, where that is to be chosen.
        workers: Option<usize>,
        /// The kernel's error.
        source: io::Error,
    },
}

/// Why a server ended other than by being stopped.
#[derive(Debug, Error)]
pub enum RunError {
    /// It could not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// It could not say that it is ready.
    #[error("cannot print the ready line: {0}; keep the server's standard output open")]
    Unheard(io::Error),
    /// It failed later.
    #[error("the server failed: {0}")]
    Failed(io::Error),
    /// What clients send can be written to standard output no more.
    #[error("cannot write to standard output: {0}; the clients' last messages are lost")]
    Output(io::Error),
}

fn with(workers: Option<usize>) -> String {
    workers.map(|workers| format!(" with {workers} workers")).unwrap_or_default()
}

fn or_fewer(workers: Option<usize>) -> &'static str {
    if workers.is_some_and(|workers| workers > 1) { " or use fewer --workers" } else { "" }
}

/// What to change, where the kernel refuses something.
fn advice(error: &io::Error, workers: Option<usize>) -> String {
    let change = match Errno::from_io_error(error) {
        Some(Errno::MFILE) => "raise the limit of open descriptors (ulimit -n)",
        Some(Errno::NFILE) => "the whole machine is out of descriptors: raise fs.file-max",
        Some(Errno::AGAIN) => {
            "raise the limits of threads and processes (ulimit -u, pids.max of the control group) \
             and of memory (ulimit -v)"
        }
        Some(Errno::NOMEM) => "raise the limits of memory (ulimit -v, ulimit -l)",
        Some(Errno::NOSPC) => "raise fs.epoll.max_user_watches",
        _ => return String::new(),
    };
    format!("; {change}{}", or_fewer(workers))
}

impl StartError {
    /// Whether the settings can never work, as opposed to not working now.
    #[must_use]
    pub fn is_usage(&self) -> bool {
        !matches!(self, Self::Listen { .. } | Self::Store { .. } | Self::Refused { .. })
    }

    /// The machine does not give the model what it needs.
    pub(crate) fn refused(model: &Model, workers: usize, source: io::Error) -> Self {
        Self::Refused { model: model.name, workers: to_choose(model, workers), source }
    }
}

/// How many workers the model has with these settings.
///
/// # Errors
/// When they are none for this model.
pub(crate) fn workers_of(model: &Model, config: &Config) -> Result<usize, StartError> {
    if config.greeting && config.service.framing != Framing::Line {
        return Err(StartError::Greeting);
    }
    if let Some(most) = model.holds_at_most
        && config.max_connections > Some(most)
    {
        return Err(StartError::TooMany { model: model.name, most });
    }
    match (model.workers, config.workers) {
        (Workers::None, Some(_)) => Err(StartError::NoWorkers { model: model.name }),
        (Workers::None, None) => Ok(1),
        (Workers::Pool(_) | Workers::Fixed(_) | Workers::Floating(_), Some(n)) => Ok(n),
        (Workers::Pool(default) | Workers::Fixed(default) | Workers::Floating(default), None) => {
            Ok(default())
        }
    }
}

/// So many sockets that listen on the same address, which may be none. The kernel spreads connections over them by a
/// hash of both addresses; the backlog is divided, so that the queues together are as long as
/// one would be.
pub(crate) fn listen(
    config: &Config,
    sockets: usize,
) -> Result<(Vec<OwnedFd>, SocketAddr), StartError> {
    if sockets == 0 {
        return Ok((Vec::new(), config.listen));
    }
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
                "another process listens there: stop it, or choose another port (port 0 picks a \
                 free one)"
            }
            io::ErrorKind::AddrNotAvailable => "this machine does not have that address",
            io::ErrorKind::PermissionDenied => "ports below 1024 need privileges: choose another",
            _ => match source.raw_os_error() {
                Some(libc::EMFILE) => "raise the limit of open descriptors (ulimit -n)",
                Some(libc::ENFILE) => "the whole machine is out of descriptors: raise fs.file-max",
                _ => "check the address",
            },
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

/// How many connections may be live at a time.
pub(crate) fn admission_limit(
    model: &Model,
    workers: usize,
    config: &Config,
    descriptors: usize,
) -> Result<usize, StartError> {
    let for_each = model.descriptors_per_worker + usize::from(model.listener_per_worker);
    let commands = if config.service.app == App::Shell { config.apps.shell.at_once } else { 0 };
    let own = DESCRIPTORS_RESERVED + for_each * workers + commands * commands::DESCRIPTORS;
    let room = descriptors.saturating_sub(own);
    if room == 0 {
        let (model, workers) = (model.name, to_choose(model, workers));
        return Err(StartError::NoRoom { model, workers, need: own + 1, limit: descriptors });
    }
    match config.max_connections {
        None => Ok(room),
        Some(asked) if asked <= room => Ok(asked),
        Some(asked) => {
            let need = asked + own;
            Err(StartError::Descriptors { asked, need, limit: descriptors, room })
        }
    }
}

/// The workers of a model that has a number of them to choose.
fn to_choose(model: &Model, workers: usize) -> Option<usize> {
    (!matches!(model.workers, Workers::None)).then_some(workers)
}

pub(crate) fn somaxconn() -> u32 {
    let text = std::fs::read_to_string("/proc/sys/net/core/somaxconn").unwrap_or_default();
    text.trim().parse().unwrap_or(u32::MAX)
}
