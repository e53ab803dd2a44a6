//! A pool smaller than its clients.
//!
//! Wrong: a thread belongs to a client until the client leaves, there are four threads, and the
//! clients stay. The kernel connects the fifth client, but the server never serves it.
//! How it happens: "as many threads as cores" is right for work that computes. These threads wait.
//! Gauge: connections served, and requests in service by Little's law, far below the number of
//! clients. The latency of the four is excellent, and so is any average over it.
//! Compare: `models/thread_pool.rs`, the same code with 64 threads, which has this fault from the
//! 65th client on; `models/reactor_workers.rs`, where a thread belongs to a request.

use super::Broken;
use crate::models::{Model, Workers, thread_pool};

pub(super) const BROKEN: Broken = Broken {
    model: Model {
        name: "pool-of-four",
        summary: "it has four threads, each of which stays with its client",
        workers: Workers::Pool(|| 4),
        ..thread_pool::MODEL
    },
    gauge: "connections.served, the checks fairness and effective-concurrency; not the latency",
    right: "thread-pool",
};
