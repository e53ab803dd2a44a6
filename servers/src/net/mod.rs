//! The server: accepting, admission and shedding, the same for every model, so that no difference
//! between two models comes from here.

mod admission;
pub mod counters;
mod listener;

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed, Ordering::SeqCst};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use protocol::state::{StateTally, Store};
use protocol::{Framing, Tally};
use rustix::io::Errno;
use rustix::net::SendFlags;

use crate::config::{
    Config, StartError, admission_limit, listen, raise_descriptor_limit, somaxconn,
};
use crate::connection::{Arrival, Conn, Ending};
use crate::models::{Model, Workers};
use crate::net::admission::Admission;
use crate::net::counters::{Totals, WorkerTotals};
use crate::processes;
use crate::processes::shared::{self, Page, WorkerCounts};
use crate::state::{self, table::Table};
use crate::stopping::{self, Stage};
pub(crate) use listener::Listener;

/// How long accepting rests when even shedding failed. Short against a client's patience, long
/// against the microsecond that a failing accept takes.
pub(crate) const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

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
    /// Who keeps the state of sessions.
    pub(crate) store: &'static dyn Store,
    table: Option<&'static Table>,
    page: &'static Page,
    worker_counts: &'static [WorkerCounts],
    listeners: Vec<OwnedFd>,
    nonblocking: AtomicBool,
    /// A descriptor to give up when there are no more, so that a client can be accepted and
    /// turned away instead of leaving a listener that stays ready and a loop that spins.
    spare: Mutex<Option<OwnedFd>>,
    admission: Admission,
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
    /// Descriptors or memory ran out and shedding failed too, or the kernel refuses: leave the
    /// listener alone for a moment.
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
        (model.probe)().map_err(|reason| StartError::Unavailable { model: model.name, reason })?;
        let workers = match (model.workers, config.workers) {
            (Workers::None, Some(_)) => return Err(StartError::NoWorkers { model: model.name }),
            (Workers::None, None) => 1,
            (Workers::Fixed(_) | Workers::Floating(_), Some(n)) => n,
            (Workers::Fixed(default) | Workers::Floating(default), None) => default(),
        };
        if config.greeting && config.service.framing != Framing::Line {
            return Err(StartError::Greeting);
        }
        if let Some(most) = model.holds_at_most
            && config.max_connections > Some(most)
        {
            return Err(StartError::TooMany { model: model.name, most });
        }
        let (store, table) = state::open(model, &config)?;
        let descriptors = raise_descriptor_limit();
        let max_connections = admission_limit(config.max_connections, descriptors)?;
        let sockets = if model.listener_per_worker { workers } else { 1 };
        let (listeners, address) = listen(&config, sockets)?;
        let page = shared::page()?;
        stopping::install(listeners.len(), descriptors, config.drain_timeout, page)?;
        listeners.iter().for_each(stopping::watch_listener);
        let backlog = config.backlog.min(somaxconn());
        Ok(Box::leak(Box::new(Self {
            config,
            model,
            workers,
            max_connections,
            address,
            backlog,
            store,
            table,
            page,
            worker_counts: shared::worker_counts(workers)?,
            listeners,
            nonblocking: AtomicBool::new(false),
            spare: Mutex::new(open_spare()),
            admission: Admission::new(&page.live, max_connections),
        })))
    }

    /// Serves until stopped and drained.
    ///
    /// # Errors
    /// What this program or its machine did wrong; never a peer.
    pub fn run(&'static self) -> io::Result<Totals> {
        (self.model.run)(self)?;
        if let Some(table) = self.table {
            self.page.counters.table(table);
        }
        Ok(self.page.counters.totals())
    }

    /// What each worker did; nothing where a connection belongs to no worker in particular.
    #[must_use]
    pub fn worker_totals(&self) -> Vec<WorkerTotals> {
        let totals = |counts: &WorkerCounts| WorkerTotals {
            connections: counts.connections.load(Relaxed),
            requests: counts.requests.load(Relaxed),
        };
        match self.model.workers {
            Workers::Fixed(_) => self.worker_counts.iter().map(totals).collect(),
            Workers::None | Workers::Floating(_) => Vec::new(),
        }
    }

    /// Connections live now.
    #[must_use]
    pub fn live(&self) -> usize {
        self.admission.live()
    }

    /// The next client, for models that block in accept(2); `None` when stopping.
    pub(crate) fn next_client(&'static self) -> Option<Conn> {
        self.listener().next_client()
    }

    /// The listening socket.
    pub(crate) fn listener(&'static self) -> Listener {
        self.listener_of(0)
    }

    /// The listening socket of one worker, in models where each has its own.
    pub(crate) fn listener_of(&'static self, worker: usize) -> Listener {
        Listener { server: self, socket: self.listeners[worker].as_fd() }
    }

    /// Makes the listeners and all clients accepted from now on non-blocking.
    pub(crate) fn set_nonblocking(&self) -> io::Result<()> {
        self.set_clients_nonblocking();
        self.set_listeners_nonblocking()
    }

    /// Makes the listeners non-blocking, and not the clients.
    pub(crate) fn set_listeners_nonblocking(&self) -> io::Result<()> {
        let set = |listener| Ok(rustix::io::ioctl_fionbio(listener, true)?);
        self.listeners.iter().try_for_each(set)
    }

    /// Makes all clients accepted from now on non-blocking, and not the listener.
    pub(crate) fn set_clients_nonblocking(&self) {
        self.nonblocking.store(true, SeqCst);
    }

    /// What came of one accept. Every errno ends in one of the answers, or in `None`: try again.
    pub(crate) fn classify(
        &'static self,
        accepted: Result<OwnedFd, Errno>,
        again: impl Fn() -> Result<OwnedFd, Errno>,
    ) -> Option<Accepted> {
        Some(match accepted {
            Ok(stream) => self.admit(stream),
            // Stopping shuts the listener down, which shows as EINVAL. But accept(2) takes a
            // descriptor before it looks at the listener: so whatever it says now, it is over.
            Err(_) if stopping::is_stopping() => Accepted::Stopped,
            Err(Errno::AGAIN) => Accepted::Nobody,
            Err(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM) => {
                self.accept_failed();
                self.shed_one(again)
            }
            Err(Errno::INTR) => return None,
            // Linux hands over the error of a connection that died in the queue: the next one may
            // live (accept(2)).
            Err(
                Errno::CONNABORTED
                | Errno::CONNRESET
                | Errno::PROTO
                | Errno::NETDOWN
                | Errno::NOPROTOOPT
                | Errno::HOSTDOWN
                | Errno::NONET
                | Errno::HOSTUNREACH
                | Errno::OPNOTSUPP
                | Errno::NETUNREACH
                | Errno::TIMEDOUT,
            ) => {
                self.page.counters.dead_on_arrival();
                return None;
            }
            // What nobody has foreseen, or EPERM of a firewall, may be so for a while.
            Err(_) => {
                self.accept_failed();
                self.page.counters.accept_paused();
                Accepted::Exhausted
            }
        })
    }

    /// Counts a connection's end and wakes who waits for the last one.
    pub(crate) fn gone(&self, ending: Ending, tally: Tally, worker: Option<u32>) {
        self.page.counters.ended(ending, tally);
        if let Some(counts) = self.counts_of(worker) {
            counts.requests.fetch_add(tally.requests, Relaxed);
        }
        processes::this_one_holds(false);
        self.admission.leave();
    }

    /// Counts the steps of sessions that were asked for on a connection.
    pub(crate) fn stepped(&self, tally: StateTally) {
        self.page.counters.stepped(tally);
    }

    /// Waits until the last connection is gone, for models whose threads nobody joins.
    pub(crate) fn wait_until_empty(&self) {
        self.admission.wait_until_empty();
    }

    /// A worker has taken a connection.
    pub(crate) fn taken(&self, worker: u32) {
        if let Some(counts) = self.counts_of(Some(worker)) {
            counts.connections.fetch_add(1, Relaxed);
        }
    }

    /// accept(2) failed for want of descriptors or memory.
    pub(crate) fn accept_failed(&self) {
        self.page.counters.accept_failed();
    }

    /// So many connections wait in a queue of the model's own.
    pub(crate) fn queued(&self, n: usize) {
        self.page.counters.queued(n as u64);
    }

    /// A connection ended with the process that served it, which died, or was killed because it had
    /// not ended after the cut. Called in a signal handler.
    pub(crate) fn lost(&self) {
        if stopping::stage() == Stage::Cut {
            self.page.counters.ended(Ending::Cut, Tally::default());
        } else {
            self.page.counters.lost();
        }
        self.admission.lost();
    }

    /// A process that died has a successor.
    pub(crate) fn worker_replaced(&self) {
        self.page.counters.worker_replaced();
    }

    fn counts_of(&self, worker: Option<u32>) -> Option<&WorkerCounts> {
        self.worker_counts.get(worker? as usize)
    }

    fn admit(&'static self, stream: OwnedFd) -> Accepted {
        if !self.admission.enter() {
            self.page.counters.refused();
            turn_away(&stream, self.config.service.framing);
            return Accepted::TurnedAway;
        }
        processes::this_one_holds(true);
        match self.prepare(&stream) {
            Ok(()) => {
                let sequence = self.page.counters.accepted();
                Accepted::Conn(Conn::new(self, stream, Arrival::now(self, sequence)))
            }
            Err(_) => {
                // The peer reset it while it was in the queue.
                processes::this_one_holds(false);
                self.admission.leave();
                self.page.counters.dead_on_arrival();
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
    fn shed_one(&self, again: impl Fn() -> Result<OwnedFd, Errno>) -> Accepted {
        let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        *spare = None;
        let accepted = again();
        if let Ok(stream) = &accepted {
            turn_away(stream, self.config.service.framing);
        }
        // Closed before, or the next spare would find no room either.
        let outcome = accepted.map(drop);
        *spare = open_spare();
        match outcome {
            Ok(()) => {
                self.page.counters.shed();
                Accepted::TurnedAway
            }
            // accept(2) takes a descriptor before it looks for a client, and there was none.
            Err(Errno::AGAIN) => Accepted::Nobody,
            Err(_) => {
                self.page.counters.accept_paused();
                Accepted::Exhausted
            }
        }
    }
}

/// Tells a client that it was not admitted and closes. The client may have sent a request
/// already, and closing with unread input would turn the reply into a reset: so what has arrived
/// is read first. No client is waited for.
pub(crate) fn turn_away(stream: &OwnedFd, framing: Framing) {
    let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
    // Whatever these say, the client is turned away; it may be gone already.
    let _ = rustix::net::send(stream, protocol::app::busy(framing), flags);
    let _ = rustix::net::shutdown(stream, rustix::net::Shutdown::Write);
    let mut scratch = [0; 4096];
    let _ = rustix::net::recv(stream, &mut scratch, rustix::net::RecvFlags::DONTWAIT);
}

fn open_spare() -> Option<OwnedFd> {
    rustix::event::eventfd(0, rustix::event::EventfdFlags::CLOEXEC).ok()
}

/// The number of a descriptor, for models whose system call takes numbers.
pub(crate) fn number(fd: &impl AsFd) -> i32 {
    fd.as_fd().as_raw_fd()
}
