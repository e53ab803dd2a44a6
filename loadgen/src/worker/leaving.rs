//! Timeouts, and closing connections that are no longer needed.

use std::time::Duration;

use rustix::io::Errno;

use super::Worker;
use crate::clock::to_ns;
use crate::connection::State;
use crate::wire::Wire;

/// How long the first connection to an address may take before the next address is tried.
const NEXT_ADDRESS_AFTER: Duration = Duration::from_millis(300);
/// The longest time between two checks of all connections for timeouts.
const SCAN_NS_MAX: u64 = 100_000_000;
/// The shortest such time, or a twentieth of the timeout if that is longer.
const SCAN_NS_MIN: u64 = 1_000_000;

impl<W: Wire> Worker<'_, W> {
    /// Closes connections that are no longer needed, so that a server of one connection at a time gets to
    /// the others. A connection without its greeting stays open, to measure how long the greeting takes.
    pub(super) fn retire(&mut self) {
        if std::mem::replace(&mut self.retiring, true) {
            return;
        }
        self.waiting.clear();
        self.next_up.clear();
        self.connecting = 0;
        for token in 0..self.connections.len() {
            let connection = &mut self.connections[token];
            let greeted = !matches!(connection.state, State::Greeting { .. });
            if connection.in_flight.is_empty() && greeted {
                self.free.remove(token);
                self.close(token);
            }
        }
    }

    /// How long a connection may take to open: less while there are other addresses to try.
    fn connect_timeout(&self) -> Duration {
        let all = self.load.connect_timeout;
        let choosing = self.start == u64::MAX && self.were_open == 0;
        if choosing && self.shared.route.has_choice() { all.min(NEXT_ADDRESS_AFTER) } else { all }
    }

    /// Gives up requests, greetings and connects that take too long.
    pub(super) fn scan(&mut self) {
        let request_timeout = self.request_timeout_ns;
        // No request that is sent from now on is overdue before this.
        let mut overdue_at = self.now.saturating_add(request_timeout);
        let connect_timeout = to_ns(self.connect_timeout());
        for token in 0..self.connections.len() {
            let connection = &mut self.connections[token];
            match (connection.state, connection.in_flight.oldest().copied()) {
                (State::Connecting { since }, _)
                    if self.recorder.gaps.awake(since, self.now) > connect_timeout =>
                {
                    self.connecting -= 1;
                    self.connect_failed(token, Errno::TIMEDOUT);
                }
                // Before the load begins, greetings do not time out one by one.
                (State::Greeting { asked, open }, _)
                    if self.start != u64::MAX
                        && self.recorder.gaps.awake(open, self.now) > request_timeout =>
                {
                    self.greeting_timed_out(token, asked);
                }
                (_, Some(request)) if self.is_overdue(&request) => {
                    self.connections[token].in_flight.take_oldest();
                    self.timed_out(&request);
                    self.reopen(token);
                }
                (_, Some(request)) => {
                    let at = request.stamps.sent.saturating_add(request_timeout);
                    overdue_at = overdue_at.min(at);
                }
                (State::Open, None) if self.start != u64::MAX => self.renew_if_old(token),
                _ => {}
            }
        }
        let pause = overdue_at.saturating_sub(self.now) + 1;
        let least = SCAN_NS_MIN.max(request_timeout / 20).min(SCAN_NS_MAX);
        self.next_scan = self.now + pause.clamp(least, SCAN_NS_MAX);
    }
}
