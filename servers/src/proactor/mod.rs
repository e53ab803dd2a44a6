//! What a completion loop keeps about its clients: Schmidt's completion handlers. A loop waits,
//! tells the handlers what was completed, and gives turns, in which they start the next operation.
//!
//! The invariant of everything here: **while the kernel works for a client, the client stays.** Its
//! memory and its descriptor are the kernel's to use until the completion. So a client whose time
//! has come is not removed but doomed: its socket is shut down, which ends whatever is still
//! going on, and it leaves with its last completion.

pub(crate) mod ring;

use std::collections::VecDeque;
use std::mem;
use std::time::{Duration, Instant};

use rustix::net::Shutdown;
use slab::Slab;

use crate::connection::drive::{self, Blocked};
use crate::connection::{Conn, Ending};
use crate::net::{ACCEPT_PAUSE, Accepted, Listener, Server};
use crate::proactor::ring::{Completion, Op, Ring};
use crate::reactor::timers::{self, Due, Timers};
use crate::reactor::{PLACES_KEPT, Token};
use crate::stopping::{self, Stage};

/// One client, and what is going on for it.
#[derive(Debug)]
pub(crate) struct Handler<I> {
    pub(crate) conn: Conn,
    /// What the model knows about its input.
    pub(crate) input: I,
    /// When it last got anywhere.
    pub(crate) progressed_at: Instant,
    /// Its name in the ring. No two clients have one at a time, and as a client outlives what the
    /// kernel does for it, no completion is ever about the one before.
    pub(crate) place: u32,
    /// Operations that were started and are not complete.
    in_flight: u32,
    generation: u32,
    /// Whether it is on the run list.
    queued: bool,
    /// It is to leave, for this reason.
    doomed: Option<Ending>,
}

impl<I> Handler<I> {
    /// An operation has been pushed that will complete.
    pub(crate) fn started(&mut self) {
        self.in_flight += 1;
    }

    /// Whether the kernel does nothing for it.
    pub(crate) fn is_idle(&self) -> bool {
        self.in_flight == 0
    }

    /// It is to leave, for this reason; the first counts.
    pub(crate) fn doom(&mut self, ending: Ending) {
        self.doomed.get_or_insert(ending);
    }

    fn token(&self) -> Token {
        Token::new(self.generation, self.place)
    }
}

/// Whether the loop accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Accepting {
    Open,
    /// Descriptors are gone and nobody is waiting: an accept would fail at once, over and over.
    WhenSomebodyComes,
    PausedUntil(Instant),
    Stopped,
}

/// The clients of a completion loop.
#[derive(Debug)]
pub(crate) struct Handlers<I> {
    server: &'static Server,
    listener: Listener,
    /// In boxes, so that they stay where they are while others come.
    table: Slab<Box<Handler<I>>>,
    generation: u32,
    run_list: VecDeque<u32>,
    timers: Timers,
    accepting: Accepting,
    /// Accepts in flight.
    accepts: usize,
    /// Whether the ring tells when somebody comes.
    awaiting: bool,
}

impl<I: Default> Handlers<I> {
    /// No clients yet.
    pub(crate) fn new(server: &'static Server, listener: Listener) -> Self {
        Self {
            server,
            listener,
            table: Slab::new(),
            generation: 0,
            run_list: VecDeque::new(),
            timers: Timers::default(),
            accepting: Accepting::Open,
            accepts: 0,
            awaiting: false,
        }
    }

    /// Whether the loop has come to its end: stopped, and everybody gone.
    pub(crate) fn is_over(&self) -> bool {
        self.accepting == Accepting::Stopped && self.accepts == 0 && self.table.is_empty()
    }

    /// How long the loop may wait for the kernel; `None` is for ever.
    pub(crate) fn timeout(&self) -> Option<Duration> {
        if !self.run_list.is_empty() {
            return Some(Duration::ZERO);
        }
        let paused = match self.accepting {
            Accepting::PausedUntil(at) => Some(at),
            _ => None,
        };
        timers::wait_until(self.timers.first().into_iter().chain(paused).min())
    }

    /// Starts accepting, with up to `most` operations at a time that `accept` pushes.
    pub(crate) fn listen(
        &mut self,
        ring: &mut Ring,
        most: usize,
        accept: impl Fn(&mut Ring, Listener),
    ) {
        match self.accepting {
            Accepting::Open => {
                for _ in self.accepts..most {
                    self.accepts += 1;
                    accept(ring, self.listener);
                }
            }
            Accepting::WhenSomebodyComes if !self.awaiting => {
                self.awaiting = true;
                ring.await_arrival(self.listener);
            }
            _ => {}
        }
    }

    /// An accept has completed.
    pub(crate) fn accepted(&mut self, completion: Completion, now: Instant) {
        debug_assert_eq!(completion.op, Op::Accept);
        self.accepts -= usize::from(!completion.more);
        match self.listener.completed(completion.accepted()) {
            Some(Accepted::Conn(conn)) => self.join(conn, now),
            Some(Accepted::TurnedAway) | None => {}
            Some(Accepted::Nobody) => self.accept(Accepting::WhenSomebodyComes),
            Some(Accepted::Exhausted) => self.accept(Accepting::PausedUntil(now + ACCEPT_PAUSE)),
            Some(Accepted::Stopped) => self.accept(Accepting::Stopped),
        }
    }

    /// Somebody waits at the listener, or it has been shut down.
    pub(crate) fn arrived(&mut self) {
        self.awaiting = false;
        if self.accepting == Accepting::WhenSomebodyComes {
            self.accepting = Accepting::Open;
        }
    }

    /// An operation of a client has completed. It gets a turn; `None` when it is doomed, and what
    /// came of the operation concerns nobody.
    pub(crate) fn completed(&mut self, completion: &Completion) -> Option<&mut Handler<I>> {
        let handler = &mut *self.table[completion.place as usize];
        handler.in_flight -= u32::from(!completion.more);
        queue(handler, &mut self.run_list);
        handler.doomed.is_none().then_some(handler)
    }

    /// Puts on the run list whoever's time has come.
    pub(crate) fn expire(&mut self, now: Instant) {
        if stopping::stage() == Stage::Cut {
            for (_, handler) in &mut self.table {
                handler.doom(Ending::Cut);
                queue(handler, &mut self.run_list);
            }
        }
        if let Accepting::PausedUntil(at) = self.accepting
            && at <= now
        {
            self.accepting = Accepting::Open;
        }
        while let Some((due, token)) = self.timers.take(now) {
            let handler = self.table.get_mut(token.place() as usize);
            let Some(handler) = handler.filter(|handler| handler.token() == token) else {
                continue;
            };
            match due {
                Due::Job => {
                    drive::job_is_over(&mut handler.conn);
                    handler.progressed_at = now;
                    self.timers.set(now + self.server.config.idle_timeout, Due::Idle, token);
                }
                // Its turn looks.
                Due::Close => {}
                Due::Idle => {
                    let idle_at = handler.conn.idle_at(handler.progressed_at, now);
                    if idle_at > now {
                        self.timers.set(idle_at, Due::Idle, token);
                        continue;
                    }
                    handler.doom(Ending::Idle);
                }
            }
            queue(handler, &mut self.run_list);
        }
    }

    /// How many turns there are to give: those on the run list now, and not those that these
    /// turns will add, or the kernel would never be asked again.
    pub(crate) fn turns(&self) -> usize {
        self.run_list.len()
    }

    /// The next client on the run list; `None` when it was its turn to leave. Tell what came of
    /// its turn with [`Handlers::waits`].
    pub(crate) fn next_turn(&mut self) -> Option<&mut Handler<I>> {
        let place = self.run_list.pop_front()? as usize;
        self.table[place].queued = false;
        if self.table[place].doomed.is_some() {
            self.leave(place);
            return None;
        }
        self.table.get_mut(place).map(|handler| &mut **handler)
    }

    /// What a client waits for after its turn.
    pub(crate) fn waits(&mut self, place: u32, blocked: &Blocked) {
        let handler = &mut *self.table[place as usize];
        match *blocked {
            // It has started an operation, and its completion will be its next turn.
            Blocked::OnRead | Blocked::OnWrite => {}
            Blocked::OnTurn => queue(handler, &mut self.run_list),
            // Jobs before it in this batch may have taken long: the wait starts when it starts.
            Blocked::OnJob(wait) => {
                self.timers.set(Instant::now() + wait, Due::Job, handler.token());
            }
            Blocked::OnClose { time, .. } => {
                self.timers.set(Instant::now() + time, Due::Close, handler.token());
            }
            Blocked::Over(ending) => {
                handler.doom(ending);
                self.leave(place as usize);
            }
            Blocked::OnWork(_) => unreachable!("jobs run here"),
        }
    }

    fn accept(&mut self, accepting: Accepting) {
        // Stopped is for ever, whatever accepts that were in flight with it say.
        if self.accepting != Accepting::Stopped {
            self.accepting = accepting;
        }
    }

    fn join(&mut self, mut conn: Conn, now: Instant) {
        conn.client.taken_by(0);
        self.generation = self.generation.checked_add(1).unwrap_or(1);
        let vacant = self.table.vacant_entry();
        let place = u32::try_from(vacant.key()).expect("fewer clients than 2^32");
        let handler = Box::new(Handler {
            conn,
            input: I::default(),
            progressed_at: now,
            place,
            in_flight: 0,
            generation: self.generation,
            queued: false,
            doomed: None,
        });
        let idle_at = now + self.server.config.idle_timeout;
        self.timers.set(idle_at, Due::Idle, handler.token());
        queue(vacant.insert(handler), &mut self.run_list);
    }

    /// Lets a doomed client go, or ends what the kernel still does for it.
    fn leave(&mut self, place: usize) {
        let handler = &self.table[place];
        if handler.in_flight > 0 {
            // Said once or more; a peer that is gone already has ended it by itself.
            let _ = rustix::net::shutdown(&handler.conn, Shutdown::Both);
        } else if let Some(ending) = handler.doomed {
            self.timers.remove(handler.token());
            self.table.remove(place).conn.end(ending);
            if self.table.is_empty() && self.table.capacity() > PLACES_KEPT {
                self.table = Slab::new();
            }
        }
    }
}

impl<I> Drop for Handlers<I> {
    fn drop(&mut self) {
        // Only a loop that fails leaves anybody behind. What the kernel may still write to is
        // lost then and not freed: the program is about to end.
        self.table.drain().filter(|handler| handler.in_flight > 0).for_each(mem::forget);
    }
}

fn queue<I>(handler: &mut Handler<I>, run_list: &mut VecDeque<u32>) {
    if !handler.queued {
        handler.queued = true;
        run_list.push_back(handler.place);
    }
}
