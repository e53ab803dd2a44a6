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

/// The results. Figures cover the messages that were due within the measurement, unless they say
/// otherwise.
#[derive(Clone, Debug)]
pub struct RoomOutcome {
    /// Messages in all phases.
    pub said: u64,
    /// Messages.
    pub messages: u64,
    /// Deliveries of them, one for each member.
    pub delivered: u64,
    /// Deliveries that came within the measurement, of whichever messages.
    pub heard: u64,
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
    /// From the caller's hearing that the measurement begins until its hearing that it is over.
    pub bracket: Duration,
    /// Of that, how much the thread that loads used its processor. Where it is all of it, deliveries wait for it.
    pub busy_share: f64,
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

/// Puts this load on a room. `watch` is told of its phases on the calling thread, while another one loads; the
/// members stay until it has returned from the last one.
///
/// # Errors
/// When it makes no sense, the room cannot be reached, or its members do not come together.
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
        let no_thread = |source| LoadError::System { what: "there is no thread", source };
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
    /// What follows the number of each message.
    padding: Vec<u8>,
    said: Vec<Said>,
    /// The messages in the order in which they were heard first.
    order: Vec<usize>,
    /// Senders that may speak, in a closed loop.
    free: VecDeque<usize>,
    /// Deliveries that are still to come.
    waiting: usize,
    /// The measurement, on the clock; what is heard before there is one is about who comes.
    measured: Option<Range<u64>>,
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
            // They are members from the first one on, and are told of each that comes.
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

    /// Whether nothing that follows would be worth anything.
    fn is_broken(&self, stop: &AtomicBool) -> bool {
        self.found.gone > 0 || self.found.out_of_order > 0 || stop.load(Relaxed)
    }

    /// Has a member say the next message, which was due then.
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

    /// Notes how late the message was that was due then and has just been sent.
    fn lag(&mut self, due_ns: u64) {
        if self.counts(due_ns) {
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

    fn outcome(self, interrupted: bool) -> RoomOutcome {
        let missing =
            self.said.iter().filter(|said| said.counts).map(|said| said.left as u64).sum();
        RoomOutcome { said: self.said.len() as u64, missing, interrupted, ..self.found }
    }
}
