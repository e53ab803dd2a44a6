//! Timers of an event loop: for the waits of jobs, idle timeouts and lingering.

use std::time::{Duration, Instant};

use super::{PLACES_KEPT, Token};
use crate::stopping;

/// While stopping, how often a loop looks whether it has been cut.
pub(crate) const CUT_TICK: Duration = Duration::from_millis(20);

/// What is due at some time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// The wait of its job is over.
    Job,
    /// It may have been idle for too long. Progress does not touch the timer; whoever takes it
    /// looks, and sets it again if it was too early.
    Idle,
    /// Its closing is to be looked at again.
    Close,
}

/// Timers of the clients of one loop: one for each client, which leaves with it.
///
/// A binary heap in which each client's place is known, so that its timer can be moved or taken
/// out: a timer that stayed until its time came would keep memory for clients that have left.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    heap: Vec<Timer>,
    /// Where in the heap the timer of the client at each place of the table is; [`NOWHERE`] when it
    /// has none.
    positions: Vec<u32>,
}

#[derive(Clone, Copy, Debug)]
struct Timer {
    at: Instant,
    due: Due,
    token: Token,
}

const NOWHERE: u32 = u32::MAX;

impl Timers {
    /// Sets the client's timer, which moves if it is set already.
    pub(crate) fn set(&mut self, at: Instant, due: Due, token: Token) {
        let place = token.place() as usize;
        if place >= self.positions.len() {
            self.positions.resize(place + 1, NOWHERE);
        }
        let timer = Timer { at, due, token };
        match self.positions[place] {
            NOWHERE => {
                self.heap.push(timer);
                self.rise(self.heap.len() - 1, timer);
            }
            position => self.put(position as usize, timer),
        }
    }

    /// The client leaves, and its timer with it.
    pub(crate) fn remove(&mut self, token: Token) {
        let place = token.place() as usize;
        if let Some(position) = self.positions.get_mut(place)
            && *position != NOWHERE
        {
            let position = std::mem::replace(position, NOWHERE) as usize;
            self.vacate(position);
        }
        if self.heap.is_empty() && self.positions.len() > PLACES_KEPT {
            *self = Self::default();
        }
    }

    /// Takes a timer whose time has come.
    pub(crate) fn take(&mut self, now: Instant) -> Option<(Due, Token)> {
        let Timer { at, due, token } = *self.heap.first()?;
        if at > now {
            return None;
        }
        self.positions[token.place() as usize] = NOWHERE;
        self.vacate(0);
        Some((due, token))
    }

    /// When the next one is due.
    pub(crate) fn first(&self) -> Option<Instant> {
        self.heap.first().map(|timer| timer.at)
    }

    /// Fills the gap that a timer leaves with the last one.
    fn vacate(&mut self, position: usize) {
        if let Some(last) = self.heap.pop()
            && position < self.heap.len()
        {
            self.put(position, last);
        }
    }

    /// Puts a timer there, and then where it belongs.
    fn put(&mut self, position: usize, timer: Timer) {
        let rises = position > 0 && timer.at < self.heap[(position - 1) / 2].at;
        if rises { self.rise(position, timer) } else { self.sink(position, timer) }
    }

    fn rise(&mut self, mut position: usize, timer: Timer) {
        while position > 0 {
            let above = (position - 1) / 2;
            if self.heap[above].at <= timer.at {
                break;
            }
            self.settle(position, self.heap[above]);
            position = above;
        }
        self.settle(position, timer);
    }

    fn sink(&mut self, mut position: usize, timer: Timer) {
        loop {
            let (left, right) = (2 * position + 1, 2 * position + 2);
            let Some(first) = self.heap.get(left) else { break };
            let below = match self.heap.get(right) {
                Some(second) if second.at < first.at => right,
                _ => left,
            };
            if self.heap[below].at >= timer.at {
                break;
            }
            self.settle(position, self.heap[below]);
            position = below;
        }
        self.settle(position, timer);
    }

    fn settle(&mut self, position: usize, timer: Timer) {
        self.heap[position] = timer;
        // As many timers as clients, and there are fewer than 2^32.
        self.positions[timer.token.place() as usize] = u32::try_from(position).unwrap_or(NOWHERE);
    }
}

/// How long a loop in which that is due next may wait for the kernel; `None` is for ever.
pub(crate) fn wait_until(due: Option<Instant>) -> Option<Duration> {
    let wait = due.map(|due| due.saturating_duration_since(Instant::now()));
    // A client whose job waits is not watched, so the kernel does not tell of its cut.
    if stopping::is_stopping() { wait.min(Some(CUT_TICK)).or(Some(CUT_TICK)) } else { wait }
}

#[cfg(all(test, not(c10k_loom)))]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// Every change at random, and after each the same first timer as in a sorted list.
    #[test]
    fn the_first_timer_is_always_the_next_and_removed_ones_never_come() {
        const PLACES: u32 = 40;
        let (start, mut seed) = (Instant::now(), 1_u64);
        let mut draw = |below: u32| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            u32::try_from(seed >> 33).expect("31 bits") % below
        };
        let at = |ms: u32| start + Duration::from_millis(ms.into());
        let mut timers = Timers::default();
        let mut expected: BTreeMap<u32, (Instant, u32)> = BTreeMap::new();
        for generation in 1..20_000 {
            let (place, ms) = (draw(PLACES), draw(1000));
            match draw(4) {
                0 => {
                    timers.remove(Token::new(generation, place));
                    expected.remove(&place);
                }
                1 => {
                    let now = at(ms);
                    let taken = timers.take(now);
                    let first = expected.iter().min_by_key(|(_, (at, _))| *at);
                    let due = first.filter(|(_, (at, _))| *at <= now);
                    assert_eq!(taken.is_some(), due.is_some());
                    if let Some((due, token)) = taken {
                        let (at, its) = expected.remove(&token.place()).expect("it was set");
                        assert_eq!((due, token), (Due::Idle, Token::new(its, token.place())));
                        assert!(expected.values().all(|(other, _)| *other >= at));
                    }
                }
                _ => {
                    timers.set(at(ms), Due::Idle, Token::new(generation, place));
                    expected.insert(place, (at(ms), generation));
                }
            }
            assert_eq!(timers.first(), expected.values().map(|(at, _)| *at).min());
            assert_eq!(timers.heap.len(), expected.len(), "one timer for each client");
        }
    }

    #[test]
    fn a_crowd_that_has_left_leaves_no_memory() {
        let (now, mut timers) = (Instant::now(), Timers::default());
        for place in 0..10_000 {
            timers.set(now, Due::Idle, Token::new(1, place));
        }
        (0..10_000).for_each(|place| timers.remove(Token::new(1, place)));
        assert_eq!((timers.heap.capacity(), timers.positions.capacity()), (0, 0));
    }
}
