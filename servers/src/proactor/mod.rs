//! The completion loop and its clients (completion handlers in Schmidt's pattern). A loop waits for
//! completions, passes each to its client, and then gives turns, in which clients start their next
//! operations.
//!
//! The invariant of this module: **a client stays while the kernel works for it.** Until the
//! completion, the kernel may use the client's memory and descriptor. A client that has to leave is
//! therefore marked as doomed and not removed: its socket is shut down, which ends every operation,
//! and the client leaves with its last completion.
//!
//! Next: `ring`, the io_uring itself.

pub(crate) mod ring;

use std::mem;
use std::time::{Duration, Instant};

use rustix::net::Shutdown;
use slab::Slab;

use crate::connection::drive::Blocked;
use crate::connection::{Conn, Ending};
use crate::net::{Accepted, Listener, Server};
use crate::proactor::ring::{Completion, Op, Ring};
use crate::stopping::{self, Stage};
use crate::turns::{Accepting, Member, PLACES_KEPT, Turns};

/// Accepts in flight, where each brings one client. With a single one, a turn of the loop would
/// accept one client at most, and a crowd of clients would wait for as many turns.
const ACCEPTS: usize = 16;

/// One client, and its operations in the kernel.
#[derive(Debug)]
pub(crate) struct Handler<I> {
    pub(crate) conn: Conn,
    /// What the model knows about its input.
    pub(crate) input: I,
    pub(crate) member: Member,
    /// Its name in the ring, unique among the clients. A client outlives its operations in the
    /// kernel, so no completion ever refers to the name's previous owner.
    pub(crate) place: u32,
    /// Operations that were started and are not complete.
    in_flight: u32,
}

impl<I> Handler<I> {
    /// An operation has been pushed that will complete.
    pub(crate) fn started(&mut self) {
        self.in_flight += 1;
    }

    /// Whether no operation of it is in the kernel.
    pub(crate) fn is_idle(&self) -> bool {
        self.in_flight == 0
    }

    /// Dooms the client for this reason; the first reason counts.
    pub(crate) fn doom(&mut self, ending: Ending) {
        self.member.doom(ending);
    }
}

/// The clients of a completion loop.
#[derive(Debug)]
pub(crate) struct Handlers<I> {
    turns: Turns,
    listener: Listener,
    /// In boxes, so that they do not move when others join.
    table: Slab<Box<Handler<I>>>,
    /// Accepts in flight.
    accepts: usize,
    /// Whether the ring reports a waiting client at the listener.
    awaiting: bool,
    /// Whether the ring reports when a client can go on outside its connection.
    awaiting_others: bool,
}

impl<I: Default> Handlers<I> {
    /// No clients yet.
    pub(crate) fn new(server: &'static Server, listener: Listener) -> Self {
        Self {
            turns: Turns::new(server, 0),
            listener,
            table: Slab::new(),
            accepts: 0,
            awaiting: false,
            awaiting_others: false,
        }
    }

    /// Whether the loop has come to its end: stopped, and without clients.
    pub(crate) fn is_over(&self) -> bool {
        self.turns.accepting == Accepting::Stopped && self.accepts == 0 && self.table.is_empty()
    }

    /// The longest time that the loop may wait for the kernel; `None` is for ever.
    pub(crate) fn timeout(&self) -> Option<Duration> {
        self.turns.timeout()
    }

    /// Starts accepting, by one multishot operation or by several single ones, and has the ring
    /// report when a client can go on outside its connection.
    pub(crate) fn listen(&mut self, ring: &mut Ring) {
        let multishot = ring.settings().multishot_accept;
        let most = if multishot { 1 } else { ACCEPTS };
        match self.turns.accepting {
            Accepting::Open => {
                for _ in self.accepts..most {
                    self.accepts += 1;
                    if multishot {
                        ring.accept_all(self.listener);
                    } else {
                        ring.accept(self.listener);
                    }
                }
            }
            Accepting::WhenSomebodyComes if !self.awaiting => {
                self.awaiting = true;
                ring.await_readable(Op::Arrival, &self.listener);
            }
            _ => {}
        }
        // Without a descriptor for it, a client that has to wait outside gets an error.
        if let Ok(Some(others)) = self.turns.others()
            && !self.awaiting_others
        {
            self.awaiting_others = true;
            ring.await_readable(Op::Others, others);
        }
    }

    /// An accept has completed.
    pub(crate) fn accepted(&mut self, ring: &mut Ring, completion: Completion, now: Instant) {
        debug_assert_eq!(completion.op, Op::Accept);
        self.accepts -= usize::from(!completion.more);
        match self.listener.completed(completion.accepted()) {
            Some(Accepted::Conn(conn)) => self.join(ring, conn, now),
            Some(Accepted::TurnedAway) | None => {}
            Some(Accepted::Nobody) => self.turns.accepting.becomes(Accepting::WhenSomebodyComes),
            Some(Accepted::Exhausted) => self.turns.accepting.pause(now),
            Some(Accepted::Stopped) => self.turns.accepting.becomes(Accepting::Stopped),
        }
    }

    /// A client waits at the listener, or the listener has been shut down.
    pub(crate) fn arrived(&mut self) {
        self.awaiting = false;
        if self.turns.accepting == Accepting::WhenSomebodyComes {
            self.turns.accepting.becomes(Accepting::Open);
        }
    }

    /// Some clients can go on outside their connections.
    pub(crate) fn others_can_go_on(&mut self) {
        self.awaiting_others = false;
        for token in self.turns.who_can_go_on() {
            let handler = self.table.get_mut(token.place() as usize);
            if let Some(handler) = handler.filter(|handler| handler.member.token() == token) {
                self.turns.give(&mut handler.member);
            }
        }
    }

    /// An operation of a client has completed, and the client gets a turn. `None` when it is
    /// doomed, and the result of the operation is dropped.
    pub(crate) fn completed(&mut self, completion: &Completion) -> Option<&mut Handler<I>> {
        let handler = &mut *self.table[completion.place as usize];
        handler.in_flight -= u32::from(!completion.more);
        self.turns.give(&mut handler.member);
        handler.member.doomed().is_none().then_some(handler)
    }

    /// Puts the clients on the run list whose timers are due.
    pub(crate) fn expire(&mut self, now: Instant) {
        if stopping::stage() == Stage::Cut {
            for (_, handler) in &mut self.table {
                handler.doom(Ending::Cut);
                self.turns.give(&mut handler.member);
            }
        }
        self.turns.accepting.has_paused(now);
        while let Some((due, token)) = self.turns.take_due(now) {
            let handler = self.table.get_mut(token.place() as usize);
            let Some(handler) = handler.filter(|handler| handler.member.token() == token) else {
                continue;
            };
            let Handler { member, conn, .. } = &mut **handler;
            self.turns.is_due(due, member, Some(conn), now);
        }
    }

    /// The number of turns to give: one for each client on the run list now. Clients that these
    /// turns add have to wait, or the loop would never ask the kernel again.
    pub(crate) fn turns(&self) -> usize {
        self.turns.len()
    }

    /// The next client on the run list; `None` when its turn was to leave. Report the result of its
    /// turn with [`Handlers::waits`].
    pub(crate) fn next_turn(&mut self, ring: &mut Ring) -> Option<&mut Handler<I>> {
        let place = self.turns.next()?.place() as usize;
        self.table[place].member.has_its_turn();
        if self.table[place].member.doomed().is_some() {
            self.leave(ring, place);
            return None;
        }
        self.table.get_mut(place).map(|handler| &mut **handler)
    }

    /// What a client waits for after its turn.
    pub(crate) fn waits(&mut self, ring: &mut Ring, place: u32, blocked: &Blocked) {
        let handler = &mut *self.table[place as usize];
        match *blocked {
            // It has started an operation, and its completion will be its next turn.
            Blocked::OnRead | Blocked::OnWrite => {}
            Blocked::OnTurn | Blocked::OnJob(_) | Blocked::OnClose { .. } | Blocked::Outside => {
                self.turns.waits(&mut handler.member, blocked, Some(&handler.conn));
            }
            Blocked::Over(ending) => {
                handler.doom(ending);
                self.leave(ring, place as usize);
            }
            Blocked::OnWork(_) => unreachable!("jobs run here"),
        }
    }

    fn join(&mut self, ring: &mut Ring, mut conn: Conn, now: Instant) {
        let vacant = self.table.vacant_entry();
        let token = self.turns.name(vacant.key());
        let member = self.turns.join(token, &mut conn, now);
        let place = token.place();
        ring.joined(place, &conn);
        let handler = Box::new(Handler { conn, input: I::default(), member, place, in_flight: 0 });
        self.turns.give(&mut vacant.insert(handler).member);
    }

    /// Removes a doomed client, or ends its operations in the kernel.
    fn leave(&mut self, ring: &mut Ring, place: usize) {
        let handler = &self.table[place];
        if handler.in_flight > 0 {
            // A second shutdown does no harm, nor does one where the peer has already gone.
            let _ = rustix::net::shutdown(&handler.conn, Shutdown::Both);
        } else if let Some(ending) = handler.member.doomed() {
            self.turns.left(handler.member.token());
            ring.left(handler.place);
            self.table.remove(place).conn.end(ending);
            if self.table.is_empty() && self.table.capacity() > PLACES_KEPT {
                self.table = Slab::new();
            }
        }
    }
}

impl<I> Drop for Handlers<I> {
    fn drop(&mut self) {
        // Only a loop that fails leaves clients behind. Memory that the kernel may still write to
        // is then leaked and not freed: the program is about to end.
        self.table.drain().filter(|handler| handler.in_flight > 0).for_each(mem::forget);
    }
}
