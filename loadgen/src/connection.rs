//! One connection of a worker: its state, its exchange and its requests in flight.

use std::collections::VecDeque;
use std::sync::Arc;

use protocol::{Exchange, Recipe};
use rustix::io::Errno;

use crate::clock::to_ns;
use crate::conduct::Conduct;
use crate::in_flight::{InFlight, InFlights};
use crate::recorder::Stamps;
use crate::wire::Wire;

/// The state of a connection. An open one is free while it has fewer requests in flight than it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Not yet opened, or about to be reopened.
    Closed,
    /// Being opened since this instant.
    Connecting { since: u64 },
    /// Open, but nothing is sent before the greeting has arrived.
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
    pub(crate) state: State,
    pub(crate) exchange: Exchange,
    /// The target's address to which it was last opened.
    pub(crate) address: usize,
    /// When it last became free: when it was opened and greeted, or when its client had finished
    /// thinking; without pipelining, also when it got its reply.
    pub(crate) free_at: u64,
    /// With pipelining: when replies made room for requests that have not been sent yet.
    room_since: VecDeque<u64>,
    pub(crate) in_flight: InFlights,
    /// What the kernel has not yet taken: the rest of the youngest requests in flight.
    pub(crate) unsent: Vec<u8>,
    /// Requests that were put there in this turn. The kernel was not asked yet.
    pub(crate) staged: usize,
    /// Correct replies within the measurement.
    pub(crate) ok: u64,
    /// It got a correct reply since it was last opened.
    pub(crate) served: bool,
    /// It was opened at least once.
    pub(crate) was_open: bool,
    /// A write reported that the server reset the connection; the next read may not report it again.
    pub(crate) reset: bool,
    /// When it was last opened.
    pub(crate) opened_at: u64,
    /// When connect(2) was last called.
    pub(crate) dialled_at: u64,
    /// Requests since then.
    pub(crate) asked: u64,
    /// Replies since then that left it open.
    pub(crate) answered: u64,
    /// Its client thinks before the next request, even if the connection ends meanwhile.
    pub(crate) thinking: bool,
    /// It stays closed as long as its client thinks.
    pub(crate) parked: bool,
    /// How often its client has thought.
    pub(crate) thoughts: u64,
}

/// The outcome of a write.
pub(crate) enum Written {
    All,
    /// The rest is in `unsent`.
    Part,
    /// The peer is gone. The next read finds what it has still sent, and how it ended the connection.
    PeerGone,
    Failed,
}

impl Connection {
    /// A closed connection that may have up to `depth` requests in flight.
    pub(crate) fn new(recipe: Arc<Recipe>, depth: usize) -> Self {
        Self {
            state: State::Closed,
            exchange: Exchange::new(recipe),
            address: 0,
            free_at: 0,
            room_since: VecDeque::with_capacity(if depth > 1 { depth } else { 0 }),
            in_flight: InFlights::new(depth),
            unsent: Vec::new(),
            staged: 0,
            ok: 0,
            served: false,
            was_open: false,
            reset: false,
            opened_at: 0,
            dialled_at: 0,
            asked: 0,
            answered: 0,
            thinking: false,
            parked: false,
            thoughts: 0,
        }
    }

    /// Forgets the state of a closed connection, except for a session that goes on over the next one.
    pub(crate) fn forget(&mut self) {
        self.state = State::Closed;
        self.exchange = Exchange::after(&mut self.exchange);
        self.in_flight.clear();
        self.unsent.clear();
        self.staged = 0;
        self.served = false;
        self.reset = false;
        (self.asked, self.answered) = (0, 0);
        self.room_since.clear();
    }

    /// A reply came at `now` on a connection with up to `depth` requests in flight.
    pub(crate) fn has_answered(&mut self, now: u64, depth: usize) {
        self.answered += 1;
        if depth == 1 {
            self.free_at = now;
        } else {
            self.room_since.push_back(now);
        }
    }

    /// Whether the last of the replies that it may carry has come.
    pub(crate) fn is_done(&self, conduct: &Conduct) -> bool {
        conduct.requests_per_connection.is_some_and(|most| self.answered == most.get())
    }

    /// When it got room for the request that is sent now.
    pub(crate) fn take_room(&mut self, depth: usize) -> u64 {
        // Room that was never used is as old as the connection.
        if depth == 1 || self.in_flight.len() + self.room_since.len() < depth {
            return self.free_at;
        }
        self.room_since.pop_front().map_or(self.free_at, |since| since.max(self.free_at))
    }

    /// Whether it may carry no more requests: it had as many as it may, or is too old at `now`.
    pub(crate) fn is_used_up(&self, conduct: &Conduct, now: u64) -> bool {
        conduct.requests_per_connection.is_some_and(|most| self.asked >= most.get())
            || conduct.lifetime.is_some_and(|most| now - self.opened_at >= to_ns(most))
    }

    /// Whether another request can be sent on it at `now`.
    pub(crate) fn has_room(&self, conduct: &Conduct, now: u64) -> bool {
        self.state == State::Open
            && self.in_flight.len() < conduct.pipeline
            && (self.unsent.is_empty() || self.staged > 0)
            && !self.reset
            && !self.is_used_up(conduct, now)
    }

    /// Puts a request behind those that wait to be sent together. Returns how many there are.
    pub(crate) fn stage(&mut self, tag: u64, due: u64, free_at: u64) -> usize {
        self.exchange.request(tag, &mut self.unsent);
        let stamps = Stamps { due, free_at, sent: due };
        self.in_flight.push(InFlight { stamps, measured: false });
        self.asked += 1;
        self.staged += 1;
        self.staged
    }

    /// Writes a whole request to this connection, which `wire` knows as `token`.
    pub(crate) fn write(&mut self, token: usize, request: &[u8], wire: &mut impl Wire) -> Written {
        let sent = match wire.send(token, request) {
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

    /// Writes the rest of a request.
    pub(crate) fn write_rest(&mut self, token: usize, wire: &mut impl Wire) -> Written {
        let rest = std::mem::take(&mut self.unsent);
        self.write(token, &rest, wire)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Address;
    use crate::clock::Clock;
    use crate::wire::EpollWire;
    use rustix::net::{
        AddressFamily, RecvFlags, SocketFlags, SocketType, recv, socketpair, sockopt,
    };
    use std::os::fd::OwnedFd;

    fn wire(socket: OwnedFd) -> EpollWire {
        let mut wire =
            EpollWire::new(&Address::Tcp(([127, 0, 0, 1], 1).into()), 1, Clock::starting_now())
                .unwrap();
        wire.adopt(0, socket);
        wire
    }

    #[test]
    fn a_short_write_is_taken_up_where_it_ended() {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let (ours, theirs) =
            socketpair(AddressFamily::UNIX, SocketType::STREAM, flags, None).unwrap();
        sockopt::set_socket_send_buffer_size(&ours, 1).unwrap();
        let echo = protocol::Request::Echo { bytes: 1 };
        let recipe = Recipe::new(protocol::App::Bench, protocol::Framing::Line, echo).unwrap();
        let mut connection = Connection::new(Arc::new(recipe), 1);
        let mut wire = wire(ours);

        let request: Vec<u8> = (0..=255).cycle().take(500_000).collect();
        let mut written = connection.write(0, &request, &mut wire);
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
            written = connection.write_rest(0, &mut wire);
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
        let mut connection = Connection::new(Arc::new(recipe), 1);
        let mut wire = wire(ours);
        assert!(matches!(connection.write(0, b"x", &mut wire), Written::PeerGone));
        assert!(connection.reset);
    }

    #[test]
    fn a_request_that_is_not_sent_to_its_end_leaves_no_room_for_the_next() {
        let conduct = Conduct { pipeline: 2, ..Conduct::default() };
        let load = crate::example::load(1, crate::Arrivals::Closed);
        let mut connection = Connection::new(load.recipe, conduct.pipeline);
        assert!(!connection.has_room(&conduct, 0), "it is closed");
        connection.state = State::Open;
        assert!(connection.has_room(&conduct, 0));
        connection.unsent.push(b'x');
        assert!(!connection.has_room(&conduct, 0));
        connection.unsent.clear();
        connection.reset = true;
        assert!(!connection.has_room(&conduct, 0), "its peer is gone");
    }
}
