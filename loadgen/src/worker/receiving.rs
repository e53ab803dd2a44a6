//! Reading replies and checking them.

use rustix::io::Errno;

use protocol::Reply;

use super::Worker;
use super::source::Source;
use crate::census::Failure;
use crate::clock::to_ns;
use crate::connection::{Connection, State};
use crate::in_flight::InFlight;
use crate::wire::Wire;

/// The most reads from one socket before the others get their turn, if a reply is long.
const READS_PER_EVENT_MAX: usize = 16;

impl<W: Wire> Worker<'_, W> {
    /// Reads what has arrived. `goodbye`: the server sends nothing after it.
    pub(super) fn read(&mut self, token: usize, goodbye: bool) {
        for _ in 0..READS_PER_EVENT_MAX {
            let connection = &mut self.connections[token];
            let space = connection.exchange.space();
            let offered = space.len();
            let received = self.wire.receive(token, space);
            self.clock_says(self.wire.now(), received.is_ok_and(|got| got > 0).then_some(token));
            let connection = &mut self.connections[token];
            let got = match received {
                Ok(0) => return self.ended(token),
                Ok(got) => got,
                Err(Errno::AGAIN | Errno::INTR) => break,
                Err(Errno::CONNRESET | Errno::PIPE) => return self.lose(token, Failure::Reset),
                Err(_) => return self.lose(token, Failure::Io),
            };
            connection.exchange.received(got);
            self.take_replies(token);
            let connection = &self.connections[token];
            if !matches!(connection.state, State::Open | State::Greeting { .. }) {
                return;
            }
            // A short read left nothing behind; if it did, the wire reports it again.
            if !goodbye && (got < offered || connection.in_flight.is_empty()) {
                break;
            }
        }
        self.has_been_read(token);
    }

    /// A connection has just got a reply or its greeting: sends its next request, puts it into the
    /// queue, or closes it.
    pub(super) fn freed(&mut self, token: usize) {
        let connection = &self.connections[token];
        let in_flight = connection.in_flight.len();
        if self.retiring {
            if in_flight == 0 {
                self.close(token);
            }
        } else if connection.thinking {
            // Something arrived while the client thinks, but no reply.
        } else if connection.is_used_up(&self.load.conduct, self.now) {
            if in_flight == 0 {
                self.renew(token);
            }
        } else if connection.answered > 0 && self.load.conduct.think.is_some() {
            self.begin_to_think(token);
        } else if let Source::Closed { .. } = self.source
            && (self.start..self.end).contains(&self.now)
            && !self.source.is_used_up()
            // What is pipelined is sent when everything that arrived has been read, in one write.
            && self.load.conduct.pipeline == 1
            // Clients that have not sent yet go first. Otherwise a server as fast as this thread would
            // keep it busy with its first clients, and the rest would never send.
            && self.free.is_empty()
        {
            self.send_next(token);
        } else {
            self.free.push_back(token, in_flight);
        }
    }

    /// The server's output has ended, which may also be the end of a reply.
    fn ended(&mut self, token: usize) {
        let connection = &mut self.connections[token];
        match connection.exchange.ended() {
            // The connection is over in any case, and is reopened with the reply.
            Some(reply) => _ = self.take_reply(token, reply),
            None => {
                let failure = goodbye_of(connection);
                self.lose(token, failure);
            }
        }
    }

    fn take_replies(&mut self, token: usize) {
        while let Some(reply) = self.connections[token].exchange.reply() {
            if let State::Greeting { asked, .. } = self.connections[token].state {
                if self.take_greeting(token, asked, reply) {
                    continue;
                }
                return;
            }
            if !self.take_reply(token, reply) {
                return;
            }
        }
    }

    /// Counts a reply. Returns whether another may follow on the connection.
    fn take_reply(&mut self, token: usize, reply: Reply) -> bool {
        let connection = &mut self.connections[token];
        let request = connection.in_flight.take_oldest();
        let came = self.came_at(request.as_ref());
        if let Some(request) = request.filter(|request| self.is_overdue(request)) {
            // The reply is too late, although the check for timeouts has not found it yet.
            self.timed_out(&request);
            self.reopen(token);
            return false;
        }
        let connection = &mut self.connections[token];
        // Unsent bytes belong to the youngest request.
        let sent = connection.unsent.is_empty() || !connection.in_flight.is_empty();
        let answers_early = self.load.recipe.asks_any_server();
        let (failure, request) = match (reply, request) {
            // An HTTP server may answer before it has read the whole body (RFC 9112, 9.3).
            (Reply::Right { .. }, Some(request)) if sent || answers_early => {
                connection.has_answered(came, self.load.conduct.pipeline);
                connection.served = true;
                self.in_flight -= 1;
                self.done += 1;
                // A client whose reply arrives only after the measurement was not served in it,
                // although its request counts.
                let in_time = (self.begin..self.end).contains(&self.now);
                connection.ok += u64::from(in_time);
                if in_time {
                    self.recorder.served(token, &request.stamps, self.now);
                    if connection.is_done(&self.load.conduct) {
                        // Clients that connected before the load only waited for the generator.
                        let load_began = self.begin.saturating_sub(to_ns(self.load.warmup));
                        let since = connection.dialled_at.max(load_began);
                        self.recorder.turned_around(self.now - since);
                    }
                }
                if self.belongs(&request) {
                    self.recorder.ok(&request.stamps, self.now);
                } else {
                    self.recorder.warmed_up(&request.stamps, self.now);
                }
                if !sent {
                    self.reopen(token);
                    return false;
                }
                return self.goes_on(token);
            }
            (Reply::Right { .. } | Reply::Greeting(_), request) => {
                let got = "a reply before its request was sent".to_string();
                self.wrong(token, request, got);
                return false;
            }
            (Reply::Wrong { got }, request) => {
                self.wrong(token, request, got);
                return false;
            }
            (Reply::Refused { .. } | Reply::Status { .. } | Reply::Length { .. }, None) => {
                self.recorder.connections.unsolicited += 1;
                self.reopen(token);
                return false;
            }
            (Reply::Refused { code }, Some(request)) => (Failure::refused(&code), request),
            (Reply::Status { status }, Some(request)) => (Failure::status(status), request),
            (Reply::Length { bytes, right }, Some(request)) => {
                self.recorder
                    .wrong_example
                    .get_or_insert_with(|| format!("a body of {bytes} bytes instead of {right}"));
                (Failure::WrongReply, request)
            }
        };
        connection.has_answered(came, self.load.conduct.pipeline);
        let over = failure == Failure::RefusedBusy || !sent;
        // A busy server must not get another request at once.
        connection.served &= !over;
        self.failed(request, failure);
        if over {
            self.reopen(token);
            return false;
        }
        self.goes_on(token)
    }

    /// Reopens a connection if its reply said that the server closes it. Returns whether it stays open.
    fn goes_on(&mut self, token: usize) -> bool {
        let over = self.connections[token].exchange.is_over();
        if over {
            self.reopen(token);
        }
        !over
    }

    /// When the reply that was just read made room for the next request.
    fn came_at(&self, request: Option<&InFlight>) -> u64 {
        match (&self.source, request) {
            (Source::Closed { .. }, Some(request)) => {
                self.recorder.gaps.answered(request.stamps.sent, self.now)
            }
            _ => self.now,
        }
    }

    fn wrong(&mut self, token: usize, request: Option<InFlight>, got: String) {
        self.recorder.wrong_example.get_or_insert(got);
        match request {
            Some(request) => self.failed(request, Failure::WrongReply),
            None => self.recorder.connections.unsolicited += 1,
        }
        self.reopen(token);
    }
}

/// How the requests in flight failed on a connection whose end has been read.
fn goodbye_of(connection: &Connection) -> Failure {
    let had_answered = connection.served && connection.exchange.is_between_replies();
    match (connection.reset, had_answered) {
        (true, _) => Failure::Reset,
        (false, true) => Failure::ClosedEarly,
        (false, false) => Failure::Closed,
    }
}
