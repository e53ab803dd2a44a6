//! A load on a chat room: every member receives the messages of the senders. Each delivery is
//! counted and timed, and all members must receive the messages in the same order.
//!
//! One thread sends the load, over one epoll, and reports its progress to the calling thread. The
//! first member to receive a message defines its place. A member that receives another message at
//! that place got the messages in another order, or missed one.

mod member;
mod talk;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::ops::Range;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc;
use std::thread::{self, Builder};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::fd::OwnedFd;
use rustix::io::Errno;

use crate::clock::{Clock, to_ns};
use crate::limits;
use crate::{LoadError, Moment, Phase};
use member::{Heard, Member};

/// The load on a room.
#[derive(Clone, Debug)]
pub struct RoomLoad {
    /// The address of the room's server.
    pub address: SocketAddr,
    /// Members, each of which receives all messages.
    pub members: usize,
    /// Members that send, in turn.
    pub senders: usize,
    /// Bytes of a message, without its line end.
    pub message_bytes: usize,
    /// Messages per second of an open loop. `None` is a closed loop: each sender sends its next message
    /// when all members have received its last one.
    pub rate_per_s: Option<f64>,
    /// How long the load runs without recording.
    pub warmup: Duration,
    /// How long the measurement lasts.
    pub measure: Duration,
    /// How long the generator waits for the last deliveries.
    pub drain: Duration,
    /// How long the members may take to join.
    pub connect_timeout: Duration,
}

/// The minimum length of a message in bytes: its number and a space.
pub const ROOM_MESSAGE_BYTES_MIN: usize = NUMBER_BYTES + 1;
const NUMBER_BYTES: usize = 10;
/// The longest value that a histogram holds, in nanoseconds; longer values are counted as this one.
const LONGEST_NS: u64 = 600_000_000_000;

/// The results. Figures cover the messages that were due within the measurement, unless they say
/// otherwise.
#[derive(Clone, Debug)]
pub struct RoomOutcome {
    /// Messages in all phases.
    pub said: u64,
    /// Messages.
    pub messages: u64,
    /// Deliveries of these messages, one for each member.
    pub delivered: u64,
    /// Deliveries that arrived within the measurement, of any message.
    pub heard: u64,
    /// Deliveries that did not arrive.
    pub missing: u64,
    /// In all phases: deliveries that were not the next one in the common order.
    pub out_of_order: u64,
    /// In all phases: lines that no member of this load sent.
    pub strange: u64,
    /// Members whose connection ended.
    pub gone: usize,
    /// From due (open loop) or sent (closed loop) to each member's receipt, in nanoseconds.
    pub fan_out: Histogram<u64>,
    /// From due to sent: the generator's own delay. Empty in a closed loop.
    pub send_lag: Histogram<u64>,
    /// How long the measurement lasted.
    pub measured: Duration,
    /// The time between the reports to the caller that the measurement begins and that it is over.
    pub bracket: Duration,
    /// CPU time of the generator's thread over the measured time. Near 1, deliveries wait for the generator.
    pub busy_share: f64,
    /// Whether the caller ended the load early.
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

/// Loads a room. `watch` is called for each phase on the calling thread, while another thread makes the load. The
/// members stay until the last call has returned.
///
/// # Errors
/// If the load is impossible, the room cannot be reached, or its members do not join in time.
pub fn run_room(
    load: &RoomLoad,
    stop: &AtomicBool,
    watch: &mut dyn FnMut(Moment),
) -> Result<RoomOutcome, LoadError> {
    check(load)?;
    limits::make_room_for(load.members)?;
    watch(Moment::Begins(Phase::Connect));
    let mut room = Room::gather(load, stop)?;
    watch(Moment::Begins(Phase::Warmup));
    let (phases, told) = mpsc::channel();
    let mut edges = Vec::new();
    let room = thread::scope(|scope| {
        let talk = move || room.talk(load, stop, &phases).map(|()| room);
        let no_thread = |source| LoadError::System { what: "cannot start a thread", source };
        let talking = Builder::new().spawn_scoped(scope, talk).map_err(no_thread)?;
        for phase in told {
            edges.push(Instant::now());
            watch(Moment::Begins(phase));
        }
        talking.join().unwrap_or_else(|panic| resume_unwind(panic))
    })?;
    let bracket = match edges[..] {
        [begin, end] => end - begin,
        _ => Duration::ZERO,
    };
    watch(Moment::Ends);
    Ok(RoomOutcome { bracket, ..room.outcome(stop.load(Relaxed)) })
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
            "a message has from 11 bytes (its number) to 32 KiB",
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
    /// The bytes after the number of each message.
    padding: Vec<u8>,
    said: Vec<Said>,
    /// The messages in the order in which they were first received.
    order: Vec<usize>,
    /// Senders that may send, in a closed loop.
    free: VecDeque<usize>,
    /// Deliveries that have not arrived yet.
    waiting: usize,
    /// The measurement, on the clock; before it is set, the members receive notices of who joins.
    measured: Option<Range<u64>>,
    found: RoomOutcome,
    buffer: Vec<u8>,
}

fn system(what: &'static str) -> impl Fn(Errno) -> LoadError {
    move |errno| LoadError::System { what, source: errno.into() }
}

impl Room {
    /// Connects all members, and waits until each has received the notices of all later members.
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
            measured: None,
            found: RoomOutcome {
                said: 0,
                messages: 0,
                delivered: 0,
                heard: 0,
                missing: 0,
                out_of_order: 0,
                strange: 0,
                gone: 0,
                fan_out: histogram(),
                send_lag: histogram(),
                measured: Duration::ZERO,
                bracket: Duration::ZERO,
                busy_share: 0.0,
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
            // Read the notices of this member that the earlier ones receive.
            room.hear(0)?;
        }
        let all = load.members * (load.members + 1) / 2;
        while room.members.iter().map(|member| member.told_of).sum::<usize>() != all {
            if room.found.gone > 0 {
                let what = "the server closed connections while members were joining: it holds fewer members \
                            (select: 1,023 descriptors), or refuses them";
                return Err(LoadError::Invalid { what });
            }
            if room.is_broken(stop) || room.clock.now() >= give_up {
                let what = "the members did not receive each other's notices in time: the target is not a chat room \
                            with line framing (--app chat), other clients are joining it, or it is too slow";
                return Err(LoadError::Invalid { what });
            }
            room.hear(give_up)?;
        }
        Ok(room)
    }

    /// Whether the load must end early: the rest would be worthless, or the caller stops it.
    fn is_broken(&self, stop: &AtomicBool) -> bool {
        self.found.gone > 0 || self.found.out_of_order > 0 || stop.load(Relaxed)
    }

    /// Sends the next message, which was due then, from this member.
    fn say(&mut self, sender: usize, from_ns: u64) {
        let number = self.said.len();
        let counts = self.counts(from_ns);
        self.said.push(Said { from_ns, sender, left: self.members.len(), counts });
        self.waiting += self.members.len();
        self.found.messages += u64::from(counts);
        let mut line = format!("{number:010} ").into_bytes();
        line.extend_from_slice(&self.padding);
        line.push(b'\n');
        self.members[sender].say(&line);
    }

    /// Whether that time is within the measurement.
    fn counts(&self, at_ns: u64) -> bool {
        self.measured.as_ref().is_some_and(|measured| measured.contains(&at_ns))
    }

    /// Records how late a message was that was due then and has just been sent.
    fn lag(&mut self, due_ns: u64) {
        if self.counts(due_ns) {
            let late = self.clock.now().saturating_sub(due_ns);
            self.found.send_lag.saturating_record(late.max(1));
        }
    }

    /// Waits until a member receives something, but not past that time, and reads it.
    fn hear(&mut self, until_ns: u64) -> Result<(), LoadError> {
        let unsent =
            self.members[..self.senders.min(self.members.len())].iter().any(Member::has_unsent);
        let left = until_ns.saturating_sub(self.clock.now());
        // Short enough to retry unsent bytes soon, and to notice a stop.
        let longest = if unsent { 1_000_000 } else { 20_000_000 };
        let timeout = Timespec { tv_sec: 0, tv_nsec: left.min(longest).cast_signed() };
        let mut events: Vec<Event> = Vec::with_capacity(256);
        match epoll::wait(&self.epoll, rustix::buffer::spare_capacity(&mut events), Some(&timeout))
        {
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(system("waiting for sockets failed")(errno)),
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
                // Otherwise epoll would report it for ever.
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

    /// A member has received this line.
    fn line(&mut self, number: usize, line: &[u8], now: u64) {
        let Some(message) = self.message_of(line) else {
            let member = &mut self.members[number];
            if self.measured.is_none() && line.ends_with(b")") {
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
        let in_time = self.counts(now);
        let said = &mut self.said[message];
        if self.order[place] != message || said.left == 0 {
            self.found.out_of_order += 1;
            return;
        }
        said.left -= 1;
        self.waiting -= 1;
        self.found.heard += u64::from(in_time);
        if said.left == 0 {
            self.free.push_back(said.sender);
        }
        if said.counts {
            self.found.delivered += 1;
            self.found.fan_out.saturating_record(now.saturating_sub(said.from_ns).max(1));
        }
    }

    /// The number of this message, if it is exactly a message of this load.
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

    fn outcome(self, interrupted: bool) -> RoomOutcome {
        let missing =
            self.said.iter().filter(|said| said.counts).map(|said| said.left as u64).sum();
        RoomOutcome { said: self.said.len() as u64, missing, interrupted, ..self.found }
    }
}
