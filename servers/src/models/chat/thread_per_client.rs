//! Chat with threads: two for each member, one that reads its messages and one that writes
//! everyone's.
//!
//! Waits in: recv(2) in the one thread; in the other, a condition variable: the room has grown.
//! Scheduler: the kernel. A message wakes a thread for each member, on all cores.
//! Runs out of: the one lock, under which the room grows and each writer copies its next piece;
//! then threads and their stacks, two for each member.
//! Compare: `epoll.rs` (no lock and no copies, one core); `tokio.rs` (the same with tasks);
//! `models/thread_per_client.rs` (one thread suffices for independent clients).

use std::collections::HashMap;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::mpsc;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use protocol::app::chat::{Full, Lost, Room, Seat};
use protocol::{Outside, Step};
use rustix::event::PollFlags;
use rustix::net::{SendFlags, Shutdown};

use super::super::thread_per_client::STACK_BYTES;
use crate::clock;
use crate::connection::{Client, Conn, Ending, closing, drive, recv};
use crate::net::Server;
use crate::{stopping, threads};

/// What a writer takes out of the room at a time, on its stack.
const PIECE_BYTES: usize = 16 * 1024;

/// What the threads share.
struct Shared {
    inner: Mutex<Inner>,
    /// There are new messages, or there will be no more.
    grew: Condvar,
    /// A writer has written something, or was found slow.
    moved: Condvar,
}

/// Two stacks, and what the allocator takes for each of two threads.
const NEWCOMER_BYTES: usize = 2 * STACK_BYTES + 512 * 1024;

struct Inner {
    room: Room,
    /// Connections of those in the room, to end those that are lost to it.
    streams: HashMap<usize, (Seat, Arc<OwnedFd>)>,
    next: usize,
    /// Whether somebody waits for the writers.
    speaker_waits: bool,
}

pub(in super::super) fn run(server: &'static Server) -> io::Result<()> {
    let room = Room::new(server.config.service.framing, server.config.apps.room.clone());
    let inner = Inner { room, streams: HashMap::new(), next: 0, speaker_waits: false };
    let shared: &'static Shared = Box::leak(Box::new(Shared {
        inner: Mutex::new(inner),
        grew: Condvar::new(),
        moved: Condvar::new(),
    }));
    server.ready()?;
    while let Some(conn) = server.next_client() {
        // Of what a newcomer needs at once, small pieces cannot be refused without the whole room.
        if !threads::there_is_room(NEWCOMER_BYTES) {
            conn.turn_away();
            continue;
        }
        // Where the kernel refuses a thread the connection is dropped, which counts it as shed.
        let _ = threads::detached(STACK_BYTES, move || attend(shared, conn));
    }
    shared.lock().room.close();
    shared.grew.notify_all();
    server.wait_until_empty();
    Ok(())
}

/// Carries one member from its coming to its end.
fn attend(shared: &'static Shared, conn: Conn) {
    let Conn { mut client, stream, .. } = conn;
    client.taken_by(0);
    let idle_timeout = client.server().config.idle_timeout;
    let stream = Arc::new(stream);
    let Some(peer) = client.session.visitor() else { return client.end(Ending::Reset) };
    let (seat, number) = shared.speak(|inner| {
        let seat = inner.room.join(peer)?;
        inner.next += 1;
        inner.streams.insert(inner.next, (seat, stream.clone()));
        Ok((seat, inner.next))
    });
    let (told, how_it_ended) = mpsc::sync_channel(1);
    let to = stream.clone();
    let writer = threads::detached(STACK_BYTES, move || {
        let ended = shared.tell(seat, &to, idle_timeout).inspect_err(|_| {
            // Its reader waits for it, and is not to.
            let _ = rustix::net::shutdown(&to, Shutdown::Both);
        });
        // The stream is closed by the reader.
        drop(to);
        let _ = told.send(ended);
    });
    let heard = if writer.is_ok() {
        shared.hear(seat, &mut client, &stream)
    } else {
        // No thread writes to it, so it must not be waited for.
        shared.moves(|room| room.stall(seat));
        Ok(())
    };
    shared.leave(seat);
    let told = match writer {
        // Its end is dropped where it has panicked.
        Ok(()) => how_it_ended.recv().unwrap_or(Err(Ending::Reset)),
        Err(_refused) => Err(Ending::Shed),
    };
    let told = told.and(heard);
    let mut inner = shared.lock();
    inner.room.remove(seat);
    inner.streams.remove(&number);
    drop(inner);
    let ending = told.and_then(|()| last_word(&mut client, &stream)).err();
    let ending = ending.unwrap_or_else(|| {
        let in_steps = client.is_to_be_closed_in_steps();
        if in_steps { closing::to_end(&stream, idle_timeout) } else { Ending::Finished }
    });
    client.end(ending);
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a message as soon as the log has room, and wakes the other members.
    fn speak<T>(&self, mut say: impl FnMut(&mut Inner) -> Result<T, Full>) -> T {
        let mut inner = self.lock();
        loop {
            let said = say(&mut inner);
            inner.end_lost();
            if let Ok(said) = said {
                drop(inner);
                self.grew.notify_all();
                return said;
            }
            inner.speaker_waits = true;
            inner = self.moved.wait(inner).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// In the reader: adds this member's messages, until it sends no more.
    fn hear(&self, seat: Seat, client: &mut Client, stream: &OwnedFd) -> Result<(), Ending> {
        loop {
            let session = &mut client.session;
            match session.step() {
                Step::Outside(Outside::Say(message)) => {
                    self.speak(|inner| inner.room.say(seat, message));
                    session.said();
                }
                Step::Read(space) => match recv(stream, space) {
                    Ok(n) => drive::received(session, stream, n),
                    // The socket's timeout: a silent member is allowed.
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => session.rest(),
                    Err(error) => return Err(drive::ending(&error)),
                },
                // The text for this member alone comes last.
                Step::Write(_) | Step::Close => return Ok(()),
                step => unreachable!("{step:?} in a room"),
            }
        }
    }

    /// This member will say nothing any more.
    fn leave(&self, seat: Seat) {
        self.speak(|inner| {
            if stopping::is_stopping() {
                inner.room.quiet(seat);
                return Ok(());
            }
            inner.room.leave(seat)
        });
    }

    /// In the writer: tells this member what all say, until there is nothing more to tell it.
    fn tell(&self, seat: Seat, stream: &OwnedFd, idle_timeout: Duration) -> Result<(), Ending> {
        let mut piece = [0; PIECE_BYTES];
        while let Some(len) = self.next_piece(seat, &mut piece)? {
            let mut rest = &piece[..len];
            while !rest.is_empty() {
                // Without waiting, so that the room notices slow members.
                let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
                match rustix::net::send(stream, rest, flags) {
                    Ok(n) => {
                        rest = &rest[n..];
                        self.moves(|room| room.sent(seat, n));
                    }
                    Err(rustix::io::Errno::INTR) => {}
                    Err(rustix::io::Errno::AGAIN) => {
                        self.moves(|room| room.stall(seat));
                        let deadline = Some(Instant::now() + idle_timeout);
                        if !clock::wait_until_ready(stream, PollFlags::OUT, deadline) {
                            return Err(Ending::Idle);
                        }
                    }
                    Err(_) => {
                        // It must not be waited for.
                        self.moves(|room| room.stall(seat));
                        let lost = self.lock().room.pending(seat).is_err();
                        return Err(if lost { Ending::TooSlow } else { Ending::Reset });
                    }
                }
            }
        }
        Ok(())
    }

    /// Waits for the next piece of what this member is to be told, and copies it; `None` when it has
    /// been told everything.
    fn next_piece(&self, seat: Seat, piece: &mut [u8]) -> Result<Option<usize>, Ending> {
        let mut inner = self.lock();
        loop {
            let pending = inner.room.pending(seat).map_err(|Lost| Ending::TooSlow)?;
            if !pending.is_empty() {
                let len = pending.len().min(piece.len());
                piece[..len].copy_from_slice(&pending[..len]);
                return Ok(Some(len));
            }
            if inner.room.is_done(seat) {
                return Ok(None);
            }
            inner = self.grew.wait(inner).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// A writer has come to something, which a speaker may wait for.
    fn moves(&self, note: impl FnOnce(&mut Room)) {
        let mut inner = self.lock();
        note(&mut inner.room);
        if std::mem::take(&mut inner.speaker_waits) {
            drop(inner);
            self.moved.notify_all();
        }
    }
}

impl Inner {
    /// Ends the connections of members that are lost to the room, which wakes their threads.
    fn end_lost(&mut self) {
        for lost in self.room.take_lost() {
            for (_, stream) in self.streams.values().filter(|(seat, _)| *seat == lost) {
                // It may be gone already.
                let _ = rustix::net::shutdown(stream, Shutdown::Both);
            }
        }
    }
}

/// Writes the text for this member alone, if there is any.
fn last_word(client: &mut Client, stream: &OwnedFd) -> Result<(), Ending> {
    while let Step::Write(bytes) = client.session.step() {
        let sent = crate::connection::send(stream, bytes).map_err(|error| drive::ending(&error))?;
        client.session.sent(sent);
    }
    Ok(())
}
