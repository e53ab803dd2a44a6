//! Which C program each model is compared with, and how.

use std::time::Duration;

use anyhow::{Context, Result};
use protocol::{Request, Work};
use servers::models;

/// Connections of every load but that of the sequential model.
pub(crate) const CONNECTIONS: usize = 50;
/// Workers of the pools in which each serves one connection: ours have as many by default.
const POOL: usize = 64;

const ECHO: Request = Request::Echo { bytes: 64 };
/// Long enough to be a job, and short enough that handing it over is most of what it costs.
const WORK: Request = Request::Work(Work { rounds: 20, wait: Duration::ZERO, reply_bytes: 64 });

/// A model and the program in C that does the same.
#[derive(Debug)]
pub(crate) struct Reference {
    pub(crate) model: &'static str,
    /// The file in `c/`, without its ending.
    pub(crate) program: &'static str,
    /// Workers of both, where the model has workers.
    pub(crate) workers: Option<usize>,
    pub(crate) connections: usize,
    pub(crate) request: Request,
    /// The program closes a connection that sends much more than it takes: its receiving cannot
    /// be held back.
    pub(crate) drops_bursts: bool,
}

impl Reference {
    const fn new(model: &'static str, program: &'static str) -> Self {
        Self {
            model,
            program,
            workers: None,
            connections: CONNECTIONS,
            request: ECHO,
            drops_bursts: false,
        }
    }

    /// Both run on one processor, so that more loops than one would only take turns.
    const fn one_loop(model: &'static str, program: &'static str) -> Self {
        Self { workers: Some(1), ..Self::new(model, program) }
    }

    const fn pool(model: &'static str, program: &'static str) -> Self {
        Self { workers: Some(POOL), ..Self::new(model, program) }
    }

    /// Whether there is the model, and this machine lets it run.
    pub(crate) fn probe(&self) -> Result<()> {
        let model = models::find(self.model).context("there is no such model")?;
        (model.probe)().map_err(|why| anyhow::anyhow!("it cannot run here: {why}"))
    }
}

/// In the order of the models. A runtime is compared with the C of what lies below it.
pub(crate) static REFERENCES: &[Reference] = &[
    Reference { connections: 1, ..Reference::new("sequential", "sequential") },
    Reference::new("fork", "fork"),
    Reference::pool("prefork", "prefork"),
    Reference::pool("prefork-locked", "prefork"),
    Reference::pool("prefork-passing", "prefork_passing"),
    Reference::new("thread-per-client", "thread_per_client"),
    Reference::pool("prethreaded", "prethreaded"),
    Reference::pool("thread-pool", "thread_pool"),
    Reference::pool("rayon-pool", "thread_pool"),
    Reference::one_loop("green-threads", "multi_reactor"),
    Reference::new("select", "select"),
    Reference::new("poll", "poll"),
    Reference::new("epoll", "epoll"),
    Reference::new("epoll-edge", "epoll_edge"),
    Reference::new("mio", "epoll_edge"),
    Reference::one_loop("acceptor-loops", "acceptor_loops"),
    Reference::one_loop("multi-reactor", "multi_reactor"),
    Reference::one_loop("shared-listener", "shared_listener"),
    Reference::one_loop("worker-processes", "multi_reactor"),
    Reference::one_loop("worker-processes-shared", "shared_listener"),
    Reference::one_loop("leader-followers", "leader_followers"),
    Reference { request: WORK, ..Reference::one_loop("reactor-workers", "reactor_workers") },
    Reference::new("io-uring", "io_uring"),
    Reference { drops_bursts: true, ..Reference::new("io-uring-multishot", "io_uring_multishot") },
    Reference::new("own-runtime", "epoll_edge"),
    Reference::new("tokio-current", "epoll_edge"),
    Reference::one_loop("tokio-multi", "multi_reactor"),
    Reference::one_loop("tokio-sharded", "multi_reactor"),
];

/// Models that have no program to be compared with.
pub(crate) fn without() -> impl Iterator<Item = &'static str> {
    let names = servers::MODELS.iter().map(|model| model.name);
    names.filter(|name| REFERENCES.iter().all(|reference| reference.model != *name))
}
