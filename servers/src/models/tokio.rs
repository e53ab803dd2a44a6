//! What the tokio models share: a task for each client, and the task that accepts them. They
//! differ in the runtime these tasks run on.

use std::io;
use std::mem;
use std::net::TcpStream as StdStream;
use std::os::fd::BorrowedFd;
use std::pin::{Pin, pin};

use protocol::Step;
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tokio::task::yield_now;
use tokio::time::{Instant, Sleep, sleep, timeout};

use crate::connection::drive::{ending, finished, received};
use crate::connection::{Client, Conn, Ending, LINGER, LINGER_BYTES_MAX};
use crate::net::{ACCEPT_PAUSE, Accepted, Listener};
use crate::reactor::timers::CUT_TICK;
use crate::stopping::{self, Stage};

/// A listener that a runtime watches.
pub(super) struct Listening {
    listener: Listener,
    socket: AsyncFd<BorrowedFd<'static>>,
}

impl Listening {
    /// Has this runtime watch it.
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

/// Accepts clients and gives each a task, until stopped; then waits for the last of them.
pub(super) async fn serve(
    Listening { listener, socket }: Listening,
    worker: usize,
) -> io::Result<()> {
    // Nobody sends on it. Every task holds a sender, so it closes with the last task.
    let (alive, mut last_gone) = mpsc::channel::<()>(1);
    loop {
        let mut ready = socket.readable().await?;
        match listener.accept() {
            Accepted::Conn(conn) => {
                let alive = alive.clone();
                tokio::spawn(async move {
                    client(conn, worker).await;
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
    // A cut does not wake a task whose job sleeps: it ends with the runtime, when we return.
    while stopping::stage() < Stage::Cut && timeout(CUT_TICK, last_gone.recv()).await.is_err() {}
    Ok(())
}

/// Carries one client to its end.
async fn client(conn: Conn, worker: usize) {
    let Conn { mut client, stream, .. } = conn;
    client.taken_by(worker);
    let Ok(mut stream) = TcpStream::from_std(StdStream::from(stream)) else { return };
    let ending = match converse(&mut client, &mut stream).await {
        Ok(ending) => ending,
        Err(error) => ending(&error),
    };
    if ending == Ending::Finished && !client.session.input_ended() {
        // In a box of its own: a task is as large as the largest thing it ever awaits, and its
        // scratch space would be with every idle client.
        Box::pin(linger(&mut stream)).await;
    }
    client.end(ending);
}

async fn converse(client: &mut Client, stream: &mut TcpStream) -> io::Result<Ending> {
    let idle_timeout = client.server().config.idle_timeout;
    // One timer a client, moved forward when it goes off: a new one for every read would cost
    // more than the read.
    let mut idle = pin!(sleep(idle_timeout));
    let mut progressed_at = Instant::now();
    // Whether the reply in hand has had to wait for room.
    let mut waited = false;
    loop {
        let before_step = client.standing();
        match client.session.step() {
            Step::Read(_) => {
                // The buffer is given back while nothing is there to be read.
                client.session.rest();
                let deadline = progressed_at + idle_timeout;
                if !before(&mut idle, deadline, stream.readable()).await? {
                    return Ok(Ending::Idle);
                }
                if let Step::Read(space) = client.session.step() {
                    let n = stream.read(space).await?;
                    received(&mut client.session, n);
                }
            }
            Step::Write(bytes) => {
                let sent = match stream.try_write(bytes) {
                    Ok(sent) => sent,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        waited = true;
                        let deadline = progressed_at + idle_timeout;
                        if !before(&mut idle, deadline, stream.writable()).await? {
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
                // Inline, as most async servers do: what is computed here holds up every other
                // task of this thread. `spawn_blocking` would cost more than a short job does.
                let done = job.compute();
                if job.wait().is_zero() {
                    // One job is a turn, as in the loops: a task that finds its socket ready
                    // each time would go on for a hundred jobs.
                    yield_now().await;
                } else {
                    sleep(job.wait()).await;
                }
                finished(&mut client.session, &done);
            }
            Step::Close => return Ok(Ending::Finished),
        }
        if !client.trickled_since(before_step) {
            progressed_at = Instant::now();
        }
    }
}

/// Awaits `io`, but not past `deadline`; `false` when that came first.
async fn before(
    idle: &mut Pin<&mut Sleep>,
    deadline: Instant,
    io: impl Future<Output = io::Result<()>>,
) -> io::Result<bool> {
    let mut io = pin!(io);
    loop {
        tokio::select! {
            biased;
            result = &mut io => return result.map(|()| true),
            () = idle.as_mut() => {
                if deadline <= Instant::now() {
                    return Ok(false);
                }
                idle.as_mut().reset(deadline);
            }
        }
    }
}

/// Closes our half and drops what the client still sends, until it closes too.
async fn linger(stream: &mut TcpStream) {
    let drain = async {
        stream.shutdown().await?;
        let (mut left, mut scratch) = (LINGER_BYTES_MAX, [0; 4096]);
        while let n @ 1.. = stream.read(&mut scratch).await?
            && left > n
        {
            left -= n;
        }
        io::Result::Ok(())
    };
    // Late, failed or done: the connection is closed next.
    let _ = timeout(LINGER, drain).await;
}
