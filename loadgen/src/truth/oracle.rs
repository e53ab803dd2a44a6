//! The true times of a load, computed without the generator: queues before connections and servers,
//! by the recursion of Lindley, and of Kiefer and Wolfowitz if there are several servers.

use super::{START, Truth, due, edges};
use crate::Load;

/// The server as the oracle sees it.
pub(super) struct OracleServer<'a> {
    /// How long it works on a request, by the request's tag and arrival.
    pub(super) work: &'a dyn Fn(u64, u64) -> u64,
    /// How many requests it works on at a time.
    pub(super) at_a_time: usize,
    /// A period and a duration: it stands still for the duration at the beginning of each period.
    pub(super) stall: Option<(u64, u64)>,
    /// It closes a connection after this many replies; the connection is open again after this time.
    pub(super) closes: Option<(u32, u64)>,
}

impl<'a> OracleServer<'a> {
    pub(super) fn new(work: &'a dyn Fn(u64, u64) -> u64) -> Self {
        Self { work, at_a_time: usize::MAX, stall: None, closes: None }
    }

    /// When work that begins at `from` is done.
    fn done_at(&self, from: u64, work: u64) -> u64 {
        let Some((period, stall)) = self.stall else { return from + work };
        let (mut at, mut left) = (from, work);
        loop {
            let phase = at % period;
            if phase < stall {
                at += stall - phase;
                continue;
            }
            let until_stall = period - phase;
            if left <= until_stall {
                return at + left;
            }
            at += until_stall;
            left -= until_stall;
        }
    }
}

/// The true times of one request, as instants of the clock.
pub(super) struct Met {
    pub(super) due: u64,
    pub(super) free_at: u64,
    pub(super) sent: u64,
    pub(super) done: u64,
}

/// The true times of every request of an open loop, in the order of the schedule, as if there were no end.
pub(super) fn open_loop(load: &Load, server: &OracleServer<'_>) -> Vec<Met> {
    let mut connections = vec![(0_u64, 0_u32); load.connections];
    let mut working: Vec<u64> = vec![0; server.at_a_time.min(load.connections)];
    let mut all = Vec::new();
    for (tag, due) in due(load) {
        let (free_at, replies) = connections.iter_mut().min_by_key(|(free, _)| *free).unwrap();
        let was_free_at = *free_at;
        let sent = due.max(was_free_at);
        let free = working.iter_mut().min().unwrap();
        let done = server.done_at(sent.max(*free), (server.work)(tag, sent));
        *free = done;
        *replies += 1;
        *free_at = done;
        if let Some((k, reopening)) = server.closes
            && *replies % k == 0
        {
            *free_at += reopening;
        }
        all.push(Met { due, free_at: was_free_at, sent, done });
    }
    all
}

/// The correct report for requests that all get their correct reply at some time.
pub(super) fn reported(load: &Load, all: &[Met]) -> Truth {
    let (begin, end, drain_end) = edges(load);
    let mut truth = Truth::default();
    for met in all {
        let in_time = met.done <= drain_end;
        truth.completed += u64::from((begin..end).contains(&met.done));
        if !(begin..end).contains(&met.due) {
            continue;
        }
        truth.census.offered += 1;
        if met.sent >= drain_end {
            truth.census.never_sent += 1;
            truth.censored.push(drain_end - met.due);
            continue;
        }
        truth.census.sent += 1;
        truth.conn_wait.push(met.free_at.saturating_sub(met.due));
        truth.sched_lag.push(met.sent - met.due.max(met.free_at));
        if in_time {
            truth.census.ok += 1;
            truth.response.push(met.done - met.due);
            truth.service.push(met.done - met.sent);
            truth.belong_at.push(met.due - begin);
        } else {
            truth.census.unfinished += 1;
            truth.censored.push(drain_end - met.due);
        }
    }
    truth
}

/// The correct report for a closed loop.
pub(super) fn closed_loop(load: &Load, server: &OracleServer<'_>) -> Truth {
    let (begin, end, drain_end) = edges(load);
    let mut working: Vec<u64> = vec![0; server.at_a_time.min(load.connections)];
    let mut waiting: std::collections::VecDeque<u64> = vec![START; load.connections].into();
    let mut truth = Truth::default();
    while let Some(sent) = waiting.pop_front() {
        let free = working.iter_mut().min().unwrap();
        let done = server.done_at(sent.max(*free), (server.work)(u64::MAX, sent));
        *free = done;
        truth.completed += u64::from((begin..end).contains(&done));
        if done < end {
            // The client that gets its reply first sends first.
            let at = waiting.partition_point(|other| *other <= done);
            waiting.insert(at, done);
        }
        if done < begin {
            continue;
        }
        truth.census.offered += 1;
        truth.census.sent += 1;
        truth.sched_lag.push(0);
        if done <= drain_end {
            truth.census.ok += 1;
            truth.service.push(done - sent);
            truth.belong_at.push(sent.saturating_sub(begin));
        } else {
            truth.census.unfinished += 1;
            truth.censored.push(drain_end - sent);
        }
    }
    truth
}
