//! When something is due in an event loop: the ends of jobs' waits, of silences and of lingering.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

use crate::reactor::Token;
use crate::stopping;

/// While stopping, how often a loop looks whether it has been cut.
pub(crate) const CUT_TICK: Duration = Duration::from_millis(20);

/// What is due at some time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Due {
    /// The wait of its job is over.
    Job,
    /// It may have been idle for too long. Progress does not touch the heap; whoever takes this
    /// timer looks, and sets another one if it was too early.
    Idle,
    /// It has lingered long enough.
    Close,
}

/// Timers of the clients of one loop. A client that leaves takes none of its timers with it: the
/// token finds nobody.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    heap: BinaryHeap<Reverse<(Instant, Due, Token)>>,
}

impl Timers {
    /// Sets one more timer.
    pub(crate) fn add(&mut self, at: Instant, due: Due, token: Token) {
        self.heap.push(Reverse((at, due, token)));
    }

    /// Takes a timer whose time has come.
    pub(crate) fn take(&mut self, now: Instant) -> Option<(Due, Token)> {
        let Reverse((at, ..)) = self.heap.peek()?;
        if *at > now {
            return None;
        }
        self.heap.pop().map(|Reverse((_, due, token))| (due, token))
    }

    /// When the next one is due.
    pub(crate) fn first(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse((at, ..))| *at)
    }
}

/// How long a loop in which that is due next may wait for the kernel; `None` is for ever.
pub(crate) fn wait_until(due: Option<Instant>) -> Option<Duration> {
    let wait = due.map(|due| due.saturating_duration_since(Instant::now()));
    // A client whose job waits is not watched, so the kernel does not tell of its cut.
    if stopping::is_stopping() { wait.min(Some(CUT_TICK)).or(Some(CUT_TICK)) } else { wait }
}
