//! The server: accepting, admission and shedding. They are the same for every model, so they cause
//! no difference between models.

mod accepting;
mod admission;
pub mod counters;
mod listener;
mod rescued;

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, IntoRawFd, OwnedFd, RawFd};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicUsize, Ordering::Relaxed, Ordering::SeqCst};
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use protocol::state::StateTally;
use protocol::{App, Context, Tally};

use crate::apps;
use crate::config::{
    Config, RunError, StartError, admission_limit, listen, raise_descriptor_limit, somaxconn,
    workers_of,
};
use crate::connection::verbose::Log;
use crate::connection::{Conn, Ending};
use crate::models::{Model, Workers};
use crate::net::accepting::{open_spare, rescue};
use crate::net::admission::Admission;
use crate::net::counters::{Totals, WorkerTotals};
use crate::net::rescued::Rescued;
use crate::processes;
use crate::processes::program::{self, Memory};
use crate::processes::shared::{self, Page, WorkerCounts};
use crate::state::{self, table::Table};
use crate::stopping::{self, Stage};
pub(crate) use accepting::{Accepted, turn_away};
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
    /// What all of its sessions share.
    pub(crate) context: &'static Context,
    table: Option<&'static Table>,
    page: &'static Page,
    worker_counts: &'static [WorkerCounts],
    /// The file that the page is in, where another program is to find it.
    memory: Option<OwnedFd>,
    listeners: Vec<OwnedFd>,
    nonblocking: AtomicBool,
    /// A descriptor to give up when there are no more, so that a client can be accepted and
    /// turned away instead of leaving a listener that stays ready and a loop that spins.
    spare: Mutex<Option<OwnedFd>>,
    admission: Admission,
    /// What to do once the model has all that it needs, until that is done.
    announce: OnceLock<fn(&Self) -> io::Result<()>>,
    is_ready: AtomicBool,
    /// Threads in accept(2) that may wait there, each with a descriptor for its client.
    in_accept: AtomicUsize,
    rescued: Rescued,
    /// A descriptor for the signal handler to give up.
    last_spare: AtomicI32,
    /// Where requests and visitors are shown.
    log: OnceLock<Log>,
}

/// The server of this process, for the signal handler.
static SERVER: OnceLock<&Server> = OnceLock::new();

impl Server {
    /// Binds, listens and installs the signal handlers. A process does this once.
    ///
    /// # Errors
    /// When the address is taken or not ours, the descriptor limit is too low for the
    /// connections asked for, or the model does not have what was set.
    pub fn bind(model: &'static Model, mut config: Config) -> Result<&'static Self, StartError> {
        let workers = workers_of(model, &config)?;
        apps::check(model, &config).map_err(StartError::App)?;
        let refused = |source| StartError::refused(model, workers, source);
        let Memory { page, file, inherited } = program::memory(model).map_err(refused)?;
        if model.program_per_client {
            state::share_key(&mut config.state, &page.key, !inherited)?;
        }
        let (store, table) = state::open(model, &config)?;
        let log = config.apps.dispatch.log.as_deref();
        let journal = apps::journal::Log::open(log).map_err(|source| StartError::Log {
            log: log.unwrap_or(Path::new("")).into(),
            source,
        })?;
        let descriptors = raise_descriptor_limit();
        // The client of a child is admitted already, and was accepted elsewhere.
        let (max_connections, sockets) = if inherited {
            (1, 0)
        } else {
            let most = admission_limit(model, workers, &config, descriptors)?;
            (most, if model.listener_per_worker { workers } else { 1 })
        };
        (model.probe)().map_err(|reason| StartError::Unavailable { model: model.name, reason })?;
        let (listeners, address) = listen(&config, sockets)?;
        let worker_counts = shared::worker_counts(workers).map_err(refused)?;
        let backlog = config.backlog.min(somaxconn());
        // A queue holds one more than its length.
        let queued = listeners.len().saturating_add(backlog as usize).min(descriptors);
        let drain_timeout = config.drain_timeout;
        let server: &'static Self = Box::leak(Box::new(Self {
            context: apps::context(&config.apps, store, journal),
            config,
            model,
            workers,
            max_connections,
            address,
            backlog,
            table,
            page,
            worker_counts,
            memory: file,
            listeners,
            nonblocking: AtomicBool::new(false),
            spare: Mutex::new(open_spare()),
            admission: Admission::new(&page.live, max_connections),
            announce: OnceLock::new(),
            is_ready: AtomicBool::new(false),
            in_accept: AtomicUsize::new(0),
            rescued: Rescued::new(queued),
            last_spare: AtomicI32::new(open_spare().map_or(-1, IntoRawFd::into_raw_fd)),
            log: OnceLock::new(),
        }));
        if server.config.verbose {
            // Before there are children, and while there are descriptors.
            server.log.get_or_init(Log::new);
        }
        SERVER.get_or_init(|| server);
        let count = server.listeners.len();
        stopping::install(count, descriptors, drain_timeout, page, rescue).map_err(refused)?;
        if server.config.attended {
            stopping::attend();
        }
        journal.belongs_to(server);
        if server.config.service.app == App::Shell {
            apps::commands::prepare(server, page).map_err(refused)?;
        }
        server.listeners.iter().for_each(stopping::watch_listener);
        Ok(server)
    }

    /// Serves until stopped and drained. `announce` is called once everything is there that the
    /// model needs before its first client, unless the server is stopped before that.
    ///
    /// # Errors
    /// What the machine does not give the model, before it is announced; what `announce` says; what
    /// this program or its machine did wrong later. Never a peer.
    pub fn run(&'static self, announce: fn(&Self) -> io::Result<()>) -> Result<Totals, RunError> {
        let _ = self.announce.set(announce);
        let run = match self.config.service.app {
            App::Chat => self.model.chat.expect("it was asked whether it has one"),
            _ => self.model.run,
        };
        if let Err(error) = run(self) {
            if self.is_ready.load(SeqCst) {
                return Err(RunError::Failed(error));
            }
            // Some may be there already, and nobody is served by them.
            processes::kill();
            processes::wait_for_all();
            return Err(match error.downcast() {
                Ok(unheard) => unheard,
                Err(error) => StartError::refused(self.model, self.workers, error).into(),
            });
        }
        // Nobody was left to take them: every child had died, say.
        while let Some(stream) = self.take_rescued() {
            self.shed(&stream);
        }
        if let Some(table) = self.table {
            self.page.counters.table(table);
        }
        match self.page.output_errno.load(SeqCst) {
            0 => Ok(self.page.counters.totals()),
            errno => Err(RunError::Output(io::Error::from_raw_os_error(errno))),
        }
    }

    /// For models: everything is there that is needed before the first client. Nothing is announced
    /// when the server is to stop already.
    ///
    /// # Errors
    /// When there is no descriptor for a client, or nobody hears the announcement.
    pub fn ready(&self) -> io::Result<()> {
        self.next_descriptor()?;
        if let Some(announce) = self.announce.get()
            && !stopping::is_stopping()
        {
            announce(self).map_err(|error| io::Error::other(RunError::Unheard(error)))?;
        }
        self.is_ready.store(true, SeqCst);
        Ok(())
    }

    /// The number that the next descriptor will have.
    pub(crate) fn next_descriptor(&self) -> io::Result<RawFd> {
        Ok(rustix::io::fcntl_dupfd_cloexec(&self.listeners[0], 0)?.as_raw_fd())
    }

    /// What each worker did; nothing where a connection belongs to no worker in particular.
    #[must_use]
    pub fn worker_totals(&self) -> Vec<WorkerTotals> {
        let totals = |counts: &WorkerCounts| WorkerTotals {
            connections: counts.connections.load(Relaxed),
            requests: counts.requests.load(Relaxed),
        };
        match self.model.workers {
            Workers::Pool(_) | Workers::Fixed(_) => self.worker_counts.iter().map(totals).collect(),
            Workers::None | Workers::Floating(_) => Vec::new(),
        }
    }

    /// The file that the server's memory is in, where another program is to find it.
    pub(crate) fn memory(&self) -> Option<&OwnedFd> {
        self.memory.as_ref()
    }

    /// Connections live now.
    #[must_use]
    pub fn live(&self) -> usize {
        self.admission.live()
    }

    /// The next client, for models that block in accept(2); `None` when stopping.
    #[must_use]
    pub fn next_client(&'static self) -> Option<Conn> {
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

    /// Counts a connection's end and wakes who waits for the last one.
    pub(crate) fn gone(&self, ending: Ending, tally: Tally, worker: Option<u32>) {
        self.page.counters.ended(ending, tally);
        if let Some(counts) = self.counts_of(worker) {
            counts.requests.fetch_add(tally.requests, Relaxed);
        }
        processes::this_one_holds(false);
        self.admission.leave();
        self.ends_if_idle();
    }

    /// Stops when the last connection has ended, where that was asked for. Signal handlers may call it.
    fn ends_if_idle(&self) {
        if self.config.until_idle && self.live() == 0 && !stopping::is_stopping() {
            stopping::ask();
        }
    }

    /// Counts the steps of sessions that were asked for on a connection.
    pub(crate) fn stepped(&self, tally: StateTally) {
        self.page.counters.stepped(tally);
    }

    /// Waits until the last connection is gone, for models whose threads nobody joins.
    pub fn wait_until_empty(&self) {
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
        self.ends_if_idle();
    }

    /// Commands ended with the process that ran them, or go on without it. Signal handlers may call it.
    pub(crate) fn commands_lost(&self, n: usize) {
        self.page.commands.fetch_sub(n, SeqCst);
    }

    /// Writes a line to standard error, if that has room.
    pub(crate) fn log_line(&self, line: &str) {
        if !self.log.get_or_init(Log::new).write(line) {
            self.log_line_dropped();
        }
    }

    /// A line of a log had no room.
    pub(crate) fn log_line_dropped(&self) {
        self.page.counters.log_line_dropped();
    }

    /// A process that died has a successor.
    pub(crate) fn worker_replaced(&self) {
        self.page.counters.worker_replaced();
    }

    fn counts_of(&self, worker: Option<u32>) -> Option<&WorkerCounts> {
        self.worker_counts.get(worker? as usize)
    }
}

/// The number of a descriptor, for models whose system call takes numbers.
pub(crate) fn number(fd: &impl AsFd) -> i32 {
    fd.as_fd().as_raw_fd()
}
