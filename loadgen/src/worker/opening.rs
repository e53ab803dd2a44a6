//! Opening a worker's connections, and closing connections that cannot be used any more.

use std::sync::atomic::Ordering;

use rustix::io::Errno;

use super::Worker;
use crate::ConnectFailure;
use crate::census::Failure;
use crate::clock::to_ns;
use crate::connection::State;
use crate::wire::Wire;

/// Connections that a thread may be opening at a time, so that the generator alone does not overrun the
/// server's queue.
pub(super) const CONNECTING_MAX: usize = 512;

/// How long a connection that failed, or got no reply, stays closed before the next attempt.
const BACK_OFF_NS: u64 = 100_000_000;

impl<W: Wire> Worker<'_, W> {
    pub(super) fn open_waiting(&mut self) {
        while self.connecting < CONNECTING_MAX
            && let Some(token) = self.next_up.pop_front()
        {
            self.open(token);
        }
        while let Some((at, token)) = self.waiting.front().copied() {
            if at > self.now || self.connecting >= CONNECTING_MAX {
                break;
            }
            self.waiting.pop_front();
            self.open(token);
        }
    }

    fn open(&mut self, token: usize) {
        self.look_at_clock();
        if self.shared.route.has_choice() {
            // The address may change until one is found that leads to the server.
            self.connections[token].address = self.shared.route.at();
            self.wire.aim(self.shared.route.address());
        }
        match self.wire.open(token) {
            Ok(since) => {
                self.clock_says(since, None);
                self.connections[token].state = State::Connecting { since };
                self.connecting += 1;
            }
            Err(errno) => self.connect_failed(token, errno),
        }
    }

    /// Opens a connection now, or as soon as fewer are being opened.
    pub(super) fn open_at_once(&mut self, token: usize) {
        if self.connecting < CONNECTING_MAX {
            self.open(token);
        } else {
            self.next_up.push_back(token);
        }
    }

    pub(super) fn on_connected(&mut self, token: usize, since: u64) {
        self.look_at_clock();
        self.connecting -= 1;
        let connection = &mut self.connections[token];
        if let Err(errno) = self.wire.opened(token) {
            self.connect_failed(token, errno);
            return;
        }
        self.shut_out = None;
        self.recorder.connected(self.now - since);
        connection.state = State::Open;
        connection.free_at = self.now;
        connection.opened_at = self.now;
        connection.dialled_at = since;
        if !std::mem::replace(&mut connection.was_open, true) {
            self.were_open += 1;
            if self.were_open == 1 {
                self.shared.refusal.store(0, Ordering::Relaxed);
            }
        }
        let thinking = connection.thinking;
        if self.start != u64::MAX {
            self.recorder.connections.reconnects += 1;
            self.recorder.connections.connecting += self.within_measurement(since, self.now);
        }
        if self.load.greeting {
            self.expect_greeting(token, since);
        } else if !thinking {
            self.free.push_back(token, 0);
        }
    }

    pub(super) fn connect_failed(&mut self, token: usize, errno: Errno) {
        self.recorder.connections.connect_failures += 1;
        self.recorder.connect_errors.count(errno);
        if self.start == u64::MAX {
            self.recorder.connect_errors_before.count(errno);
            if self.were_open == 0 {
                self.shared.route.leads_nowhere(self.connections[token].address);
                self.shared
                    .refusal
                    .store(ConnectFailure::from_errno(errno) as u8 + 1, Ordering::Relaxed);
            }
        }
        if errno == Errno::ADDRNOTAVAIL {
            self.recorder.connections.port_shortages += 1;
        }
        self.connect_error = Some(errno);
        self.shut_out.get_or_insert(self.now);
        self.close(token);
        self.waiting.push_back((self.now + BACK_OFF_NS, token));
    }

    /// Whether no connection is left, and none could be opened for the connect timeout.
    pub(super) fn has_lost_the_server(&self) -> bool {
        self.shut_out.is_some_and(|since| {
            self.is_over(since, since.saturating_add(to_ns(self.load.connect_timeout)))
                && self
                    .connections
                    .iter()
                    .all(|connection| !matches!(connection.state, State::Open))
        })
    }

    /// Closes a connection, and opens it again if there may be something to send on it.
    pub(super) fn reopen(&mut self, token: usize) {
        self.free.remove(token);
        // Requests still in flight were pipelined behind the one that ended this connection.
        while let Some(request) = self.connections[token].in_flight.take_oldest() {
            self.failed(request, Failure::Abandoned);
        }
        let served = self.connections[token].served;
        self.close(token);
        if self.retiring {
            return;
        }
        // After a server that closes after a reply, reconnect at once. A server that closes without a
        // reply would get a storm of connections.
        if served {
            self.open_at_once(token);
        } else {
            self.waiting.push_back((self.now + BACK_OFF_NS, token));
        }
    }

    /// Closes a connection that cannot be used any more. All its requests in flight have failed, and so
    /// has a greeting that is due.
    pub(super) fn lose(&mut self, token: usize, failure: Failure) {
        if let State::Greeting { .. } = self.connections[token].state {
            return self.greeting_failed(token, failure);
        }
        if self.connections[token].in_flight.is_empty() && self.park(token) {
            return;
        }
        while let Some(request) = self.connections[token].in_flight.take_oldest() {
            self.failed(request, failure);
        }
        self.reopen(token);
    }
}
