//! How clients join a loop: the loop accepts them, or another thread hands them over.

use std::time::Instant;

use super::{Clients, Entry, Token, Want};
use crate::connection::Conn;
use crate::net::{Accepted, Listener};
use crate::turns::{Accepting, Turns};

/// Accepts per turn of the loop. The limit keeps a storm of connections from starving established
/// clients.
const ACCEPTS_PER_TURN_MAX: usize = 16;

/// The number of clients that this turn of the loop may accept: 0 while no client waits or the loop
/// does not accept.
pub(crate) fn accepts_now(turns: &mut Turns, acceptable: &mut bool, now: Instant) -> usize {
    *acceptable |= turns.accepting.has_paused(now);
    let accepts = *acceptable && turns.accepting == Accepting::Open;
    if accepts { ACCEPTS_PER_TURN_MAX } else { 0 }
}

/// The next client at the listener, of the `left` that this turn may still accept. If there is
/// none, notes what follows from the reason.
pub(crate) fn next_accepted(
    turns: &mut Turns,
    acceptable: &mut bool,
    listener: Listener,
    now: Instant,
    left: &mut usize,
) -> Option<Conn> {
    while *left > 0 {
        *left -= 1;
        match listener.accept() {
            Accepted::Conn(conn) => return Some(conn),
            Accepted::TurnedAway => {}
            Accepted::Nobody => {
                *acceptable = false;
                break;
            }
            Accepted::Exhausted => {
                turns.accepting.pause(now);
                break;
            }
            Accepted::Stopped => {
                turns.accepting.becomes(Accepting::Stopped);
                break;
            }
        }
    }
    None
}

impl Clients {
    /// Accepts the clients that wait at the listener, as many as one turn may. `joined` tells the
    /// kernel about a new client, and says whether the model could take it in.
    pub(crate) fn accept(
        &mut self,
        listener: Listener,
        now: Instant,
        mut joined: impl FnMut(Token, &Conn) -> bool,
    ) {
        let mut left = accepts_now(&mut self.turns, &mut self.acceptable, now);
        while let Some(conn) =
            next_accepted(&mut self.turns, &mut self.acceptable, listener, now, &mut left)
        {
            self.join(conn, now, &mut joined);
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

    /// Pauses accepting for a moment.
    pub(crate) fn pause(&mut self, now: Instant) {
        self.turns.accepting.pause(now);
    }

    /// Ends accepting, for loops that are told so instead of finding out.
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
