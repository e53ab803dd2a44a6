//! A runtime of our own: async tasks, with the executor and the reactor in this file.
//!
//! Waits in: epoll_wait(2), in [`Runtime::run`], when no task is ready; tasks wait in `.await`.
//! Scheduler: a queue of ready tasks, first come, first served; a task that computes delays the
//! others.
//! Runs out of: its one core; then memory. Each client has a task, which is as large as everything
//! it keeps across an `.await`.
//! Compare: `tokio_current.rs` (the same tasks on tokio); `epoll_edge.rs` (keeps in a table the
//! state that the compiler keeps for [`client`] here); `green_threads.rs` (each client has a stack
//! instead).
//! In C, what is below it: `benches/yardstick/c/epoll_edge.c`.
//!
//! Read it in this order. [`client`] is what a user of a runtime writes. Each `.await` in it ends
//! in [`Wait`], a future that leaves its waker with the reactor and returns `Pending`. The reactor
//! ([`Runtime::wait`]) sleeps in epoll, and wakes the tasks whose socket is ready or whose deadline
//! has come. A waker puts its task on the queue ([`Wakeup`]) and does nothing else. The executor
//! ([`Runtime::run`]) takes tasks from the queue and polls them.

use std::cell::RefCell;
use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use rustix::event::epoll::{self, CreateFlags, Event, EventData};
use slab::Slab;

use super::epoll::{EVENTS_MAX, wait};
use super::epoll_edge::{ALL, edge};
use super::{Family, Model};
use crate::apps::outside::Others;
use crate::connection::drive::{Blocked, job_is_over, until_blocked};
use crate::connection::{Conn, Ending};
use crate::net::{ACCEPT_PAUSE, Accepted, Listener, Server};
use crate::reactor::timers::wait_until;
use crate::reactor::{Ready, Token};
use crate::stopping::{self, Stage};

pub(crate) const MODEL: Model = Model {
    name: "own-runtime",
    family: Family::Async,
    summary: "async tasks on an executor and a reactor written in one file",
    run,
    ..Model::PLAIN
};

/// Clients accepted before the other tasks have their turn.
const ACCEPTS_PER_TURN_MAX: usize = 16;

fn run(server: &'static Server) -> io::Result<()> {
    server.set_nonblocking()?;
    let runtime = Rc::new(Runtime {
        epoll: epoll::create(CreateFlags::CLOEXEC)?,
        tasks: RefCell::default(),
        queue: Arc::default(),
        reactor: RefCell::default(),
    });
    let socket = runtime.register(&server.listener())?;
    runtime.spawn(accept(socket, server.listener()));
    server.ready()?;
    runtime.run()
}

/// The task that accepts clients and spawns a task for each of them.
async fn accept(socket: Socket, listener: Listener) {
    loop {
        for _ in 0..ACCEPTS_PER_TURN_MAX {
            match listener.accept() {
                Accepted::Conn(mut conn) => {
                    let Ok(socket) = socket.runtime.register(&conn) else {
                        conn.turn_away();
                        continue;
                    };
                    conn.client.taken_by(0);
                    let runtime = Rc::clone(&socket.runtime);
                    runtime.spawn(client(conn, socket));
                }
                Accepted::TurnedAway => {}
                // The kernel tells of the next client once, and this task has seen the last.
                Accepted::Nobody => _ = socket.event(None).await,
                Accepted::Exhausted => socket.sleep(ACCEPT_PAUSE).await,
                Accepted::Stopped => return,
            }
        }
        socket.next_turn().await;
    }
}

/// The task that serves one client to its end.
async fn client(mut conn: Conn, socket: Socket) {
    let idle_timeout = conn.client.server().config.idle_timeout;
    let mut idle_at = Instant::now() + idle_timeout;
    let mut outside = None;
    let ending = loop {
        let (blocked, progress) = until_blocked(&mut conn, false);
        if progress {
            idle_at = Instant::now() + idle_timeout;
        }
        match blocked {
            Blocked::OnRead | Blocked::OnWrite => match socket.event(Some(idle_at)).await {
                Some(ready) => _ = ready.note(&mut conn),
                None => break Ending::Idle,
            },
            Blocked::OnJob(duration) => {
                socket.sleep(duration).await;
                job_is_over(&mut conn);
                idle_at = Instant::now() + idle_timeout;
            }
            Blocked::OnTurn => socket.next_turn().await,
            // Whether something has come or the time is over, its next turn looks.
            Blocked::OnClose { bytes: true, time } => {
                _ = socket.event(Some(Instant::now() + time)).await;
            }
            Blocked::OnClose { bytes: false, time } => socket.sleep(time).await,
            Blocked::Outside => {
                if can_go_on(&conn, &socket, &mut outside).await.is_err() {
                    break Ending::Shed;
                }
                idle_at = Instant::now() + idle_timeout;
            }
            Blocked::OnWork(_) => unreachable!("jobs are not handed out"),
            Blocked::Over(ending) => break ending,
        }
    };
    conn.end(ending);
}

/// Waits until work outside the connection lets the client go on, or the client is gone.
async fn can_go_on(
    conn: &Conn,
    socket: &Socket,
    outside: &mut Option<(Socket, Others)>,
) -> io::Result<()> {
    let (socket, others) = match outside {
        Some(outside) => outside,
        none => {
            let others = Others::new()?;
            none.insert((socket.runtime.register(&others)?, others))
        }
    };
    others.watch(Token::special(1), &conn.stream, conn.beside.as_deref())?;
    socket.event(None).await;
    others.take();
    Ok(())
}

/// A task: an unfinished future, and the waker that puts it on the queue.
struct Task {
    /// `None` while it is being polled.
    future: Option<Pin<Box<dyn Future<Output = ()>>>>,
    waker: Waker,
}

/// The tasks that are ready to be polled. By the contract of [`Waker`], any thread may use a waker,
/// so the queue has a lock, although only one thread takes it here.
type Queue = Mutex<VecDeque<usize>>;

/// Puts a task on the queue; this is all that a waker does.
struct Wakeup {
    task: usize,
    queue: Arc<Queue>,
}

impl Wake for Wakeup {
    fn wake(self: Arc<Self>) {
        lock(&self.queue).push_back(self.task);
    }
}

fn lock(queue: &Queue) -> MutexGuard<'_, VecDeque<usize>> {
    queue.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The executor and the reactor.
struct Runtime {
    epoll: OwnedFd,
    tasks: RefCell<Slab<Task>>,
    queue: Arc<Queue>,
    reactor: RefCell<Reactor>,
}

/// The sockets and deadlines that tasks wait for.
#[derive(Default)]
struct Reactor {
    sockets: Slab<Waiting>,
    /// The deadlines, each with the socket whose task waits.
    deadlines: BTreeSet<(Instant, usize)>,
}

/// The reactor's state of one socket.
#[derive(Default)]
struct Waiting {
    /// Events since its task last asked.
    ready: Option<Ready>,
    /// Its task, while the task waits.
    waker: Option<Waker>,
    /// Its entry in the deadlines, while it has one.
    deadline: Option<Instant>,
}

impl Runtime {
    /// Adds a ready task.
    fn spawn(&self, future: impl Future<Output = ()> + 'static) {
        let mut tasks = self.tasks.borrow_mut();
        let task = tasks.vacant_key();
        let waker = Waker::from(Arc::new(Wakeup { task, queue: Arc::clone(&self.queue) }));
        waker.wake_by_ref();
        tasks.insert(Task { future: Some(Box::pin(future)), waker });
    }

    /// The executor: polls ready tasks, and waits if none is ready, until no task is left.
    fn run(&self) -> io::Result<()> {
        let mut events = Vec::with_capacity(EVENTS_MAX);
        while !self.tasks.borrow().is_empty() {
            // Those that become ready meanwhile come after the kernel has been asked again.
            let ready = lock(&self.queue).len();
            for _ in 0..ready {
                let Some(task) = lock(&self.queue).pop_front() else { break };
                self.poll(task);
            }
            if stopping::stage() == Stage::Cut {
                // The end of a task is the end of its client.
                let cut: Vec<Task> = self.tasks.borrow_mut().drain().collect();
                drop(cut);
                return Ok(());
            }
            self.wait(&mut events)?;
        }
        Ok(())
    }

    fn poll(&self, id: usize) {
        // A task may have been woken twice, and have ended in between.
        let taken = self
            .tasks
            .borrow_mut()
            .get_mut(id)
            .map(|task| (task.future.take(), task.waker.clone()));
        let Some((Some(mut future), waker)) = taken else { return };
        // Nothing is borrowed here: a task may spawn others.
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(()) => _ = self.tasks.borrow_mut().remove(id),
            Poll::Pending => self.tasks.borrow_mut()[id].future = Some(future),
        }
    }

    /// The reactor: waits for events or the next deadline, and wakes the tasks concerned.
    fn wait(&self, events: &mut Vec<Event>) -> io::Result<()> {
        let first = self.reactor.borrow().deadlines.first().map(|(at, _)| *at);
        let busy = !lock(&self.queue).is_empty() || self.tasks.borrow().is_empty();
        wait(&self.epoll, events, if busy { Some(Duration::ZERO) } else { wait_until(first) })?;
        let mut reactor = self.reactor.borrow_mut();
        for event in &*events {
            let key = usize::try_from(event.data.u64()).expect("a key of this table");
            // It may have left, and another client may have its place; an extra wake-up does no
            // harm.
            if let Some(waiting) = reactor.sockets.get_mut(key) {
                waiting.ready = Some(waiting.ready.unwrap_or_default().and(edge(event.flags)));
                waiting.waker.take().into_iter().for_each(Waker::wake);
            }
        }
        if first.is_some() {
            let now = Instant::now();
            while let Some((at, key)) = reactor.deadlines.first().copied()
                && at <= now
            {
                reactor.deadlines.pop_first();
                reactor.sockets[key].deadline = None;
                reactor.sockets[key].waker.take().into_iter().for_each(Waker::wake);
            }
        }
        Ok(())
    }

    /// Registers a socket, edge-triggered.
    fn register(self: &Rc<Self>, socket: &impl AsFd) -> io::Result<Socket> {
        let key = self.reactor.borrow_mut().sockets.insert(Waiting::default());
        let registered = Socket { runtime: Rc::clone(self), key };
        epoll::add(&self.epoll, socket, EventData::new_u64(key as u64), ALL)?;
        Ok(registered)
    }
}

/// A socket that the reactor watches until this value is dropped.
struct Socket {
    runtime: Rc<Runtime>,
    key: usize,
}

impl Socket {
    /// Waits for an event of the socket; `None` if the deadline came first.
    fn event(&self, deadline: Option<Instant>) -> Wait<'_> {
        Wait { socket: self, deadline, for_kernel: true }
    }

    /// Waits for this time, whatever events arrive.
    async fn sleep(&self, duration: Duration) {
        let deadline = Some(Instant::now() + duration);
        Wait { socket: self, deadline, for_kernel: false }.await;
    }

    /// Yields to the other ready tasks.
    async fn next_turn(&self) {
        let mut asked = false;
        std::future::poll_fn(|context| {
            if std::mem::replace(&mut asked, true) {
                return Poll::Ready(());
            }
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        let mut reactor = self.runtime.reactor.borrow_mut();
        let waiting = reactor.sockets.remove(self.key);
        if let Some(at) = waiting.deadline {
            reactor.deadlines.remove(&(at, self.key));
        }
    }
}

/// Waiting for a socket or a deadline: the one future on which all others rest.
struct Wait<'a> {
    socket: &'a Socket,
    deadline: Option<Instant>,
    for_kernel: bool,
}

impl Future for Wait<'_> {
    type Output = Option<Ready>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Ready>> {
        let key = self.socket.key;
        let Reactor { sockets, deadlines } = &mut *self.socket.runtime.reactor.borrow_mut();
        let waiting = &mut sockets[key];
        if self.for_kernel
            && let Some(ready) = waiting.ready.take()
        {
            return Poll::Ready(Some(ready));
        }
        if let Some(at) = self.deadline {
            if at <= Instant::now() {
                return Poll::Ready(None);
            }
            // An earlier deadline may stay: it wakes the task, which then sets this one. So a usual
            // request, which only postpones the idle timeout, does not touch the tree.
            if waiting.deadline.is_none_or(|earlier| at < earlier) {
                waiting.deadline.replace(at).map(|later| deadlines.remove(&(later, key)));
                deadlines.insert((at, key));
            }
        }
        waiting.waker = Some(context.waker().clone());
        Poll::Pending
    }
}
