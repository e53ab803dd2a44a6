//! A connection between its requests: it becomes free, its client thinks, or a new connection
//! replaces it.

use std::time::Duration;

use super::Worker;
use crate::connection::{Connection, State};
use crate::wire::Wire;

impl<W: Wire> Worker<'_, W> {
    /// Everything that had arrived on a connection was read.
    pub(super) fn has_been_read(&mut self, token: usize) {
        let connection = &self.connections[token];
        if connection.state != State::Open {
            return;
        }
        let in_flight = connection.in_flight.len();
        if self.free.contains(token) {
            if self.load.conduct.pipeline > 1 {
                // It has fewer requests in flight now, so it moves to another queue.
                self.free.remove(token);
                self.free.push_back(token, in_flight);
            }
        } else if in_flight < self.load.conduct.pipeline && connection.unsent.is_empty() {
            self.freed(token);
        }
    }

    /// A request was sent on a connection that may carry several.
    pub(super) fn has_room_still(&mut self, token: usize) {
        let connection = &self.connections[token];
        if connection.has_room(&self.load.conduct, self.now) && !self.free.contains(token) {
            self.free.push_back(token, connection.in_flight.len());
        }
    }

    /// The rest of a request was sent on a connection that may carry several.
    pub(super) fn has_room_again(&mut self, token: usize) {
        if !self.free.contains(token) {
            // Room that was free before could not be used.
            self.connections[token].free_at = self.now;
            self.has_room_still(token);
        }
    }

    /// Closes a connection that has carried its requests or is too old, and opens it again at once, or
    /// when its client has finished thinking.
    pub(super) fn renew(&mut self, token: usize) {
        self.recorder.connections.closed_by_us += 1;
        if !self.park(token) {
            self.free.remove(token);
            self.close(token);
            self.open_at_once(token);
        }
    }

    /// Closes a connection with nothing in flight whose client thinks, or begins to. The client connects
    /// again for its next request. Returns false, and does nothing, for any other connection.
    pub(super) fn park(&mut self, token: usize) -> bool {
        let Connection { thinking, answered, .. } = self.connections[token];
        if self.retiring || self.load.conduct.think.is_none() || (answered == 0 && !thinking) {
            return false;
        }
        // A client in the queue has finished thinking and waits for its turn to send.
        let has_thought = self.free.remove(token);
        self.close(token);
        if has_thought {
            self.open_at_once(token);
            return true;
        }
        if !thinking {
            self.begin_to_think(token);
        }
        self.connections[token].parked = true;
        true
    }

    /// Renews a connection with nothing in flight if it is too old, even while its client thinks.
    pub(super) fn renew_if_old(&mut self, token: usize) {
        let old = self.connections[token].is_used_up(&self.load.conduct, self.now);
        if old && !self.retiring {
            self.renew(token);
        }
    }

    /// The client of a connection with nothing in flight waits before its next request.
    pub(super) fn begin_to_think(&mut self, token: usize) {
        let Some(think) = self.load.conduct.think else { return };
        let client = (self.index + token * self.load.threads) as u64;
        let connection = &mut self.connections[token];
        let until = self.now.saturating_add(think.draw(client, connection.thoughts));
        connection.thoughts += 1;
        connection.thinking = true;
        connection.free_at = until;
        self.thinkers.push(until, token);
        self.recorder.connections.thinking += self.within_measurement(self.now, until);
    }

    /// The client of a connection has finished thinking.
    pub(super) fn has_thought(&mut self, token: usize) {
        let connection = &mut self.connections[token];
        connection.thinking = false;
        let parked = std::mem::take(&mut connection.parked);
        if self.retiring {
            return;
        }
        match connection.state {
            State::Open => self.free.push_back(token, 0),
            State::Closed if parked => self.open_at_once(token),
            // It is being opened, or waits to be, because the server had closed it.
            State::Closed | State::Connecting { .. } | State::Greeting { .. } => {}
        }
    }

    /// How much of the time between two instants lies within the measurement.
    pub(super) fn within_measurement(&self, from: u64, to: u64) -> Duration {
        Duration::from_nanos(to.min(self.end).saturating_sub(from.max(self.begin)))
    }
}
