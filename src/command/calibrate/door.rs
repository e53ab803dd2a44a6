//! Shared by both servers: listening, waiting and accepting.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;

use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::io::Errno;
use rustix::time::Timespec;

/// Events taken at a time.
const EVENTS_MAX: usize = 64;

const LISTENER: u64 = u64::MAX;

/// The client of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum About {
    /// A client waits to be accepted.
    Newcomer,
    /// The client with this number.
    Client(usize),
}

/// A listening socket, and the epoll(7) instance that watches it and the clients.
pub(super) struct Door {
    listener: TcpListener,
    epoll: OwnedFd,
}

impl Door {
    pub(super) fn open(address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        epoll::add(&epoll, &listener, EventData::new_u64(LISTENER), EventFlags::IN)?;
        Ok(Self { listener, epoll })
    }

    pub(super) fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Room for what is told at a time.
    pub(super) fn events() -> Vec<Event> {
        Vec::with_capacity(EVENTS_MAX)
    }

    /// Waits until there is something to tell, or for so long.
    pub(super) fn wait(&self, events: &mut Vec<Event>, timeout: &Timespec) -> io::Result<()> {
        events.clear();
        match epoll::wait(&self.epoll, spare_capacity(events), Some(timeout)) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }

    pub(super) fn about(event: Event) -> About {
        match usize::try_from(event.data.u64()) {
            Ok(client) if event.data.u64() != LISTENER => About::Client(client),
            _ => About::Newcomer,
        }
    }

    /// The next client, ready for a loop; `None` if no client waits.
    ///
    /// # Errors
    /// When the listener or the machine is at fault. Clients that left before they were accepted
    /// are skipped.
    pub(super) fn next(&self) -> io::Result<Option<TcpStream>> {
        loop {
            match self.listener.accept() {
                Ok((stream, _)) => {
                    stream.set_nonblocking(true)?;
                    stream.set_nodelay(true)?;
                    return Ok(Some(stream));
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
                Err(error) if error.kind() == ErrorKind::ConnectionAborted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Watches a client, whose events carry its number. Closing its socket ends that.
    pub(super) fn watch(
        &self,
        stream: &TcpStream,
        number: usize,
        flags: EventFlags,
    ) -> io::Result<()> {
        Ok(epoll::add(&self.epoll, stream, EventData::new_u64(number as u64), flags)?)
    }

    /// Watches it for something else.
    pub(super) fn rewatch(
        &self,
        stream: &TcpStream,
        number: usize,
        flags: EventFlags,
    ) -> io::Result<()> {
        Ok(epoll::modify(&self.epoll, stream, EventData::new_u64(number as u64), flags)?)
    }
}
