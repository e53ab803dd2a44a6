//! When a load begins, and how several generators agree on that time while they open their
//! connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crate::clock::to_ns;

/// When a load begins, its warm-up included.
#[derive(Clone, Debug, Default)]
pub enum StartAt {
    /// As soon as all connections are open.
    #[default]
    Soon,
    /// At this time since the Unix epoch; connections are opened before it and wait.
    Time(Duration),
    /// At a time that several generators agree on.
    Agreed(Arc<Agreement>),
}

/// The channel between a generator and the code that agrees on its start: the generator reports
/// that its connections are open, and gets the time to begin.
#[derive(Debug, Default)]
pub struct Agreement {
    open: AtomicBool,
    /// 0 until it is decided.
    at_ns: AtomicU64,
}

/// The start is cancelled.
const CALLED_OFF: u64 = u64::MAX;

impl Agreement {
    /// Whether the generator has opened its connections and waits.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.open.load(Ordering::Acquire)
    }

    /// Decides that the load begins at this time since the Unix epoch, by the clock of this machine.
    pub fn begin_at(&self, at: Duration) {
        self.at_ns.store(to_ns(at).clamp(1, CALLED_OFF - 1), Ordering::Release);
    }

    /// Cancels the start.
    pub fn call_off(&self) {
        self.at_ns.store(CALLED_OFF, Ordering::Release);
    }

    /// Reports that the generator's connections are open.
    pub fn opened(&self) {
        self.open.store(true, Ordering::Release);
    }

    /// The decision, if there is one; an inner `None` is a cancelled start.
    pub(crate) fn decision(&self) -> Option<Option<Duration>> {
        match self.at_ns.load(Ordering::Acquire) {
            0 => None,
            CALLED_OFF => Some(None),
            at => Some(Some(Duration::from_nanos(at))),
        }
    }
}
