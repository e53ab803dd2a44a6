//! One thread of load: opens its connections, sends its share of the requests, checks the
//! replies, drains.
//!
//! Nothing that this thread needs while it makes load is shared with another, apart from a few
//! atomics that are written about once a turn at most; and it allocates nothing, apart from
//! reopening connections.

mod greeting;
mod idle;
mod leaving;
pub(crate) mod misbehaving;
mod opening;
mod receiving;
mod sending;
mod source;
mod turnover;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use protocol::SessionTally;
use rustix::io::Errno;
use rustix::time::{ClockId, clock_gettime};

use crate::census::Failure;
use crate::clock::{Clock, to_ns};
use crate::connection::{Connection, State};
use crate::free::Free;
use crate::in_flight::InFlight;
use crate::live::Slot;
use crate::recorder::Recorder;
use crate::schedule::{Arrival, Schedule};
use crate::think::Thinkers;
use crate::wire::{Ready, Wire};
use crate::{Load, LoadError};
use opening::CONNECTING_MAX;
use source::{Source, following};

/// How often a thread looks whether it may close its connections.
const HOLD_NS: u64 = 200_000;

/// What all threads of a run look at.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) clock: Clock,
    /// Stop connecting, and do not begin the load.
    pub(crate) abort: AtomicBool,
    /// Where greetings are expected: something has come in the place of one, or an end has.
    pub(crate) heard: AtomicBool,
    /// When the measurement ends, on `clock`; earlier when the run is interrupted.
    pub(crate) end: AtomicU64,
    /// When the drain ends, on `clock`.
    pub(crate) drain_end: AtomicU64,
    /// Whoever watches has seen the drain begin. It may look at the server then, with all its
    /// connections: until it has, none is closed.
    pub(crate) seen: AtomicBool,
    /// Right replies so far, of each thread.
    pub(crate) done: Vec<Lonely>,
    /// Where the threads publish how it goes; empty where nobody watches.
    pub(crate) live: Vec<Slot>,
}

/// A counter on cache lines of its own, so that threads do not slow each other down.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Lonely(pub(crate) AtomicU64);

/// Thread CPU time, wall-clock time and right replies so far, of one instant.
#[derive(Clone, Copy, Debug)]
struct Reading {
    cpu: u64,
    wall: u64,
    done: u64,
    spun: u64,
}

/// What a thread found.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) recorder: Recorder,
    /// Right replies that arrived within the measurement, of each connection.
    pub(crate) ok: Vec<u64>,
    /// Right replies that arrived between the readings at the edges of the measurement.
    pub(crate) completed: u64,
    /// Within the measurement.
    pub(crate) cpu: Duration,
    /// Between the same two readings.
    pub(crate) wall: Duration,
    /// Of that CPU time, what was spent looking for something without a pause in vain.
    pub(crate) spun: Duration,
    /// What became of the sessions, where requests are steps of such.
    pub(crate) sessions: Option<SessionTally>,
    /// Why the last attempt to open a connection failed.
    pub(crate) connect_error: Option<Errno>,
}

pub(crate) struct Worker<'a, W> {
    load: &'a Load,
    shared: &'a Shared,
    index: usize,
    wire: W,
    connections: Vec<Connection>,
    /// Open connections that can take a request.
    free: Free,
    /// Those whose clients think.
    thinkers: Thinkers,
    /// Closed connections, to be opened as soon as fewer are being opened.
    next_up: VecDeque<usize>,
    /// Closed connections, and when to open them; in order of time, since all wait equally long.
    waiting: VecDeque<(u64, usize)>,
    connecting: usize,
    /// Connections that were open at least once.
    were_open: usize,
    in_flight: usize,
    /// Open connections whose greeting is still to come.
    greetings_due: usize,
    source: Source,
    /// The request being written.
    request: Vec<u8>,
    recorder: Recorder,
    /// Right replies so far.
    done: u64,
    connect_error: Option<Errno>,
    /// The latest reading of the clock.
    now: u64,
    /// Sockets that were ready in the last turn.
    ready: usize,
    next_scan: u64,
    /// When the load, the measurement and its end are, on the clock.
    start: u64,
    begin: u64,
    end: u64,
    /// The measurement is over and nothing is left to send.
    retiring: bool,
    first_reading: Option<Reading>,
    last_reading: Option<Reading>,
}

impl<'a, W: Wire> Worker<'a, W> {
    /// The thread number `index`, whose connections go through `wire`; to be called on that
    /// thread.
    pub(crate) fn new(load: &'a Load, shared: &'a Shared, index: usize, wire: W) -> Self {
        let connections = load.connections_of(index);
        let (k, n) = load.share_of(index);
        let source = match Schedule::new(&load.arrivals, load.warmup) {
            None => Source::Closed { next_tag: k, step: n },
            Some(schedule) => {
                Source::Open { shard: schedule.shard(k, n), next: Arrival { index: k, due_ns: 0 } }
            }
        };
        Self {
            load,
            shared,
            index,
            now: wire.now(),
            wire,
            connections: (0..connections)
                .map(|_| Connection::new(Arc::clone(&load.recipe), load.conduct.pipeline))
                .collect(),
            free: Free::new(connections, load.conduct.pipeline),
            thinkers: Thinkers::new(load.conduct.think.map_or(0, |_| connections)),
            next_up: VecDeque::with_capacity(connections),
            waiting: (0..connections).map(|token| (0, token)).collect(),
            connecting: 0,
            were_open: 0,
            in_flight: 0,
            greetings_due: 0,
            source,
            request: Vec::new(),
            recorder: Recorder::new(load),
            done: 0,
            connect_error: None,
            ready: 0,
            next_scan: 0,
            start: u64::MAX,
            begin: u64::MAX,
            end: u64::MAX,
            retiring: false,
            first_reading: None,
            last_reading: None,
        }
    }

    /// Opens all connections, or as many as open within the connect timeout. Returns how many
    /// are open. With a greeting not all of them need to have it: a pool serves its first clients
    /// while the others wait, and that is to be measured.
    pub(crate) fn connect(&mut self) -> Result<usize, LoadError> {
        let deadline = self.now.saturating_add(to_ns(self.load.connect_timeout));
        while self.were_open < self.connections.len()
            && self.now < deadline
            && !self.shared.abort.load(Ordering::Relaxed)
        {
            self.turn(deadline)?;
        }
        let is_open = |c: &&Connection| matches!(c.state, State::Open | State::Greeting { .. });
        let open = self.connections.iter().filter(is_open).count();
        self.recorder.connections.opened = open;
        if self.greetings_due > 0 {
            self.listen_for_greetings()?;
        }
        Ok(open)
    }

    /// Makes load from `start` on, an instant of the clock, until the end of the drain.
    pub(crate) fn make_load(mut self, start: u64) -> Result<Found, LoadError> {
        self.start = start;
        self.begin = start.saturating_add(to_ns(self.load.warmup));
        self.recorder.begin = self.begin;
        self.source.advance(start);
        self.wait_for(start)?;
        loop {
            let drain_end = self.look_at_edges();
            if self.now >= self.end {
                if self.source.is_exhausted(self.end) && self.shared.seen.load(Ordering::Acquire) {
                    self.retire();
                }
                let waits = self.in_flight + self.greetings_due > 0;
                if self.now >= drain_end || (self.retiring && !waits) {
                    break;
                }
            }
            self.send_due();
            self.turn(self.wake_at(drain_end))?;
        }
        Ok(self.finish())
    }

    /// What is known when no load was made.
    pub(crate) fn finish(mut self) -> Found {
        if let (Some(_), None) = (self.first_reading, self.last_reading) {
            self.last_reading = Some(self.reading());
        }
        for connection in &self.connections {
            for request in connection.in_flight.iter().filter(|request| request.measured) {
                self.recorder.unfinished(&request.stamps, self.now);
            }
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

    fn count_never_sent(&mut self) {
        let Source::Open { shard, next } = &mut self.source else { return };
        while next.due_ns < self.end {
            if next.due_ns >= self.begin {
                self.recorder.census.offered += 1;
                self.recorder.never_sent(next.due_ns, self.now);
            }
            *next = following(shard, self.start);
        }
    }

    /// Notes that the measurement began, or ended. Returns when the drain ends.
    fn look_at_edges(&mut self) -> u64 {
        self.end = self.shared.end.load(Ordering::Relaxed);
        if self.first_reading.is_none() && (self.begin..self.end).contains(&self.now) {
            self.first_reading = Some(self.reading());
        }
        if self.first_reading.is_some() && self.last_reading.is_none() && self.now >= self.end {
            self.last_reading = Some(self.reading());
        }
        self.shared.drain_end.load(Ordering::Relaxed)
    }

    fn reading(&self) -> Reading {
        let cpu = clock_gettime(ClockId::ThreadCPUTime);
        let part = |n: i64| u64::try_from(n).expect("CPU time is not negative");
        Reading {
            cpu: part(cpu.tv_sec) * 1_000_000_000 + part(cpu.tv_nsec),
            wall: self.wire.now(),
            done: self.done,
            spun: self.wire.spun(),
        }
    }

    /// When the next wait must end at the latest, if no socket is ready before.
    fn wake_at(&self, drain_end: u64) -> u64 {
        let edge = [self.begin, self.end, drain_end]
            .into_iter()
            .find(|edge| self.now < *edge)
            .unwrap_or(drain_end)
            .min(self.thinkers.next());
        let held = self.now >= self.end && !self.shared.seen.load(Ordering::Relaxed);
        let edge = if held { edge.min(self.now + HOLD_NS) } else { edge };
        if self.free.is_empty() {
            return edge;
        }
        edge.min(self.source.next_due(self.now, self.end))
    }

    /// Waits until `until` at the latest, and deals with the sockets that are ready by then.
    fn turn(&mut self, until: u64) -> Result<(), LoadError> {
        if self.now >= self.next_scan {
            self.scan();
            self.publish();
        }
        self.open_waiting();
        let retry = match self.waiting.front() {
            Some((at, _)) if self.connecting < CONNECTING_MAX => *at,
            _ => u64::MAX,
        };
        let until = until.min(self.next_scan).min(retry);
        if let Source::Open { .. } = self.source {
            // The latest reading is older than the latest write, and a write takes microseconds.
            // In closed loop that does not matter: only the edges of phases are waited for.
            self.now = self.wire.now();
        }
        let ready = self.wire.wait(self.now, until).map_err(|errno| LoadError::System {
            what: "waiting for sockets failed",
            source: errno.into(),
        })?;
        self.ready = ready;
        if ready == 0 {
            self.now = self.wire.now();
            return Ok(());
        }
        if self.first_reading.is_some() && self.last_reading.is_none() {
            self.recorder.batch.found(ready);
        }
        let done = self.done;
        for at in 0..ready {
            let (token, ready) = self.wire.event(at);
            self.on_event(token, ready);
        }
        if self.done != done {
            self.shared.done[self.index].0.store(self.done, Ordering::Relaxed);
        }
        Ok(())
    }

    fn on_event(&mut self, token: usize, ready: Ready) {
        match self.connections[token].state {
            State::Closed => {}
            State::Connecting { since } => self.on_connected(token, since),
            State::Open | State::Greeting { .. } => {
                if ready.writable {
                    self.write_rest(token);
                }
                // Writing may have ended the connection.
                let is_open = !matches!(
                    self.connections[token].state,
                    State::Closed | State::Connecting { .. }
                );
                if ready.readable && is_open {
                    self.read(token, ready.goodbye);
                }
            }
        }
    }

    fn failed(&mut self, request: InFlight, failure: Failure) {
        self.in_flight -= 1;
        if request.measured {
            self.recorder.failed(&request.stamps, failure);
        }
    }

    /// Tells whoever watches how it goes; called no more often than connections are scanned.
    fn publish(&self) {
        if self.start != u64::MAX
            && let Some(slot) = self.shared.live.get(self.index)
        {
            slot.publish(self.in_flight, &self.recorder, self.now);
        }
    }

    /// Closes a connection and forgets what was said on it.
    fn close(&mut self, token: usize) {
        self.wire.close(token);
        self.connections[token].forget();
    }
}

/// The sessions of all connections, or of all threads.
pub(crate) fn together(all: impl Iterator<Item = Option<SessionTally>>) -> Option<SessionTally> {
    all.flatten().reduce(|mut sum, one| {
        sum.add(&one);
        sum
    })
}

#[cfg(test)]
mod tests;
