//! Chat with tasks: one for each member, which waits for reading and writing at once.
//!
//! Waits in: epoll_wait(2), inside tokio's driver; a task in `.await`, for its socket and for a
//! notification that the room has grown.
//! Scheduler: tokio's queues. A message makes the task of each member ready, on all cores.
//! Runs out of: the one lock of the room, which no task holds while it waits; then cores and
//! memory.
//! Compare: `thread_per_client.rs` (the same with two threads for each member, which `join!` saves
//! here); `epoll.rs` (no lock, one core). tokio's own broadcast channel is such a log too, bounded
//! by the number of messages.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use protocol::app::chat::{Full, Lost, Room, Seat};
use protocol::{Outside, Step};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::Notify;
use tokio::task::yield_now;
use tokio::time::timeout;

use super::super::tokio::{INPUT, Listening, close, read, serve_each};
use crate::connection::drive::{self, READS_PER_TURN_MAX};
use crate::connection::{Client, Conn, Ending, send};
use crate::net::Server;
use crate::{stopping, threads};

/// What a task takes out of the room at a time.
const PIECE_BYTES: usize = 16 * 1024;

/// What the tasks share.
struct Shared {
    room: Mutex<Room>,
    /// There are new messages, or there will be no more.
    grew: Notify,
    /// A member has taken something, or was found slow.
    moved: Notify,
    idle_timeout: Duration,
}

pub(in super::super) fn run(server: &'static Server) -> io::Result<()> {
    server.set_nonblocking()?;
    threads::can_be_had(server.workers)?;
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(server.workers).enable_all().build()?;
    let watched = Listening::new(&runtime, server.listener())?;
    let room = Room::new(server.config.service.framing, server.config.apps.room.clone());
    let shared: &'static Shared = Box::leak(Box::new(Shared {
        room: Mutex::new(room),
        grew: Notify::new(),
        moved: Notify::new(),
        idle_timeout: server.config.idle_timeout,
    }));
    let no_more = move || {
        shared.lock().close();
        shared.grew.notify_waiters();
    };
    server.ready()?;
    let members = serve_each(watched, move |conn| attend(shared, conn), no_more);
    runtime.block_on(async { tokio::spawn(members).await.map_err(io::Error::other)? })
}

/// Carries one member from its coming to its end.
async fn attend(shared: &'static Shared, conn: Conn) {
    let Conn { mut client, stream, .. } = conn;
    client.taken_by(0);
    #[expect(unsafe_code, reason = "the driver must not outlive a descriptor that it watches")]
    // SAFETY: the descriptor is closed by the `AsyncFd` that owns it, after it has left the driver.
    let stream = unsafe { AsyncFd::register_with_interest(stream, INPUT.add(Interest::WRITABLE)) };
    let stream = match stream {
        Ok(stream) => stream,
        // Its place is given back before its descriptor is.
        Err(refused) => return drop((client, refused)),
    };
    let Some(peer) = client.session.visitor() else { return client.end(Ending::Reset) };
    let seat = shared.speak(|room| room.join(peer)).await;
    let hearing = async {
        let heard = shared.hear(seat, &mut client, &stream).await;
        shared.leave(seat).await;
        heard
    };
    // If writing to a member ends, reading from it ends too. If reading ends, the member still
    // receives the rest.
    let told = tokio::try_join!(hearing, shared.tell(seat, &stream));
    if told.is_err() {
        // Its writing may have been the one that failed.
        shared.lock().stall(seat);
        shared.moved.notify_waiters();
        shared.leave(seat).await;
    }
    shared.lock().remove(seat);
    let told = match told {
        Ok(_) => last_word(&mut client, &stream).await,
        Err(ending) => Err(ending),
    };
    let ending = match told {
        Err(ending) => ending,
        Ok(()) if !client.is_to_be_closed_in_steps() => Ending::Finished,
        Ok(()) => Box::pin(close(&client, &stream)).await.unwrap_or(Ending::Reset),
    };
    client.end(ending);
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Room> {
        self.room.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a message as soon as the log has room, and wakes the other members.
    async fn speak<T>(&self, mut say: impl FnMut(&mut Room) -> Result<T, Full>) -> T {
        loop {
            let moved = {
                let mut room = self.lock();
                if let Ok(said) = say(&mut room) {
                    drop(room);
                    self.grew.notify_waiters();
                    return said;
                }
                // Made under the lock: it hears of what happens from here on.
                self.moved.notified()
            };
            moved.await;
        }
    }

    /// Adds this member's messages, until it sends no more.
    async fn hear(
        &self,
        seat: Seat,
        client: &mut Client,
        stream: &AsyncFd<OwnedFd>,
    ) -> Result<(), Ending> {
        let mut reads = 0;
        loop {
            let session = &mut client.session;
            match session.step() {
                Step::Outside(Outside::Say(message)) => {
                    self.speak(|room| room.say(seat, message)).await;
                    session.said();
                }
                Step::Read(_) => {
                    drive::rest(session);
                    if reads == READS_PER_TURN_MAX {
                        yield_now().await;
                        reads = 0;
                    }
                    let input = stream.ready(INPUT).await;
                    input
                        .and_then(|input| read(session, stream.get_ref(), input, &mut reads))
                        .map_err(|error| drive::ending(&error))?;
                }
                // The text for this member alone comes last.
                Step::Write(_) | Step::Close => return Ok(()),
                step => unreachable!("{step:?} in a room"),
            }
        }
    }

    /// This member will say nothing any more.
    async fn leave(&self, seat: Seat) {
        self.speak(|room| {
            if stopping::is_stopping() {
                room.quiet(seat);
                return Ok(());
            }
            room.leave(seat)
        })
        .await;
    }

    /// Tells this member what all say, until there is nothing more to tell it.
    async fn tell(&self, seat: Seat, stream: &AsyncFd<OwnedFd>) -> Result<(), Ending> {
        let mut piece = Vec::new();
        while self.next_piece(seat, &mut piece).await? {
            let mut rest = &piece[..];
            while !rest.is_empty() {
                match stream.try_io(Interest::WRITABLE, |stream| send(stream, rest)) {
                    Ok(n) => {
                        rest = &rest[n..];
                        self.moves(|room| room.sent(seat, n));
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        self.moves(|room| room.stall(seat));
                        self.has_room(seat, stream).await?;
                    }
                    Err(error) => return Err(drive::ending(&error)),
                }
            }
            // Nothing is held for a member that waits.
            piece = Vec::new();
        }
        Ok(())
    }

    /// Waits until a slow member takes something again, or is lost.
    async fn has_room(&self, seat: Seat, stream: &AsyncFd<OwnedFd>) -> Result<(), Ending> {
        let lost = async {
            loop {
                let grew = {
                    let room = self.lock();
                    if room.pending(seat).is_err() {
                        return Ending::TooSlow;
                    }
                    self.grew.notified()
                };
                grew.await;
            }
        };
        tokio::select! {
            ready = timeout(self.idle_timeout, stream.writable()) => match ready {
                Ok(ready) => ready.map(drop).map_err(|error| drive::ending(&error)),
                Err(_elapsed) => Err(Ending::Idle),
            },
            ending = lost => Err(ending),
        }
    }

    /// Waits for the next piece of what this member is to be told; `false` when it has been told
    /// everything.
    async fn next_piece(&self, seat: Seat, piece: &mut Vec<u8>) -> Result<bool, Ending> {
        loop {
            let grew = {
                let room = self.lock();
                let pending = room.pending(seat).map_err(|Lost| Ending::TooSlow)?;
                if !pending.is_empty() {
                    piece.extend_from_slice(&pending[..pending.len().min(PIECE_BYTES)]);
                    return Ok(true);
                }
                if room.is_done(seat) {
                    return Ok(false);
                }
                // Made under the lock: it hears of what happens from here on.
                self.grew.notified()
            };
            grew.await;
        }
    }

    /// A member has taken something, or takes nothing, which a speaker may wait for.
    fn moves(&self, note: impl FnOnce(&mut Room)) {
        note(&mut self.lock());
        self.moved.notify_waiters();
    }
}

/// Writes the text for this member alone, if there is any.
async fn last_word(client: &mut Client, stream: &AsyncFd<OwnedFd>) -> Result<(), Ending> {
    let idle_timeout = client.server().config.idle_timeout;
    while let Step::Write(bytes) = client.session.step() {
        match stream.try_io(Interest::WRITABLE, |stream| send(stream, bytes)) {
            Ok(n) => client.session.sent(n),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                let room = timeout(idle_timeout, stream.writable()).await;
                drop(room.map_err(|_| Ending::Idle)?.map_err(|error| drive::ending(&error))?);
            }
            Err(error) => return Err(drive::ending(&error)),
        }
    }
    Ok(())
}
