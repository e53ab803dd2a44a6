//! The server's counters, for its report.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use protocol::Tally;
use protocol::state::StateTally;

use crate::connection::Ending;
use crate::state::table::Table;

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// Counters that every thread and process of a server adds to. Requests are added once a
        /// connection, when it ends: a shared counter per request would be a model of its own.
        #[derive(Debug, Default)]
        pub struct Counters { $($(#[$doc])* $name: AtomicU64,)* }

        /// The counters as they stood at one moment.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Totals { $($(#[$doc])* pub $name: u64,)* }

        impl Counters {
            /// The counters as they stand now.
            #[must_use]
            pub fn totals(&self) -> Totals {
                Totals { $($name: self.$name.load(Relaxed),)* }
            }
        }

        impl Totals {
            /// Every counter with its name, in the order of the declaration.
            pub fn named(&self) -> impl Iterator<Item = (&'static str, u64)> {
                [$((stringify!($name), self.$name),)*].into_iter()
            }
        }
    };
}

counters! {
    /// Connections admitted.
    accepted,
    /// Connections turned away with `ERR busy`: as many were live as may be.
    refused,
    /// Connections dropped for want of descriptors, memory or threads.
    shed,
    /// Times that accepting was paused because even shedding failed, or the kernel refused.
    accept_pauses,
    /// Calls of accept(2) that failed for want of descriptors or memory, or were refused.
    accept_failures,
    /// Connections that were already dead when they were accepted.
    dead_on_arrival,
    /// Connections that ended in order.
    finished,
    /// Connections that the peer reset.
    reset,
    /// Connections closed because nothing complete arrived, or nothing was read, for the idle
    /// timeout.
    idle,
    /// Connections cut by the drain timeout or a second signal.
    cut,
    /// Members of a room that were disconnected because they did not take what they were told.
    too_slow,
    /// Connections that ended with the process that served them.
    lost,
    /// Processes of a pool that died and were replaced.
    workers_replaced,
    /// Connections that waited in a queue of the server's own, at the worst moment; 0 where it has
    /// none.
    queued_max,
    /// Lines about requests and visitors that were dropped, since standard error had no room for them.
    log_lines_dropped,
    /// Requests answered, refused ones included.
    requests,
    /// Of those, how many were refused with an `ERR` reply.
    requests_refused,
    /// Sessions of several requests that were begun.
    sessions_created,
    /// Those whose last step was taken.
    sessions_ended,
    /// Those that expired in the server's table.
    sessions_expired,
    /// Those for which the table had no room.
    sessions_refused_full,
    /// Those in the table when the server stopped.
    sessions_live,
    /// Steps of sessions that were not there any more.
    sessions_lost,
    /// Steps with a reference that was none of this server's, or had expired.
    bad_tokens,
    /// Steps for which what keeps the sessions could not be reached.
    store_errors,
}

/// What one worker did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorkerTotals {
    /// Connections that it has taken.
    pub connections: u64,
    /// Requests that it has answered.
    pub requests: u64,
}

impl Counters {
    /// Returns how many there were before.
    pub(crate) fn accepted(&self) -> u64 {
        self.accepted.fetch_add(1, Relaxed)
    }

    pub(crate) fn refused(&self) {
        self.refused.fetch_add(1, Relaxed);
    }

    pub(crate) fn shed(&self) {
        self.shed.fetch_add(1, Relaxed);
    }

    pub(crate) fn accept_paused(&self) {
        self.accept_pauses.fetch_add(1, Relaxed);
    }

    pub(crate) fn accept_failed(&self) {
        self.accept_failures.fetch_add(1, Relaxed);
    }

    pub(crate) fn queued(&self, n: u64) {
        self.queued_max.fetch_max(n, Relaxed);
    }

    pub(crate) fn log_line_dropped(&self) {
        self.log_lines_dropped.fetch_add(1, Relaxed);
    }

    pub(crate) fn dead_on_arrival(&self) {
        self.dead_on_arrival.fetch_add(1, Relaxed);
    }

    pub(crate) fn lost(&self) {
        self.lost.fetch_add(1, Relaxed);
    }

    pub(crate) fn worker_replaced(&self) {
        self.workers_replaced.fetch_add(1, Relaxed);
    }

    /// What became of the steps of sessions on one connection.
    pub(crate) fn stepped(&self, tally: StateTally) {
        if tally == StateTally::default() {
            return;
        }
        for (counter, n) in [
            (&self.sessions_created, tally.begun),
            (&self.sessions_ended, tally.ended),
            (&self.sessions_refused_full, tally.full),
            (&self.sessions_lost, tally.lost),
            (&self.bad_tokens, tally.bad_tokens),
            (&self.store_errors, tally.store_errors),
        ] {
            counter.fetch_add(n, Relaxed);
        }
    }

    /// What the table holds at the end.
    pub(crate) fn table(&self, table: &Table) {
        table.sweep();
        self.sessions_live.store(table.live() as u64, Relaxed);
        self.sessions_expired.store(table.expired(), Relaxed);
    }

    pub(crate) fn ended(&self, ending: Ending, tally: Tally) {
        let counter = match ending {
            Ending::Finished => &self.finished,
            Ending::Reset => &self.reset,
            Ending::Idle => &self.idle,
            Ending::Cut => &self.cut,
            Ending::TooSlow => &self.too_slow,
            Ending::Shed => &self.shed,
        };
        counter.fetch_add(1, Relaxed);
        self.requests.fetch_add(tally.requests, Relaxed);
        self.requests_refused.fetch_add(tally.refused, Relaxed);
    }
}
