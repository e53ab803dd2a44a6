//! One admitted connection, and how it ends.

pub(crate) mod closing;
pub(crate) mod drive;
pub(crate) mod verbose;

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::time::Instant;

use protocol::{Done, Greeting, Session};
use rustix::event::PollFlags;
use rustix::io::Errno;
use rustix::net::sockopt::Timeout;
use rustix::net::{RecvFlags, SendFlags};

use crate::apps::outside::Beside;
use crate::apps::visitors;
use crate::clock::{self, monotonic_ns};
use crate::net::{self, Server};
use crate::stopping;
use closing::Closing;

/// How a connection ended. Peers' faults are counted here and go no further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// In order: the peer left, or every request was answered and delivered.
    Finished,
    /// The peer reset it or is gone.
    Reset,
    /// Nothing complete arrived, or nothing was read, for the idle timeout.
    Idle,
    /// The drain timeout or a second signal cut it.
    Cut,
    /// A member of a room that fell too far behind.
    TooSlow,
    /// No thread, place or memory to serve it.
    Shed,
}

/// A client's place in the server: its protocol state and its admission. Dropping it gives the
/// place back and counts how it ended; drop it before the socket.
#[derive(Debug)]
pub(crate) struct Client {
    /// The server's end of the protocol.
    pub(crate) session: Session,
    server: &'static Server,
    descriptor: RawFd,
    ending: Ending,
    /// Who has taken it, if anybody has.
    worker: Option<u32>,
    /// Where connections begin with a greeting: what it has to say, until it is said.
    arrival: Option<Box<Arrival>>,
    /// Where it is told of: who it is, until somebody takes it.
    peer: Option<Box<SocketAddr>>,
}

/// When a connection was accepted, and after how many others.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    pub(crate) sequence: u64,
    pub(crate) accepted_ns: u64,
}

impl Arrival {
    /// Now; `None` where nobody will be told, which saves reading the clock.
    pub(crate) fn now(server: &Server, sequence: u64) -> Option<Self> {
        let now = || Self { sequence, accepted_ns: monotonic_ns() };
        server.config.greeting.then(now)
    }
}

/// One admitted connection.
#[derive(Debug)]
pub struct Conn {
    // Fields are dropped in this order: the place is given back while the descriptor is ours.
    pub(crate) client: Client,
    pub(crate) stream: OwnedFd,
    /// Where a non-blocking driver has left it.
    pub(crate) phase: Phase,
    /// What it has done outside, once it has had to wait for that.
    pub(crate) beside: Option<Box<Beside>>,
    /// The kernel has said that there is something to read, and no short read has proved since
    /// that it was all.
    pub(crate) readable: bool,
    /// The kernel has said that the peer's input has ended or failed, or that there is urgent
    /// data, in front of which a read ends: a short read proves nothing then, and the driver reads
    /// until it sees the end or is told that there is nothing.
    pub(crate) unproven: bool,
}

/// Where a non-blocking driver has left a connection.
#[derive(Debug)]
pub(crate) enum Phase {
    /// Reading, writing and computing.
    Serving,
    /// A job of it runs elsewhere.
    Working,
    /// It waits for something that is not its connection.
    Outside,
    /// A job has computed and waits for its time.
    Waiting(Done),
    /// Everything is answered and we close.
    Closing(Closing),
}

impl Client {
    /// The server it is a client of.
    #[must_use]
    pub(crate) fn server(&self) -> &'static Server {
        self.server
    }

    /// A worker takes it: from now on its requests count for that worker, and a greeting names it.
    pub(crate) fn taken_by(&mut self, worker: usize) {
        let worker = u32::try_from(worker).unwrap_or(u32::MAX);
        self.worker = Some(worker);
        self.server.taken(worker);
        if let Some(arrival) = self.arrival.take() {
            let Arrival { sequence, accepted_ns } = *arrival;
            let taken_ns = monotonic_ns();
            self.session.greet(&Greeting { worker, sequence, accepted_ns, taken_ns });
        }
        let peer = self.peer.take().map(|peer| *peer);
        if let Some(peer) = peer.filter(|_| self.server.config.verbose) {
            self.session.watch(verbose::witness(self.server, peer));
        }
        self.session.begin(peer);
        if let Some(peer) = self.session.visitor() {
            visitors::came(self.server, peer);
        }
    }

    /// Whether it is in the middle of a request, and how many it has had answered. What arrives
    /// and changes neither is no progress: more of the same request, or what belongs to none, and
    /// a peer that trickles would hold its place for ever.
    #[inline]
    pub(crate) fn standing(&self) -> (bool, u64) {
        (self.session.is_mid_request(), self.session.progress())
    }

    /// Whether closing it takes more than that: where the peer has said that it sends no more, the
    /// kernel delivers what it has not taken yet. While stopping we wait for that all the same, as
    /// the machine may go down after us.
    pub(crate) fn is_to_be_closed_in_steps(&self) -> bool {
        !self.session.input_ended() || stopping::is_stopping()
    }

    /// Ends the connection, for this reason, and gives its place back.
    pub(crate) fn end(mut self, ending: Ending) {
        self.ending = ending;
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        stopping::forget(self.descriptor);
        // A cut shows as an end of input or a failed write; it is neither.
        let cut = stopping::stage() == stopping::Stage::Cut;
        let ending = match self.ending {
            _ if cut => Ending::Cut,
            // In order, but not because everything asked for was answered.
            _ if self.session.is_starved() => Ending::Shed,
            ending => ending,
        };
        if let Some(peer) = self.session.visitor() {
            visitors::left(self.server, peer);
        }
        self.session.left();
        self.server.stepped(self.session.state_tally());
        self.server.gone(ending, self.session.tally(), self.worker);
    }
}

impl Conn {
    pub(crate) fn new(server: &'static Server, stream: OwnedFd, arrival: Option<Arrival>) -> Self {
        stopping::watch(stream.as_raw_fd());
        let mut session = Session::new(server.config.service);
        session.share(server.context);
        let descriptor = stream.as_raw_fd();
        // Whoever drops it without a word had no thread or place for it.
        let ending = Ending::Shed;
        let arrival = arrival.map(Box::new);
        let config = &server.config;
        let named = config.verbose || !config.service.app.is_request_reply();
        let peer = named.then(|| verbose::peer(&stream)).flatten().map(Box::new);
        let client = Client { session, server, descriptor, ending, worker: None, arrival, peer };
        let (phase, beside) = (Phase::Serving, None);
        Self { client, stream, phase, beside, readable: false, unproven: false }
    }

    /// Serves this client until it leaves, blocking: for models in which each has a thread or a process.
    pub fn serve(self) {
        drive::to_end(self, 0);
    }

    /// Ends the connection, for this reason.
    pub(crate) fn end(self, ending: Ending) {
        self.client.end(ending);
    }

    /// When it arrived, where that is to be told.
    pub(crate) fn arrival(&self) -> Option<Arrival> {
        self.client.arrival.as_deref().copied()
    }

    /// When it will have been idle for too long, should nothing more happen.
    pub(crate) fn idle_at(&self, progressed_at: Instant, now: Instant) -> Instant {
        // While its job runs or waits, it waits for us; a closing one has its own time.
        let for_us = !matches!(self.phase, Phase::Serving);
        let from = if for_us { now } else { progressed_at };
        from + self.client.server().config.idle_timeout
    }

    /// Another process has it now, socket, place and all: here it is forgotten.
    pub(crate) fn given_away(mut self) {
        stopping::forget(self.client.descriptor);
        self.client.peer = None;
        std::mem::forget(self.client);
    }

    /// Tells the client that the server is full, and ends the connection.
    pub(crate) fn turn_away(self) {
        net::turn_away(&self.stream, self.client.server().config.service.framing);
        self.end(Ending::Shed);
    }

    /// Closes in order, blocking.
    pub(crate) fn close_blocking(self) {
        if !self.client.is_to_be_closed_in_steps() {
            return self.end(Ending::Finished);
        }
        let ending = closing::to_end(&self.stream, self.client.server().config.idle_timeout);
        self.end(ending);
    }
}

impl AsFd for Conn {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

/// recv(2), without EINTR.
pub(crate) fn recv(stream: &OwnedFd, space: &mut [u8]) -> io::Result<usize> {
    match rustix::net::recv(stream, &mut *space, RecvFlags::empty()) {
        Err(Errno::INTR) => interrupted(stream, Timeout::Recv, PollFlags::IN, || {
            Ok(rustix::net::recv(stream, &mut *space, RecvFlags::DONTWAIT)?.0)
        }),
        received => Ok(received?.0),
    }
}

/// send(2), without EINTR and without SIGPIPE.
pub(crate) fn send(stream: &OwnedFd, bytes: &[u8]) -> io::Result<usize> {
    match rustix::net::send(stream, bytes, SendFlags::NOSIGNAL) {
        Err(Errno::INTR) => interrupted(stream, Timeout::Send, PollFlags::OUT, || {
            rustix::net::send(stream, bytes, SendFlags::NOSIGNAL | SendFlags::DONTWAIT)
        }),
        sent => Ok(sent?),
    }
}

/// Goes on with what a signal has interrupted. The socket's own timeout would start anew, for ever
/// where signals keep coming: so a deadline of the same length stands in for it from here on.
#[cold]
fn interrupted(
    stream: &OwnedFd,
    timeout: Timeout,
    what: PollFlags,
    mut go_on: impl FnMut() -> Result<usize, Errno>,
) -> io::Result<usize> {
    // Where it has none, nothing waits in the call.
    let timeout = rustix::net::sockopt::socket_timeout(stream, timeout)?;
    let deadline = Instant::now() + timeout.unwrap_or_default();
    loop {
        match go_on() {
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) if Instant::now() < deadline => {
                clock::wait_until_ready(stream, what, Some(deadline));
            }
            done => return Ok(done?),
        }
    }
}

/// Bytes that have come and were not read, up to urgent data if there is any.
pub(crate) fn queued(stream: &OwnedFd) -> usize {
    // A socket that does not say is read until it has nothing more.
    let bytes = rustix::io::ioctl_fionread(stream).unwrap_or(0);
    usize::try_from(bytes).unwrap_or(usize::MAX)
}
