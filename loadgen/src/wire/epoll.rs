//! Sockets, and one thread that waits for them with epoll(7).

use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, send, sockopt};
use rustix::time::Timespec;

use super::{Ready, Wire, begin_to_connect};
use crate::clock::Clock;
use crate::pacing::Pacer;

/// Events taken at a time. Few, because the replies behind the last of them wait until those
/// before it are dealt with; the rest is still there at the next look.
const EVENTS_MAX: usize = 64;

const NS_PER_S: u64 = 1_000_000_000;

/// The peer's end of stream is reported with the last data, so that no request is sent to a
/// server that has said goodbye. It wakes nobody who would not be woken by `IN` alone.
const READABLE: EventFlags = EventFlags::IN.union(EventFlags::RDHUP);

/// Non-blocking sockets, and a level-triggered epoll instance with the events it reported last.
pub(crate) struct EpollWire {
    clock: Clock,
    target: SocketAddr,
    epoll: OwnedFd,
    events: Vec<Event>,
    sockets: Vec<Option<OwnedFd>>,
    pacer: Pacer,
}

impl EpollWire {
    /// Connections to `target`, all closed; to be called on the thread that will wait.
    pub(crate) fn new(target: SocketAddr, connections: usize, clock: Clock) -> Result<Self, Errno> {
        // The kernel lets a sleeper oversleep by 50 µs to save wake-ups; here that would be
        // lateness of every request. A kernel that refuses leaves a generator that is a little
        // later, and its lateness is measured.
        let _ = rustix::thread::set_current_timer_slack(NonZeroU64::new(1));
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let events = Vec::with_capacity(EVENTS_MAX);
        let sockets = (0..connections).map(|_| None).collect();
        Ok(Self { clock, target, epoll, events, sockets, pacer: Pacer::new(false) })
    }

    /// The same, waiting in another way.
    pub(crate) fn paced(self, pacer: Pacer) -> Self {
        Self { pacer, ..self }
    }

    #[cfg(test)]
    pub(crate) fn adopt(&mut self, token: usize, socket: OwnedFd) {
        self.sockets[token] = Some(socket);
    }

    fn socket(&self, token: usize) -> &OwnedFd {
        self.sockets[token].as_ref().expect("an open connection has a socket")
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
        let signed = |ns: u64| i64::try_from(ns).unwrap_or(i64::MAX);
        let Self { clock, epoll, events, pacer, .. } = self;
        let poll = |timeout: u64| {
            let timeout = Timespec {
                tv_sec: signed(timeout / NS_PER_S),
                tv_nsec: signed(timeout % NS_PER_S),
            };
            events.clear();
            match epoll::wait(&*epoll, spare_capacity(events), Some(&timeout)) {
                Ok(ready) => Ok(ready),
                Err(Errno::INTR) => Ok(0),
                Err(errno) => Err(errno),
            }
        };
        pacer.wait(now, until, poll, || clock.now())
    }

    fn spun(&self) -> u64 {
        self.pacer.spun()
    }

    fn event(&self, at: usize) -> (usize, Ready) {
        let Event { data, flags } = self.events[at];
        let ready = Ready {
            // Errors and hang-ups too are learnt by reading.
            readable: flags != EventFlags::OUT,
            writable: flags.contains(EventFlags::OUT),
            goodbye: flags.contains(EventFlags::RDHUP),
        };
        (usize::try_from(data.u64()).expect("tokens are usize"), ready)
    }

    fn sleep(&mut self, until: u64) {
        std::thread::sleep(Duration::from_nanos(until.saturating_sub(self.clock.now())));
    }

    fn open(&mut self, token: usize) -> Result<u64, Errno> {
        let (socket, since) = begin_to_connect(&self.target, || self.clock.now())?;
        let data = EventData::new_u64(token as u64);
        epoll::add(&self.epoll, &socket, data, EventFlags::OUT)?;
        self.sockets[token] = Some(socket);
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
        recv(self.socket(token), space, RecvFlags::empty()).map(|(got, _)| got)
    }

    fn close(&mut self, token: usize) {
        // Closing it ends the reports too, since it has one descriptor only.
        self.sockets[token] = None;
    }
}
