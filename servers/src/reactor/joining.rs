//! How clients join a loop: accepted by it, or given to it.

use std::time::Instant;

use super::{Clients, Entry, Token, Want};
use crate::connection::Conn;
use crate::net::{Accepted, Listener};
use crate::turns::Accepting;

/// Accepts per turn of the loop, so that a storm of connections cannot starve the established.
const ACCEPTS_PER_TURN_MAX: usize = 16;

impl Clients {
    /// Accepts who is waiting at the listener, as many as one turn may. `joined` tells the kernel
    /// about a new client, and says whether the model could take it in.
    pub(crate) fn accept(
        &mut self,
        listener: Listener,
        now: Instant,
        mut joined: impl FnMut(Token, &Conn) -> bool,
    ) {
        self.acceptable |= self.turns.accepting.has_paused(now);
        if !self.acceptable || self.turns.accepting != Accepting::Open {
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
                    self.turns.accepting.becomes(Accepting::Stopped);
                    return;
                }
            }
        }
    }

    /// Takes in a client, which this loop or another one has accepted; `joined` as above.
    pub(crate) fn join(
        &mut self,
        conn: Conn,
        now: Instant,
        mut joined: impl FnMut(Token, &Conn) -> bool,
    ) {
        let token = self.turns.name(self.table.vacant_key());
        if joined(token, &conn) {
            self.admit(token, conn, now);
        } else {
            conn.turn_away();
        }
    }

    /// Nobody will be accepted for a moment.
    pub(crate) fn pause(&mut self, now: Instant) {
        self.turns.accepting.pause(now);
    }

    /// Nobody will be accepted any more; for loops that are told so instead of finding out.
    pub(crate) fn no_more(&mut self) {
        self.turns.accepting.becomes(Accepting::Stopped);
    }

    fn admit(&mut self, token: Token, mut conn: Conn, now: Instant) {
        let mut member = self.turns.join(token, &mut conn, now);
        if !conn.client.session.waits_for_peer() {
            // It has something to do before the kernel has anything to say.
            self.turns.give(&mut member);
        }
        let conn = Some(Box::new(conn));
        let entry = Entry { conn, want: Want::Read, told: Want::Read, member };
        let place = self.table.insert(entry);
        assert_eq!(place, token.place() as usize, "the token names the vacant place");
    }
}
