//! The members of a room, for a loop: the counterpart of `reactor::Clients`, whose clients are
//! independent. The loop waits, wakes the members that the kernel named, and gives turns. In its
//! turn a member's messages are read; at the end, everything new is sent to all. Then the loop
//! tells the kernel which events to wait for.

use std::io;
use std::time::{Duration, Instant};

use protocol::app::chat::{Room, Seat};
use protocol::{Outside, Step};
use slab::Slab;

use super::Interest;
use crate::connection::drive::{self, Blocked, READS_PER_TURN_MAX};
use crate::connection::{Conn, Ending, Phase, recv, send};
use crate::net::{Listener, Server};
use crate::reactor::Ready;
use crate::reactor::joining::{accepts_now, next_accepted};
use crate::stopping::{self, Stage};
use crate::turns::{Accepting, Member, Token, Turns};

#[derive(Debug)]
struct Entry {
    conn: Conn,
    member: Member,
    /// Its place in the room, until all its messages are added and it has received the rest.
    seat: Option<Seat>,
    /// It sends no more, and its leaving is announced or about to be.
    leaves: bool,
    /// The kernel has no room for what it is to be told.
    stalled: bool,
    /// While it is being closed: whether it is to be read.
    drops_input: bool,
    /// What the kernel was last told.
    told: Interest,
    /// Whether it is among those whose interest may have changed.
    changed: bool,
}

/// The result of reading from a member.
enum Heard {
    /// It sent a message, or a part of one.
    Something,
    /// The log has no room before members have received earlier messages.
    Full,
    /// There is nothing more for now.
    Everything,
    /// It has had its turn.
    ItsTurn,
    /// It will say nothing any more.
    TheEnd,
    /// It is gone.
    Gone(Ending),
}

/// The members of one loop's room.
#[derive(Debug)]
pub(super) struct Members {
    turns: Turns,
    room: Room,
    table: Slab<Entry>,
    /// The kernel has reported clients that wait to be accepted.
    acceptable: bool,
    /// Members whose interest may have changed, or who leave the table.
    changed: Vec<Token>,
    /// Members whose leaving is not yet announced.
    leaving: Vec<Token>,
    /// How much was said, and whether it was all, when everyone was told last.
    told: (u64, bool),
}

impl Members {
    /// An empty room.
    pub(super) fn new(server: &'static Server) -> Self {
        let room = Room::new(server.config.service.framing, server.config.apps.room.clone());
        Self {
            turns: Turns::new(server, 0),
            room,
            table: Slab::new(),
            acceptable: false,
            changed: Vec::new(),
            leaving: Vec::new(),
            told: (0, false),
        }
    }

    /// Whether the loop has ended: it is stopped, and all members are gone.
    pub(super) fn is_over(&self) -> bool {
        self.turns.accepting == Accepting::Stopped && self.table.is_empty()
    }

    /// Whether the kernel is to be asked about the listener.
    pub(super) fn wants_listener(&self) -> bool {
        self.turns.accepting == Accepting::Open
    }

    /// How long the loop may wait for the kernel; `None` means forever.
    pub(super) fn timeout(&self) -> Option<Duration> {
        let at_once = self.acceptable && self.wants_listener();
        if at_once { Some(Duration::ZERO) } else { self.turns.timeout() }
    }

    /// The kernel says that clients are waiting at the listener.
    pub(super) fn wake_listener(&mut self) {
        self.acceptable = true;
    }

    /// Accepting pauses for a moment.
    pub(super) fn pause(&mut self, now: Instant) {
        self.turns.accepting.pause(now);
    }

    /// The kernel reports this event of a member.
    pub(super) fn wake(&mut self, token: Token, ready: Ready) {
        let Some(entry) = entry(&mut self.table, token) else { return };
        ready.note(&mut entry.conn);
        entry.stalled &= !ready.writable;
        // One that is neither read nor written has no other way to find out.
        if ready.dead && entry.leaves && entry.seat.is_some() {
            return self.dooms(token, Ending::Reset);
        }
        self.turns.give(&mut entry.member);
    }

    /// Handles members whose timers are due.
    pub(super) fn expire(&mut self, now: Instant) {
        if stopping::stage() == Stage::Cut {
            let all: Vec<Token> =
                self.table.iter().map(|(_, entry)| entry.member.token()).collect();
            all.into_iter().for_each(|token| self.dooms(token, Ending::Cut));
        }
        while let Some((due, token)) = self.turns.take_due(now) {
            let Some(entry) = entry(&mut self.table, token) else { continue };
            if !entry.stalled {
                // A silent member is not idle; a member that does not read is.
                entry.member.progressed_at = now;
            }
            self.turns.is_due(due, &mut entry.member, Some(&mut entry.conn), now);
            if let Some(ending) = entry.member.doomed() {
                self.dooms(token, ending);
            }
        }
    }

    /// Accepts who is waiting at the listener, as many as one turn may. `joined` tells the kernel about
    /// a newcomer, who is read from the beginning, and says whether the model could take it in.
    pub(super) fn accept(
        &mut self,
        listener: Listener,
        now: Instant,
        mut joined: impl FnMut(Token, &Conn) -> bool,
    ) {
        let mut left = accepts_now(&mut self.turns, &mut self.acceptable, now);
        while let Some(conn) =
            next_accepted(&mut self.turns, &mut self.acceptable, listener, now, &mut left)
        {
            let token = self.turns.name(self.table.vacant_key());
            if joined(token, &conn) {
                self.join(token, conn, now);
            } else {
                conn.turn_away();
            }
        }
        if self.turns.accepting == Accepting::Stopped {
            self.room.close();
        }
    }

    fn join(&mut self, token: Token, mut conn: Conn, now: Instant) {
        let member = self.turns.join(token, &mut conn, now);
        let seat = conn.client.session.visitor().map(|peer| {
            loop {
                match self.room.join(peer) {
                    Ok(seat) => break seat,
                    Err(_full) => self.tell_everyone(now),
                }
            }
        });
        let place = self.table.insert(Entry::new(conn, member, seat));
        assert_eq!(place, token.place() as usize, "the token names the vacant place");
        if seat.is_none() {
            // It has gone before its address was read.
            self.dooms(token, Ending::Reset);
        }
    }

    /// Gives every member on the run list its turn, and sends new messages to all.
    pub(super) fn turns(&mut self, now: Instant) {
        for _ in 0..self.turns.len() {
            let Some(token) = self.turns.next() else { break };
            let Some(entry) = entry(&mut self.table, token) else { continue };
            entry.member.has_its_turn();
            if let Phase::Closing(_) = entry.conn.phase {
                let blocked = drive::close(&mut entry.conn);
                self.closes(token, &blocked);
            } else {
                self.hear(token, now);
                self.tell(token, now);
            }
        }
        self.tell_everyone(now);
    }

    /// Adds a member's message.
    fn hear(&mut self, token: Token, now: Instant) {
        let mut reads = 0;
        while let Some(entry) = entry(&mut self.table, token).filter(|entry| !entry.leaves) {
            match entry.hear(&mut self.room, &mut reads) {
                Heard::Something => {}
                Heard::Full => self.tell_everyone(now),
                Heard::Everything => return,
                Heard::ItsTurn => return self.turns.give(&mut entry.member),
                Heard::TheEnd => return self.leaves(token),
                Heard::Gone(ending) => return self.dooms(token, ending),
            }
        }
    }

    /// Sends new messages to all members, and announces who leaves.
    fn tell_everyone(&mut self, now: Instant) {
        loop {
            let said = (self.room.end(), self.room.is_over());
            if self.told != said {
                self.told = said;
                for place in 0..self.table.capacity() {
                    let Some(entry) = self.table.get(place) else { continue };
                    let token = entry.member.token();
                    self.tell(token, now);
                }
            }
            let Some(token) = self.leaving.pop() else { return };
            let Some(seat) = entry(&mut self.table, token).and_then(|entry| entry.seat) else {
                continue;
            };
            if stopping::is_stopping() {
                self.room.quiet(seat);
            } else if self.room.leave(seat).is_err() {
                self.leaving.push(token);
                self.told.0 = 0;
            } else if let Some(entry) = entry(&mut self.table, token) {
                self.turns.give(&mut entry.member);
            }
        }
    }

    /// Sends one member the messages, as far as its socket takes them.
    fn tell(&mut self, token: Token, now: Instant) {
        let Some(entry) = entry(&mut self.table, token) else { return };
        let Some(seat) = entry.seat.filter(|_| entry.member.doomed().is_none()) else { return };
        let (session, stream) = (&mut entry.conn.client.session, &entry.conn.stream);
        loop {
            let Ok(pending) = self.room.pending(seat) else {
                return self.dooms(token, Ending::TooSlow);
            };
            if entry.stalled || (pending.is_empty() && !self.room.is_done(seat)) {
                return;
            }
            // The room's messages come first, then the text for this member alone.
            let taken = match (pending, session.step()) {
                ([], Step::Write(bytes)) => send(stream, bytes).map(|n| session.sent(n)),
                ([], _) => break,
                (pending, _) => send(stream, pending).map(|n| self.room.sent(seat, n)),
            };
            match taken {
                Ok(()) => entry.member.progressed_at = now,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.room.stall(seat);
                    entry.stalled = true;
                    entry.member.progressed_at = now;
                    return changes(&mut self.changed, entry);
                }
                Err(error) => return self.dooms(token, drive::ending(&error)),
            }
        }
        entry.seat = None;
        self.room.remove(seat);
        let blocked = drive::begin_to_close(&mut entry.conn);
        self.closes(token, &blocked);
    }

    /// A member is being closed.
    fn closes(&mut self, token: Token, blocked: &Blocked) {
        if let Blocked::Over(ending) = *blocked {
            return self.dooms(token, ending);
        }
        let Some(entry) = entry(&mut self.table, token) else { return };
        entry.drops_input = matches!(blocked, Blocked::OnClose { bytes: true, .. });
        self.turns.waits(&mut entry.member, blocked, None);
        changes(&mut self.changed, entry);
    }

    /// A member will say nothing any more.
    fn leaves(&mut self, token: Token) {
        let Some(entry) = entry(&mut self.table, token) else { return };
        if !std::mem::replace(&mut entry.leaves, true) {
            self.leaving.push(token);
            changes(&mut self.changed, entry);
        }
    }

    /// A member is gone, for this reason.
    fn dooms(&mut self, token: Token, ending: Ending) {
        let Some(entry) = entry(&mut self.table, token) else { return };
        entry.member.doom(ending);
        if let Some(seat) = entry.seat {
            // It must not be waited for.
            self.room.stall(seat);
        }
        changes(&mut self.changed, entry);
        self.leaves(token);
    }

    /// Tells the kernel what each member waits for, where that has changed; `None` is a member that is
    /// gone, whose descriptor is closed next.
    pub(super) fn settle(
        &mut self,
        mut tell_kernel: impl FnMut(&Conn, Token, Option<Interest>) -> io::Result<()>,
    ) -> io::Result<()> {
        while let Some(token) = self.changed.pop() {
            let Some(entry) = entry(&mut self.table, token) else { continue };
            entry.changed = false;
            if let Some(ending) = entry.member.doomed() {
                tell_kernel(&entry.conn, token, None)?;
                self.turns.left(token);
                let Entry { conn, seat, .. } = self.table.remove(token.place() as usize);
                seat.into_iter().for_each(|seat| self.room.remove(seat));
                conn.end(ending);
                continue;
            }
            let read = entry.drops_input || !entry.leaves;
            let interest = Interest { read, write: entry.stalled };
            if std::mem::replace(&mut entry.told, interest) != interest {
                tell_kernel(&entry.conn, token, Some(interest))?;
            }
        }
        Ok(())
    }
}

impl Entry {
    fn new(conn: Conn, member: Member, seat: Option<Seat>) -> Self {
        let told = Interest { read: true, write: false };
        let (leaves, stalled, drops_input, changed) = (false, false, false, false);
        Self { conn, member, seat, leaves, stalled, drops_input, told, changed }
    }

    /// Reads some of this member's input, and adds its messages.
    fn hear(&mut self, room: &mut Room, reads: &mut usize) -> Heard {
        let Some(seat) = self.seat else { return Heard::Everything };
        let Conn { client, stream, readable, unproven, .. } = &mut self.conn;
        let session = &mut client.session;
        match session.step() {
            Step::Outside(Outside::Say(message)) => {
                if room.say(seat, message).is_err() {
                    return Heard::Full;
                }
                session.said();
                Heard::Something
            }
            Step::Read(_) if !*readable => {
                session.rest();
                Heard::Everything
            }
            Step::Read(_) if *reads == READS_PER_TURN_MAX => Heard::ItsTurn,
            Step::Read(space) => {
                let offered = space.len();
                match recv(stream, space) {
                    Ok(n) => {
                        *reads += 1;
                        *readable = n == offered || *unproven;
                        drive::received(session, stream, n);
                        Heard::Something
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        (*readable, *unproven) = (false, false);
                        Heard::Something
                    }
                    Err(error) => Heard::Gone(drive::ending(&error)),
                }
            }
            // The text for this member alone comes last.
            Step::Write(_) | Step::Close => Heard::TheEnd,
            step => unreachable!("{step:?} in a room"),
        }
    }
}

fn changes(changed: &mut Vec<Token>, entry: &mut Entry) {
    if !std::mem::replace(&mut entry.changed, true) {
        changed.push(entry.member.token());
    }
}

fn entry(table: &mut Slab<Entry>, token: Token) -> Option<&mut Entry> {
    table.get_mut(token.place() as usize).filter(|entry| entry.member.token() == token)
}
