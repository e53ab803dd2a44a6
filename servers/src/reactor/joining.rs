//! How clients join a loop: accepted by it, or given to it.

use std::time::Instant;

use super::{Clients, Entry, Token, Want, queue};
use crate::connection::Conn;
use crate::net::{ACCEPT_PAUSE, Accepted, Listener};
use crate::reactor::timers::Due;

/// Accepts per turn of the loop, so that a storm of connections cannot starve the established.
const ACCEPTS_PER_TURN_MAX: usize = 16;

/// Whether the loop accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Accepting {
    Open,
    PausedUntil(Instant),
    Stopped,
}

impl Clients {
    /// Accepts who is waiting at the listener, as many as one turn may. `joined` tells the kernel
    /// about a new client, and says whether the model could take it in.
    pub(crate) fn accept(
        &mut self,
        listener: Listener,
        now: Instant,
        mut joined: impl FnMut(Token, &Conn) -> bool,
    ) {
        if let Accepting::PausedUntil(at) = self.accepting
            && at <= now
        {
            self.accepting = Accepting::Open;
            self.acceptable = true;
        }
        if !self.acceptable || self.accepting != Accepting::Open {
            return;
        }
        for _ in 0..ACCEPTS_PER_TURN_MAX {
            match listener.accept() {
                Accepted::Conn(conn) => self.join(conn, now, &mut joined),
                Accepted::TurnedAway => {}
                Accepted::Nobody => {
                    self.acceptable = false;
                    return;
                }
                Accepted::Exhausted => {
                    self.pause(now);
                    return;
                }
                Accepted::Stopped => {
                    self.accepting = Accepting::Stopped;
                    return;
                }
            }
        }
    }

    /// Takes in a client, which this loop or another one has accepted; `joined` as above.
    pub(crate) fn join(
        &mut self,
        mut conn: Conn,
        now: Instant,
        mut joined: impl FnMut(Token, &Conn) -> bool,
    ) {
        let token = self.next_token();
        if joined(token, &conn) {
            conn.client.taken_by(self.worker);
            self.admit(token, conn, now);
        } else {
            conn.turn_away();
        }
    }

    /// Nobody will be accepted for a moment.
    pub(crate) fn pause(&mut self, now: Instant) {
        self.accepting = Accepting::PausedUntil(now + ACCEPT_PAUSE);
    }

    /// Nobody will be accepted any more; for loops that are told so instead of finding out.
    pub(crate) fn no_more(&mut self) {
        self.accepting = Accepting::Stopped;
    }

    fn next_token(&mut self) -> Token {
        // The listener's generation is not given out, whatever wraps around.
        self.generation = self.generation.checked_add(1).unwrap_or(1);
        let place = u32::try_from(self.table.vacant_key()).expect("fewer clients than 2^32");
        Token { generation: self.generation, place }
    }

    fn admit(&mut self, token: Token, conn: Conn, now: Instant) {
        let Token { generation, place } = token;
        let entry = Entry {
            conn: Some(Box::new(conn)),
            generation,
            want: Want::Read,
            told: Want::Read,
            queued: false,
            doomed: None,
            progressed_at: now,
        };
        assert_eq!(self.table.insert(entry), place as usize, "the token names the vacant place");
        if self.server.config.greeting {
            // It has something to write before the kernel has anything to say.
            queue(&mut self.table[place as usize], token, &mut self.run_list);
        }
        self.timers.set(now + self.server.config.idle_timeout, Due::Idle, token);
    }
}
