//! Children that are never reaped.
//!
//! Wrong: an ended process stays in the kernel's table, as a zombie, until its parent asks for its
//! status. This parent never does, so every client leaves a process behind.
//! How it happens: `fork()` works, the child serves and exits, and everything seems fine. wait(2)
//! would block, so it was left out; SIGCHLD is in a later chapter.
//! Gauge: zombies below the server in /proc (state Z), one for each client that has left, until the
//! process limit refuses a fork.
//! Compare: `models/fork.rs`, the same code with a handler for SIGCHLD.

use super::Broken;
use crate::connection::drive;
use crate::models::{Model, fork};
use crate::processes;

pub(super) const BROKEN: Broken = Broken {
    model: Model {
        name: "zombies",
        summary: "it never reaps the processes of its clients",
        run: |server| {
            processes::prepare(server, server.max_connections)?;
            server.ready()?;
            fork::serve(server, drive::to_end)
        },
        ..fork::MODEL
    },
    gauge: "zombie processes (state Z), one for each client that has left",
    right: "fork",
};
