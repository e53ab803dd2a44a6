//! Sockets, and one thread that waits for them with epoll(7).

use std::net::IpAddr;
use std::num::NonZeroU64;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, send, sockopt};
use rustix::time::Timespec;

use super::socket::{self, Dial};
use super::{READY_MAX, Ready, Wire};
use crate::Address;
use crate::clock::Clock;
use crate::pacing::Pacer;

const NS_PER_S: u64 = 1_000_000_000;

/// With `RDHUP`, the peer's end of stream is reported with the last data, so that no request is sent to
/// a server that has closed. It causes no wake-ups beyond those of `IN`.
///
/// Edge-triggered, because the kernel checks a level-triggered socket once more after each event, only
/// to find that it was read. Sockets that were not read to their end are remembered here instead.
const READABLE: EventFlags = EventFlags::IN.union(EventFlags::RDHUP).union(EventFlags::ET);

/// Non-blocking sockets, and an epoll instance with the events it reported last.
pub(crate) struct EpollWire {
    clock: Clock,
    dial: Dial,
    epoll: OwnedFd,
    events: Vec<Event>,
    sockets: Vec<Option<Socket>>,
    pacer: Pacer,
}

struct Socket {
    fd: OwnedFd,
    /// The last read filled its space or was interrupted: there may be more bytes, which the kernel does
    /// not report again.
    unread: bool,
}

impl EpollWire {
    /// Connections to `target`, all closed; to be called on the thread that will wait.
    pub(crate) fn new(target: &Address, connections: usize, clock: Clock) -> Result<Self, Errno> {
        // By default the kernel lets a thread oversleep by 50 µs to save wake-ups, which would make
        // every request late. If the kernel refuses, the generator is a little later, and its lateness
        // is measured.
        let _ = rustix::thread::set_current_timer_slack(NonZeroU64::new(1));
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let events = Vec::with_capacity(READY_MAX);
        let sockets = (0..connections).map(|_| None).collect();
        let (dial, pacer) = (Dial::new(target), Pacer::new(false));
        Ok(Self { clock, dial, epoll, events, sockets, pacer })
    }

    /// Uses these source addresses in turn, beginning with number `first`.
    pub(crate) fn coming_from(mut self, sources: &[IpAddr], first: usize) -> Self {
        self.dial.come_from(sources, first);
        self
    }

    /// The same with another pacer.
    pub(crate) fn paced(self, pacer: Pacer) -> Self {
        Self { pacer, ..self }
    }

    #[cfg(test)]
    pub(crate) fn adopt(&mut self, token: usize, socket: OwnedFd) {
        self.sockets[token] = Some(Socket { fd: socket, unread: false });
    }

    fn socket(&self, token: usize) -> &OwnedFd {
        &self.sockets[token].as_ref().expect("an open connection has a socket").fd
    }

    /// Keeps the events of sockets that were not read to their end. Returns how many.
    fn keep_unread(&mut self) -> usize {
        let sockets = &self.sockets;
        self.events.retain(|event| {
            let socket = sockets[token_of(event)].as_ref();
            socket.is_some_and(|socket| socket.unread)
        });
        self.events.len()
    }

    /// Merges new events into the first `kept` ones, so that each socket has one event.
    fn join(&mut self, kept: usize) {
        let mut new = self.events.split_off(kept);
        new.retain(|new| {
            let data = { new.data }.u64();
            let kept = self.events.iter_mut().find(|kept| { kept.data }.u64() == data);
            let is_new = kept.is_none();
            if let Some(kept) = kept {
                kept.flags = { kept.flags } | { new.flags };
            }
            is_new
        });
        self.events.append(&mut new);
    }

    fn watch(&self, token: usize, flags: EventFlags) -> Result<(), Errno> {
        epoll::modify(&self.epoll, self.socket(token), EventData::new_u64(token as u64), flags)
    }
}

impl Wire for EpollWire {
    fn now(&self) -> u64 {
        self.clock.now()
    }

    fn wait(&mut self, now: u64, until: u64) -> Result<usize, Errno> {
        let kept = self.keep_unread();
        if kept == 0 {
            let Self { clock, epoll, events, pacer, .. } = self;
            return pacer.wait(now, until, |timeout| poll(epoll, events, timeout), || clock.now());
        }
        if kept < READY_MAX {
            poll(&self.epoll, &mut self.events, 0)?;
            self.join(kept);
        }
        Ok(self.events.len())
    }

    fn spun(&self) -> u64 {
        self.pacer.spun()
    }

    fn event(&self, at: usize) -> (usize, Ready) {
        let Event { flags, .. } = self.events[at];
        let ready = Ready {
            // Errors and hang-ups also show when reading.
            readable: flags != EventFlags::OUT,
            writable: flags.contains(EventFlags::OUT),
            goodbye: flags.contains(EventFlags::RDHUP),
        };
        (token_of(&self.events[at]), ready)
    }

    fn sleep(&mut self, until: u64) {
        std::thread::sleep(Duration::from_nanos(until.saturating_sub(self.clock.now())));
    }

    fn aim(&mut self, address: &Address) {
        self.dial.aim(address);
    }

    fn open(&mut self, token: usize) -> Result<u64, Errno> {
        let (socket, since) = self.dial.begin(|| self.clock.now())?;
        let data = EventData::new_u64(token as u64);
        epoll::add(&self.epoll, &socket, data, EventFlags::OUT)?;
        self.sockets[token] = Some(Socket { fd: socket, unread: false });
        Ok(since)
    }

    fn opened(&mut self, token: usize) -> Result<(), Errno> {
        sockopt::socket_error(self.socket(token))??;
        self.watch(token, READABLE)
    }

    fn send(&mut self, token: usize, bytes: &[u8]) -> Result<usize, Errno> {
        send(self.socket(token), bytes, SendFlags::NOSIGNAL)
    }

    fn watch_room(&mut self, token: usize, watched: bool) -> Result<(), Errno> {
        self.watch(token, if watched { READABLE | EventFlags::OUT } else { READABLE })
    }

    fn receive(&mut self, token: usize, space: &mut [u8]) -> Result<usize, Errno> {
        let socket = self.sockets[token].as_mut().expect("an open connection has a socket");
        let offered = space.len();
        let received = recv(&socket.fd, space, RecvFlags::empty()).map(|(got, _)| got);
        // A short read left nothing behind.
        socket.unread = received == Ok(offered) || received == Err(Errno::INTR);
        received
    }

    fn heard_for(&self, token: usize) -> Option<u64> {
        socket::heard_for(self.socket(token))
    }

    fn close(&mut self, token: usize) {
        // Closing the only descriptor also removes the socket from epoll.
        self.sockets[token] = None;
    }
}

/// Adds the events that the kernel reports within that time, as many as there is room for. Returns how
/// many events there are.
fn poll(epoll: &OwnedFd, events: &mut Vec<Event>, timeout: u64) -> Result<usize, Errno> {
    let signed = |ns: u64| i64::try_from(ns).unwrap_or(i64::MAX);
    let timeout =
        Timespec { tv_sec: signed(timeout / NS_PER_S), tv_nsec: signed(timeout % NS_PER_S) };
    match epoll::wait(epoll, spare_capacity(events), Some(&timeout)) {
        Ok(_) | Err(Errno::INTR) => Ok(events.len()),
        Err(errno) => Err(errno),
    }
}

fn token_of(event: &Event) -> usize {
    usize::try_from({ event.data }.u64()).expect("tokens are usize")
}

#[cfg(test)]
mod tests {
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

    use super::*;

    const DEADLINE_NS: u64 = 30 * NS_PER_S;

    #[test]
    fn what_is_not_read_is_reported_again_and_once() {
        let nowhere = Address::Tcp(([127, 0, 0, 1], 0).into());
        let mut wire = EpollWire::new(&nowhere, 2, Clock::starting_now()).unwrap();
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let mut peers = Vec::new();
        for token in 0..2 {
            let (ours, theirs) =
                socketpair(AddressFamily::UNIX, SocketType::STREAM, flags, None).unwrap();
            epoll::add(&wire.epoll, &ours, EventData::new_u64(token), READABLE).unwrap();
            wire.adopt(usize::try_from(token).unwrap(), ours);
            peers.push(theirs);
        }
        send(&peers[0], b"one two", SendFlags::NOSIGNAL).unwrap();
        for expected in [Ok(4), Ok(3)] {
            assert_eq!(wire.wait(0, DEADLINE_NS), Ok(1));
            assert_eq!(wire.event(0), (0, Ready { readable: true, ..Ready::default() }));
            assert_eq!(wire.receive(0, &mut [0; 4]), expected);
        }
        assert_eq!(wire.wait(0, 0), Ok(0), "it was read to its end");

        send(&peers[0], b"more", SendFlags::NOSIGNAL).unwrap();
        assert_eq!(wire.wait(0, DEADLINE_NS), Ok(1));
        assert_eq!(wire.receive(0, &mut [0; 4]), Ok(4));
        peers.swap_remove(0);
        send(&peers[0], b"and another", SendFlags::NOSIGNAL).unwrap();
        // The first socket has ended meanwhile. It is one event although it has two reasons.
        assert_eq!(wire.wait(0, DEADLINE_NS), Ok(2));
        assert_eq!(wire.event(0), (0, Ready { readable: true, goodbye: true, ..Ready::default() }));
        assert_eq!(wire.event(1).0, 1);
        assert_eq!(wire.receive(0, &mut [0; 4]), Ok(0));
        wire.close(0);
        assert_eq!(wire.wait(0, 0), Ok(0), "a closed connection is not ready");
    }
}
