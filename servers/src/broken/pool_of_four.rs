//! A pool smaller than its clients.
//!
//! Wrong: a thread belongs to a client until it leaves, there are four, and the clients stay. The
//! fifth is connected, by the kernel, and never served.
//! How it happens: "as many threads as cores" is right for work that computes. These threads wait.
//! Gauge: connections served, and requests in service by Little's law, far below the clients. The
//! latency of the four is excellent, and so is any average over it.
//! Compare: `models/thread_pool.rs`, which is this code with 64 threads and runs into the same at
//! the 65th client; `models/reactor_workers.rs`, where a thread belongs to a request.

use super::Broken;
use crate::models::{Model, Workers, thread_pool};

pub(super) const BROKEN: Broken = Broken {
    model: Model {
        name: "pool-of-four",
        summary: "four threads for clients that stay",
        workers: Workers::Pool(|| 4),
        ..thread_pool::MODEL
    },
    gauge: "connections.served, the checks fairness and effective-concurrency; not the latency",
    right: "thread-pool",
};
