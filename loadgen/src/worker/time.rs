//! Reads the clock, and notices readings that are later than they should be.

use std::sync::atomic::Ordering;

use super::Worker;
use crate::wire::Wire;

impl<W: Wire> Worker<'_, W> {
    pub(super) fn look_at_clock(&mut self) {
        self.clock_says(self.wire.now(), None);
    }

    /// Takes the reading `now`; `heard` is the connection that was just read from, if any.
    #[inline]
    pub(super) fn clock_says(&mut self, now: u64, heard: Option<usize>) {
        if self.recorder.gaps.is_late(now) {
            self.is_late(now, heard);
        }
        self.now = now;
        self.recorder.gaps.running(now);
    }

    /// Records a gap, unless the late reading has another cause.
    #[cold]
    fn is_late(&mut self, now: u64, heard: Option<usize>) {
        let heard = heard.and_then(|token| self.wire.heard_for(token));
        let gaps = &mut self.recorder.gaps;
        if let Some(gap) = gaps.before(now, self.now, heard) {
            gaps.note(gap);
            if self.start != u64::MAX {
                gaps.tell(gap, self.begin, self.shared.end.load(Ordering::Relaxed));
            }
        }
    }

    /// Whether a wait that began at `begun` has lasted until its deadline, gaps left out.
    pub(super) fn is_over(&self, begun: u64, deadline: u64) -> bool {
        self.recorder.gaps.awake(begun, self.now) >= deadline - begun
    }
}
