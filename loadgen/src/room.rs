//! A load on a room: every member hears what some of them say. Each delivery is counted and timed, and
//! the order in which one member hears the messages must be the order in which all do.
//!
//! One thread, one epoll. The order is defined by whoever hears a message first; a member that hears
//! another one at that place has been told in another order, or has missed one.

mod member;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use hdrhistogram::Histogram;
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::fd::OwnedFd;
use rustix::io::Errno;

use crate::LoadError;
use crate::clock::{Clock, to_ns};
use crate::limits;
use member::{Heard, Member};

/// What is asked of a room.
#[derive(Clone, Debug)]
pub struct RoomLoad {
    /// Where it is.
    pub address: SocketAddr,
    /// Members, of which each listens.
    pub members: usize,
    /// Those of them that speak, in turn.
    pub senders: usize,
    /// Bytes of a message, without its line end.
    pub message_bytes: usize,
    /// Open loop: messages per second. Closed loop: each sender says its next message when all members
    /// have heard its last one.
    pub rate_per_s: Option<f64>,
    /// How long is loaded without recording.
    pub warmup: Duration,
    /// How long is measured.
    pub measure: Duration,
    /// How long the last deliveries are waited for.
    pub drain: Duration,
    /// How long the members may take to come together.
    pub connect_timeout: Duration,
}

/// The least bytes of a message: its number and a space.
pub const ROOM_MESSAGE_BYTES_MIN: usize = NUMBER_BYTES + 1;
const NUMBER_BYTES: usize = 10;
/// Values that a histogram holds, in nanoseconds; longer ones are in it as the longest.
const LONGEST_NS: u64 = 600_000_000_000;

/// What came of it. All but `said` is about the messages that were due within the measurement.
#[derive(Clone, Debug)]
pub struct RoomOutcome {
    /// Messages in all phases.
    pub said: u64,
    /// Messages.
    pub messages: u64,
    /// Deliveries of them, one for each member.
    pub delivered: u64,
    /// Those that did not come.
    pub missing: u64,
    /// In all phases: deliveries that were not what comes next in the order of all.
    pub out_of_order: u64,
    /// In all phases: lines that no member of ours said.
    pub strange: u64,
    /// Members whose connection ended.
    pub gone: usize,
    /// From due (open loop) or sent (closed loop) to each member's receipt, in nanoseconds.
    pub fan_out: Histogram<u64>,
    /// From due to sent: the generator's own delay; nothing in a closed loop.
    pub send_lag: Histogram<u64>,
    /// How long was measured.
    pub measured: Duration,
    /// Whether it was ended early by the caller.
    pub interrupted: bool,
}

/// A message.
#[derive(Debug)]
struct Said {
    from_ns: u64,
    sender: usize,
    left: usize,
    counts: bool,
}

/// Puts this load on a room.
///
/// # Errors
/// When it makes no sense, the room cannot be reached, or its members do not come together.
pub fn run_room(load: &RoomLoad, stop: &AtomicBool) -> Result<RoomOutcome, LoadError> {
    check(load)?;
    limits::make_room_for(load.members)?;
    let mut room = Room::gather(load, stop)?;
    let start = room.clock.now();
    let measure_from = start + to_ns(load.warmup);
    let end = measure_from + to_ns(load.measure);
    room.counts_from = measure_from;
    let mut next = 0_u64;
    let due = |n: u64, rate: f64| {
        #[expect(clippy::cast_precision_loss, reason = "2^53 messages take longer than any load")]
        let after = Duration::from_secs_f64(n as f64 / rate);
        start + to_ns(after)
    };
    while !room.is_broken(stop) {
        let now = room.clock.now();
        let mut until = end;
        if let Some(rate) = load.rate_per_s {
            while due(next, rate) <= now.min(end - 1) {
                let at = due(next, rate);
                let sender = usize::try_from(next).unwrap_or(usize::MAX) % load.senders;
                room.say(sender, at);
                room.lag(at);
                next += 1;
            }
            until = until.min(due(next, rate));
        }
        if now >= end {
            break;
        }
        if load.rate_per_s.is_none() {
            while let Some(sender) = room.free.pop_front() {
                let now = room.clock.now();
                room.say(sender, now);
            }
        }
        room.hear(until)?;
    }
    let measured = room.clock.now().min(end).saturating_sub(measure_from);
    let give_up = room.clock.now() + to_ns(load.drain);
    while !room.is_broken(stop) && room.waiting > 0 && room.clock.now() < give_up {
        room.hear(give_up)?;
    }
    Ok(room.outcome(Duration::from_nanos(measured), stop.load(Relaxed)))
}

fn check(load: &RoomLoad) -> Result<(), LoadError> {
    let rules = [
        (load.members > 0, "a room needs at least one member"),
        (
            (1..=load.members).contains(&load.senders),
            "a room needs at least one sender and no more senders than members",
        ),
        (
            (ROOM_MESSAGE_BYTES_MIN..=32 * 1024).contains(&load.message_bytes),
            "a message has 11 bytes (its number) to 32 KiB",
        ),
        (load.rate_per_s.is_none_or(|rate| rate > 0.0), "the rate must be above 0"),
    ];
    match rules.into_iter().find(|(holds, _)| !holds) {
        Some((_, what)) => Err(LoadError::Invalid { what }),
        None => Ok(()),
    }
}

#[derive(Debug)]
struct Room {
    clock: Clock,
    epoll: OwnedFd,
    members: Vec<Member>,
    senders: usize,
    /// What follows the number of each message.
    padding: Vec<u8>,
    said: Vec<Said>,
    /// The messages in the order in which they were heard first.
    order: Vec<usize>,
    /// Senders that may speak, in a closed loop.
    free: VecDeque<usize>,
    /// Deliveries that are still to come.
    waiting: usize,
    counts_from: u64,
    found: RoomOutcome,
    buffer: Vec<u8>,
}

fn system(what: &'static str) -> impl Fn(Errno) -> LoadError {
    move |errno| LoadError::System { what, source: errno.into() }
}

impl Room {
    /// Connects all members, and waits until each has been told of all that came after it.
    fn gather(load: &RoomLoad, stop: &AtomicBool) -> Result<Self, LoadError> {
        let histogram = || Histogram::new_with_bounds(1, LONGEST_NS, 3).expect("they are valid");
        let epoll = epoll::create(CreateFlags::CLOEXEC).map_err(system(
            "cannot create an epoll \
            instance",
        ))?;
        let mut room = Self {
            clock: Clock::starting_now(),
            epoll,
            members: Vec::with_capacity(load.members),
            senders: load.senders,
            padding: vec![b'x'; load.message_bytes - NUMBER_BYTES - 1],
            said: Vec::new(),
            order: Vec::new(),
            free: (0..load.senders).collect(),
            waiting: 0,
            counts_from: u64::MAX,
            found: RoomOutcome {
                said: 0,
                messages: 0,
                delivered: 0,
                missing: 0,
                out_of_order: 0,
                strange: 0,
                gone: 0,
                fan_out: histogram(),
                send_lag: histogram(),
                measured: Duration::ZERO,
                interrupted: false,
            },
            buffer: vec![0; 64 * 1024],
        };
        let give_up = room.clock.now() + to_ns(load.connect_timeout);
        for number in 0..load.members {
            let refused = |source| LoadError::System { what: "a member cannot connect", source };
            let member = Member::connect(load.address, load.connect_timeout).map_err(refused)?;
            let data = EventData::new_u64(number as u64);
            epoll::add(&room.epoll, &member.stream, data, EventFlags::IN)
                .map_err(system("cannot add a connection to epoll"))?;
            room.members.push(member);
            // They are members from the first one on, and are told of each that comes.
            room.hear(0)?;
        }
        let all = load.members * (load.members + 1) / 2;
        while room.members.iter().map(|member| member.told_of).sum::<usize>() != all {
            if room.is_broken(stop) || room.clock.now() >= give_up {
                let what = "the members did not hear of each other in time: the target is not a \
                    chat room with line framing (--app chat), other clients are joining it, or it \
                    is too slow";
                return Err(LoadError::Invalid { what });
            }
            room.hear(give_up)?;
        }
        Ok(room)
    }

    /// Whether nothing that follows would be worth anything.
    fn is_broken(&self, stop: &AtomicBool) -> bool {
        self.found.gone > 0 || self.found.out_of_order > 0 || stop.load(Relaxed)
    }

    /// Has a member say the next message, which was due then.
    fn say(&mut self, sender: usize, from_ns: u64) {
        let number = self.said.len();
        let counts = from_ns >= self.counts_from;
        self.said.push(Said { from_ns, sender, left: self.members.len(), counts });
        self.waiting += self.members.len();
        self.found.messages += u64::from(counts);
        let mut line = format!("{number:010} ").into_bytes();
        line.extend_from_slice(&self.padding);
        line.push(b'\n');
        self.members[sender].say(&line);
    }

    /// Notes how late the message was that was due then and has just been sent.
    fn lag(&mut self, due_ns: u64) {
        if due_ns >= self.counts_from {
            let late = self.clock.now().saturating_sub(due_ns);
            self.found.send_lag.saturating_record(late.max(1));
        }
    }

    /// Waits until somebody is told something, but not past that time, and hears it.
    fn hear(&mut self, until_ns: u64) -> Result<(), LoadError> {
        let unsent =
            self.members[..self.senders.min(self.members.len())].iter().any(Member::has_unsent);
        let left = until_ns.saturating_sub(self.clock.now());
        // What has no room yet is tried again soon; and whether we are to stop is looked at.
        let longest = if unsent { 1_000_000 } else { 20_000_000 };
        let timeout = Timespec { tv_sec: 0, tv_nsec: left.min(longest).cast_signed() };
        let mut events: Vec<Event> = Vec::with_capacity(256);
        match epoll::wait(&self.epoll, rustix::buffer::spare_capacity(&mut events), Some(&timeout))
        {
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(system("epoll fails")(errno)),
        }
        for event in events {
            let number = usize::try_from(event.data.u64()).unwrap_or(usize::MAX);
            self.hear_one(number);
        }
        let senders = self.senders.min(self.members.len());
        self.members[..senders].iter_mut().for_each(Member::say_rest);
        Ok(())
    }

    fn hear_one(&mut self, number: usize) {
        let Self { members, buffer, clock, .. } = self;
        let heard = members[number].hear(buffer);
        let now = clock.now();
        match heard {
            Heard::Nothing => {}
            Heard::TheEnd => {
                self.found.gone += 1;
                // It would be told of for ever.
                let _ = epoll::delete(&self.epoll, &self.members[number].stream);
            }
            Heard::Bytes(n) => {
                let bytes = std::mem::take(&mut self.buffer);
                let mut rest = &bytes[..n];
                while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
                    let mut line = std::mem::take(&mut self.members[number].part);
                    if line.is_empty() {
                        self.line(number, &rest[..end], now);
                    } else {
                        line.extend_from_slice(&rest[..end]);
                        self.line(number, &line, now);
                    }
                    rest = &rest[end + 1..];
                }
                self.members[number].part.extend_from_slice(rest);
                self.buffer = bytes;
            }
        }
    }

    /// A member has been told this.
    fn line(&mut self, number: usize, line: &[u8], now: u64) {
        let Some(message) = self.message_of(line) else {
            let member = &mut self.members[number];
            if self.counts_from == u64::MAX && line.ends_with(b")") {
                member.told_of += 1;
            } else {
                self.found.strange += 1;
            }
            return;
        };
        let place = self.members[number].heard;
        self.members[number].heard += 1;
        if place == self.order.len() {
            self.order.push(message);
        }
        let said = &mut self.said[message];
        if self.order[place] != message || said.left == 0 {
            self.found.out_of_order += 1;
            return;
        }
        said.left -= 1;
        self.waiting -= 1;
        if said.left == 0 {
            self.free.push_back(said.sender);
        }
        if said.counts {
            self.found.delivered += 1;
            self.found.fan_out.saturating_record(now.saturating_sub(said.from_ns).max(1));
        }
    }

    /// Which message of ours this is, down to the last byte.
    fn message_of(&self, line: &[u8]) -> Option<usize> {
        let at = line.len().checked_sub(NUMBER_BYTES + 1 + self.padding.len())?;
        let (name, text) = line.split_at(at);
        let (number, padding) = text.split_at(NUMBER_BYTES);
        let number: usize = std::str::from_utf8(number).ok()?.parse().ok()?;
        let sender = self.said.get(number)?.sender;
        let right = name == self.members[sender].name
            && padding.first() == Some(&b' ')
            && padding[1..] == self.padding;
        right.then_some(number)
    }

    fn outcome(self, measured: Duration, interrupted: bool) -> RoomOutcome {
        let missing =
            self.said.iter().filter(|said| said.counts).map(|said| said.left as u64).sum();
        RoomOutcome { said: self.said.len() as u64, missing, measured, interrupted, ..self.found }
    }
}
