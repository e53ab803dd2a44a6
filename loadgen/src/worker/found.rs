//! The results of a thread: its clock readings, and its state at the end.

use std::time::Duration;

use protocol::SessionTally;
use rustix::io::Errno;
use rustix::time::{ClockId, clock_gettime};

use super::Worker;
use super::source::{Source, following};
use crate::connection::State;
use crate::recorder::Recorder;
use crate::wire::Wire;

/// This many requests that were never sent are counted one by one. The others are counted in this many
/// slices of the remaining time, which is fine enough for the third digit of every quantile.
const COUNTED_ONE_BY_ONE: u32 = 1 << 20;
const SLICES: u64 = 4_096;

/// Thread CPU time, wall-clock time and correct replies so far, at one instant.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reading {
    cpu: u64,
    wall: u64,
    done: u64,
    spun: u64,
}

/// The results of a thread.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) recorder: Recorder,
    /// Correct replies that arrived within the measurement, of each connection.
    pub(crate) ok: Vec<u64>,
    /// Correct replies that arrived between the readings at the edges of the measurement.
    pub(crate) completed: u64,
    /// CPU time between these readings.
    pub(crate) cpu: Duration,
    /// Wall-clock time between these readings.
    pub(crate) wall: Duration,
    /// Of that CPU time, the part in which the thread polled without a pause and found nothing.
    pub(crate) spun: Duration,
    /// The outcomes of the sessions, if requests are steps of sessions.
    pub(crate) sessions: Option<SessionTally>,
    /// Why the last attempt to open a connection failed.
    pub(crate) connect_error: Option<Errno>,
}

impl<W: Wire> Worker<'_, W> {
    /// The results so far; without a load, those of connecting.
    pub(crate) fn finish(mut self) -> Found {
        if let (Some(_), None) = (self.first_reading, self.last_reading) {
            self.last_reading = Some(self.reading());
        }
        self.settle_in_flight();
        for connection in &self.connections {
            if let (State::Greeting { asked, .. }, Some(greetings)) =
                (connection.state, &mut self.recorder.greetings)
            {
                greetings.unfinished(asked, self.now);
            }
        }
        if self.start != u64::MAX {
            self.count_never_sent();
        }
        let (cpu, wall, completed, spun) = match (self.first_reading, self.last_reading) {
            (Some(first), Some(last)) => {
                let spun = last.spun - first.spun;
                (last.cpu - first.cpu, last.wall - first.wall, last.done - first.done, spun)
            }
            _ => (0, 0, 0, 0),
        };
        Found {
            ok: self.connections.iter().map(|connection| connection.ok).collect(),
            sessions: together(self.connections.iter().map(|c| c.exchange.sessions())),
            recorder: self.recorder,
            completed,
            cpu: Duration::from_nanos(cpu),
            wall: Duration::from_nanos(wall),
            spun: Duration::from_nanos(spun.min(cpu)),
            connect_error: self.connect_error,
        }
    }

    /// Counts the requests without a reply at the end, as unfinished or overdue.
    fn settle_in_flight(&mut self) {
        for token in 0..self.connections.len() {
            while let Some(request) = self.connections[token].in_flight.take_oldest() {
                if self.is_overdue(&request) {
                    self.timed_out(&request);
                } else if self.belongs(&request) {
                    self.recorder.unfinished(&request.stamps, self.now);
                }
            }
        }
    }

    fn count_never_sent(&mut self) {
        let Source::Open { shard, next, limit } = &mut self.source else { return };
        for _ in 0..COUNTED_ONE_BY_ONE {
            if next.due_ns >= self.end {
                return;
            }
            if next.due_ns >= self.begin {
                self.recorder.never_sent(next.due_ns, self.now, 1);
            }
            *next = following(shard, self.start, *limit);
        }
        // There may be so many more that going through them would take longer than the load did.
        let from = next.due_ns.clamp(self.begin, self.end);
        let left = |at: u64| shard.left_before(at.saturating_sub(self.start));
        let slice_ns = (self.end - from).div_ceil(SLICES).max(1);
        let (mut at, mut before) = (from, left(from));
        // `next` has already been taken from the shard, so it is counted separately.
        self.recorder.never_sent(from, self.now, u64::from(from < self.end));
        while at < self.end {
            let end = (at + slice_ns).min(self.end);
            let upto = left(end);
            self.recorder.never_sent(at + (end - at) / 2, self.now, upto.saturating_sub(before));
            (at, before) = (end, upto);
        }
    }

    pub(super) fn reading(&self) -> Reading {
        let cpu = clock_gettime(ClockId::ThreadCPUTime);
        let part = |n: i64| u64::try_from(n).expect("CPU time is not negative");
        Reading {
            cpu: part(cpu.tv_sec) * 1_000_000_000 + part(cpu.tv_nsec),
            wall: self.wire.now(),
            done: self.done,
            spun: self.wire.spun(),
        }
    }
}

/// The sessions of all connections, or of all threads.
pub(crate) fn together(all: impl Iterator<Item = Option<SessionTally>>) -> Option<SessionTally> {
    all.flatten().reduce(|mut sum, one| {
        sum.add(&one);
        sum
    })
}
