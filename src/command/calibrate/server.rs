//! The calibration server: one thread, one epoll(7) instance, and a heap of replies by due time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use loadgen::Histogram;
use rustix::event::epoll::EventFlags;
use rustix::time::Timespec;
use slab::Slab;

use super::door::{About, Door};
use super::law::Law;
use super::speech::{self, REQUEST_BYTES_MAX};
use crate::base::units::ns;

/// Replies that one connection may be owed. More than that is a flood, and ends it.
const OWED_MAX: usize = 1_024;

/// The last moment before a reply is due is spent looking at the clock: a sleep may take longer.
const SPIN_NS: u64 = 60_000;

/// How often it looks whether it is to stop.
const LOOK_NS: u64 = 100_000_000;

/// The longest latency that is told apart; a law knows none above.
const LONGEST_NS: u64 = 4_000_000_000_000;

/// What a server of known latencies knows about what it did.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) connections: u64,
    pub(super) requests: u64,
    /// Replies that were owed when their client had left, or when the server was stopped.
    pub(super) unanswered: u64,
    /// What the law said, of each request that was answered.
    pub(super) by_law: Histogram<u64>,
    /// From the read that completed the request to just after the write of its reply.
    pub(super) replied: Histogram<u64>,
}

struct CalibrationClient {
    stream: TcpStream,
    /// Tells this client from others with its number.
    born: u64,
    arrived: Vec<u8>,
    leaving: Vec<u8>,
    owed: usize,
    /// When its latest reply is due: replies keep their order.
    due: u64,
    closing: bool,
    watched: EventFlags,
}

/// A reply to be, by when it is due.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Owed {
    due: u64,
    number: u64,
    arrived: u64,
    client: usize,
    born: u64,
    reply: Vec<u8>,
    last: bool,
}

pub(super) struct CalibrationServer {
    law: Law,
    door: Door,
    started: Instant,
    clients: Slab<CalibrationClient>,
    owed: BinaryHeap<Reverse<Owed>>,
    record: Record,
}

impl CalibrationServer {
    pub(super) fn bind(address: SocketAddr, law: Law) -> io::Result<Self> {
        // As in the generator: no oversleeping in favour of fewer wake-ups.
        let _ = rustix::thread::set_current_timer_slack(NonZeroU64::new(1));
        let door = Door::open(address)?;
        let histogram = || Histogram::new_with_bounds(1, LONGEST_NS, 3).expect("valid bounds");
        let record = Record {
            connections: 0,
            requests: 0,
            unanswered: 0,
            by_law: histogram(),
            replied: histogram(),
        };
        let (clients, owed) = (Slab::new(), BinaryHeap::new());
        Ok(Self { law, door, started: Instant::now(), clients, owed, record })
    }

    pub(super) fn address(&self) -> io::Result<SocketAddr> {
        self.door.address()
    }

    /// Serves until it is to stop. What is owed then is not answered, and counted.
    pub(super) fn run(mut self, stop: &AtomicBool) -> io::Result<Record> {
        let mut events = Door::events();
        // The laws count from here.
        self.started = Instant::now();
        while !stop.load(Ordering::Relaxed) {
            self.reply_what_is_due();
            self.door.wait(&mut events, &self.timeout())?;
            for event in &events {
                match Door::about(*event) {
                    About::Client(number) => self.serve(number, event.flags),
                    About::Newcomer => self.accept()?,
                }
            }
        }
        self.record.unanswered += self.owed.len() as u64;
        Ok(self.record)
    }

    fn now(&self) -> u64 {
        ns(self.started.elapsed())
    }

    fn timeout(&self) -> Timespec {
        let next = self.owed.peek().map_or(u64::MAX, |Reverse(owed)| owed.due);
        let left = next.saturating_sub(self.now()).saturating_sub(SPIN_NS).min(LOOK_NS);
        Timespec { tv_sec: 0, tv_nsec: i64::try_from(left).expect("less than a second") }
    }

    fn accept(&mut self) -> io::Result<()> {
        while let Some(stream) = self.door.next()? {
            let place = self.clients.vacant_entry();
            self.door.watch(&stream, place.key(), EventFlags::IN)?;
            self.record.connections += 1;
            place.insert(CalibrationClient {
                stream,
                born: self.record.connections,
                arrived: Vec::new(),
                leaving: Vec::new(),
                owed: 0,
                due: 0,
                closing: false,
                watched: EventFlags::IN,
            });
        }
        Ok(())
    }

    fn serve(&mut self, number: usize, flags: EventFlags) {
        if flags.contains(EventFlags::OUT) {
            self.write(number, &[]);
        }
        if flags != EventFlags::OUT {
            self.read(number);
        }
    }

    /// Reads what there is, and owes a reply for each request in it.
    fn read(&mut self, number: usize) {
        let mut buffer = [0; 16 * 1024];
        let Some(client) = self.clients.get_mut(number) else { return };
        let got = match client.stream.read(&mut buffer) {
            Ok(0) => return self.close(number),
            Ok(got) => got,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return,
            Err(_) => return self.close(number),
        };
        let arrived = ns(self.started.elapsed());
        client.arrived.extend_from_slice(&buffer[..got]);
        while let Some(client) = self.clients.get_mut(number)
            && !client.closing
            && let Some(request) = speech::cut(&mut client.arrived)
        {
            let law_says = self.law.reply_at(arrived, self.record.requests);
            client.due = client.due.max(law_says);
            client.owed += 1;
            client.closing = request.last;
            let owed = Owed {
                due: client.due,
                number: self.record.requests,
                arrived,
                client: number,
                born: client.born,
                reply: request.reply,
                last: request.last,
            };
            self.record.requests += 1;
            self.owed.push(Reverse(owed));
        }
        let too_much = |client: &CalibrationClient| {
            client.arrived.len() > REQUEST_BYTES_MAX || client.owed > OWED_MAX
        };
        if self.clients.get(number).is_some_and(too_much) {
            self.close(number);
        }
    }

    fn reply_what_is_due(&mut self) {
        while let Some(Reverse(next)) = self.owed.peek()
            && next.due <= self.now()
            && let Some(Reverse(owed)) = self.owed.pop()
        {
            let waits = self.clients.get_mut(owed.client).filter(|c| c.born == owed.born);
            let Some(client) = waits else {
                self.record.unanswered += 1;
                continue;
            };
            client.owed -= 1;
            self.write(owed.client, &owed.reply);
            let lasted = self.now() - owed.arrived;
            self.record.by_law.saturating_record(owed.due - owed.arrived);
            self.record.replied.saturating_record(lasted);
            if owed.last {
                self.close(owed.client);
            }
        }
    }

    /// Writes what was left and this. What does not fit waits for room.
    fn write(&mut self, number: usize, reply: &[u8]) {
        let Some(client) = self.clients.get_mut(number) else { return };
        client.leaving.extend_from_slice(reply);
        let written = match client.stream.write(&client.leaving) {
            Ok(written) => written,
            Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
            Err(_) => return self.close(number),
        };
        client.leaving.drain(..written);
        let room = if client.leaving.is_empty() { EventFlags::empty() } else { EventFlags::OUT };
        let wanted = EventFlags::IN | room;
        if client.watched != wanted {
            client.watched = wanted;
            if self.door.rewatch(&client.stream, number, wanted).is_err() {
                self.close(number);
            }
        }
    }

    fn close(&mut self, number: usize) {
        // A write that failed may have closed it already.
        let _ = self.clients.try_remove(number);
    }
}
