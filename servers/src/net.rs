//! Binding, accepting and admission: the same for every model, so that no difference between
//! two models comes from here.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use protocol::{Service, Tally};
use rustix::io::Errno;
use rustix::net::{SendFlags, SocketFlags};
use rustix::process::{Resource, Rlimit};
use socket2::{Domain, Protocol, Socket, Type};
use thiserror::Error;

use crate::conn::{Conn, Ending};
use crate::counters::{Counters, Totals};
use crate::models::{Model, Workers};
use crate::stop;

/// Descriptors that are not connections: standard streams, listeners, pollers, the spare one.
const DESCRIPTORS_RESERVED: usize = 32;
/// Where a limit of "unlimited" is cut: more loopback connections than this need several
/// machines' memory.
const DESCRIPTORS_MAX: u64 = 1 << 20;
/// How long accepting rests when even shedding failed. Short against a client's patience, long
/// against the microsecond that a failing accept takes.
pub(crate) const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

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
    /// Something else that the kernel refused.
    #[error("cannot start: {0}")]
    Kernel(#[from] io::Error),
}

impl StartError {
    /// Whether what was asked for can never work, as opposed to not working now.
    #[must_use]
    pub fn is_usage(&self) -> bool {
        matches!(self, Self::NoWorkers { .. } | Self::Descriptors { .. })
    }
}

/// A server that listens: its socket, its settings, its admission and its counters.
#[derive(Debug)]
pub struct Server {
    /// What was asked for.
    pub config: Config,
    /// The model that runs it.
    pub model: &'static Model,
    /// Threads of the model's pool or runtime; 1 where the model has none.
    pub workers: usize,
    /// Live connections at most.
    pub max_connections: usize,
    /// Where it listens, the port resolved.
    pub address: SocketAddr,
    /// The kernel's queue as it is, after the system's own limit.
    pub backlog: u32,
    counters: Counters,
    listener: OwnedFd,
    nonblocking: AtomicBool,
    /// A descriptor to give up when there are no more, so that a client can be accepted and
    /// turned away instead of leaving a listener that stays ready and a loop that spins.
    spare: Mutex<Option<OwnedFd>>,
    live: AtomicUsize,
    empty: (Mutex<()>, Condvar),
}

/// What came of one attempt to accept.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "it is taken apart where it is made")]
pub(crate) enum Accepted {
    /// A client, admitted.
    Conn(Conn),
    /// A client was turned away, and that was counted; there may be more.
    TurnedAway,
    /// Nobody is waiting; only where the listener does not block.
    Nobody,
    /// Descriptors or memory ran out and shedding failed too: leave the listener alone for
    /// a moment.
    Exhausted,
    /// The server is stopping.
    Stopped,
}

impl Server {
    /// Binds, listens and installs the signal handlers. A process does this once.
    ///
    /// # Errors
    /// When the address is taken or not ours, the descriptor limit is too low for the
    /// connections asked for, or the model does not have what was set.
    pub fn bind(model: &'static Model, config: Config) -> Result<&'static Self, StartError> {
        let workers = match (model.workers, config.workers) {
            (Workers::None, Some(_)) => return Err(StartError::NoWorkers { model: model.name }),
            (Workers::None, None) => 1,
            (Workers::Fixed(_), Some(n)) => n,
            (Workers::Fixed(default), None) => default(),
        };
        let descriptors = raise_descriptor_limit();
        let max_connections = admission_limit(config.max_connections, descriptors)?;
        let listener = listen(&config)?;
        let address = listener.local_addr()?.as_socket().unwrap_or(config.listen);
        stop::install(descriptors, config.drain_timeout)?;
        let listener = OwnedFd::from(listener);
        stop::watch_listener(&listener);
        let backlog = config.backlog.min(somaxconn());
        Ok(Box::leak(Box::new(Self {
            config,
            model,
            workers,
            max_connections,
            address,
            backlog,
            counters: Counters::default(),
            listener,
            nonblocking: AtomicBool::new(false),
            spare: Mutex::new(open_spare()),
            live: AtomicUsize::new(0),
            empty: (Mutex::new(()), Condvar::new()),
        })))
    }

    /// Serves until stopped and drained.
    ///
    /// # Errors
    /// What this program or its machine did wrong; never a peer.
    pub fn run(&'static self) -> io::Result<Totals> {
        (self.model.run)(self)?;
        Ok(self.counters.totals())
    }

    /// Connections live now.
    #[must_use]
    pub fn live(&self) -> usize {
        self.live.load(SeqCst)
    }

    /// The next client, for models that block in accept(2); `None` when stopping.
    pub(crate) fn next_client(&'static self) -> Option<Conn> {
        loop {
            match self.accept() {
                Accepted::Conn(conn) => return Some(conn),
                Accepted::TurnedAway | Accepted::Nobody => {}
                Accepted::Exhausted => thread::sleep(ACCEPT_PAUSE),
                Accepted::Stopped => return None,
            }
        }
    }

    /// Makes the listener and all clients accepted from now on non-blocking.
    pub(crate) fn set_nonblocking(&self) -> io::Result<()> {
        self.nonblocking.store(true, SeqCst);
        Ok(rustix::io::ioctl_fionbio(&self.listener, true)?)
    }

    /// One attempt to accept. Every errno of accept(2) ends in one of the five answers.
    pub(crate) fn accept(&'static self) -> Accepted {
        loop {
            match self.accept_raw() {
                Ok(stream) => return self.admit(stream),
                Err(Errno::AGAIN) => return Accepted::Nobody,
                Err(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM) => {
                    return self.shed_one();
                }
                // shutdown(2) on the listener shows as EINVAL, in accept and nowhere else.
                Err(Errno::INVAL) if stop::is_stopping() => return Accepted::Stopped,
                // EINTR, ECONNABORTED, EPROTO and the network errors that Linux hands over from
                // a connection that died in the queue: the next one may live.
                Err(Errno::INTR) => {}
                Err(_) => self.counters.dead_on_arrival(),
            }
        }
    }

    /// Counts a connection's end and wakes who waits for the last one.
    pub(crate) fn gone(&self, ending: Ending, tally: Tally) {
        self.counters.ended(ending, tally);
        if self.live.fetch_sub(1, SeqCst) == 1 && stop::is_stopping() {
            // Under the lock, or the wake-up could fall between a waiter's check and its wait.
            let _guard = self.empty.0.lock().unwrap_or_else(PoisonError::into_inner);
            self.empty.1.notify_all();
        }
    }

    /// Waits until the last connection is gone, for models whose threads nobody joins.
    pub(crate) fn wait_until_empty(&self) {
        let guard = self.empty.0.lock().unwrap_or_else(PoisonError::into_inner);
        let _guard = self
            .empty
            .1
            .wait_while(guard, |()| self.live() > 0)
            .unwrap_or_else(PoisonError::into_inner);
    }

    fn accept_raw(&self) -> Result<OwnedFd, Errno> {
        let mut flags = SocketFlags::CLOEXEC;
        flags.set(SocketFlags::NONBLOCK, self.nonblocking.load(SeqCst));
        rustix::net::accept_with(&self.listener, flags)
    }

    fn admit(&'static self, stream: OwnedFd) -> Accepted {
        if self.live.fetch_add(1, SeqCst) >= self.max_connections {
            self.live.fetch_sub(1, SeqCst);
            self.counters.refused();
            turn_away(&stream);
            return Accepted::TurnedAway;
        }
        match self.prepare(&stream) {
            Ok(()) => {
                self.counters.accepted();
                Accepted::Conn(Conn::new(self, stream))
            }
            Err(_) => {
                // The peer reset it while it was in the queue.
                self.live.fetch_sub(1, SeqCst);
                self.counters.dead_on_arrival();
                Accepted::TurnedAway
            }
        }
    }

    fn prepare(&self, stream: &OwnedFd) -> io::Result<()> {
        rustix::net::sockopt::set_tcp_nodelay(stream, true)?;
        if !self.nonblocking.load(SeqCst) {
            use rustix::net::sockopt::{Timeout, set_socket_timeout};
            for timeout in [Timeout::Recv, Timeout::Send] {
                set_socket_timeout(stream, timeout, Some(self.config.idle_timeout))?;
            }
        }
        Ok(())
    }

    /// Gives the spare descriptor up, accepts with it and turns the client away.
    fn shed_one(&self) -> Accepted {
        let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        *spare = None;
        let accepted = self.accept_raw();
        let shed = accepted.is_ok();
        if let Ok(stream) = accepted {
            turn_away(&stream);
        }
        *spare = open_spare();
        if shed {
            self.counters.shed();
            Accepted::TurnedAway
        } else {
            self.counters.accept_paused();
            Accepted::Exhausted
        }
    }
}

impl AsFd for Server {
    /// The listening socket.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.listener.as_fd()
    }
}

/// Tells a client that it was not admitted and closes. The client may have sent a request
/// already, and closing with unread input would turn the reply into a reset: so what has arrived
/// is read first. No client is waited for.
pub(crate) fn turn_away(stream: &OwnedFd) {
    let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
    // Whatever these say, the client is turned away; it may be gone already.
    let _ = rustix::net::send(stream, protocol::app::BUSY, flags);
    let _ = rustix::net::shutdown(stream, rustix::net::Shutdown::Write);
    let mut scratch = [0; 4096];
    let _ = rustix::net::recv(stream, &mut scratch, rustix::net::RecvFlags::DONTWAIT);
}

fn open_spare() -> Option<OwnedFd> {
    rustix::event::eventfd(0, rustix::event::EventfdFlags::CLOEXEC).ok()
}

fn listen(config: &Config) -> Result<Socket, StartError> {
    let listen = || {
        let socket =
            Socket::new(Domain::for_address(config.listen), Type::STREAM, Some(Protocol::TCP))?;
        // A port whose last owner's connections are in TIME_WAIT is free.
        socket.set_reuse_address(true)?;
        socket.bind(&config.listen.into())?;
        socket.listen(i32::try_from(config.backlog).unwrap_or(i32::MAX))?;
        Ok(socket)
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
fn raise_descriptor_limit() -> usize {
    let hard = rustix::process::getrlimit(Resource::Nofile).maximum;
    let limit = hard.unwrap_or(DESCRIPTORS_MAX).min(DESCRIPTORS_MAX);
    // If this fails the limit that is there applies, and accept says so when it is reached.
    let raised = Rlimit { current: Some(limit), maximum: hard };
    let _ = rustix::process::setrlimit(Resource::Nofile, raised);
    usize::try_from(limit).unwrap_or(usize::MAX)
}

fn admission_limit(asked: Option<usize>, descriptors: usize) -> Result<usize, StartError> {
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

fn somaxconn() -> u32 {
    let text = std::fs::read_to_string("/proc/sys/net/core/somaxconn").unwrap_or_default();
    text.trim().parse().unwrap_or(u32::MAX)
}

/// The number of a descriptor, for models whose system call takes numbers.
pub(crate) fn number(fd: &impl AsFd) -> i32 {
    fd.as_fd().as_raw_fd()
}
