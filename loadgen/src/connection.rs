//! One connection of a worker: its socket, its exchange and the request in flight.

use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use protocol::{Exchange, Recipe};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, SendFlags, SocketFlags, SocketType, connect, ipproto, send, socket_with, sockopt,
};

use crate::clock::Clock;
use crate::recorder::Stamps;

/// A request without a reply yet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct InFlight {
    pub(crate) stamps: Stamps,
    /// Whether it belongs to the measurement.
    pub(crate) measured: bool,
}

/// Where a connection is in its life. One on which requests can be sent is free while it has
/// nothing in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// It has no socket: not yet opened, or about to be reopened.
    Closed,
    /// Since this instant.
    Connecting { since: u64 },
    /// It is open, and nothing is sent before the greeting is there.
    Greeting {
        /// When connect(2) was called.
        asked: u64,
        /// When it was known to be open.
        open: u64,
    },
    /// Requests can be sent.
    Open,
}

#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) socket: Option<OwnedFd>,
    pub(crate) state: State,
    pub(crate) exchange: Exchange,
    /// When it last became free: was opened and greeted, or had its reply.
    pub(crate) free_at: u64,
    pub(crate) in_flight: Option<InFlight>,
    /// What the kernel did not take of the request in flight.
    pub(crate) unsent: Vec<u8>,
    /// Right replies to requests of the measurement.
    pub(crate) ok: u64,
    /// It got a right reply since it was last opened.
    pub(crate) served: bool,
    /// It was opened at least once.
    pub(crate) was_open: bool,
    /// A write said that the server reset the connection, which the next read may not say again.
    pub(crate) reset: bool,
}

/// What became of a write.
pub(crate) enum Written {
    All,
    /// The rest is in `unsent`.
    Part,
    /// The peer is gone. What it still said, and how it went, is for the next read to find out.
    PeerGone,
    Failed,
}

impl Connection {
    pub(crate) fn new(recipe: Arc<Recipe>) -> Self {
        Self {
            socket: None,
            state: State::Closed,
            exchange: Exchange::new(recipe),
            free_at: 0,
            in_flight: None,
            unsent: Vec::new(),
            ok: 0,
            served: false,
            was_open: false,
            reset: false,
        }
    }

    /// Closes the socket and forgets what was said on it.
    pub(crate) fn close(&mut self, recipe: &Arc<Recipe>) {
        self.socket = None;
        self.state = State::Closed;
        self.exchange = Exchange::new(Arc::clone(recipe));
        self.in_flight = None;
        self.unsent.clear();
        self.served = false;
        self.reset = false;
    }

    /// Writes a whole request.
    pub(crate) fn write(&mut self, request: &[u8]) -> Written {
        let socket = self.socket.as_ref().expect("an open connection has a socket");
        let sent = match send(socket, request, SendFlags::NOSIGNAL) {
            Ok(sent) => sent,
            Err(Errno::AGAIN | Errno::INTR) => 0,
            Err(Errno::CONNRESET | Errno::PIPE) => {
                self.reset = true;
                return Written::PeerGone;
            }
            Err(_) => return Written::Failed,
        };
        if sent == request.len() {
            return Written::All;
        }
        self.unsent.extend_from_slice(&request[sent..]);
        Written::Part
    }

    /// Writes what was left of a request.
    pub(crate) fn write_rest(&mut self) -> Written {
        let rest = std::mem::take(&mut self.unsent);
        self.write(&rest)
    }
}

/// Begins to open a connection without waiting. The socket is writable when that has ended.
/// Returns it with the instant just before connect(2), so that making the socket is not in it.
pub(crate) fn begin_connect(target: SocketAddr, clock: Clock) -> Result<(OwnedFd, u64), Errno> {
    let family = match target {
        SocketAddr::V4(_) => AddressFamily::INET,
        SocketAddr::V6(_) => AddressFamily::INET6,
    };
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = socket_with(family, SocketType::STREAM, flags, Some(ipproto::TCP))?;
    // A request is one write; holding it back until the last one is acknowledged gains nothing.
    sockopt::set_tcp_nodelay(&socket, true)?;
    let asked = clock.now();
    match connect(&socket, &target) {
        Ok(()) | Err(Errno::INPROGRESS | Errno::INTR) => Ok((socket, asked)),
        Err(errno) => Err(errno),
    }
}

/// How opening a connection ended, once the socket is writable.
pub(crate) fn connect_result(socket: &OwnedFd) -> Result<(), Errno> {
    sockopt::socket_error(socket)?
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::net::{RecvFlags, recv, socketpair};

    #[test]
    fn a_short_write_is_taken_up_where_it_ended() {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let (ours, theirs) =
            socketpair(AddressFamily::UNIX, SocketType::STREAM, flags, None).unwrap();
        sockopt::set_socket_send_buffer_size(&ours, 1).unwrap();
        let echo = protocol::Request::Echo { bytes: 1 };
        let recipe = Recipe::new(protocol::App::Bench, protocol::Framing::Line, echo).unwrap();
        let mut connection = Connection::new(Arc::new(recipe));
        connection.socket = Some(ours);

        let request: Vec<u8> = (0..=255).cycle().take(500_000).collect();
        let mut written = connection.write(&request);
        let (mut arrived, mut buffer, mut parts) = (Vec::new(), vec![0; 65_536], 0);
        loop {
            while let Ok((got @ 1.., _)) = recv(&theirs, &mut buffer, RecvFlags::empty()) {
                arrived.extend_from_slice(&buffer[..got]);
            }
            match written {
                Written::All => break,
                Written::Part => parts += 1,
                Written::PeerGone | Written::Failed => panic!("the peer is there"),
            }
            written = connection.write_rest();
        }
        assert!(parts > 1);
        assert!(arrived == request && connection.unsent.is_empty());
    }

    #[test]
    fn a_write_to_nobody_is_left_for_the_read_to_explain() {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let (ours, theirs) =
            socketpair(AddressFamily::UNIX, SocketType::STREAM, flags, None).unwrap();
        drop(theirs);
        let echo = protocol::Request::Echo { bytes: 1 };
        let recipe = Recipe::new(protocol::App::Bench, protocol::Framing::Line, echo).unwrap();
        let mut connection = Connection::new(Arc::new(recipe));
        connection.socket = Some(ours);
        assert!(matches!(connection.write(b"x"), Written::PeerGone));
        assert!(connection.reset);
    }
}
