//! Connections that start with a greeting: the worker sends nothing before it has arrived.
//!
//! So the wait for a worker is in the greeting and not in the service time of the first request.
//! In closed loop a connection offers nothing until then; in open loop it is not free, and the
//! requests that become due meanwhile wait for a connection.

use std::sync::atomic::Ordering;

use protocol::Reply;

use super::Worker;
use crate::LoadError;
use crate::census::Failure;
use crate::clock::to_ns;
use crate::connection::State;
use crate::wire::Wire;

/// How often a thread that has connected checks whether the others have too, while it still reads
/// greetings. Less than the lead that threads get before the load begins.
const LOOK_NS: u64 = 1_000_000;

impl<W: Wire> Worker<'_, W> {
    /// A connection that was asked for at `asked` has just been opened.
    pub(super) fn expect_greeting(&mut self, token: usize, asked: u64) {
        let connection = &mut self.connections[token];
        connection.exchange.expect_greeting();
        connection.state = State::Greeting { asked, open: self.now };
        self.greetings_due += 1;
        if let Some(greetings) = &mut self.recorder.greetings {
            greetings.expected += 1;
        }
    }

    /// Waits until something has arrived on a connection of any thread, or until the request timeout.
    /// After that timeout this server sends no greetings, and there is no load.
    pub(super) fn listen_for_greetings(&mut self) -> Result<(), LoadError> {
        let deadline = self.now.saturating_add(to_ns(self.load.request_timeout));
        while self.now < deadline
            && !self.shared.heard.load(Ordering::Relaxed)
            && !self.shared.abort.load(Ordering::Relaxed)
        {
            self.turn(deadline)?;
        }
        Ok(())
    }

    /// Waits for a short time while the other threads connect. Greetings are read as they arrive,
    /// because their arrival is a stamp.
    pub(crate) fn wait_for_others(&mut self) -> Result<(), LoadError> {
        if self.greetings_due == 0 {
            std::thread::park();
            return Ok(());
        }
        self.recorder.gaps.resting();
        self.look_at_clock();
        self.turn(self.now + LOOK_NS)
    }

    /// Waits for the beginning of the load.
    pub(super) fn wait_for(&mut self, start: u64) -> Result<(), LoadError> {
        self.recorder.gaps.resting();
        self.look_at_clock();
        while self.greetings_due > 0 && self.now < start {
            self.turn(start)?;
        }
        self.recorder.gaps.waiting(self.now, start);
        self.wire.sleep(start);
        self.look_at_clock();
        Ok(())
    }

    /// Takes a message that has to be a greeting. Returns whether it was one.
    pub(super) fn take_greeting(&mut self, token: usize, asked: u64, reply: Reply) -> bool {
        let failure = match reply {
            Reply::Greeting(greeting) => {
                if let Some(greetings) = &mut self.recorder.greetings {
                    greetings.received(&greeting, self.shared.clock, asked, self.now);
                }
                self.greeting_settled();
                let connection = &mut self.connections[token];
                connection.state = State::Open;
                connection.free_at = self.now;
                return true;
            }
            Reply::Refused { code } => Failure::refused(&code),
            Reply::Wrong { got } => {
                self.recorder.wrong_example.get_or_insert(got);
                Failure::WrongReply
            }
            Reply::Right { .. } | Reply::Status { .. } | Reply::Length { .. } => {
                Failure::WrongReply
            }
        };
        self.greeting_failed(token, failure);
        false
    }

    /// The greeting of this connection will not arrive.
    pub(super) fn greeting_failed(&mut self, token: usize, failure: Failure) {
        if let Some(greetings) = &mut self.recorder.greetings {
            greetings.failed(failure);
        }
        self.greeting_settled();
        self.reopen(token);
    }

    /// The greeting of this connection has timed out.
    pub(super) fn greeting_timed_out(&mut self, token: usize, asked: u64) {
        if let Some(greetings) = &mut self.recorder.greetings {
            greetings.timed_out(asked, self.now);
        }
        self.greeting_settled();
        self.reopen(token);
    }

    fn greeting_settled(&mut self) {
        self.greetings_due -= 1;
        // Written only once, because all threads read it.
        if !self.shared.heard.load(Ordering::Relaxed) {
            self.shared.heard.store(true, Ordering::Relaxed);
        }
    }
}
