//! Leader and followers: several threads wait at one epoll(7); the thread that receives an event
//! serves that client while the others keep waiting.
//!
//! Waits in: epoll_wait(2), every thread at the same epoll, for one event at a time.
//! Scheduler: the kernel, which wakes one of the waiting threads. With EPOLLONESHOT it then reports
//! nothing about this client until the client is armed again; otherwise two threads would serve it
//! at once.
//! Runs out of: the lock around the table of clients, which every event takes; each event also
//! costs an epoll_ctl(2). No client belongs to a thread, so no client waits behind another's long
//! job while a thread is free.
//! Compare: `multi_reactor.rs` (a loop for each thread, nothing shared); `reactor_workers.rs` (one
//! thread waits, the others work, with a hand-over between them). Method: Schmidt, Stal, Rohnert
//! and Buschmann, Pattern-Oriented Software Architecture 2, Leader/Followers.
//! In C: `benches/yardstick/c/leader_followers.c`.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::event::epoll::{self, CreateFlags, Event, EventFlags};
use rustix::event::{EventfdFlags, eventfd};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};

use super::epoll::{data, ready, wait};
use super::{Family, Model, Workers, usable_processors};
use crate::net::{Listener, Server};
use crate::reactor::timers::CUT_TICK;
use crate::reactor::{Clients, Token, Want};
use crate::threads::in_threads;
use crate::{connection::drive, stopping};

pub(crate) const MODEL: Model = Model {
    name: "leader-followers",
    family: Family::Reactor,
    summary: "a thread per processor, all waiting at one epoll; the thread that gets an event \
        serves that client",
    workers: Workers::Floating(usable_processors),
    run,
    ..Model::PLAIN
};

/// A timer is due: a job's wait or an idle timeout.
const TIMER: Token = Token::special(1);
/// All clients are gone.
const END: Token = Token::special(2);
const ONCE: EventFlags = EventFlags::IN.union(EventFlags::ONESHOT);

/// The state that all threads share.
struct Shared {
    listener: Listener,
    epoll: OwnedFd,
    timer: OwnedFd,
    end: OwnedFd,
    state: Mutex<State>,
}

struct State {
    clients: Clients,
    /// Whether the listener is armed.
    listening: bool,
    /// When the timer fires, if it is set.
    alarm: Option<Instant>,
}

fn run(server: &'static Server) -> io::Result<()> {
    server.set_nonblocking()?;
    let (timer_flags, end_flags) = (TimerfdFlags::CLOEXEC, EventfdFlags::CLOEXEC);
    let shared = Shared {
        listener: server.listener(),
        epoll: epoll::create(CreateFlags::CLOEXEC)?,
        timer: timerfd_create(TimerfdClockId::Monotonic, timer_flags)?,
        end: eventfd(0, end_flags)?,
        state: Mutex::new(State { clients: Clients::new(server, 0), listening: true, alarm: None }),
    };
    epoll::add(&shared.epoll, shared.listener, data(Token::LISTENER), ONCE)?;
    if let Some(others) = shared.lock().clients.others()? {
        let edge = EventFlags::IN | EventFlags::ET;
        epoll::add(&shared.epoll, others, data(Token::OTHERS), edge)?;
    }
    // An edge wakes one thread; a level would wake all.
    epoll::add(&shared.epoll, &shared.timer, data(TIMER), EventFlags::IN | EventFlags::ET)?;
    epoll::add(&shared.epoll, &shared.end, data(END), EventFlags::IN)?;
    in_threads(server, server.workers, |_| Ok(()), |_, ()| shared.follow())
}

impl Shared {
    /// The loop of every thread: it waits, and becomes the leader for the event that it gets.
    fn follow(&self) -> io::Result<()> {
        // One event at a time: what this thread cannot serve now is left to the others.
        let mut events: Vec<Event> = Vec::with_capacity(1);
        let mut timeout = None;
        loop {
            wait(&self.epoll, &mut events, timeout)?;
            let mut state = self.lock();
            if let Some(event) = events.first() {
                match Token::from_number(event.data.u64()) {
                    Token::LISTENER => {
                        state.clients.wake_listener();
                        state.listening = false;
                    }
                    TIMER => state.alarm = None,
                    END => {}
                    token => _ = state.clients.wake(token, ready(event.flags)),
                }
            }
            let now = Instant::now();
            state.clients.expire(now);
            state.clients.accept(self.listener, now, |token, conn| {
                epoll::add(&self.epoll, conn, data(token), ONCE).is_ok()
            });
            state = self.lead(state, now)?;
            if state.clients.is_over() {
                rustix::io::write(&self.end, &1_u64.to_ne_bytes())?;
                return Ok(());
            }
            self.watch(&mut state)?;
            timeout = if state.clients.turns() > 0 {
                Some(Duration::ZERO)
            } else {
                // If something new is due sooner, no thread's wait is shortened: the timer, which
                // all threads watch, is set instead.
                stopping::is_stopping().then_some(CUT_TICK)
            };
        }
    }

    /// Gives the pending turns, without holding the lock during a client's turn.
    fn lead<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        now: Instant,
    ) -> io::Result<MutexGuard<'a, State>> {
        for _ in 0..state.clients.turns() {
            let Some((token, mut conn)) = state.clients.begin_turn(now) else { break };
            drop(state);
            let outcome = drive::until_blocked(&mut conn, false);
            state = self.lock();
            let flags = match state.clients.end_turn(token, conn, outcome, now).want {
                Some(Want::Read) => ONCE,
                Some(Want::Write) => EventFlags::OUT | EventFlags::ONESHOT,
                Some(Want::Nothing) | None => continue,
            };
            if let Some((socket, _)) = state.clients.told(token) {
                epoll::modify(&self.epoll, socket, data(token), flags)?;
            }
        }
        Ok(state)
    }

    /// Arms the listener, and the timer for the next due time.
    fn watch(&self, state: &mut State) -> io::Result<()> {
        if !state.listening && state.clients.wants_listener() {
            state.listening = true;
            epoll::modify(&self.epoll, self.listener, data(Token::LISTENER), ONCE)?;
        }
        if let Some(due) = state.clients.next_due()
            && state.alarm.is_none_or(|alarm| due < alarm)
        {
            state.alarm = Some(due);
            // Zero would switch it off.
            let timeout = due.saturating_duration_since(Instant::now());
            let timeout = Timespec::try_from(timeout.max(Duration::from_nanos(1)));
            let timeout = timeout.map_err(io::Error::other)?;
            let once = Itimerspec { it_interval: Timespec::default(), it_value: timeout };
            timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &once)?;
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
