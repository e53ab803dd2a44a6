//! Children that nobody waits for.
//!
//! Wrong: a process that has ended stays in the kernel's table, as a zombie, until its parent asks
//! how it ended. This parent never does, so every client leaves a process behind.
//! How it happens: `fork()` is there, the child serves and exits, and all works. wait(2) would
//! block, so it was left out; SIGCHLD is in a later chapter.
//! Gauge: zombies below the server in /proc (state Z), one for each client that has left, until
//! the limit of processes refuses a fork.
//! Compare: `models/fork.rs`, which is this code with a handler for SIGCHLD.

use super::Broken;
use crate::connection::drive;
use crate::models::{Model, fork};
use crate::processes;

pub(super) const BROKEN: Broken = Broken {
    model: Model {
        name: "zombies",
        summary: "a process for each client that is never reaped",
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
