//! Standstills of the generator's threads: a thread was stopped or preempted, or the hypervisor
//! took its processor.
//!
//! A loop that asks to be woken at an instant and returns later has missed what happened meanwhile.
//! Requests that became due in such a gap, and replies that arrived in it, waited for the
//! generator, and this wait must not be charged to the server. So each reading of the clock is
//! compared with the latest time at which it should have been taken. Only a late reading causes any
//! further work.

use std::collections::VecDeque;
use std::time::Duration;

use hdrhistogram::Histogram;

/// A gap is longer than this. A timer of a virtual machine oversleeps by at most about as much, and a
/// preempted thread loses a time slice, which is more.
pub(crate) const GAP_NS_MIN: u64 = 1_000_000;

/// If a wait longer than this ends with something to read, the thread asks the kernel how long the bytes
/// have been there.
const WAIT_NS_MAX: u64 = 8_000_000;

/// Gaps that are remembered one by one. A gap before the oldest request affects no request.
const REMEMBERED: usize = 1_024;

/// The standstills of the generator, from the beginning of the load to the end of the drain.
#[derive(Clone, Debug)]
pub struct Standstill {
    /// How often a thread stood still for longer than a millisecond.
    pub gaps: u64,
    /// Time in gaps within the measurement, over all threads. Divided by [`Phases::measure`] and the
    /// number of threads, it is the share of time.
    ///
    /// [`Phases::measure`]: crate::Phases::measure
    pub measured: Duration,
    /// Time in gaps within the warm-up and the drain, over all threads.
    pub outside: Duration,
    /// The longest gap.
    pub longest: Duration,
    /// When the longest gap began, in nanoseconds since the beginning of the measurement; negative in
    /// the warm-up.
    pub longest_at_ns: i64,
    /// The latencies, in nanoseconds, of the requests that were due, under way or answered in a gap.
    /// [`Interval::latency`](crate::Interval::latency) includes them too.
    pub touched: Histogram<u64>,
}

impl Standstill {
    fn new(touched: Histogram<u64>) -> Self {
        let none = Duration::ZERO;
        Self { gaps: 0, measured: none, outside: none, longest: none, longest_at_ns: 0, touched }
    }

    fn add(&mut self, other: &Self) {
        self.gaps += other.gaps;
        self.measured += other.measured;
        self.outside += other.outside;
        if other.longest > self.longest {
            (self.longest, self.longest_at_ns) = (other.longest, other.longest_at_ns);
        }
        self.touched.add(&other.touched).expect("histograms of one load have equal bounds");
    }
}

/// A stretch of time in which a thread should have run and did not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Gap {
    pub(crate) start: u64,
    pub(crate) end: u64,
}

impl Gap {
    fn within(self, from: u64, to: u64) -> u64 {
        self.end.min(to).saturating_sub(self.start.max(from))
    }

    fn length(self) -> u64 {
        self.end - self.start
    }
}

/// The gaps of one thread.
#[derive(Debug)]
pub(crate) struct Gaps {
    /// The next reading of the clock must not be later than this.
    late_from: u64,
    /// When the current wait must end at the latest.
    until: u64,
    /// The latest gaps, in order.
    latest: VecDeque<Gap>,
    /// The end of the last gap; 0 without any.
    last_end: u64,
    /// How many turns may still find replies that arrived in the last gap.
    unread_turns: u8,
    /// Time in gaps since every due request had been sent.
    owed: u64,
    /// Time in gaps since the measurement ended.
    drained: u64,
    found: Standstill,
}

impl Gaps {
    /// No gaps yet; `touched` is an empty histogram of latencies.
    pub(crate) fn new(touched: Histogram<u64>) -> Self {
        Self {
            late_from: u64::MAX,
            until: u64::MAX,
            latest: VecDeque::with_capacity(REMEMBERED),
            last_end: 0,
            unread_turns: 0,
            owed: 0,
            drained: 0,
            found: Standstill::new(touched),
        }
    }

    /// Whether a reading of the clock comes later than it should.
    pub(crate) fn is_late(&self, now: u64) -> bool {
        now > self.late_from
    }

    /// The thread runs at `now`, and reads the clock again soon.
    pub(crate) fn running(&mut self, now: u64) {
        self.late_from = now + GAP_NS_MIN;
    }

    /// The thread is about to wait at `now`, until an instant or until something is ready.
    pub(crate) fn waiting(&mut self, now: u64, until: u64) {
        self.until = until.max(now);
        self.late_from = self.until.min(now + WAIT_NS_MAX) + GAP_NS_MIN;
    }

    /// The thread is about to wait without a limit.
    pub(crate) fn resting(&mut self) {
        self.late_from = u64::MAX;
    }

    /// The gap that ends at a late reading of the clock, if there was one. `before` is the previous
    /// reading, and `heard` the time for which there has been something to read.
    pub(crate) fn before(&self, now: u64, before: u64, heard: Option<u64>) -> Option<Gap> {
        let runs = self.late_from == before + GAP_NS_MIN;
        let due = if runs { before } else { self.until };
        let start = heard.map_or(due, |ns| due.min(now.saturating_sub(ns))).max(before);
        (now.saturating_sub(start) > GAP_NS_MIN).then_some(Gap { start, end: now })
    }

    /// Notes a gap.
    pub(crate) fn note(&mut self, gap: Gap) {
        if self.latest.len() == REMEMBERED {
            self.latest.pop_front();
        }
        self.latest.push_back(gap);
        self.last_end = gap.end;
        self.owed += gap.length();
        // After a wait, the replies come with this turn; if the thread was running, with the next one.
        self.unread_turns = 2;
    }

    /// Counts a gap of a load whose measurement begins and ends at these instants.
    pub(crate) fn tell(&mut self, gap: Gap, begin: u64, end: u64) {
        let measured = gap.within(begin, end);
        self.drained += gap.within(end.max(begin), u64::MAX);
        self.found.gaps += 1;
        self.found.measured += Duration::from_nanos(measured);
        self.found.outside += Duration::from_nanos(gap.length() - measured);
        let length = Duration::from_nanos(gap.length());
        if length > self.found.longest {
            self.found.longest = length;
            self.found.longest_at_ns = gap.start.cast_signed().wrapping_sub(begin.cast_signed());
        }
    }

    /// A turn is over; `all` says whether it handled everything that was ready.
    pub(crate) fn turned(&mut self, all: bool) {
        if self.unread_turns > 0 && all {
            self.unread_turns -= 1;
        }
    }

    /// When a reply that is read at `now`, to a request sent at `sent`, counts as arrived: at the
    /// beginning of a gap in which it could not be read, otherwise now. For closed loops, where the
    /// next request is due then.
    pub(crate) fn answered(&self, sent: u64, now: u64) -> u64 {
        match self.latest.back() {
            Some(gap) if self.unread_turns > 0 && sent < gap.start => gap.start,
            _ => now,
        }
    }

    /// Whether something that began at `since` has lasted through a gap, or a part of one.
    pub(crate) fn touch(&self, since: u64) -> bool {
        since < self.last_end
    }

    /// The time in gaps between two instants.
    pub(crate) fn within(&self, from: u64, to: u64) -> u64 {
        let touched = self.latest.iter().rev().take_while(|gap| gap.end > from);
        touched.map(|gap| gap.within(from, to)).sum()
    }

    /// How long something that began at `since` has lasted at `now`, without the gaps.
    pub(crate) fn awake(&self, since: u64, now: u64) -> u64 {
        let all = now.saturating_sub(since);
        if self.touch(since) { all - self.within(since, now) } else { all }
    }

    /// Every due request has been sent, so later requests do not queue behind those that became due in
    /// a gap.
    pub(crate) fn caught_up(&mut self) {
        self.owed = 0;
    }

    /// Until when a request that was due at `due` and got a connection at `free_at` waited for the
    /// server to free one. The generator caused the rest of that wait. While a queue lasts, the gaps
    /// since it began delay each request in it by their whole length, and by no more (Lindley, 1952).
    pub(crate) fn waited_for_server(&self, due: u64, free_at: u64) -> u64 {
        if due < free_at { free_at.saturating_sub(self.owed).max(due) } else { free_at }
    }

    /// A latency of a request that lasted through a gap.
    pub(crate) fn touched(&mut self, latency: u64) {
        self.found.touched.saturating_record(latency);
    }

    /// How much longer the drain lasts, so that replies that arrived in a gap are still read.
    pub(crate) fn drain_longer(&self) -> u64 {
        self.drained
    }

    /// Adds the gaps of another thread.
    pub(crate) fn add(&mut self, other: &Self) {
        self.found.add(&other.found);
    }

    pub(crate) fn found(&self) -> &Standstill {
        &self.found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn gaps() -> Gaps {
        Gaps::new(Histogram::new(2).unwrap())
    }

    #[test]
    fn a_wait_that_ends_late_is_a_gap_from_when_it_had_to_end() {
        let mut gaps = gaps();
        gaps.waiting(0, 5 * MS);
        assert!(!gaps.is_late(6 * MS) && gaps.is_late(6 * MS + 1));
        let gap = Gap { start: 5 * MS, end: 9 * MS };
        assert_eq!(gaps.before(9 * MS, 0, None), Some(gap));
        // A due time that has passed ends no wait, so the gap starts where the wait did.
        gaps.waiting(3 * MS, MS);
        assert_eq!(gaps.before(9 * MS, 3 * MS, None), Some(Gap { start: 3 * MS, end: 9 * MS }));
    }

    #[test]
    fn a_long_wait_for_a_reply_is_a_gap_only_if_the_reply_was_there() {
        let mut gaps = gaps();
        gaps.waiting(0, 100 * MS);
        assert!(gaps.is_late(60 * MS), "it is looked into");
        assert_eq!(gaps.before(60 * MS, 0, None), None);
        assert_eq!(gaps.before(60 * MS, 0, Some(0)), None, "the server took so long");
        let gap = Gap { start: 20 * MS, end: 60 * MS };
        assert_eq!(gaps.before(60 * MS, 0, Some(40 * MS)), Some(gap));
        let whole = Gap { start: 10 * MS, end: 60 * MS };
        assert_eq!(gaps.before(60 * MS, 10 * MS, Some(900 * MS)), Some(whole));
    }

    #[test]
    fn readings_far_apart_are_a_gap_while_the_thread_runs() {
        let mut gaps = gaps();
        gaps.running(7 * MS);
        assert!(!gaps.is_late(8 * MS) && gaps.is_late(8 * MS + 1));
        assert_eq!(gaps.before(20 * MS, 7 * MS, None), Some(Gap { start: 7 * MS, end: 20 * MS }));
        gaps.resting();
        assert!(!gaps.is_late(u64::MAX));
    }

    #[test]
    fn time_is_told_by_phase_and_what_is_forgotten_was_counted() {
        let mut gaps = gaps();
        for (start, end) in [(0, 2), (8, 14), (20, 21), (95, 103), (110, 112)] {
            let gap = Gap { start: start * MS, end: end * MS };
            gaps.note(gap);
            gaps.tell(gap, 10 * MS, 100 * MS);
        }
        let found = gaps.found();
        assert_eq!((found.gaps, found.measured.as_millis(), found.outside.as_millis()), (5, 10, 9));
        assert_eq!((found.longest.as_millis(), found.longest_at_ns), (8, 85_000_000));
        assert_eq!(gaps.drain_longer(), 5 * MS);
        assert_eq!(gaps.within(9 * MS, 20 * MS), 5 * MS);
        assert_eq!(gaps.awake(MS, 25 * MS), 16 * MS);
        assert_eq!(gaps.awake(200 * MS, 205 * MS), 5 * MS);
        for at in 0..2 * REMEMBERED as u64 {
            gaps.note(Gap { start: (200 + 3 * at) * MS, end: (202 + 3 * at) * MS });
        }
        assert_eq!(gaps.latest.len(), REMEMBERED);
    }

    #[test]
    fn what_queues_up_in_a_gap_waits_for_the_generator_and_no_longer_than_the_gap() {
        let mut gaps = gaps();
        gaps.note(Gap { start: 100 * MS, end: 300 * MS });
        let waited = |gaps: &Gaps, due: u64, free: u64| {
            (gaps.waited_for_server(due * MS, free * MS) - due * MS) / MS
        };
        assert_eq!(waited(&gaps, 150, 340), 0, "its queue is worked off");
        assert_eq!(waited(&gaps, 150, 900), 550, "and then the server is slow");
        assert_eq!(waited(&gaps, 50, 340), 90, "it had waited before, and did so after");
        assert_eq!(waited(&gaps, 310, 340), 0, "it was due after the gap, and behind its queue");
        gaps.caught_up();
        assert_eq!(waited(&gaps, 310, 340), 30, "there is no queue any more");
    }

    #[test]
    fn what_is_read_after_a_gap_came_by_its_beginning_if_it_was_asked_for_before() {
        let mut gaps = gaps();
        gaps.note(Gap { start: 100, end: 300 });
        assert_eq!(gaps.answered(50, 310), 100);
        assert_eq!(gaps.answered(305, 310), 310);
        gaps.turned(false);
        assert_eq!(gaps.answered(50, 310), 100, "more was ready than a turn deals with");
        gaps.turned(true);
        gaps.turned(true);
        assert_eq!(gaps.answered(50, 310), 310);
    }
}
