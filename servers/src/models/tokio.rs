//! The common part of the tokio models: a task for each client, and the task that accepts them. The
//! models differ in the runtime on which these tasks run.

use std::future::poll_fn;
use std::io;
use std::mem;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::pin::{Pin, pin};
use std::task::{Poll, ready};
use std::time::Duration;

use protocol::{Done, Job, Session, Step};
use tokio::io::Interest;
use tokio::io::unix::{AsyncFd, AsyncFdReadyGuard};
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tokio::task::yield_now;
use tokio::time::{Instant, Sleep, sleep, timeout};

use crate::apps::outside::{self, Advance, Beside, Others};
use crate::connection::closing::{Closing, Next};
use crate::connection::drive::{READS_PER_TURN_MAX, ending, finished, received, rest, wake};
use crate::connection::{Client, Conn, Ending, recv, send};
use crate::net::{ACCEPT_PAUSE, Accepted, Listener};
use crate::reactor::Token;
use crate::reactor::timers::CUT_TICK;
use crate::stopping::{self, Stage};

/// The runtime's timers fire at whole milliseconds, counted from its start.
pub(super) const TICK: Duration = Duration::from_millis(1);

/// A listener that a runtime watches.
pub(super) struct Listening {
    listener: Listener,
    socket: AsyncFd<BorrowedFd<'static>>,
}

impl Listening {
    /// Registers it with this runtime.
    pub(super) fn new(runtime: &Runtime, listener: Listener) -> io::Result<Self> {
        let _within = runtime.enter();
        // Differs from `tokio::net::TcpListener`, whose accept would pass by admission and by what
        // every model does when descriptors run out. The waiting is the same.
        #[expect(unsafe_code, reason = "the driver must not outlive a descriptor that it watches")]
        // SAFETY: the descriptor belongs to a server that lives as long as the process.
        let socket = unsafe { AsyncFd::register_with_interest(listener.fd(), Interest::READABLE) }?;
        Ok(Self { listener, socket })
    }
}

/// Accepts clients and spawns a task for each, until stopped; then waits for the last task.
pub(super) async fn serve(listening: Listening, worker: usize) -> io::Result<()> {
    serve_each(listening, move |conn| client(conn, worker), || {}).await
}

/// The same for any task of a client; `no_more` is called when accepting has ended.
pub(super) async fn serve_each<Task: Future<Output = ()> + Send + 'static>(
    Listening { listener, socket }: Listening,
    client: impl Fn(Conn) -> Task,
    no_more: impl FnOnce(),
) -> io::Result<()> {
    // Nobody sends on it. Every task holds a sender, so it closes with the last task.
    let (alive, mut last_gone) = mpsc::channel::<()>(1);
    loop {
        let mut ready = socket.readable().await?;
        match listener.accept() {
            Accepted::Conn(conn) => {
                let alive = alive.clone();
                let client = client(conn);
                tokio::spawn(async move {
                    client.await;
                    drop(alive);
                });
            }
            Accepted::TurnedAway => {}
            Accepted::Nobody => ready.clear_ready(),
            Accepted::Exhausted => sleep(ACCEPT_PAUSE).await,
            Accepted::Stopped => break,
        }
    }
    drop(alive);
    no_more();
    // A cut does not wake a task whose job sleeps: it ends with the runtime, when we return.
    while stopping::stage() < Stage::Cut && timeout(CUT_TICK, last_gone.recv()).await.is_err() {}
    Ok(())
}

/// The events that a reading client waits for. Urgent data is included: a read ends in front of it,
/// so a short read does not prove that nothing is left.
pub(super) const INPUT: Interest = Interest::READABLE.add(Interest::PRIORITY);

/// Serves one client to its end.
async fn client(conn: Conn, worker: usize) {
    let Conn { mut client, stream, .. } = conn;
    client.taken_by(worker);
    // Differs from `tokio::net::TcpStream`, which forgets after every short read that there may be
    // more, and cannot be asked for urgent data. The waiting is the same.
    #[expect(unsafe_code, reason = "the driver must not outlive a descriptor that it watches")]
    // SAFETY: the descriptor is closed by the `AsyncFd` that owns it, after it has left the driver.
    let stream = unsafe { AsyncFd::register_with_interest(stream, INPUT.add(Interest::WRITABLE)) };
    let stream = match stream {
        Ok(stream) => stream,
        // Its place is given back before its descriptor is.
        Err(refused) => return drop((client, refused)),
    };
    let ending = match converse(&mut client, &stream).await {
        Ok(ending) => ending,
        Err(error) => ending(&error),
    };
    let ending = if ending == Ending::Finished && client.is_to_be_closed_in_steps() {
        // In a box of its own: a task is as large as the largest thing it ever awaits.
        Box::pin(close(&client, &stream)).await.unwrap_or(Ending::Reset)
    } else {
        ending
    };
    client.end(ending);
}

async fn converse(client: &mut Client, stream: &AsyncFd<OwnedFd>) -> io::Result<Ending> {
    let idle_timeout = client.server().config.idle_timeout;
    // One timer a client, moved forward when it goes off: a new one for every read would cost
    // more than the read.
    let mut idle = pin!(sleep(idle_timeout));
    let mut progressed_at = Instant::now();
    // Reads since other tasks had their turn.
    let mut reads = 0;
    // Whether the reply in hand has had to wait for room.
    let mut waited = false;
    let (mut beside, mut others) = (None, None);
    loop {
        let before_step = client.standing();
        match client.session.step() {
            Step::Read(_) => {
                // The buffer is given back while nothing is there to be read.
                rest(&mut client.session);
                if reads == READS_PER_TURN_MAX {
                    // A task that finds its socket ready each time would go on for a hundred reads.
                    yield_now().await;
                    reads = 0;
                }
                let deadline = progressed_at + idle_timeout;
                let input = before(&mut idle, deadline, stream.ready(INPUT), &mut reads);
                let Some(input) = input.await? else { return Ok(Ending::Idle) };
                read(&mut client.session, stream.get_ref(), input, &mut reads)?;
                if client.standing() == before_step {
                    // It is no progress.
                    continue;
                }
            }
            Step::Write(bytes) => {
                let sent = match stream.try_io(Interest::WRITABLE, |stream| send(stream, bytes)) {
                    Ok(sent) => sent,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        waited = true;
                        let deadline = progressed_at + idle_timeout;
                        let room = before(&mut idle, deadline, stream.writable(), &mut reads);
                        if room.await?.is_none() {
                            return Ok(Ending::Idle);
                        }
                        continue;
                    }
                    Err(error) => return Err(error),
                };
                let at_once = sent == bytes.len() && !mem::take(&mut waited);
                client.session.sent(sent);
                if at_once {
                    // It took no time: the clock was read when the request came.
                    continue;
                }
            }
            Step::Run(job) => {
                let done = run(&job).await;
                reads = 0;
                finished(&mut client.session, stream.get_ref(), &done);
            }
            Step::Outside(_) => {
                // In a box of its own, as closing is.
                let (session, stream) = (&mut client.session, stream.get_ref());
                Box::pin(go_outside(session, stream, &mut beside, &mut others)).await?;
            }
            Step::Close => return Ok(Ending::Finished),
        }
        progressed_at = Instant::now();
    }
}

/// Reads the available bytes, and clears the readiness of the socket if there are no more.
pub(super) fn read(
    session: &mut Session,
    stream: &OwnedFd,
    mut input: AsyncFdReadyGuard<'_, OwnedFd>,
    reads: &mut usize,
) -> io::Result<()> {
    wake(session);
    let Step::Read(space) = session.step() else { return Ok(()) };
    let offered = space.len();
    match recv(stream, space) {
        Ok(n) => {
            *reads += 1;
            if n < offered && !input.ready().is_priority() {
                // Asking again would only cost an EAGAIN.
                input.clear_ready();
            }
            received(session, stream, n);
        }
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => input.clear_ready(),
        Err(error) => return Err(error),
    }
    Ok(())
}

/// Computes and waits. It computes inline, as most async servers do, which delays every other task
/// of this thread. `spawn_blocking` would cost more than a short job.
async fn run(job: &Job) -> Done {
    let done = job.compute();
    if job.wait().is_zero() {
        // One job is a turn, as in the loops.
        yield_now().await;
    } else {
        sleep(job.wait()).await;
    }
    done
}

/// Awaits `io` until `deadline`; `None` if the deadline came first. If it has to wait, other tasks
/// get their turn, and this task's count of `reads` restarts.
async fn before<T>(
    idle: &mut Pin<&mut Sleep>,
    deadline: Instant,
    io: impl Future<Output = io::Result<T>>,
    reads: &mut usize,
) -> io::Result<Option<T>> {
    let mut io = pin!(io);
    poll_fn(|context| {
        if let Poll::Ready(result) = io.as_mut().poll(context) {
            return Poll::Ready(result.map(Some));
        }
        *reads = 0;
        loop {
            ready!(idle.as_mut().poll(context));
            if deadline <= Instant::now() {
                return Poll::Ready(Ok(None));
            }
            idle.as_mut().reset(deadline);
        }
    })
    .await
}

/// Closes in order, and returns how that ended.
pub(super) async fn close(client: &Client, stream: &AsyncFd<OwnedFd>) -> io::Result<Ending> {
    let idle_timeout = client.server().config.idle_timeout;
    let mut closing = Closing::begin(stream.get_ref());
    loop {
        match closing.look(stream.get_ref(), idle_timeout) {
            Next::Input(time) => {
                // Whether it has come or the time is over, the next look tells what there is.
                if let Ok(input) = timeout(time, stream.readable()).await {
                    input?.clear_ready();
                }
            }
            Next::Time(time) => sleep(time).await,
            Next::Over(ending) => return Ok(ending),
        }
    }
}

/// Does a client's work outside its connection, or waits until that work can go on.
async fn go_outside(
    session: &mut Session,
    stream: &OwnedFd,
    beside: &mut Option<Box<Beside>>,
    others: &mut Option<Box<AsyncFd<Others>>>,
) -> io::Result<()> {
    if outside::advance(session, beside, stream)? == Advance::Moved {
        // As a turn in the loops: there may be more of it for ever.
        yield_now().await;
        return Ok(());
    }
    let others = match others {
        Some(others) => others,
        none => {
            #[expect(
                unsafe_code,
                reason = "the driver must not outlive a descriptor that it watches"
            )]
            // SAFETY: nobody takes it out of the `AsyncFd`, which ends the watching first.
            let own =
                unsafe { AsyncFd::register_with_interest(Others::new()?, Interest::READABLE) };
            none.insert(Box::new(own?))
        }
    };
    others.get_ref().watch(Token::special(1), stream, beside.as_deref())?;
    let mut ready = others.readable().await?;
    others.get_ref().take();
    ready.clear_ready();
    Ok(())
}
