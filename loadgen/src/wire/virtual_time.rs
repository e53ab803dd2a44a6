//! A server in virtual time: a law determines every latency, and only the laws make time pass.
//! There is one thread, no socket and no real clock; the same load gives the same timestamps to the
//! nanosecond.
//!
//! The protocol's own `Session` reads requests and writes replies, so a worker gets the correct
//! bytes. The laws decide only when they arrive.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use protocol::{Service, Session, Step};
use rustix::io::Errno;

use crate::Address;

use super::{READY_MAX, Ready, Wire};

/// The outcome of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// The correct reply.
    Reply,
    /// The correct reply, with its last byte this many nanoseconds after the others.
    InTwoParts(u64),
    /// This instead of the correct reply.
    Says(&'static str),
    /// The connection is reset when the reply would have arrived.
    Reset,
    /// The connection is closed when the reply would have arrived.
    Goodbye,
    /// Nothing ever arrives.
    Silence,
}

/// The behaviour of the server. A request is identified by its tag and its arrival.
pub(crate) struct Laws {
    /// How long the server works on a request, at least 1 ns, by its tag and its arrival.
    pub(crate) work: Box<dyn Fn(u64, u64) -> u64>,
    /// The outcome of a request, by its tag.
    pub(crate) fate: Box<dyn Fn(u64) -> Fate>,
    /// How many requests it works on at a time; the others wait in order. `None`: all.
    pub(crate) at_a_time: Option<usize>,
    /// A period and a duration: it stands still for the duration at the beginning of each period.
    pub(crate) stall: Option<(u64, u64)>,
    /// How long a connection takes to open.
    pub(crate) connect_ns: u64,
    /// Whether a connection is refused, by its number and by how often it was tried before.
    pub(crate) refuses: Box<dyn Fn(usize, u32) -> bool>,
    /// Application, framing and the number of replies on a connection.
    pub(crate) service: Service,
    /// How many bytes it takes at a time, and how long until there is room for more.
    pub(crate) takes: (usize, u64),
}

impl Laws {
    /// A server that works this long on every request, on all of them at once.
    pub(crate) fn fixed(work_ns: u64) -> Self {
        Self {
            work: Box::new(move |_, _| work_ns),
            fate: Box::new(|_| Fate::Reply),
            at_a_time: None,
            stall: None,
            connect_ns: 1_000,
            refuses: Box::new(|_, _| false),
            service: Service::BENCH,
            takes: (usize::MAX, 0),
        }
    }
}

/// The generator's own time, in virtual time.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Costs {
    /// For every write.
    pub(crate) send_ns: u64,
    /// For every wait, after its end.
    pub(crate) wait_ns: u64,
    /// For every read.
    pub(crate) receive_ns: u64,
    /// In the first wait from the first of these instants on, it stands still until the second.
    pub(crate) stopped: Option<(u64, u64)>,
    /// A period, a duration and an end: before the end, a wait that would end within the duration at
    /// the beginning of a period ends only after it.
    pub(crate) stops: Option<(u64, u64, u64)>,
}

#[derive(Debug)]
enum Event {
    Opened(Result<(), Errno>),
    Bytes(Vec<u8>),
    Room,
    End,
    Reset,
}

/// The server's end of a connection, and what has arrived at the other.
#[derive(Default)]
struct Peer {
    /// How often this connection was closed: events for an earlier life are lost.
    life: u32,
    session: Option<Session>,
    tag: Option<u64>,
    opened: Option<Result<(), Errno>>,
    arrived: Vec<u8>,
    /// When the last of these bytes arrived.
    arrived_at: u64,
    ended: bool,
    reset: bool,
    /// The server has closed its end, or will after the bytes that are under way.
    leaving: bool,
    room_watched: bool,
    room_left: usize,
}

/// Connections to a server of virtual time.
pub(crate) struct VirtualWire {
    laws: Laws,
    costs: Costs,
    clock: u64,
    peers: Vec<Peer>,
    /// How many attempts there were to open each connection.
    tried: Vec<u32>,
    /// Future events by time and order; `events` has their connection and its life.
    future: BinaryHeap<Reverse<(u64, u64)>>,
    events: HashMap<u64, (usize, u32, Event)>,
    happened: u64,
    /// Connections that may be ready, in the order in which they became ready.
    pending: Vec<usize>,
    reported: Vec<(usize, Ready)>,
    /// When the server will be done with each request that it works on, in working time.
    busy_until: BinaryHeap<Reverse<u64>>,
}

impl VirtualWire {
    pub(crate) fn new(connections: usize, laws: Laws, costs: Costs) -> Self {
        let slots = laws.at_a_time.unwrap_or(0);
        Self {
            laws,
            costs,
            clock: 0,
            peers: (0..connections).map(|_| Peer::default()).collect(),
            tried: vec![0; connections],
            future: BinaryHeap::new(),
            events: HashMap::new(),
            happened: 0,
            pending: Vec::new(),
            reported: Vec::new(),
            busy_until: (0..slots).map(|_| Reverse(0)).collect(),
        }
    }

    fn at(&mut self, time: u64, token: usize, event: Event) {
        self.future.push(Reverse((time, self.happened)));
        self.events.insert(self.happened, (token, self.peers[token].life, event));
        self.happened += 1;
    }

    /// Handles all events whose time has come.
    fn catch_up(&mut self) {
        while let Some(Reverse((time, number))) = self.future.peek().copied()
            && time <= self.clock
        {
            self.future.pop();
            let (token, life, event) = self.events.remove(&number).expect("it is in the future");
            let peer = &mut self.peers[token];
            if peer.life != life {
                continue;
            }
            match event {
                Event::Opened(how) => peer.opened = Some(how),
                Event::Bytes(bytes) => {
                    peer.arrived.extend(bytes);
                    peer.arrived_at = time;
                }
                Event::Room => peer.room_left = self.laws.takes.0,
                Event::End => peer.ended = true,
                Event::Reset => peer.reset = true,
            }
            if !self.pending.contains(&token) {
                self.pending.push(token);
            }
        }
    }

    fn ready(&self, token: usize) -> Option<Ready> {
        let peer = &self.peers[token];
        let room = peer.room_watched && peer.room_left > 0;
        let ready = Ready {
            readable: peer.session.is_some()
                && (!peer.arrived.is_empty() || peer.ended || peer.reset),
            writable: peer.opened.is_some() || room,
            goodbye: peer.ended || peer.reset,
        };
        (ready.readable || ready.writable).then_some(ready)
    }

    /// When a request that arrives now and takes this much work will be done.
    fn done_at(&mut self, work_ns: u64) -> u64 {
        let arrived = self.worked_by(self.clock);
        let begins = match self.busy_until.pop() {
            None => arrived,
            Some(Reverse(free)) => arrived.max(free),
        };
        let ends = begins + work_ns;
        if self.laws.at_a_time.is_some() {
            self.busy_until.push(Reverse(ends));
        }
        match self.laws.stall {
            None => ends,
            // Work that ends exactly when a stall begins ends before the stall, not after it.
            Some((period, stall)) => {
                let (periods, rest) =
                    ((ends - 1) / (period - stall), (ends - 1) % (period - stall));
                periods * period + stall + rest + 1
            }
        }
    }

    /// How long the server has worked until this instant, without its stalls.
    fn worked_by(&self, instant: u64) -> u64 {
        self.laws.stall.map_or(instant, |(period, stall)| {
            (instant / period) * (period - stall) + (instant % period).saturating_sub(stall)
        })
    }

    /// The server gets bytes, and decides the outcome of the request that they complete, if any.
    fn serve(&mut self, token: usize, bytes: &[u8]) {
        let peer = &mut self.peers[token];
        peer.tag = peer.tag.or_else(|| tag(bytes));
        let session = peer.session.as_mut().expect("the connection is open");
        let mut bytes = bytes;
        let mut reply = Vec::new();
        loop {
            let taken = match session.step() {
                Step::Read(space) if !bytes.is_empty() => {
                    let taken = space.len().min(bytes.len());
                    space[..taken].copy_from_slice(&bytes[..taken]);
                    taken
                }
                Step::Write(some) => {
                    reply.extend_from_slice(some);
                    let n = some.len();
                    session.sent(n);
                    continue;
                }
                Step::Close => {
                    peer.leaving = true;
                    break;
                }
                Step::Read(_) => break,
                Step::Outside(_) => unreachable!("no request of these leads outside"),
                Step::Run(_) => panic!("a request of these tests needs no job"),
            };
            session.received(taken);
            bytes = &bytes[taken..];
        }
        if !reply.is_empty() {
            let tag = peer.tag.take().expect("an echo has its tag in its first bytes");
            self.answer(token, tag, reply);
        }
    }

    fn answer(&mut self, token: usize, tag: u64, mut reply: Vec<u8>) {
        let fate = (self.laws.fate)(tag);
        let work_ns = (self.laws.work)(tag, self.clock);
        let mut done = self.done_at(work_ns);
        match fate {
            Fate::Reply => self.at(done, token, Event::Bytes(reply)),
            Fate::InTwoParts(gap) => {
                let last = reply.split_off(reply.len() - 1);
                self.at(done, token, Event::Bytes(reply));
                done += gap;
                self.at(done, token, Event::Bytes(last));
            }
            Fate::Says(text) => self.at(done, token, Event::Bytes(text.into())),
            Fate::Reset => self.at(done, token, Event::Reset),
            Fate::Goodbye => self.at(done, token, Event::End),
            Fate::Silence => {}
        }
        self.peers[token].leaving |= matches!(fate, Fate::Reset | Fate::Goodbye);
        if self.peers[token].leaving && matches!(fate, Fate::Reply | Fate::InTwoParts(_)) {
            self.at(done, token, Event::End);
        }
    }
}

/// The tag that an echo request of line framing begins with.
fn tag(request: &[u8]) -> Option<u64> {
    let digits = request.strip_prefix(b"ECHO ")?.get(..16)?;
    u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

impl Wire for VirtualWire {
    fn now(&self) -> u64 {
        self.clock
    }

    fn wait(&mut self, _now: u64, until: u64) -> Result<usize, Errno> {
        self.catch_up();
        let peers: Vec<usize> = std::mem::take(&mut self.pending);
        self.pending = peers.into_iter().filter(|token| self.ready(*token).is_some()).collect();
        if self.pending.is_empty() {
            let next = self.future.peek().map_or(u64::MAX, |Reverse((time, _))| *time);
            let wake = next.min(until);
            assert_ne!(wake, u64::MAX, "the worker waits for what will never happen");
            self.clock = self.clock.max(wake);
        }
        self.clock += self.costs.wait_ns;
        if let Some((_, until)) = self.costs.stopped.take_if(|(from, _)| *from <= self.clock) {
            self.clock = until;
        }
        if let Some((period, stop, last)) = self.costs.stops
            && self.clock < last
            && self.clock % period < stop
        {
            self.clock += stop - self.clock % period;
        }
        self.catch_up();
        let ready = self.pending.iter().filter_map(|&token| Some((token, self.ready(token)?)));
        self.reported = ready.take(READY_MAX).collect();
        Ok(self.reported.len())
    }

    fn event(&self, at: usize) -> (usize, Ready) {
        self.reported[at]
    }

    fn sleep(&mut self, until: u64) {
        self.clock = self.clock.max(until);
    }

    fn aim(&mut self, _: &Address) {}

    fn open(&mut self, token: usize) -> Result<u64, Errno> {
        let refused = (self.laws.refuses)(token, self.tried[token]);
        self.tried[token] += 1;
        let how = if refused { Err(Errno::CONNREFUSED) } else { Ok(()) };
        self.at(self.clock + self.laws.connect_ns, token, Event::Opened(how));
        Ok(self.clock)
    }

    fn opened(&mut self, token: usize) -> Result<(), Errno> {
        let peer = &mut self.peers[token];
        peer.opened.take().expect("it was reported")?;
        peer.session = Some(Session::new(self.laws.service));
        peer.room_left = self.laws.takes.0;
        Ok(())
    }

    fn send(&mut self, token: usize, bytes: &[u8]) -> Result<usize, Errno> {
        let peer = &mut self.peers[token];
        if peer.leaving || peer.reset {
            return Err(Errno::PIPE);
        }
        let taken = bytes.len().min(peer.room_left);
        if taken == 0 {
            return Err(Errno::AGAIN);
        }
        peer.room_left -= taken;
        if peer.room_left == 0 {
            self.at(self.clock + self.laws.takes.1, token, Event::Room);
        }
        self.serve(token, &bytes[..taken]);
        self.clock += self.costs.send_ns;
        Ok(taken)
    }

    fn watch_room(&mut self, token: usize, watched: bool) -> Result<(), Errno> {
        self.peers[token].room_watched = watched;
        Ok(())
    }

    fn receive(&mut self, token: usize, space: &mut [u8]) -> Result<usize, Errno> {
        self.clock += self.costs.receive_ns;
        let peer = &mut self.peers[token];
        let got = space.len().min(peer.arrived.len());
        if peer.reset {
            return Err(Errno::CONNRESET);
        }
        if got == 0 {
            return if peer.ended { Ok(0) } else { Err(Errno::AGAIN) };
        }
        space[..got].copy_from_slice(&peer.arrived[..got]);
        peer.arrived.drain(..got);
        Ok(got)
    }

    fn heard_for(&self, token: usize) -> Option<u64> {
        Some(self.clock - self.peers[token].arrived_at)
    }

    fn close(&mut self, token: usize) {
        let life = self.peers[token].life + 1;
        self.peers[token] = Peer { life, ..Peer::default() };
    }
}
