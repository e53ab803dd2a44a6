//! Work that a session does outside its connection, and how a model waits for it.
//!
//! A session requests such work as it requests to read or to write, and it may have to wait. It
//! then waits for descriptors other than its connection's:
//!
//! - a thread that serves one client waits for them with poll(2), beside the connection;
//! - a loop has [`Others`], a separate epoll in which each of them is watched once. The loop
//!   watches that epoll as one more descriptor, with its own system call: an epoll is readable when
//!   one of its descriptors is ready. So no loop needs a second way of waiting, a set of select(2)
//!   holds only clients' numbers, and each model still waits for its clients in its own way;
//! - a task of tokio has such an epoll for itself.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::OnceLock;

use protocol::{Outside, Session, Step};
use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::commands::Command;
use crate::connection::drive::{self, Blocked};
use crate::connection::{Conn, Phase};
use crate::stdio::Stream;
use crate::stopping;
use crate::turns::Token;

/// What a command has written is taken a page at a time.
const OUTPUT_BYTES: usize = 4096;

/// Where clients' bytes are delivered to.
static OUTPUT: OnceLock<Stream> = OnceLock::new();

/// What a connection can have outside.
#[derive(Debug)]
pub(crate) enum Beside {
    /// Standard output, under a number of its own: an epoll watches a number only once.
    Output(OwnedFd),
    /// A command that runs.
    Command(Command),
}

/// How far it went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Advance {
    /// Some of it is done.
    Moved,
    /// It has to wait.
    Blocked,
}

/// Does the connection's outside work, as far as possible without waiting.
///
/// # Errors
/// When the work fails or the client is gone; this ends the connection.
pub(crate) fn advance(
    session: &mut Session,
    beside: &mut Option<Box<Beside>>,
    stream: &impl AsFd,
) -> io::Result<Advance> {
    let advance = advance_now(session, beside)?;
    if advance == Advance::Blocked && is_gone(stream) {
        return Err(io::ErrorKind::ConnectionReset.into());
    }
    Ok(advance)
}

fn advance_now(session: &mut Session, beside: &mut Option<Box<Beside>>) -> io::Result<Advance> {
    match session.step() {
        Step::Outside(Outside::Deliver(bytes)) => {
            // Without it there is nothing to serve for.
            match OUTPUT.get_or_init(Stream::output).write_now(bytes) {
                Ok(n) => {
                    session.delivered(n);
                    Ok(Advance::Moved)
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if beside.is_none() {
                        let number = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdout(), 0)?;
                        *beside = Some(Box::new(Beside::Output(number)));
                    }
                    Ok(Advance::Blocked)
                }
                Err(error) => {
                    stopping::output_failed(&error);
                    Err(error)
                }
            }
        }
        Step::Outside(Outside::Run(line)) => {
            if beside.is_none() {
                match Command::start(line) {
                    Ok(command) => *beside = Some(Box::new(Beside::Command(command))),
                    Err(ran) => {
                        session.ran(&ran);
                        return Ok(Advance::Moved);
                    }
                }
            }
            Ok(go_on(session, beside))
        }
        Step::Outside(Outside::Say(_)) => {
            unreachable!("a room has models of its own: see `models::chat`")
        }
        step => unreachable!("the driver does {step:?} itself"),
    }
}

/// Goes on with the command that runs.
fn go_on(session: &mut Session, beside: &mut Option<Box<Beside>>) -> Advance {
    let Some(Beside::Command(command)) = beside.as_deref_mut() else {
        unreachable!("it has just been started, or runs")
    };
    let mut space = [0; OUTPUT_BYTES];
    match command.advance(&mut space) {
        Ok(Some(n)) => session.printed(&space[..n]),
        Ok(None) => return Advance::Blocked,
        Err(ran) => {
            *beside = None;
            session.ran(&ran);
        }
    }
    Advance::Moved
}

/// The same as a client's turn in a loop; `None` when some of it is done.
pub(crate) fn turn(conn: &mut Conn) -> Option<Blocked> {
    let Conn { client, beside, stream, phase, .. } = conn;
    match advance(&mut client.session, beside, stream) {
        Ok(Advance::Moved) => {
            *phase = Phase::Serving;
            None
        }
        Ok(Advance::Blocked) => {
            *phase = Phase::Outside;
            Some(Blocked::Outside)
        }
        Err(error) => Some(Blocked::Over(drive::ending(&error))),
    }
}

/// The same, waiting as a thread waits.
///
/// # Errors
/// When it fails or the client is gone, which ends the connection.
pub(crate) fn advance_blocking(conn: &mut Conn) -> io::Result<()> {
    let Conn { client, beside, stream, .. } = conn;
    while advance(&mut client.session, beside, stream)? == Advance::Blocked {
        wait_blocking(stream, beside.as_deref())?;
    }
    Ok(())
}

/// Whether a connection has ended in both directions, as that of a server that was cut has.
fn is_gone(stream: &impl AsFd) -> bool {
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    let mut line = [PollFd::new(stream, PollFlags::empty())];
    rustix::io::retry_on_intr(|| poll(&mut line, Some(&at_once))).is_ok_and(|ready| ready > 0)
}

/// Waits until it can go on, or the client is gone.
fn wait_blocking(stream: &OwnedFd, beside: Option<&Beside>) -> io::Result<()> {
    let watched = watched(stream, beside);
    let line = |(fd, flags): &(_, EventFlags)| {
        let write = flags.contains(EventFlags::OUT);
        let read = flags.contains(EventFlags::IN);
        let mut asked = PollFlags::empty();
        asked.set(PollFlags::OUT, write);
        asked.set(PollFlags::IN, read);
        PollFd::from_borrowed_fd(*fd, asked)
    };
    let mut lines: Vec<PollFd<'_>> = watched.iter().map(line).collect();
    match poll(&mut lines, None::<&Timespec>) {
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// The awaited events: the end of the connection in both directions (always reported), and those of
/// its other descriptors.
fn watched<'a>(
    stream: &'a impl AsFd,
    beside: Option<&'a Beside>,
) -> Vec<(BorrowedFd<'a>, EventFlags)> {
    let mut watched = vec![(stream.as_fd(), EventFlags::empty())];
    match beside {
        Some(Beside::Output(number)) => watched.push((number.as_fd(), EventFlags::OUT)),
        Some(Beside::Command(command)) => {
            watched.extend(command.running.watched().map(|fd| (fd, EventFlags::IN)));
        }
        None => {}
    }
    watched
}

/// What the clients of a loop wait for that is not their connection.
#[derive(Debug)]
pub(crate) struct Others {
    epoll: OwnedFd,
}

/// Events taken at a time.
const EVENTS_MAX: usize = 64;

impl Others {
    /// Nothing yet.
    ///
    /// # Errors
    /// When there are no descriptors left.
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self { epoll: epoll::create(CreateFlags::CLOEXEC)? })
    }

    /// Has this client named once when it can go on, or is gone. What it named before is renewed.
    ///
    /// # Errors
    /// When the kernel has no room for it.
    pub(crate) fn watch(
        &self,
        token: Token,
        stream: &impl AsFd,
        beside: Option<&Beside>,
    ) -> io::Result<()> {
        let data = EventData::new_u64(token.number());
        for (fd, flags) in watched(stream, beside) {
            let flags = flags | EventFlags::ONESHOT;
            match epoll::add(&self.epoll, fd, data, flags) {
                Err(Errno::EXIST) => epoll::modify(&self.epoll, fd, data, flags)?,
                other => other?,
            }
        }
        Ok(())
    }

    /// The clients that can go on; one may be named twice.
    pub(crate) fn take(&self) -> Vec<Token> {
        let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
        let mut named = Vec::new();
        let mut events: Vec<Event> = Vec::with_capacity(EVENTS_MAX);
        loop {
            events.clear();
            if epoll::wait(&self.epoll, spare_capacity(&mut events), Some(&at_once))
                == Err(Errno::INTR)
            {
                continue;
            }
            named.extend(events.iter().map(|event| Token::from_number(event.data.u64())));
            // A loop that is told once is not told again of what is left here.
            if events.len() < EVENTS_MAX {
                return named;
            }
        }
    }
}

impl AsRawFd for Others {
    fn as_raw_fd(&self) -> RawFd {
        self.epoll.as_raw_fd()
    }
}

impl AsFd for Others {
    /// Readable while a client can go on.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.epoll.as_fd()
    }
}
