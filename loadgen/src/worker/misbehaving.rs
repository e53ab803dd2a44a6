//! Connections beside the load: idle ones, and clients that misbehave.
//!
//! They have a thread of their own, so they do not disturb measured connections, and a census of
//! their own. Nothing here has to be fast: every client takes a small step when its time has come,
//! and replies may wait until then.

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use protocol::{Exchange, Recipe, Reply};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, Shutdown, getpeername, recv, send, shutdown, sockopt};

use super::Shared;
use super::idle::Idle;
use crate::clock::to_ns;
use crate::outcome::IdleTally;
use crate::wire::socket;
use crate::{Address, Load, Misbehaviour};

/// The time between two passes over all clients.
const BEAT: Duration = Duration::from_millis(10);

/// The time between two checks whether the connections may be closed.
const HOLD: Duration = Duration::from_micros(200);

/// The time between two bytes of a slow sender, and two reads of a slow reader.
const SLOW_NS: u64 = 100_000_000;

/// Bytes that a slow reader reads at a time.
const SIP_BYTES: usize = 16;

/// The receive buffer that a slow reader asks for; the kernel has its own minimum.
const SMALL_BUFFER_BYTES: usize = 2_048;

/// The most requests of a slow reader without a reply.
const UNREAD_MAX: usize = 64;

/// A client whose connection has ended connects again after this.
const PAUSE_NS: u64 = 100_000_000;

/// The outcomes of the clients that misbehave in one way, in all phases.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Misbehaved {
    /// How many such clients there were.
    pub connections: usize,
    /// How often they opened a connection.
    pub opened: u64,
    /// Failed attempts to open a connection.
    pub connect_failures: u64,
    /// Requests that they sent completely.
    pub requests: u64,
    /// Correct replies that they got.
    pub right: u64,
    /// How their connections ended, by name: `closed` and `reset` by the server, `done` and
    /// `reset_by_us` as intended, `no_reply` after the request timeout, `wrong_reply`, `refused`.
    /// Connections that were open at the end are not included.
    pub ended: BTreeMap<&'static str, u64>,
}

/// The results of the connections beside a load.
#[derive(Debug, Default)]
pub(crate) struct BesideFound {
    pub(crate) idle: IdleTally,
    pub(crate) misbehaving: BTreeMap<Misbehaviour, Misbehaved>,
}

/// The connections beside a load.
pub(crate) struct Beside<'a> {
    load: &'a Load,
    shared: &'a Shared,
    idle: Idle,
    clients: Vec<MisbehavingClient>,
    tallies: BTreeMap<Misbehaviour, Misbehaved>,
}

/// A client that misbehaves.
struct MisbehavingClient {
    way: Misbehaviour,
    recipe: Arc<Recipe>,
    state: State,
    exchange: Exchange,
    /// The request that is being sent, or empty, and how many of its bytes were sent.
    request: Vec<u8>,
    sent: usize,
    tag: u64,
    /// When the connection was opened, or a request was last sent completely.
    asked_at: u64,
    /// When it takes its next step.
    next: u64,
}

/// The state of a client's connection.
enum State {
    Closed,
    /// Being opened since that instant.
    Connecting(OwnedFd, u64),
    Open(OwnedFd),
}

/// What a client does after a step.
enum Then {
    /// The next step, after this many nanoseconds.
    Wait(u64),
    /// Its connection has ended in this way.
    End(&'static str),
}

impl<'a> Beside<'a> {
    /// Opens the idle connections, so that they are open before the load.
    pub(crate) fn open(load: &'a Load, shared: &'a Shared) -> Self {
        let idle = Idle::open(load, shared.clock, &shared.route);
        let mut clients = Vec::new();
        let mut tallies = BTreeMap::new();
        for (way, connections) in &load.conduct.misbehaving {
            tallies.insert(*way, Misbehaved { connections: *connections, ..Misbehaved::default() });
            clients.extend((0..*connections).map(|_| MisbehavingClient::new(*way, load)));
        }
        // Spread over time, so that they do not all act at the same instant.
        let (now, n) = (shared.clock.now(), clients.len().max(1) as u64);
        for (at, client) in clients.iter_mut().enumerate() {
            client.next = now + SLOW_NS * at as u64 / n;
        }
        Self { load, shared, idle, clients, tallies }
    }

    /// Runs all clients until the measurement is over.
    pub(crate) fn run(mut self) -> BesideFound {
        while self.shared.clock.now() < self.shared.end.load(Ordering::Relaxed) {
            let now = self.shared.clock.now();
            for at in 0..self.clients.len() {
                if self.clients[at].next <= now {
                    self.step(at, now);
                }
            }
            let left = self.shared.end.load(Ordering::Relaxed).saturating_sub(now);
            std::thread::sleep(BEAT.min(Duration::from_nanos(left)));
        }
        while !self.shared.seen.load(Ordering::Acquire) {
            std::thread::sleep(HOLD);
        }
        BesideFound { idle: self.idle.count(), misbehaving: self.tallies }
    }

    fn step(&mut self, at: usize, now: u64) {
        let client = &mut self.clients[at];
        let tally = self.tallies.entry(client.way).or_default();
        let then = match std::mem::replace(&mut client.state, State::Closed) {
            State::Closed => client.open(self.load, self.shared.route.address(), at, now),
            State::Connecting(socket, since) => client.greet(socket, since, now, self.load, tally),
            State::Open(socket) => {
                let then = client.act(&socket, now, self.load, tally);
                if let Then::Wait(_) = then {
                    client.state = State::Open(socket);
                }
                then
            }
        };
        client.next = now + PAUSE_NS;
        match then {
            Then::Wait(ns) => client.next = now + ns,
            Then::End("connect_failed") => tally.connect_failures += 1,
            Then::End(how) => *tally.ended.entry(how).or_default() += 1,
        }
    }
}

impl MisbehavingClient {
    fn new(way: Misbehaviour, load: &Load) -> Self {
        let long = load.conduct.long_reply.as_ref().filter(|_| way == Misbehaviour::SlowReader);
        let recipe = Arc::clone(long.unwrap_or(&load.recipe));
        let exchange = Exchange::new(Arc::clone(&recipe));
        let (state, request) = (State::Closed, Vec::new());
        Self { way, recipe, state, exchange, request, sent: 0, tag: 0, asked_at: 0, next: 0 }
    }

    fn open(&mut self, load: &Load, address: &Address, at: usize, now: u64) -> Then {
        let sources = &load.conduct.sources;
        let source = sources.get(at % sources.len().max(1)).copied();
        let opening = socket::stream(address, source).and_then(|socket| {
            if self.way == Misbehaviour::SlowReader {
                sockopt::set_socket_recv_buffer_size(&socket, SMALL_BUFFER_BYTES)?;
            }
            socket::connecting(socket, address)
        });
        let Ok(socket) = opening else { return Then::End("connect_failed") };
        self.state = State::Connecting(socket, now);
        Then::Wait(0)
    }

    /// Checks whether the connection is open.
    fn greet(
        &mut self,
        socket: OwnedFd,
        since: u64,
        now: u64,
        load: &Load,
        tally: &mut Misbehaved,
    ) -> Then {
        if !matches!(sockopt::socket_error(&socket), Ok(Ok(()))) {
            return Then::End("connect_failed");
        }
        if getpeername(&socket).is_err() {
            if now - since > to_ns(load.connect_timeout) {
                return Then::End("connect_failed");
            }
            self.state = State::Connecting(socket, since);
            return Then::Wait(0);
        }
        tally.opened += 1;
        self.exchange = Exchange::new(Arc::clone(&self.recipe));
        if load.greeting {
            self.exchange.expect_greeting();
        }
        self.sent = 0;
        self.request.clear();
        self.asked_at = now;
        self.state = State::Open(socket);
        Then::Wait(0)
    }

    fn act(&mut self, socket: &OwnedFd, now: u64, load: &Load, tally: &mut Misbehaved) -> Then {
        let requests = tally.requests;
        let stepped = match self.way {
            Misbehaviour::SlowReader => self.read_slowly(socket, tally),
            Misbehaviour::SlowSender => self.send_slowly(socket, tally),
            Misbehaviour::HalfCloser => self.close_half(socket, tally),
            Misbehaviour::Resetter => self.reset(socket),
        };
        if tally.requests > requests {
            self.asked_at = now;
        }
        let late = now - self.asked_at > to_ns(load.request_timeout);
        match stepped {
            Ok(Then::Wait(_)) if late && self.way == Misbehaviour::HalfCloser => {
                Then::End("no_reply")
            }
            Ok(then) | Err(then) => then,
        }
    }

    /// Sends as many requests as it may, and reads a few bytes.
    fn read_slowly(&mut self, socket: &OwnedFd, tally: &mut Misbehaved) -> Result<Then, Then> {
        while !self.request.is_empty() || self.exchange.open() < UNREAD_MAX {
            if !self.send_up_to(socket, usize::MAX, tally)? {
                break;
            }
        }
        self.receive(socket, SIP_BYTES, tally)?;
        Ok(Then::Wait(SLOW_NS))
    }

    /// Sends the next byte.
    fn send_slowly(&mut self, socket: &OwnedFd, tally: &mut Misbehaved) -> Result<Then, Then> {
        self.receive(socket, usize::MAX, tally)?;
        if !self.request.is_empty() || self.exchange.open() == 0 {
            self.send_up_to(socket, 1, tally)?;
        }
        Ok(Then::Wait(SLOW_NS))
    }

    /// Sends a request and closes its half; then waits for the reply.
    fn close_half(&mut self, socket: &OwnedFd, tally: &mut Misbehaved) -> Result<Then, Then> {
        if !self.request.is_empty() || self.exchange.open() == 0 {
            if self.send_up_to(socket, usize::MAX, tally)? {
                shutdown(socket, Shutdown::Write).map_err(|_| Then::End("reset"))?;
            }
            return Ok(Then::Wait(0));
        }
        let right = tally.right;
        let received = self.receive(socket, usize::MAX, tally);
        // After its reply the client is done, and the server may close too.
        if tally.right > right { Ok(Then::End("done")) } else { received.map(|()| Then::Wait(0)) }
    }

    /// Sends half a request, and resets the connection in the next step.
    fn reset(&mut self, socket: &OwnedFd) -> Result<Then, Then> {
        if self.request.is_empty() {
            self.begin_request();
            let half = self.request.len() / 2;
            send_some(socket, &self.request[..half.max(1)])?;
            return Ok(Then::Wait(0));
        }
        // With this, closing a socket sends a reset and leaves nothing behind.
        let _ = sockopt::set_socket_linger(socket, Some(Duration::ZERO));
        Ok(Then::End("reset_by_us"))
    }

    fn begin_request(&mut self) {
        self.request.clear();
        self.exchange.request(self.tag, &mut self.request);
        self.tag += 1;
    }

    /// Sends up to `most` bytes of a request; starts a new one if none is under way. Returns whether the
    /// request was sent completely.
    fn send_up_to(
        &mut self,
        socket: &OwnedFd,
        most: usize,
        tally: &mut Misbehaved,
    ) -> Result<bool, Then> {
        if self.request.is_empty() {
            self.begin_request();
        }
        let end = self.sent.saturating_add(most).min(self.request.len());
        self.sent += send_some(socket, &self.request[self.sent..end])?;
        let whole = self.sent == self.request.len();
        if whole {
            tally.requests += 1;
            self.request.clear();
            self.sent = 0;
        }
        Ok(whole)
    }

    /// Reads up to `most` bytes, and checks the replies.
    fn receive(
        &mut self,
        socket: &OwnedFd,
        most: usize,
        tally: &mut Misbehaved,
    ) -> Result<(), Then> {
        let mut left = most;
        while left > 0 {
            let space = self.exchange.space();
            let offered = space.len().min(left);
            let got = match recv(socket, &mut space[..offered], RecvFlags::empty()) {
                Ok((0, _)) => return Err(Then::End("closed")),
                Ok((got, _)) => got,
                Err(Errno::AGAIN | Errno::INTR) => return Ok(()),
                Err(_) => return Err(Then::End("reset")),
            };
            left -= got;
            self.exchange.received(got);
            while let Some(reply) = self.exchange.reply() {
                match reply {
                    Reply::Right { .. } => tally.right += 1,
                    Reply::Greeting(_) => {}
                    Reply::Refused { .. } | Reply::Status { .. } => {
                        return Err(Then::End("refused"));
                    }
                    Reply::Wrong { .. } | Reply::Length { .. } => {
                        return Err(Then::End("wrong_reply"));
                    }
                }
            }
        }
        Ok(())
    }
}

/// Gives bytes to a socket and returns how many it took.
fn send_some(socket: &OwnedFd, bytes: &[u8]) -> Result<usize, Then> {
    match send(socket, bytes, SendFlags::NOSIGNAL) {
        Ok(sent) => Ok(sent),
        Err(Errno::AGAIN | Errno::INTR) => Ok(0),
        Err(_) => Err(Then::End("reset")),
    }
}
