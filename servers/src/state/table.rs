//! A table of sessions that all connections of a process share.
//!
//! Its size is bounded, and sessions that are not used expire. Under locks, sessions are in the
//! order of their last use, so the next one to expire is always at the front. Finding it costs
//! nothing, and no code scans the whole table. The concurrent map has no order, so a sweep scans
//! all of it from time to time.
//!
//! A step is taken under the lock of its session's part of the table. Copying the state out and
//! back would cost as much as the step.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crossbeam::utils::CachePadded;
use hashlink::LinkedHashMap;
use protocol::state::{Add, Added, Kept, Reference, Refusal, Store};

use super::coarse_ms;

/// Parts of a table in shards: many more than processors, so that two threads seldom meet.
const SHARDS: usize = 64;
/// Between two sweeps in search of room, at least.
const SWEEP_MS: u64 = 100;
/// Sessions that expire with the beginning of another one, at most: more than one, or a table that
/// was full of dead ones would stay so.
const EXPIRE_AT_ONCE: usize = 2;

/// How a table is locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lock {
    /// One lock around all of it.
    One,
    /// One lock for each of many parts.
    Sharded,
    /// A concurrent map from a library (`scc`), which locks a bucket at a time.
    Map,
}

impl Lock {
    /// Every layout with its name on the command line.
    pub const ALL: [(&'static str, Self); 3] =
        [("one", Self::One), ("sharded", Self::Sharded), ("map", Self::Map)];

    /// The name on the command line and in results.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::One => "one",
            Self::Sharded => "sharded",
            Self::Map => "map",
        }
    }
}

/// A table of sessions.
#[derive(Debug)]
pub struct Table {
    places: Places,
    words: usize,
    max: usize,
    ttl_ms: u64,
    live: CachePadded<AtomicUsize>,
    expired: AtomicU64,
    /// How many sessions were begun. A session's number is a keyed hash of it: nobody can guess
    /// one from another.
    begun: CachePadded<AtomicU64>,
    key: RandomState,
    swept_ms: AtomicU64,
}

#[derive(Debug)]
enum Places {
    Locked(Box<[CachePadded<Mutex<Part>>]>),
    Map(scc::HashMap<u64, Place>),
}

/// Sessions in the order of their last use.
type Part = LinkedHashMap<u64, Place>;

#[derive(Debug)]
struct Place {
    kept: Kept,
    used_ms: u64,
}

impl Table {
    /// An empty table for so many sessions, each with so many words of history, which expire when
    /// they are not used for `ttl`.
    #[must_use]
    pub fn new(lock: Lock, words: usize, max: usize, ttl: Duration) -> Self {
        let parts = |n: usize| Places::Locked((0..n).map(|_| CachePadded::default()).collect());
        Self {
            places: match lock {
                Lock::One => parts(1),
                Lock::Sharded => parts(SHARDS),
                Lock::Map => Places::Map(scc::HashMap::new()),
            },
            words,
            max,
            ttl_ms: u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX),
            live: CachePadded::default(),
            expired: AtomicU64::new(0),
            begun: CachePadded::default(),
            key: RandomState::new(),
            swept_ms: AtomicU64::new(0),
        }
    }

    /// Sessions in it, some of which may have expired and not been looked at since.
    #[must_use]
    pub fn live(&self) -> usize {
        self.live.load(Relaxed)
    }

    /// Sessions that have expired.
    #[must_use]
    pub fn expired(&self) -> u64 {
        self.expired.load(Relaxed)
    }

    /// Takes out everything that has expired.
    pub fn sweep(&self) {
        let now = coarse_ms();
        match &self.places {
            Places::Locked(parts) => {
                parts.iter().for_each(|part| self.expire(&mut lock(part), now, usize::MAX));
            }
            Places::Map(map) => map.retain_sync(|_, place| {
                let dead = self.is_dead(place, now);
                self.gone(usize::from(dead));
                !dead
            }),
        }
    }

    fn is_dead(&self, place: &Place, now: u64) -> bool {
        now.saturating_sub(place.used_ms) > self.ttl_ms
    }

    fn gone(&self, expired: usize) {
        if expired > 0 {
            self.live.fetch_sub(expired, Relaxed);
            self.expired.fetch_add(expired as u64, Relaxed);
        }
    }

    /// Takes out so many that have expired, at most.
    fn expire(&self, part: &mut Part, now: u64, most: usize) {
        let mut expired = 0;
        while expired < most && part.front().is_some_and(|(_, place)| self.is_dead(place, now)) {
            part.pop_front();
            expired += 1;
        }
        self.gone(expired);
    }

    /// Takes a place for one more, if there is room, or can be made.
    fn take_place(&self, now: u64) -> Result<(), Refusal> {
        let enter = || {
            let room = |live| (live < self.max).then_some(live + 1);
            self.live.fetch_update(Relaxed, Relaxed, room).is_ok()
        };
        if enter() {
            return Ok(());
        }
        // A full table is asked for room again and again.
        let swept = self.swept_ms.load(Relaxed);
        let due = now.saturating_sub(swept) >= SWEEP_MS
            && self.swept_ms.compare_exchange(swept, now, Relaxed, Relaxed).is_ok();
        if due {
            self.sweep();
        }
        if due && enter() { Ok(()) } else { Err(Refusal::TableFull) }
    }

    fn begin(&self, add: &Add<'_>) -> Result<Added, Refusal> {
        let now = coarse_ms();
        let mut kept = Kept::new(self.words);
        let (total, digest) = kept.step(add)?;
        let added = |reference| Added { total, digest, reference };
        if add.is_last() {
            return Ok(added(Reference::Nothing));
        }
        self.take_place(now)?;
        let mut place = Place { kept, used_ms: now };
        loop {
            let id = self.key.hash_one(self.begun.fetch_add(1, Relaxed));
            match &self.places {
                Places::Locked(parts) => {
                    let mut part = lock(part_of(parts, id));
                    self.expire(&mut part, now, EXPIRE_AT_ONCE);
                    if !part.contains_key(&id) {
                        part.insert(id, place);
                        return Ok(added(Reference::Id(id)));
                    }
                }
                Places::Map(map) => match map.insert_sync(id, place) {
                    Ok(()) => return Ok(added(Reference::Id(id))),
                    // Somebody has that number already.
                    Err((_, back)) => place = back,
                },
            }
        }
    }

    fn go_on(&self, add: &Add<'_>) -> Result<Added, Refusal> {
        let (id, now) = (add.id()?, coarse_ms());
        let reference = if add.is_last() { Reference::Nothing } else { Reference::Id(id) };
        let (total, digest) = match &self.places {
            Places::Locked(parts) => {
                let mut part = lock(part_of(parts, id));
                let place = part.get_mut(&id).ok_or(Refusal::NoSession)?;
                if self.is_dead(place, now) {
                    part.remove(&id);
                    self.gone(1);
                    return Err(Refusal::NoSession);
                }
                let came_to = place.kept.step(add)?;
                place.used_ms = now;
                if add.is_last() {
                    part.remove(&id);
                } else {
                    part.to_back(&id);
                }
                came_to
            }
            Places::Map(map) => {
                let mut place = map.get_sync(&id).ok_or(Refusal::NoSession)?;
                if self.is_dead(&place, now) {
                    let _ = place.remove();
                    self.gone(1);
                    return Err(Refusal::NoSession);
                }
                let came_to = place.kept.step(add)?;
                place.used_ms = now;
                if add.is_last() {
                    let _ = place.remove();
                }
                came_to
            }
        };
        if add.is_last() {
            self.live.fetch_sub(1, Relaxed);
        }
        Ok(Added { total, digest, reference })
    }
}

impl Store for Table {
    fn add(&self, add: &Add<'_>, _: &mut Option<Box<Kept>>) -> Result<Added, Refusal> {
        if add.is_first() { self.begin(add) } else { self.go_on(add) }
    }
}

fn part_of(parts: &[CachePadded<Mutex<Part>>], id: u64) -> &Mutex<Part> {
    // The map inside uses other bits of it.
    &parts[(id >> 32) as usize % parts.len()]
}

fn lock(part: &Mutex<Part>) -> MutexGuard<'_, Part> {
    part.lock().unwrap_or_else(PoisonError::into_inner)
}
