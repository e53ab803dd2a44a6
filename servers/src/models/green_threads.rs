//! Green threads: each client has a stack of its own and code that seems to block. In each
//! processor's thread, a loop around epoll(7) switches between the stacks.
//!
//! Waits in: epoll_wait(2), in each loop; a client's code waits in [`Green::event`], which switches
//! to the loop's stack.
//! Scheduler: the loop's queue of ready green threads, first come, first served. It does not
//! preempt, so a long computation delays the other clients of its loop.
//! Runs out of: memory for stacks. Each client reserves one and uses as much of it as its deepest
//! call has touched. Then cores and descriptors.
//! Compare: `thread_per_client.rs` (the same code on the kernel's threads); `own_runtime.rs` (the
//! same loop, with a future for each client instead of a stack).
//! In C, what is below it: `benches/yardstick/c/multi_reactor.c`.
//!
//! Go and Java's virtual threads work like this. Their green threads move between processors and
//! their stacks grow; these stay with their loop and have a fixed size.

use std::cell::RefCell;
use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;
use std::time::{Duration, Instant};

use corosensei::stack::DefaultStack;
use corosensei::{Coroutine, CoroutineResult, Yielder};
use rustix::event::epoll::{self, CreateFlags, Event, EventData};
use slab::Slab;

use super::epoll::{EVENTS_MAX, wait};
use super::epoll_edge::{ALL, edge};
use super::{Family, Model, Workers, usable_processors};
use crate::apps::outside::Others;
use crate::connection::drive::{Blocked, job_is_over, until_blocked};
use crate::connection::{Conn, Ending};
use crate::net::{ACCEPT_PAUSE, Accepted, Listener, Server};
use crate::reactor::timers::wait_until;
use crate::reactor::{Ready, Token};
use crate::stopping::{self, Stage};
use crate::threads::in_threads;

pub(crate) const MODEL: Model = Model {
    name: "green-threads",
    family: Family::Thread,
    summary: "a stackful coroutine for each client, on an epoll loop per processor",
    workers: Workers::Fixed(usable_processors),
    listener_per_worker: true,
    descriptors_per_worker: 1,
    run,
    ..Model::PLAIN
};

/// Address space of one stack. The pages that a client has touched stay used until it leaves.
const STACK_BYTES: usize = 64 * 1024;
/// Stacks kept for later clients, because creating one takes three system calls.
const SPARE_STACKS_MAX: usize = 64;
/// Clients accepted before the other green threads have their turn.
const ACCEPTS_PER_TURN_MAX: usize = 16;

fn run(server: &'static Server) -> io::Result<()> {
    server.set_nonblocking()?;
    in_threads(
        server,
        server.workers,
        |worker| {
            let scheduler = Rc::new(Scheduler {
                epoll: epoll::create(CreateFlags::CLOEXEC)?,
                worker,
                state: RefCell::default(),
            });
            let (listener, spawner) = (server.listener_of(worker), Rc::clone(&scheduler));
            scheduler.spawn(&listener, move |green| accept(&spawner, listener, green))?;
            Ok(scheduler)
        },
        |_, scheduler| scheduler.run(),
    )
}

/// The first green thread of each loop: it accepts clients.
fn accept(scheduler: &Rc<Scheduler>, listener: Listener, green: &Green<'_>) {
    loop {
        for _ in 0..ACCEPTS_PER_TURN_MAX {
            match listener.accept() {
                Accepted::Conn(conn) => start(scheduler, conn),
                Accepted::TurnedAway => {}
                // The kernel tells of the next client once, and this has seen the last.
                Accepted::Nobody => _ = green.event(None),
                Accepted::Exhausted => green.sleep(ACCEPT_PAUSE),
                Accepted::Stopped => return,
            }
        }
        green.next_turn();
    }
}

/// Creates a green thread for a client.
fn start(scheduler: &Rc<Scheduler>, mut conn: Conn) {
    conn.client.taken_by(scheduler.worker);
    // Shared with this function, so that the client is still at hand where no stack can be had.
    let socket = Rc::new(RefCell::new(Some(conn)));
    let its = Rc::clone(&socket);
    let client = move |green: &Green<'_>| {
        let conn = its.borrow_mut().take();
        conn.into_iter().for_each(|conn| client(conn, green));
    };
    let started = match &*socket.borrow() {
        Some(conn) => scheduler.spawn(conn, client).is_ok(),
        None => unreachable!("it has not run yet"),
    };
    if !started && let Some(conn) = socket.borrow_mut().take() {
        conn.turn_away();
    }
}

/// The green thread of a client: it serves the client to its end.
fn client(mut conn: Conn, green: &Green<'_>) {
    let idle_timeout = conn.client.server().config.idle_timeout;
    let mut idle_at = Instant::now() + idle_timeout;
    let mut others = None;
    let ending = loop {
        let (blocked, progress) = until_blocked(&mut conn, false);
        if progress {
            idle_at = Instant::now() + idle_timeout;
        }
        match blocked {
            Blocked::OnRead | Blocked::OnWrite => match green.event(Some(idle_at)) {
                Some(ready) => _ = ready.note(&mut conn),
                None => break Ending::Idle,
            },
            Blocked::OnJob(duration) => {
                green.sleep(duration);
                job_is_over(&mut conn);
                idle_at = Instant::now() + idle_timeout;
            }
            Blocked::OnTurn => green.next_turn(),
            // Whether something has come or the time is over, its next turn looks.
            Blocked::OnClose { bytes: true, time } => {
                _ = green.event(Some(Instant::now() + time));
            }
            Blocked::OnClose { bytes: false, time } => green.sleep(time),
            Blocked::Outside => match can_go_on(&conn, green, &mut others) {
                Ok(ready) => {
                    ready.note(&mut conn);
                    idle_at = Instant::now() + idle_timeout;
                }
                Err(_) => break Ending::Shed,
            },
            Blocked::OnWork(_) => unreachable!("jobs are not handed out"),
            Blocked::Over(ending) => break ending,
        }
    };
    conn.end(ending);
}

/// Waits until work outside the connection lets the client go on, or the client is gone. Events of
/// the connection end the wait too.
fn can_go_on(conn: &Conn, green: &Green<'_>, others: &mut Option<Others>) -> io::Result<Ready> {
    let others = match others {
        Some(others) => others,
        none => {
            let others = none.insert(Others::new()?);
            green.watch(others)?;
            others
        }
    };
    others.watch(Token::special(1), &conn.stream, conn.beside.as_deref())?;
    let ready = green.event(None);
    others.take();
    Ok(ready.unwrap_or_default())
}

/// What a green thread waits for while its loop runs others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wait {
    /// An event of its socket, or this deadline.
    Event(Option<Instant>),
    /// This time.
    Time(Instant),
    /// Its next turn.
    Turn,
}

/// A green thread's own handle, with the ways to wait.
struct Green<'a> {
    yielder: &'a Yielder<Option<Ready>, Wait>,
    scheduler: &'a Scheduler,
    key: usize,
}

impl Green<'_> {
    /// Also receives events of this descriptor, beside those of its socket.
    fn watch(&self, descriptor: &impl AsFd) -> io::Result<()> {
        self.scheduler.watch(descriptor, self.key)
    }

    /// Waits for an event of its socket; `None` if the deadline came first.
    fn event(&self, deadline: Option<Instant>) -> Option<Ready> {
        self.yielder.suspend(Wait::Event(deadline))
    }

    /// Waits for this time, whatever events arrive.
    fn sleep(&self, duration: Duration) {
        self.yielder.suspend(Wait::Time(Instant::now() + duration));
    }

    /// Yields to the other ready green threads.
    fn next_turn(&self) {
        self.yielder.suspend(Wait::Turn);
    }
}

type Stack = Coroutine<Option<Ready>, Wait, (), DefaultStack>;

/// A green thread as its loop sees it.
struct Thread {
    /// `None` while it runs.
    stack: Option<Stack>,
    wait: Wait,
    /// Events since it last asked.
    ready: Option<Ready>,
    queued: bool,
    /// Its entry in the deadlines, while it has one.
    alarm: Option<Instant>,
}

/// The loop of one worker.
struct Scheduler {
    epoll: OwnedFd,
    worker: usize,
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    threads: Slab<Thread>,
    queue: VecDeque<usize>,
    deadlines: BTreeSet<(Instant, usize)>,
    spare: Vec<DefaultStack>,
}

impl Scheduler {
    /// Creates a green thread that waits for events of this socket.
    fn spawn(
        self: &Rc<Self>,
        socket: &impl AsFd,
        work: impl FnOnce(&Green<'_>) + 'static,
    ) -> io::Result<()> {
        let mut state = self.state.borrow_mut();
        let stack = match state.spare.pop() {
            Some(stack) => stack,
            None => DefaultStack::new(STACK_BYTES)?,
        };
        let key = state.threads.vacant_key();
        self.watch(socket, key)?;
        let scheduler = Rc::clone(self);
        let run = move |yielder: &_, _| work(&Green { yielder, scheduler: &scheduler, key });
        let stack = Some(Coroutine::with_stack(stack, run));
        let thread = Thread { stack, wait: Wait::Turn, ready: None, queued: false, alarm: None };
        state.threads.insert(thread);
        state.enqueue(key);
        Ok(())
    }

    /// Registers a descriptor, edge-triggered.
    fn watch(&self, descriptor: &impl AsFd, key: usize) -> io::Result<()> {
        Ok(epoll::add(&self.epoll, descriptor, EventData::new_u64(key as u64), ALL)?)
    }

    /// Runs the ready green threads, and waits if none is ready, until none is left.
    fn run(&self) -> io::Result<()> {
        let mut events = Vec::with_capacity(EVENTS_MAX);
        while !self.state.borrow().threads.is_empty() {
            // Those that become ready meanwhile come after the kernel has been asked again.
            let ready = self.state.borrow().queue.len();
            for _ in 0..ready {
                self.next();
            }
            if stopping::stage() == Stage::Cut {
                // Dropping a stack unwinds it, which ends its client.
                let cut: Vec<Thread> = self.state.borrow_mut().threads.drain().collect();
                drop(cut);
                return Ok(());
            }
            self.wait(&mut events)?;
        }
        Ok(())
    }

    /// Switches to the next green thread on the queue, until it waits or ends.
    fn next(&self) {
        let mut state = self.state.borrow_mut();
        let Some(key) = state.queue.pop_front() else { return };
        let thread = &mut state.threads[key];
        thread.queued = false;
        let told = if matches!(thread.wait, Wait::Event(_)) { thread.ready.take() } else { None };
        let Some(mut stack) = thread.stack.take() else { return };
        // Nothing is borrowed while it runs: it may make others.
        drop(state);
        let outcome = stack.resume(told);
        let mut state = self.state.borrow_mut();
        match outcome {
            CoroutineResult::Yield(wait) => {
                state.threads[key].stack = Some(stack);
                state.wait(key, wait);
            }
            CoroutineResult::Return(()) => {
                if let Some(at) = state.threads.remove(key).alarm {
                    state.deadlines.remove(&(at, key));
                }
                if state.spare.len() < SPARE_STACKS_MAX {
                    state.spare.push(stack.into_stack());
                }
            }
        }
    }

    /// Waits for events or the next deadline, and enqueues the green threads concerned.
    fn wait(&self, events: &mut Vec<Event>) -> io::Result<()> {
        let (first, busy) = {
            let state = self.state.borrow();
            let first = state.deadlines.first().map(|(at, _)| *at);
            (first, !state.queue.is_empty() || state.threads.is_empty())
        };
        wait(&self.epoll, events, if busy { Some(Duration::ZERO) } else { wait_until(first) })?;
        let mut state = self.state.borrow_mut();
        for event in &*events {
            let key = usize::try_from(event.data.u64()).expect("a key of this table");
            // It may have left, and another client may have its place; an extra wake-up does no
            // harm.
            if let Some(thread) = state.threads.get_mut(key) {
                thread.ready = Some(thread.ready.unwrap_or_default().and(edge(event.flags)));
                if matches!(thread.wait, Wait::Event(_)) {
                    state.enqueue(key);
                }
            }
        }
        if first.is_some() {
            state.expire(Instant::now());
        }
        Ok(())
    }
}

impl State {
    fn enqueue(&mut self, key: usize) {
        if !std::mem::replace(&mut self.threads[key].queued, true) {
            self.queue.push_back(key);
        }
    }

    /// Records what a green thread waits for.
    fn wait(&mut self, key: usize, wait: Wait) {
        let thread = &mut self.threads[key];
        thread.wait = wait;
        let deadline = match wait {
            Wait::Turn => return self.enqueue(key),
            Wait::Event(_) if thread.ready.is_some() => return self.enqueue(key),
            Wait::Event(deadline) => deadline,
            Wait::Time(at) => Some(at),
        };
        // An earlier alarm may stay: when it fires, this deadline is set. So a usual request, which
        // only postpones the idle timeout, does not touch the tree.
        if let Some(at) = deadline
            && thread.alarm.is_none_or(|alarm| at < alarm)
        {
            if let Some(later) = thread.alarm.replace(at) {
                self.deadlines.remove(&(later, key));
            }
            self.deadlines.insert((at, key));
        }
    }

    /// Enqueues the green threads whose deadline has come.
    fn expire(&mut self, now: Instant) {
        while let Some((at, key)) = self.deadlines.first().copied()
            && at <= now
        {
            self.deadlines.pop_first();
            self.threads[key].alarm = None;
            let wait = self.threads[key].wait;
            match wait {
                Wait::Event(Some(at)) | Wait::Time(at) if at > now => self.wait(key, wait),
                Wait::Event(Some(_)) | Wait::Time(_) => self.enqueue(key),
                Wait::Event(None) | Wait::Turn => {}
            }
        }
    }
}
