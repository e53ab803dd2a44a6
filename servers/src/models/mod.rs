//! The models, in teaching order.
//!
//! Adding one is a file here and a line in [`MODELS`]: the command line, the tests of
//! behaviour and every experiment read the list. A variant that differs by a setting is an entry of
//! its own in the file of its model, so that it too has a name in tests, plans and figures.

mod acceptor_loops;
mod busy_poll;
pub(crate) mod chat;
pub(crate) mod epoll;
pub(crate) mod epoll_edge;
pub(crate) mod fork;
mod green_threads;
mod hybrid;
mod io_uring;
mod io_uring_multishot;
mod leader_followers;
mod mio;
mod multi_reactor;
mod own_runtime;
mod poll;
mod prefork;
mod prefork_passing;
mod prethreaded;
mod rayon_pool;
mod reactor_workers;
mod select;
mod sequential;
mod signal_driven;
mod spawn_per_client;
mod thread_per_client;
pub(crate) mod thread_pool;
mod tokio;
mod tokio_current;
mod tokio_multi;
mod tokio_sharded;
mod worker_processes;
mod yours;

use std::io;
use std::thread;
use std::time::Duration;

use crate::net::Server;
pub use crate::proactor::ring::{Receives, Settings as RingSettings};

/// A concurrency model: a way of waiting for clients and of running their requests.
#[derive(Debug)]
pub struct Model {
    /// On the command line, in results and in plots.
    pub name: &'static str,
    /// The kind of model it is.
    pub family: Family,
    /// One line for lists.
    pub summary: &'static str,
    /// Whether `--workers` means something to it.
    pub workers: Workers,
    /// Whether each worker has a listening socket of its own.
    pub listener_per_worker: bool,
    /// Whether each client has a process that ends with it.
    pub process_per_client: bool,
    /// Whether that process runs a program of its own, which finds the server's memory by a descriptor.
    pub program_per_client: bool,
    /// Whether it asks for work without ever waiting, so that it is never found asleep.
    pub never_sleeps: bool,
    /// Descriptors that it opens for each worker, listeners and clients not among them.
    pub descriptors_per_worker: usize,
    /// Connections that it can hold at most, where the model itself has such a limit.
    pub holds_at_most: Option<usize>,
    /// The unit of its timers: a wait ends at the end of one of these. What the system adds is the same
    /// for all.
    pub timer_resolution: Duration,
    /// How it uses its ring, where it has one.
    pub ring: Option<RingSettings>,
    /// Whether this machine lets it run, and if not, what refuses it.
    pub probe: fn() -> Result<(), String>,
    /// Whether it can wait for what is not a connection, and if not, why.
    pub waits_outside: Result<(), &'static str>,
    /// Whether what clients send can go to its standard output, and if not, why.
    pub prints: Result<(), &'static str>,
    /// The same as `run` for a room, which all of its clients are in at once; `None` where it cannot.
    pub chat: Option<fn(&'static Server) -> io::Result<()>>,
    /// Makes what it needs, calls `Server::ready`, and serves until stopped and drained.
    pub run: fn(&'static Server) -> io::Result<()>,
}

impl Model {
    /// What most models are like; each names what is particular to it.
    pub const PLAIN: Self = Self {
        name: "",
        family: Family::Sequential,
        summary: "",
        workers: Workers::None,
        listener_per_worker: false,
        process_per_client: false,
        program_per_client: false,
        never_sleeps: false,
        descriptors_per_worker: 0,
        holds_at_most: None,
        // ppoll, pselect, epoll_pwait2, sigtimedwait, io_uring and timerfd all take nanoseconds.
        timer_resolution: Duration::from_nanos(1),
        ring: None,
        probe: || Ok(()),
        waits_outside: Ok(()),
        prints: Ok(()),
        chat: None,
        run: |_| Ok(()),
    };
}

/// Kinds of models.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// One client after the other.
    Sequential,
    /// Processes that block, each with its client.
    Process,
    /// Threads that block, each with its client.
    Thread,
    /// A loop around a readiness call (Schmidt's Reactor).
    Reactor,
    /// A loop around a completion queue: the kernel does the I/O and tells when it is done
    /// (Schmidt's Proactor).
    Proactor,
    /// Tasks on a runtime.
    Async,
}

impl Family {
    /// The name in lists and results.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sequential => "sequential",
            Self::Process => "process",
            Self::Thread => "thread",
            Self::Reactor => "reactor",
            Self::Proactor => "proactor",
            Self::Async => "async",
        }
    }
}

/// Whether a model has a number of workers to set.
#[derive(Clone, Copy, Debug)]
pub enum Workers {
    /// It has none, or as many as clients.
    None,
    /// It has a fixed number, and each serves one connection for as long as that stays; this function
    /// is its own choice.
    Pool(fn() -> usize),
    /// It has a fixed number, and a connection belongs to one of them, beside others.
    Fixed(fn() -> usize),
    /// It has a fixed number, and a connection belongs to none of them in particular.
    Floating(fn() -> usize),
}

/// Every model, in teaching order: each is best read after the one before it.
pub static MODELS: &[Model] = &[
    sequential::MODEL,
    fork::MODEL,
    spawn_per_client::MODEL,
    prefork::MODEL,
    prefork::LOCKED,
    prefork_passing::MODEL,
    thread_per_client::MODEL,
    prethreaded::MODEL,
    thread_pool::MODEL,
    rayon_pool::MODEL,
    green_threads::MODEL,
    busy_poll::MODEL,
    select::MODEL,
    poll::MODEL,
    epoll::MODEL,
    epoll_edge::MODEL,
    signal_driven::MODEL,
    mio::MODEL,
    acceptor_loops::MODEL,
    multi_reactor::MODEL,
    multi_reactor::SHARED_LISTENER,
    worker_processes::MODEL,
    worker_processes::SHARED,
    leader_followers::MODEL,
    reactor_workers::MODEL,
    hybrid::MODEL,
    io_uring::MODEL,
    io_uring_multishot::MODEL,
    own_runtime::MODEL,
    tokio_current::MODEL,
    tokio_multi::MODEL,
    tokio_sharded::MODEL,
];

/// Models that differ from a listed one by a setting that teaches less than a model does. They are served,
/// checked and measured by name, and every behaviour is asked of them too; lists, and plans of all
/// models, leave them out.
pub static VARIANTS: &[Model] = &[
    io_uring::UNBATCHED,
    io_uring::MULTISHOT_ACCEPT,
    io_uring_multishot::PROVIDED,
    io_uring::REGISTERED,
    io_uring::INTERRUPTED,
    io_uring::POLLED,
];

/// Models to be filled in by a reader. They can be served and checked, and are neither listed nor
/// measured: once they pass, their line belongs in [`MODELS`].
pub static EXERCISES: &[Model] = &[yours::MODEL];

/// The model of that name, variants and exercises included.
#[must_use]
pub fn find(name: &str) -> Option<&'static Model> {
    MODELS.iter().chain(VARIANTS).chain(EXERCISES).find(|model| model.name == name)
}

/// Threads of a pool whose unit of work is a whole connection, unless told otherwise. It is
/// many more than cores, because such a thread spends its life waiting for its client, and the
/// same for every pool, so that two pools differ by their making and not by their size.
pub(crate) fn connection_pool_threads() -> usize {
    64
}

/// Processors this process may run on.
pub(crate) fn usable_processors() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}
