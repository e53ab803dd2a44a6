//! The models, in teaching order.
//!
//! Adding one is a file here and a line in [`MODELS`]: the command line, the tests of
//! behaviour and every experiment read the list.

mod epoll;
mod mio;
mod poll;
mod rayon_pool;
mod select;
mod sequential;
mod thread_per_client;
mod thread_pool;
mod tokio;
mod tokio_current;
mod tokio_multi;

use std::io;

use crate::net::Server;

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
    /// Serves until stopped and drained.
    pub run: fn(&'static Server) -> io::Result<()>,
}

/// Kinds of models.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// One client after the other.
    Sequential,
    /// Threads that block, each with its client.
    Thread,
    /// A loop around a readiness call (Schmidt's Reactor).
    Reactor,
    /// Tasks on a runtime.
    Async,
}

impl Family {
    /// The name in lists and results.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sequential => "sequential",
            Self::Thread => "thread",
            Self::Reactor => "reactor",
            Self::Async => "async",
        }
    }
}

/// Whether a model has a number of workers to set.
#[derive(Clone, Copy, Debug)]
pub enum Workers {
    /// It has none, or as many as clients.
    None,
    /// It has a fixed number; this function is its own choice.
    Fixed(fn() -> usize),
}

/// Every model, in teaching order: each is best read after the one before it.
pub static MODELS: &[Model] = &[
    sequential::MODEL,
    thread_per_client::MODEL,
    thread_pool::MODEL,
    rayon_pool::MODEL,
    select::MODEL,
    poll::MODEL,
    epoll::MODEL,
    mio::MODEL,
    tokio_current::MODEL,
    tokio_multi::MODEL,
];

/// The model of that name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Model> {
    MODELS.iter().find(|model| model.name == name)
}

/// Threads of a pool whose unit of work is a whole connection, unless told otherwise. It is
/// many more than cores, because such a thread spends its life waiting for its client, and the
/// same for every pool, so that two pools differ by their making and not by their size.
pub(crate) fn connection_pool_threads() -> usize {
    64
}

/// Processors this process may run on.
pub(crate) fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
