//! Where a worker's requests come from: nowhere in particular in closed loop, its share of the
//! schedule in open loop.

use crate::schedule::{Arrival, Shard};

/// Where the requests come from.
#[derive(Debug)]
pub(super) enum Source {
    Closed { next_tag: u64, step: u64 },
    Open { shard: Shard, next: Arrival },
}

impl Source {
    /// Puts the first request of an open loop in place.
    pub(super) fn advance(&mut self, start: u64) {
        if let Self::Open { shard, next } = self {
            *next = following(shard, start);
        }
    }

    /// When the next request is due; `u64::MAX` when none will be before `end`.
    pub(super) fn next_due(&self, now: u64, end: u64) -> u64 {
        match self {
            Self::Closed { .. } if now < end => now,
            Self::Open { next, .. } if next.due_ns < end => next.due_ns,
            _ => u64::MAX,
        }
    }

    /// Whether everything due before `end` was taken; in closed loop, from `end` on.
    pub(super) fn is_exhausted(&self, end: u64) -> bool {
        match self {
            Self::Closed { .. } => true,
            Self::Open { next, .. } => next.due_ns >= end,
        }
    }

    /// The next request's tag, and when it was due. In closed loop it is due as soon as its
    /// connection is free.
    pub(super) fn take(&mut self, free_at: u64, start: u64) -> (u64, u64) {
        match self {
            Self::Closed { next_tag, step } => {
                let tag = *next_tag;
                *next_tag = tag.wrapping_add(*step);
                (tag, free_at)
            }
            Self::Open { shard, next } => {
                let taken = *next;
                *next = following(shard, start);
                (taken.index, taken.due_ns)
            }
        }
    }
}

/// The next request of a schedule that starts at `start`; one that is never due when the numbers
/// have run out.
pub(super) fn following(shard: &mut Shard, start: u64) -> Arrival {
    let never = Arrival { index: u64::MAX, due_ns: u64::MAX };
    shard.next().map_or(never, |arrival| Arrival {
        due_ns: arrival.due_ns.saturating_add(start),
        ..arrival
    })
}
