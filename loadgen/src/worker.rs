//! One thread of load: it opens its connections, sends its share of the requests, checks the
//! replies, and drains.
//!
//! During the load a thread shares nothing with other threads, except a few atomics that it writes
//! at most about once per turn. It allocates nothing, except when it reopens connections.

mod found;
mod greeting;
mod idle;
mod leaving;
pub(crate) mod misbehaving;
mod opening;
mod receiving;
mod sending;
mod shared;
mod source;
mod time;
mod turnover;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use rustix::io::Errno;

use crate::census::Failure;
use crate::clock::to_ns;
use crate::connection::{Connection, State};
use crate::free::Free;
use crate::in_flight::InFlight;
use crate::recorder::Recorder;
use crate::schedule::Schedule;
use crate::think::Thinkers;
use crate::wire::{READY_MAX, Ready, Wire};
use crate::{Load, LoadError};
use found::Reading;
pub(crate) use found::{Found, together};
use opening::CONNECTING_MAX;
pub(crate) use shared::Shared;
use source::Source;

/// How often a thread checks whether it may close its connections.
const HOLD_NS: u64 = 200_000;

/// How often a thread publishes its live figures.
const PUBLISH_NS: u64 = 100_000_000;

pub(crate) struct Worker<'a, W> {
    load: &'a Load,
    shared: &'a Shared,
    index: usize,
    wire: W,
    connections: Vec<Connection>,
    /// Open connections that can take a request.
    free: Free,
    /// Connections whose clients think.
    thinkers: Thinkers,
    /// Closed connections, to be opened as soon as fewer are being opened.
    next_up: VecDeque<usize>,
    /// Closed connections, and when to open them; in order of time, because all wait equally long.
    waiting: VecDeque<(u64, usize)>,
    connecting: usize,
    /// Connections that were open at least once.
    were_open: usize,
    in_flight: usize,
    /// Open connections whose greeting has not arrived.
    greetings_due: usize,
    source: Source,
    /// The request being written.
    request: Vec<u8>,
    /// Connections with requests that this turn writes together.
    staged: Vec<usize>,
    recorder: Recorder,
    /// Correct replies so far.
    done: u64,
    connect_error: Option<Errno>,
    /// Since when every attempt to open a connection has failed; `None` after a successful one.
    shut_out: Option<u64>,
    /// The latest reading of the clock.
    now: u64,
    /// Sockets that were ready in the last turn, and replies in it if connections carry several.
    ready: usize,
    next_scan: u64,
    next_publish: u64,
    request_timeout_ns: u64,
    /// When the load begins, the measurement begins, and the measurement ends, on the clock.
    start: u64,
    begin: u64,
    end: u64,
    /// The measurement is over and nothing is left to send.
    retiring: bool,
    /// With a fixed number of requests: this thread's share has its replies, or never will.
    through: bool,
    first_reading: Option<Reading>,
    last_reading: Option<Reading>,
}

impl<'a, W: Wire> Worker<'a, W> {
    /// The worker of thread number `index`, with connections through `wire`; to be called on that
    /// thread.
    pub(crate) fn new(load: &'a Load, shared: &'a Shared, index: usize, wire: W) -> Self {
        let connections = load.connections_of(index);
        let (k, n) = load.share_of(index);
        let schedule = Schedule::new(&load.arrivals, load.warmup);
        let source = Source::new(schedule, (k, n), load.requests);
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
            staged: Vec::new(),
            recorder: Recorder::new(load),
            done: 0,
            connect_error: None,
            shut_out: None,
            ready: 0,
            next_scan: 0,
            next_publish: 0,
            request_timeout_ns: to_ns(load.request_timeout),
            start: u64::MAX,
            begin: u64::MAX,
            end: u64::MAX,
            retiring: false,
            through: false,
            first_reading: None,
            last_reading: None,
        }
    }

    /// Opens all connections, or as many as open within the connect timeout. Returns how many are open.
    /// If greetings are expected, some may still be missing: a pool serves its first clients while the
    /// others wait, and that wait has to be measured.
    pub(crate) fn connect(&mut self) -> Result<usize, LoadError> {
        let begun = self.now;
        let deadline = begun.saturating_add(to_ns(self.load.connect_timeout));
        while self.were_open < self.connections.len()
            && !self.is_over(begun, deadline)
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

    /// Makes the load from the instant `start` to the end of the drain.
    pub(crate) fn make_load(mut self, start: u64) -> Result<Found, LoadError> {
        self.start = start;
        self.begin = start.saturating_add(to_ns(self.load.warmup));
        self.recorder.begin = self.begin;
        self.source.advance(start);
        self.wait_for(start)?;
        loop {
            let drain_end = self.look_at_edges();
            let counted = self.load.requests.is_some() && self.in_flight == 0;
            let lost = counted && self.has_lost_the_server();
            if lost || counted && self.source.is_used_up() {
                self.be_through();
            }
            if self.now >= self.end {
                if self.source.is_exhausted(self.end) && self.shared.seen.load(Ordering::Acquire) {
                    self.retire();
                }
                let waits = self.in_flight + self.greetings_due > 0;
                // Nothing answers what was due and is not sent yet.
                if self.now >= drain_end || lost || (self.retiring && !waits) {
                    break;
                }
            }
            self.send_due();
            self.turn(self.wake_at(drain_end))?;
        }
        Ok(self.finish())
    }

    /// Reports once that this thread's share of a fixed number of requests is answered, or never will be.
    fn be_through(&mut self) {
        if !std::mem::replace(&mut self.through, true) {
            self.shared.last_reply.fetch_max(self.now, Ordering::Relaxed);
            self.shared.through.fetch_add(1, Ordering::Release);
        }
    }

    /// Takes the readings when the measurement begins and ends. Returns when the drain ends.
    fn look_at_edges(&mut self) -> u64 {
        self.end = self.shared.end.load(Ordering::Relaxed);
        if self.first_reading.is_none() && (self.begin..self.end).contains(&self.now) {
            self.first_reading = Some(self.reading());
        }
        if self.first_reading.is_some() && self.last_reading.is_none() && self.now >= self.end {
            self.last_reading = Some(self.reading());
        }
        // Replies that arrived while this thread stood still are read before it gives up.
        let longer = self.recorder.gaps.drain_longer();
        self.shared.drain_end.load(Ordering::Relaxed).saturating_add(longer)
    }

    /// When the next wait must end at the latest, if no socket becomes ready.
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

    /// Waits until `until` at the latest, and handles the sockets that are ready.
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
            // The latest reading is from before the latest write, which takes microseconds. In closed
            // loop that does not matter, because a wait ends only at the edges of phases.
            self.look_at_clock();
        }
        self.recorder.gaps.waiting(self.now, until);
        let ready = self.wire.wait(self.now, until).map_err(|errno| LoadError::System {
            what: "waiting for sockets failed",
            source: errno.into(),
        })?;
        self.ready = ready;
        if ready == 0 {
            self.look_at_clock();
            self.recorder.gaps.turned(true);
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
        self.recorder.gaps.turned(ready < READY_MAX);
        if self.load.conduct.pipeline > 1 {
            // A socket may have made room for many requests.
            self.ready += usize::try_from(self.done - done).unwrap_or(usize::MAX);
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
        if failure != Failure::Abandoned && self.is_overdue(&request) {
            return self.timed_out(&request);
        }
        self.in_flight -= 1;
        if self.belongs(&request) {
            self.recorder.failed(&request.stamps, failure);
        }
    }

    fn timed_out(&mut self, request: &InFlight) {
        self.in_flight -= 1;
        if self.belongs(request) {
            self.recorder.timed_out(&request.stamps, self.now);
        }
    }

    /// Whether a request has been in flight for longer than it may.
    fn is_overdue(&self, request: &InFlight) -> bool {
        self.recorder.gaps.awake(request.stamps.sent, self.now) > self.request_timeout_ns
    }

    /// Whether a request whose outcome is known now belongs to the measurement. In closed loop, requests
    /// that were in flight when it began do: otherwise a server that answers none of them would have no
    /// requests at all.
    #[inline]
    fn belongs(&mut self, request: &InFlight) -> bool {
        if request.measured {
            return true;
        }
        let carried = matches!(self.source, Source::Closed { .. })
            && self.begin <= self.now
            && self.begin < self.end;
        if carried {
            self.recorder.offered(&request.stamps);
        }
        carried
    }

    /// Publishes live figures for the observer, ten times a second.
    fn publish(&mut self) {
        if self.now < self.next_publish {
            return;
        }
        self.next_publish = self.now + PUBLISH_NS;
        if self.start != u64::MAX
            && let Some(slot) = self.shared.live.get(self.index)
        {
            slot.publish(self.in_flight, &self.recorder, self.now);
        }
    }

    /// Closes a connection and forgets its state.
    fn close(&mut self, token: usize) {
        self.wire.close(token);
        self.connections[token].forget();
    }
}

#[cfg(test)]
mod tests;
