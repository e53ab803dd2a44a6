//! The models, in teaching order.
//!
//! To add a model, add a file here and a line to [`MODELS`]. The command line, the behaviour tests
//! and every experiment read that list. A variant that differs by a setting has its own entry in
//! the file of its model, so it has a name in tests, plans and figures.

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
    /// Its name on the command line, in results and in figures.
    pub name: &'static str,
    /// Its kind.
    pub family: Family,
    /// A line for lists.
    pub summary: &'static str,
    /// Whether `--workers` applies to it.
    pub workers: Workers,
    /// Whether each worker has a listening socket of its own.
    pub listener_per_worker: bool,
    /// Whether each client has a process that ends with the client.
    pub process_per_client: bool,
    /// Whether that process runs a new program, which finds the server's memory by a descriptor.
    pub program_per_client: bool,
    /// Whether it polls without ever sleeping.
    pub never_sleeps: bool,
    /// Descriptors that it opens for each worker, without listeners and clients.
    pub descriptors_per_worker: usize,
    /// Maximum number of connections, if the model itself has a limit.
    pub holds_at_most: Option<usize>,
    /// The unit of its timers: a wait ends at the end of such a unit. The delay that the system
    /// adds is the same for all models.
    pub timer_resolution: Duration,
    /// How it uses its io_uring, if it has one.
    pub ring: Option<RingSettings>,
    /// Whether it can run on this machine, and if not, why.
    pub probe: fn() -> Result<(), String>,
    /// Whether it can wait for descriptors that are not connections, and if not, why.
    pub waits_outside: Result<(), &'static str>,
    /// Whether it can write client input to its standard output, and if not, why.
    pub prints: Result<(), &'static str>,
    /// Runs a chat room, which all clients share; `None` if the model cannot.
    pub chat: Option<fn(&'static Server) -> io::Result<()>>,
    /// Creates its resources, calls `Server::ready`, and serves until stopped and drained.
    pub run: fn(&'static Server) -> io::Result<()>,
}

impl Model {
    /// The values of most models; each model overrides its own.
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
    /// A loop around a completion queue: the kernel does the I/O and reports when it is done
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

/// Whether the number of workers of a model can be set.
#[derive(Clone, Copy, Debug)]
pub enum Workers {
    /// It has no workers, or one for each client.
    None,
    /// It has a fixed number, and each worker serves one connection until that closes; the function
    /// gives the default number.
    Pool(fn() -> usize),
    /// It has a fixed number, and each worker has many connections.
    Fixed(fn() -> usize),
    /// It has a fixed number, and connections do not belong to a particular worker.
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

/// Models that differ from a listed one by a minor setting. They can be served, checked and
/// measured by name, and pass every behaviour test. Lists, and plans of all models, leave them out.
pub static VARIANTS: &[Model] = &[
    io_uring::UNBATCHED,
    io_uring::MULTISHOT_ACCEPT,
    io_uring_multishot::PROVIDED,
    io_uring::REGISTERED,
    io_uring::INTERRUPTED,
    io_uring::POLLED,
];

/// Models for readers to fill in. They can be served and checked, but are neither listed nor
/// measured. Once they pass, their line belongs in [`MODELS`].
pub static EXERCISES: &[Model] = &[yours::MODEL];

/// The model of this name; variants and exercises are included.
#[must_use]
pub fn find(name: &str) -> Option<&'static Model> {
    MODELS.iter().chain(VARIANTS).chain(EXERCISES).find(|model| model.name == name)
}

/// The default number of threads of a pool whose unit of work is a connection. It is far above the
/// number of cores, because such a thread mostly waits for its client. It is the same for every
/// pool, so pools do not differ in size.
pub(crate) fn connection_pool_threads() -> usize {
    64
}

/// Number of processors that this process may run on.
pub(crate) fn usable_processors() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}
