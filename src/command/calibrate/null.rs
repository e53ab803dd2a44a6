//! The null baseline: a server that only answers.
//!
//! One thread, one edge-triggered epoll(7) instance, a read and a write for each request: no clock,
//! no histogram, no heap. A load generator's figures against it are the best that the generator can
//! reach.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::event::epoll::EventFlags;
use rustix::time::Timespec;
use slab::Slab;

use super::door::{About, Door};
use super::speech::{self, REQUEST_BYTES_MAX};

/// Bytes read at a time.
const READ_BYTES: usize = 16 * 1024;

/// How often it looks whether it is to stop.
const LOOK: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };

/// What it did.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Totals {
    pub(super) connections: u64,
    pub(super) requests: u64,
}

struct NullClient {
    stream: TcpStream,
    /// A request that is not complete yet.
    arrived: Vec<u8>,
    /// Replies that did not fit into the socket.
    leaving: Vec<u8>,
    /// Its last reply is on its way.
    closing: bool,
}

/// Whether a client stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Stays,
    Goes,
}

pub(super) struct NullServer {
    door: Door,
    clients: Slab<NullClient>,
    buffer: Box<[u8]>,
    replies: Vec<u8>,
    totals: Totals,
}

impl NullServer {
    pub(super) fn bind(address: SocketAddr) -> io::Result<Self> {
        Ok(Self {
            door: Door::open(address)?,
            clients: Slab::new(),
            buffer: vec![0; READ_BYTES].into(),
            replies: Vec::with_capacity(READ_BYTES),
            totals: Totals::default(),
        })
    }

    pub(super) fn address(&self) -> io::Result<SocketAddr> {
        self.door.address()
    }

    /// Serves until it is to stop.
    pub(super) fn run(mut self, stop: &AtomicBool) -> io::Result<Totals> {
        let mut events = Door::events();
        while !stop.load(Ordering::Relaxed) {
            self.door.wait(&mut events, &LOOK)?;
            for event in &events {
                match Door::about(*event) {
                    About::Client(number) => self.serve(number, event.flags),
                    About::Newcomer => self.accept()?,
                }
            }
        }
        Ok(self.totals)
    }

    fn accept(&mut self) -> io::Result<()> {
        while let Some(stream) = self.door.next()? {
            let place = self.clients.vacant_entry();
            // Room to write is told once there is some again, and never has to be asked for.
            let edges = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET;
            self.door.watch(&stream, place.key(), edges)?;
            self.totals.connections += 1;
            let (arrived, leaving) = (Vec::new(), Vec::new());
            place.insert(NullClient { stream, arrived, leaving, closing: false });
        }
        Ok(())
    }

    fn serve(&mut self, number: usize, flags: EventFlags) {
        let Some(client) = self.clients.get_mut(number) else { return };
        let over = EventFlags::RDHUP | EventFlags::HUP | EventFlags::ERR;
        let fate = client.serve(
            flags.intersects(over),
            &mut self.buffer,
            &mut self.replies,
            &mut self.totals.requests,
        );
        if fate == Fate::Goes {
            self.clients.remove(number);
        }
    }
}

impl NullClient {
    /// Answers what has arrived. A read that does not fill the buffer has emptied the socket: what comes
    /// later is a new edge, and so is room to write. Only the end may have come with the last bytes.
    fn serve(
        &mut self,
        over: bool,
        buffer: &mut [u8],
        replies: &mut Vec<u8>,
        requests: &mut u64,
    ) -> Fate {
        loop {
            if !self.leaving.is_empty() {
                let waiting = std::mem::take(&mut self.leaving);
                if self.write(&waiting) == Fate::Goes {
                    return Fate::Goes;
                }
                if !self.leaving.is_empty() {
                    return Fate::Stays;
                }
            }
            if self.closing {
                return Fate::Goes;
            }
            let got = match self.stream.read(buffer) {
                Ok(0) => return Fate::Goes,
                Ok(got) => got,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Fate::Stays,
                Err(_) => return Fate::Goes,
            };
            replies.clear();
            *requests += self.answer(&buffer[..got], replies);
            if self.arrived.len() > REQUEST_BYTES_MAX || self.write(replies) == Fate::Goes {
                return Fate::Goes;
            }
            if got < buffer.len() && !over && !self.closing && self.leaving.is_empty() {
                return Fate::Stays;
            }
        }
    }

    /// Appends the replies to what is complete, and says how many those are.
    fn answer(&mut self, input: &[u8], replies: &mut Vec<u8>) -> u64 {
        if self.arrived.is_empty() {
            if let Some(requests) = echo(input, replies) {
                return requests;
            }
            replies.clear();
        }
        self.arrived.extend_from_slice(input);
        let mut requests = 0;
        while !self.closing
            && let Some(request) = speech::cut(&mut self.arrived)
        {
            replies.extend_from_slice(&request.reply);
            self.closing = request.last;
            requests += 1;
        }
        requests
    }

    /// Writes, and keeps what does not fit.
    fn write(&mut self, replies: &[u8]) -> Fate {
        if replies.is_empty() {
            return Fate::Stays;
        }
        let written = match self.stream.write(replies) {
            Ok(written) => written,
            Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
            Err(_) => return Fate::Goes,
        };
        self.leaving.extend_from_slice(&replies[written..]);
        Fate::Stays
    }
}

/// The short way: the replies to whole lines that are plain `ECHO`s, and how many those are. `None` where
/// anything else is among them.
fn echo(input: &[u8], replies: &mut Vec<u8>) -> Option<u64> {
    let mut requests = 0;
    for line in input.split_inclusive(|byte| *byte == b'\n') {
        let text = line.strip_prefix(b"ECHO ")?;
        // What ends in other white space is trimmed, and that is the long way's to do.
        if !matches!(text, [.., last, b'\n'] if !last.is_ascii_whitespace()) {
            return None;
        }
        replies.extend_from_slice(b"OK ");
        replies.extend_from_slice(text);
        requests += 1;
    }
    Some(requests)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::time::Duration;

    use rustix::net::sockopt::{set_socket_recv_buffer_size, set_socket_send_buffer_size};

    use super::*;

    #[test]
    fn replies_that_do_not_fit_wait_for_room_and_keep_their_order() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let mut far = TcpStream::connect(listener.local_addr().expect("one")).expect("it listens");
        let (stream, _) = listener.accept().expect("a client");
        stream.set_nonblocking(true).expect("set");
        far.set_read_timeout(Some(Duration::from_millis(1))).expect("set");
        set_socket_recv_buffer_size(&far, 16 * 1024).expect("set");
        set_socket_send_buffer_size(&stream, 16 * 1024).expect("set");
        let (arrived, leaving) = (Vec::new(), Vec::new());
        let mut client = NullClient { stream, arrived, leaving, closing: false };
        let (mut buffer, mut replies, mut requests) = (vec![0; READ_BYTES], Vec::new(), 0);
        let mut serve = |client: &mut NullClient| {
            let fate = client.serve(false, &mut buffer, &mut replies, &mut requests);
            assert_eq!(fate, Fate::Stays);
        };
        let (mut sent, mut expected) = (0, String::new());
        while client.leaving.is_empty() {
            let line = format!("{sent} {}\n", "x".repeat(1_000));
            far.write_all(format!("ECHO {line}").as_bytes()).expect("there is room");
            expected += &format!("OK {line}");
            sent += 1;
            assert!(sent < 100_000, "no socket holds so much: replies were lost");
            serve(&mut client);
        }
        far.write_all(b"ECHO last\n").expect("there is room");
        expected += "OK last\n";
        let mut got = Vec::new();
        let mut some = [0; 4_096];
        while got.len() < expected.len() {
            match far.read(&mut some) {
                Ok(read) => got.extend_from_slice(&some[..read]),
                // What is on its way frees its room only when that is known here. Signals of other
                // tests come at any moment.
                Err(error) => assert!(
                    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted),
                    "{error}"
                ),
            }
            // What is left leaves before anything else is read.
            serve(&mut client);
        }
        assert_eq!(String::from_utf8(got).expect("text"), expected);
        assert_eq!(requests, sent + 1);
    }

    #[test]
    fn the_short_way_says_what_the_long_one_says() {
        let input = b"ECHO a b\nECHO c\n";
        let mut short = Vec::new();
        assert_eq!(echo(input, &mut short), Some(2));
        let mut arrived = input.to_vec();
        let long = std::iter::from_fn(|| speech::cut(&mut arrived)).map(|request| request.reply);
        assert_eq!(short, long.collect::<Vec<_>>().concat());
        for other in ["ECHO a\nECHO", "ECHO a\r\n", "ECHO a \n", "MUL 2 3\n", "ECHO \n", "GET / "] {
            assert_eq!(echo(other.as_bytes(), &mut Vec::new()), None, "{other:?}");
        }
    }
}
