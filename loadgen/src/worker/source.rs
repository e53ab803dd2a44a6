//! The source of a worker's requests: none in a closed loop, its share of the schedule in an open
//! loop.

use crate::schedule::{Arrival, Schedule, Shard};

/// Where the requests come from.
#[derive(Debug)]
pub(super) enum Source {
    Closed { next_tag: u64, step: u64, limit: u64 },
    Open { shard: Shard, next: Arrival, limit: u64 },
}

impl Source {
    /// Share `k` of `n` of the requests of this schedule, or of a closed loop. Requests with an index of `limit` or
    /// more are not made.
    pub(super) fn new(schedule: Option<Schedule>, (k, n): (u64, u64), limit: Option<u64>) -> Self {
        let limit = limit.unwrap_or(u64::MAX);
        match schedule {
            None => Self::Closed { next_tag: k, step: n, limit },
            Some(schedule) => Self::Open {
                shard: schedule.shard(k, n),
                next: Arrival { index: k, due_ns: 0 },
                limit,
            },
        }
    }

    /// Takes the first request of an open loop from its schedule.
    pub(super) fn advance(&mut self, start: u64) {
        if let Self::Open { shard, next, limit } = self {
            *next = following(shard, start, *limit);
        }
    }

    /// When the next request is due; `u64::MAX` if none is due before `end`.
    pub(super) fn next_due(&self, now: u64, end: u64) -> u64 {
        match self {
            Self::Closed { next_tag, limit, .. } if now < end && next_tag < limit => now,
            Self::Open { next, .. } if next.due_ns < end => next.due_ns,
            _ => u64::MAX,
        }
    }

    /// Whether every request that is due before `end` was taken; always true in closed loop.
    pub(super) fn is_exhausted(&self, end: u64) -> bool {
        match self {
            Self::Closed { .. } => true,
            Self::Open { next, .. } => next.due_ns >= end,
        }
    }

    /// Whether no request is left, however long the load goes on.
    pub(super) fn is_used_up(&self) -> bool {
        match self {
            Self::Closed { next_tag, limit, .. } => next_tag >= limit,
            Self::Open { next, .. } => next.due_ns == u64::MAX,
        }
    }

    /// The next request's tag, and when it was due. In closed loop it is due as soon as its
    /// connection is free.
    pub(super) fn take(&mut self, free_at: u64, start: u64) -> (u64, u64) {
        match self {
            Self::Closed { next_tag, step, .. } => {
                let tag = *next_tag;
                *next_tag = tag.wrapping_add(*step);
                (tag, free_at)
            }
            Self::Open { shard, next, limit } => {
                let taken = *next;
                *next = following(shard, start, *limit);
                (taken.index, taken.due_ns)
            }
        }
    }
}

/// The next request of a schedule that starts at `start`. After its last request, or at the limit, one
/// that is never due.
pub(super) fn following(shard: &mut Shard, start: u64, limit: u64) -> Arrival {
    let never = Arrival { index: u64::MAX, due_ns: u64::MAX };
    shard.next().filter(|next| next.index < limit).map_or(never, |arrival| Arrival {
        due_ns: arrival.due_ns.saturating_add(start),
        ..arrival
    })
}
