//! Sending due requests on free connections.

use super::Worker;
use super::source::Source;
use crate::census::Failure;
use crate::connection::Written;
use crate::in_flight::InFlight;
use crate::recorder::Stamps;
use crate::wire::Wire;

/// Requests that are sent before the sockets are checked again, so that replies do not wait long for
/// their stamps when many requests are due.
const SENDS_PER_TURN_MAX: usize = 32;

impl<W: Wire> Worker<'_, W> {
    pub(super) fn send_due(&mut self) {
        while let Some(token) = self.thinkers.pop(self.now) {
            self.has_thought(token);
        }
        // More than became free in the last turn, so that the queue of free connections gets shorter.
        for _ in 0..SENDS_PER_TURN_MAX + self.ready {
            if self.source.next_due(self.now, self.end) > self.now {
                self.recorder.gaps.caught_up();
                break;
            }
            let Some(token) = self.free.pop_front() else { break };
            self.send_next(token);
        }
        self.send_staged();
    }

    /// Sends the next request on a free connection, at once or, if the connection may carry several,
    /// with the others of this turn.
    pub(super) fn send_next(&mut self, token: usize) {
        let connection = &mut self.connections[token];
        let free_at = connection.take_room(self.load.conduct.pipeline);
        let (tag, due) = self.source.take(free_at.max(self.start), self.start);
        let free_at = self.recorder.gaps.waited_for_server(due, free_at);
        if self.load.conduct.pipeline > 1 {
            if connection.stage(tag, due, free_at) == 1 {
                self.staged.push(token);
            }
            self.in_flight += 1;
            return self.has_room_still(token);
        }
        self.request.clear();
        connection.exchange.request(tag, &mut self.request);
        self.look_at_clock();
        let sent = self.now;
        let connection = &mut self.connections[token];
        let written = connection.write(token, &self.request, &mut self.wire);

        let stamps = Stamps { due, free_at, sent };
        let measured = self.is_measured(&stamps);
        let connection = &mut self.connections[token];
        connection.in_flight.push(InFlight { stamps, measured });
        connection.asked += 1;
        self.in_flight += 1;
        if measured {
            self.recorder.offered(&stamps);
        }
        self.has_written(token, written);
    }

    /// Sends what was staged, with one write for each connection.
    fn send_staged(&mut self) {
        for at in 0..self.staged.len() {
            let token = self.staged[at];
            // A connection that was lost meanwhile has none.
            let requests = std::mem::take(&mut self.connections[token].staged);
            if requests == 0 {
                continue;
            }
            self.look_at_clock();
            let older = self.connections[token].in_flight.len() - requests;
            for nth in older..older + requests {
                let request = self.connections[token].in_flight.nth_mut(nth);
                request.stamps.sent = self.now;
                let stamps = request.stamps;
                let measured = self.is_measured(&stamps);
                self.connections[token].in_flight.nth_mut(nth).measured = measured;
                if measured {
                    self.recorder.offered(&stamps);
                }
            }
            let written = self.connections[token].write_rest(token, &mut self.wire);
            self.has_written(token, written);
        }
        self.staged.clear();
    }

    /// Whether a request belongs to the measurement.
    fn is_measured(&self, stamps: &Stamps) -> bool {
        let is_open = matches!(self.source, Source::Open { .. });
        let counts_at = if is_open { stamps.due } else { stamps.sent };
        (self.begin..self.end).contains(&counts_at)
    }

    fn has_written(&mut self, token: usize, written: Written) {
        if let Written::Part | Written::PeerGone = written {
            // It was put into the queue when the requests were staged.
            self.free.remove(token);
        }
        match written {
            Written::All | Written::PeerGone => {}
            Written::Part => self.watch_room(token, true),
            Written::Failed => self.lose(token, Failure::Io),
        }
    }

    pub(super) fn write_rest(&mut self, token: usize) {
        match self.connections[token].write_rest(token, &mut self.wire) {
            Written::All | Written::PeerGone => {
                self.watch_room(token, false);
                if self.load.conduct.pipeline > 1 {
                    self.has_room_again(token);
                }
            }
            Written::Part => {}
            Written::Failed => self.lose(token, Failure::Io),
        }
    }

    pub(super) fn watch_room(&mut self, token: usize, watched: bool) {
        if self.wire.watch_room(token, watched).is_err() {
            self.lose(token, Failure::Io);
        }
    }
}
