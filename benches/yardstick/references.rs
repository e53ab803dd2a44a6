//! Which C program each model is compared with, and how.

use std::time::Duration;

use anyhow::{Context, Result};
use protocol::{Request, Work};
use servers::models;

use crate::claims::Counts;

/// Connections of every load, except that of the sequential model.
pub(crate) const CONNECTIONS: usize = 50;
/// Workers of the pools in which each worker serves one connection; our default too.
const POOL: usize = 64;

const ECHO: Request = Request::Echo { bytes: 64 };
/// Long enough to be handed to a worker, and so short that the hand-off is most of the cost.
const WORK: Request = Request::Work(Work { rounds: 20, wait: Duration::ZERO, reply_bytes: 64 });

/// A model and the program in C that does the same.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reference {
    pub(crate) model: &'static str,
    /// The file in `c/`, without its ending; `None` where no program has its shape.
    pub(crate) program: Option<&'static str>,
    /// Workers of both, where the model has workers.
    pub(crate) workers: Option<usize>,
    pub(crate) connections: usize,
    pub(crate) request: Request,
    /// The program cannot pause receiving, so it closes a connection that sends much more than it
    /// reads.
    pub(crate) drops_bursts: bool,
    /// The highest allowed ratios of its counts to those of the program; `None` without a claim.
    pub(crate) counts: Option<Counts>,
}

impl Reference {
    /// A model that is counted without a claim.
    const fn alone(model: &'static str) -> Self {
        Self {
            model,
            program: None,
            workers: None,
            connections: CONNECTIONS,
            request: ECHO,
            drops_bursts: false,
            counts: None,
        }
    }

    const fn new(model: &'static str, program: &'static str) -> Self {
        Self { program: Some(program), ..Self::alone(model) }
    }

    /// Claims that its counts are at most these multiples of those of the program.
    const fn within(self, instructions: f64, syscalls: f64) -> Self {
        Self { counts: Some(Counts { instructions, syscalls }), ..self }
    }

    /// Both run one loop: they have one processor, on which several loops would only take turns.
    const fn one_loop(model: &'static str, program: &'static str) -> Self {
        Self { workers: Some(1), ..Self::new(model, program) }
    }

    const fn pool(model: &'static str, program: &'static str) -> Self {
        Self { workers: Some(POOL), ..Self::new(model, program) }
    }

    /// Whether the model exists and can run on this machine.
    pub(crate) fn probe(&self) -> Result<()> {
        let model = models::find(self.model).context("there is no such model")?;
        (model.probe)().map_err(|why| anyhow::anyhow!("it cannot run here: {why}"))
    }
}

/// In the order of the models. A runtime is compared with a C program of the loop that it uses.
static REFERENCES: &[Reference] = &[
    Reference { connections: 1, ..Reference::new("sequential", "sequential") }.within(3.0, 1.0),
    Reference::new("fork", "fork").within(3.0, 1.0),
    Reference::new("spawn-per-client", "spawn_per_client").within(3.0, 1.0),
    Reference::pool("prefork", "prefork").within(3.0, 1.0),
    Reference::pool("prefork-locked", "prefork").within(3.0, 1.0),
    Reference::pool("prefork-passing", "prefork_passing").within(3.0, 1.0),
    Reference::new("thread-per-client", "thread_per_client").within(2.0, 1.0),
    Reference::pool("prethreaded", "prethreaded").within(2.0, 1.0),
    Reference::pool("thread-pool", "thread_pool").within(2.0, 1.0),
    Reference::pool("rayon-pool", "thread_pool").within(2.0, 1.0),
    Reference::one_loop("green-threads", "multi_reactor").within(8.3, 1.0),
    Reference::new("busy-poll", "busy_poll").within(16.1, 1.0),
    Reference::new("select", "select").within(2.3, 1.0),
    Reference::new("poll", "poll").within(3.7, 1.0),
    Reference::new("epoll", "epoll").within(7.7, 1.0),
    Reference::new("epoll-edge", "epoll_edge").within(6.8, 0.75),
    Reference::new("signal-driven", "signal_driven").within(6.5, 0.75),
    Reference::new("mio", "epoll_edge").within(6.8, 0.75),
    Reference::one_loop("acceptor-loops", "acceptor_loops").within(5.1, 1.0),
    Reference::one_loop("multi-reactor", "multi_reactor").within(7.9, 1.0),
    Reference::one_loop("shared-listener", "shared_listener").within(7.9, 1.0),
    Reference::one_loop("worker-processes", "worker_processes").within(7.9, 1.0),
    Reference::one_loop("worker-processes-shared", "shared_listener").within(7.9, 1.0),
    Reference::one_loop("leader-followers", "leader_followers").within(8.1, 1.0),
    // A worker of rayon yields about twenty times before it sleeps; the C worker sleeps at once.
    Reference { request: WORK, ..Reference::one_loop("reactor-workers", "reactor_workers") }
        .within(1.1, 3.0),
    // Only its loop is compared: it serves requests that do not block, such as all of these loads.
    Reference::new("hybrid", "epoll").within(8.5, 1.0),
    Reference::new("io-uring", "io_uring").within(6.9, 1.0),
    Reference { drops_bursts: true, ..Reference::new("io-uring-multishot", "io_uring_multishot") }
        .within(6.6, 1.0),
    Reference::new("own-runtime", "epoll_edge").within(8.0, 0.75),
    Reference::new("tokio-current", "epoll_edge").within(13.6, 0.75),
    Reference::one_loop("tokio-multi", "multi_reactor").within(18.5, 1.01),
    Reference::one_loop("tokio-sharded", "multi_reactor").within(15.7, 1.0),
];

/// Every model in the order of the list of models, with its program if it has one.
pub(crate) fn all() -> impl Iterator<Item = Reference> {
    servers::MODELS.iter().map(|model| {
        let own = REFERENCES.iter().find(|reference| reference.model == model.name);
        own.copied().unwrap_or(Reference::alone(model.name))
    })
}
