//! `chat`: a room. Every member, the sender included, receives every message, in one order.
//!
//! A room is one log of bytes, and each member has a position in it. So the order is the same for
//! all by construction, a message is stored once for any number of members, and a member costs one
//! number. The log drops what all members have received. A member that does not read delays this
//! for up to [`Rules::max_behind`] bytes; then it is lost, and the room goes on without it.
//!
//! There is no I/O here. A model reads from its members, calls [`Room::say`], and writes
//! [`Room::pending`] to each. The chat models differ in how they wait for both.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::SocketAddr;

use slab::Slab;

use crate::{FRAME_BYTES_MAX, Framing};

/// What members are told when somebody comes and goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Labels {
    /// In place of `connected`.
    pub joined: String,
    /// In place of `disconnected`.
    pub left: String,
}

/// The labels of each language: its name, joined, left.
const LANGUAGES: [(&str, &str, &str); 6] = [
    ("en", "connected", "disconnected"),
    ("sv", "ansluten", "frånkopplad"),
    ("es", "conectado", "desconectado"),
    ("de", "verbunden", "getrennt"),
    ("fr", "connecté", "déconnecté"),
    ("pt", "ligado", "desligado"),
];

impl Labels {
    /// The names of the languages that have labels.
    pub fn languages() -> impl Iterator<Item = &'static str> {
        LANGUAGES.iter().map(|(name, ..)| *name)
    }

    /// The labels of a language.
    #[must_use]
    pub fn in_language(language: &str) -> Option<Self> {
        let (_, joined, left) = LANGUAGES.iter().find(|(name, ..)| *name == language)?;
        Some(Self { joined: (*joined).into(), left: (*left).into() })
    }
}

impl Default for Labels {
    fn default() -> Self {
        Self::in_language("en").expect("English has labels")
    }
}

/// What holds in a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// What members are told of coming and going.
    pub labels: Labels,
    /// A member that falls further behind than this many bytes is lost; this also bounds the room's
    /// memory.
    pub max_behind: usize,
}

impl Rules {
    /// The least that `max_behind` may be: the longest line fits twice.
    pub const MAX_BEHIND_MIN: usize = 2 * FRAME_BYTES_MAX;
    /// The longest label, in bytes.
    pub const LABEL_BYTES_MAX: usize = 256;
}

impl Default for Rules {
    fn default() -> Self {
        Self { labels: Labels::default(), max_behind: 1024 * 1024 }
    }
}

/// A member's place in a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seat(usize);

/// Nothing can be said now: there is a member that would miss what is still to be told, and it has not
/// been found slow. Tell the members, then try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

/// The member is too far behind, and what it is to be told next is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lost;

/// A room.
#[derive(Debug)]
pub struct Room {
    framing: Framing,
    rules: Rules,
    /// Messages that not all members have received.
    log: VecDeque<u8>,
    /// Bytes said before those in the log.
    begin: u64,
    members: Slab<Member>,
    /// How long the log may grow before it is looked at who needs what of it.
    look_at: usize,
    /// Members that may still say something.
    speaking: usize,
    closed: bool,
    lost: Vec<Seat>,
}

#[derive(Debug)]
struct Member {
    /// As each of its messages begins.
    name: Box<str>,
    /// How many bytes of all messages it has received.
    at: u64,
    /// It has left, and is to be told so much.
    until: Option<u64>,
    /// It takes nothing at the moment.
    stalled: bool,
    speaks: bool,
}

/// Looking at all members costs something, so the log grows by so much in between.
const LOOK_EVERY_BYTES: usize = 64 * 1024;

impl Room {
    /// An empty one, open to all.
    #[must_use]
    pub fn new(framing: Framing, rules: Rules) -> Self {
        Self {
            framing,
            rules,
            log: VecDeque::new(),
            begin: 0,
            members: Slab::new(),
            look_at: LOOK_EVERY_BYTES,
            speaking: 0,
            closed: false,
            lost: Vec::new(),
        }
    }

    /// A member joins; all members are told, the new one included.
    ///
    /// # Errors
    /// When the log has no room now.
    pub fn join(&mut self, peer: SocketAddr) -> Result<Seat, Full> {
        let name = format!("[{peer}] ").into_boxed_str();
        let at = self.end();
        self.announce(&name, |labels| &labels.joined)?;
        self.speaking += 1;
        let member = Member { name, at, until: None, stalled: false, speaks: true };
        Ok(Seat(self.members.insert(member)))
    }

    /// Adds a member's message.
    ///
    /// # Errors
    /// When the log has no room now.
    pub fn say(&mut self, seat: Seat, message: &[u8]) -> Result<(), Full> {
        self.make_room(self.members[seat.0].name.len() + message.len() + 1)?;
        self.log.extend(self.members[seat.0].name.as_bytes());
        self.log.extend(message);
        self.end_line();
        Ok(())
    }

    /// A member leaves; the others are told, once. It still receives the messages up to now.
    ///
    /// # Errors
    /// When the log has no room now.
    pub fn leave(&mut self, seat: Seat) -> Result<(), Full> {
        if self.members[seat.0].until.is_some() {
            return Ok(());
        }
        let end = self.end();
        let name = self.members[seat.0].name.clone();
        // What follows is not for it, so it must not be waited for.
        self.members[seat.0].until = Some(end);
        if let Err(full) = self.announce(&name, |labels| &labels.left) {
            self.members[seat.0].until = None;
            return Err(full);
        }
        self.quiet(seat);
        Ok(())
    }

    /// A member will say nothing any more, and goes on listening.
    pub fn quiet(&mut self, seat: Seat) {
        let speaks = core::mem::take(&mut self.members[seat.0].speaks);
        self.speaking -= usize::from(speaks);
    }

    /// A member is gone.
    pub fn remove(&mut self, seat: Seat) {
        self.quiet(seat);
        self.members.remove(seat.0);
        if self.members.is_empty() {
            self.begin = self.end();
            (self.log, self.members) = (VecDeque::new(), Slab::new());
        }
    }

    /// No member joins any more.
    pub fn close(&mut self) {
        self.closed = true;
    }

    /// Whether there will be no more messages.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.closed && self.speaking == 0
    }

    /// Total bytes of all messages.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.begin + self.log.len() as u64
    }

    /// What a member is to be told next; empty when it has been told everything up to now.
    ///
    /// # Errors
    /// When it is too far behind.
    pub fn pending(&self, seat: Seat) -> Result<&[u8], Lost> {
        let member = &self.members[seat.0];
        let to = member.until.unwrap_or(self.end());
        if member.at >= to {
            return Ok(&[]);
        }
        let from =
            usize::try_from(member.at.checked_sub(self.begin).ok_or(Lost)?).map_err(|_| Lost)?;
        let to = usize::try_from(to - self.begin).map_err(|_| Lost)?;
        let (first, second) = self.log.as_slices();
        Ok(if from < first.len() {
            &first[from..to.min(first.len())]
        } else {
            &second[from - first.len()..to - first.len()]
        })
    }

    /// A member has received the first `n` pending bytes.
    pub fn sent(&mut self, seat: Seat, n: usize) {
        let member = &mut self.members[seat.0];
        member.at += n as u64;
        member.stalled = false;
    }

    /// A member takes nothing at the moment.
    pub fn stall(&mut self, seat: Seat) {
        self.members[seat.0].stalled = true;
    }

    /// Whether a member has been told everything that it will ever be told.
    #[must_use]
    pub fn is_done(&self, seat: Seat) -> bool {
        let member = &self.members[seat.0];
        let to = member.until.or(self.is_over().then(|| self.end()));
        to.is_some_and(|to| member.at >= to)
    }

    /// Members that have become lost since this was last asked; some may have been removed.
    pub fn take_lost(&mut self) -> Vec<Seat> {
        core::mem::take(&mut self.lost)
    }

    /// Heap bytes of the log.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        self.log.capacity()
    }

    fn announce(&mut self, name: &str, label: fn(&Labels) -> &String) -> Result<(), Full> {
        let line = format!("{name}({})", label(&self.rules.labels));
        self.make_room(line.len() + 1)?;
        self.log.extend(line.as_bytes());
        self.end_line();
        Ok(())
    }

    fn end_line(&mut self) {
        if self.framing == Framing::Line {
            self.log.push_back(b'\n');
        }
    }

    /// Forgets what nobody needs, if the log would grow beyond where that is looked at; and whoever
    /// holds it up, if it would grow beyond its bound.
    fn make_room(&mut self, len: usize) -> Result<(), Full> {
        if self.log.len() + len <= self.look_at {
            return Ok(());
        }
        let least = (self.end() + len as u64).saturating_sub(self.rules.max_behind as u64);
        let needs = |member: &Member| member.until.is_none_or(|until| member.at < until);
        let late = |member: &Member| needs(member) && member.at < least;
        if self.members.iter().any(|(_, member)| late(member) && !member.stalled) {
            return Err(Full);
        }
        let mut slowest = self.end();
        for (seat, member) in &self.members {
            if !late(member) {
                slowest = if needs(member) { slowest.min(member.at) } else { slowest };
            } else if member.at >= self.begin {
                self.lost.push(Seat(seat));
            }
        }
        let forgotten = usize::try_from(slowest - self.begin).expect("it is in the log");
        self.log.drain(..forgotten);
        self.begin = slowest;
        self.look_at = (self.log.len() + len + LOOK_EVERY_BYTES).min(self.rules.max_behind);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
