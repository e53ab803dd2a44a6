//! Accept and queue delays, and connections per worker, from the greetings.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;
use protocol::Greeting;

use crate::census::Failure;
use crate::clock::Clock;
use crate::recorder::record;

/// The outcomes of all expected greetings, and the delays that they show. They are of all phases, like
/// everything about connections. All histograms hold nanoseconds.
///
/// A connection is *asked for* when connect(2) is called. On loopback that call makes the whole
/// handshake, and the server may accept before the client knows that it is connected. Counted from the
/// call, no delay can be negative. It also includes the cost of a full listen queue: a connection
/// request that is dropped and sent again, and a connection that is open for the client but not yet
/// accepted.
#[derive(Clone, Debug)]
pub struct Greetings {
    /// Connections that were opened, each of which had to begin with a greeting.
    pub expected: u64,
    /// Connections that did.
    pub received: u64,
    /// Connections with other bytes or an end instead of the greeting, by [`Failure::name`].
    pub errors: BTreeMap<&'static str, u64>,
    /// Connections given up after the request timeout, counted from when they were open.
    pub timeouts: u64,
    /// Connections without their greeting when the run ended.
    pub unfinished: u64,
    /// Greetings with stamps that cannot be of this machine's clock: before the connection was
    /// asked for, after the greeting arrived, or taken before accepted. Their connections are
    /// used, but their stamps are in no histogram.
    pub other_clock: u64,
    /// Values too long for their histogram, which has them as its longest.
    pub saturated: u64,
    /// From asked for to the read that completed the greeting; for timeouts, their ages.
    pub latency: Histogram<u64>,
    /// From asked for to accepted: connecting, and waiting in the listener's queue.
    pub accept_delay: Histogram<u64>,
    /// From accepted to taken: waiting for a worker.
    pub queue_delay: Histogram<u64>,
    /// The ages, since they were asked for, of connections without a greeting when the run ended.
    pub censored_ages: Histogram<u64>,
    /// Connections that each worker took, by its number. Workers that took none are missing.
    pub workers: BTreeMap<u32, u64>,
}

impl Greetings {
    /// No greetings yet; all histograms are copies of `model`, which is empty.
    pub(crate) fn new(model: &Histogram<u64>) -> Self {
        Self {
            expected: 0,
            received: 0,
            errors: BTreeMap::new(),
            timeouts: 0,
            unfinished: 0,
            other_clock: 0,
            saturated: 0,
            latency: model.clone(),
            accept_delay: model.clone(),
            queue_delay: model.clone(),
            censored_ages: model.clone(),
            workers: BTreeMap::new(),
        }
    }

    /// How many failed, in any way of [`Failure`].
    #[must_use]
    pub fn errors_total(&self) -> u64 {
        self.errors.values().sum()
    }

    /// Whether every connection that was opened has exactly one outcome. If not, the generator has a
    /// bug.
    #[must_use]
    pub fn reconciles(&self) -> bool {
        let settled = self.received + self.errors_total() + self.timeouts + self.unfinished;
        self.expected == settled && self.received == self.workers.values().sum::<u64>()
    }

    /// A greeting arrived at `now`, on a connection that was asked for at `asked`.
    pub(crate) fn received(&mut self, greeting: &Greeting, clock: Clock, asked: u64, now: u64) {
        self.received += 1;
        *self.workers.entry(greeting.worker).or_default() += 1;
        self.saturated += record(&mut self.latency, now - asked);
        let (accepted, taken) = (clock.stamp(greeting.accepted_ns), clock.stamp(greeting.taken_ns));
        match accepted.zip(taken) {
            Some((accepted, taken)) if asked <= accepted && accepted <= taken && taken <= now => {
                self.saturated += record(&mut self.accept_delay, accepted - asked);
                self.saturated += record(&mut self.queue_delay, taken - accepted);
            }
            _ => self.other_clock += 1,
        }
    }

    /// Something else arrived instead of a greeting.
    pub(crate) fn failed(&mut self, failure: Failure) {
        *self.errors.entry(failure.name()).or_default() += 1;
    }

    /// A greeting was given up. Its age enters the latencies, because it would have taken longer.
    pub(crate) fn timed_out(&mut self, asked: u64, now: u64) {
        self.timeouts += 1;
        self.saturated += record(&mut self.latency, now - asked);
    }

    /// A greeting had not arrived at the end.
    pub(crate) fn unfinished(&mut self, asked: u64, now: u64) {
        self.unfinished += 1;
        self.saturated += record(&mut self.censored_ages, now - asked);
    }

    /// Adds the greetings of another thread of the same run.
    pub(crate) fn add(&mut self, other: &Self) {
        self.expected += other.expected;
        self.received += other.received;
        self.timeouts += other.timeouts;
        self.unfinished += other.unfinished;
        self.other_clock += other.other_clock;
        self.saturated += other.saturated;
        for (name, count) in &other.errors {
            *self.errors.entry(name).or_default() += count;
        }
        for (worker, count) in &other.workers {
            *self.workers.entry(*worker).or_default() += count;
        }
        for (mine, theirs) in [
            (&mut self.latency, &other.latency),
            (&mut self.accept_delay, &other.accept_delay),
            (&mut self.queue_delay, &other.queue_delay),
            (&mut self.censored_ages, &other.censored_ages),
        ] {
            mine.add(theirs).expect("histograms of one load have equal bounds");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn none() -> Greetings {
        Greetings::new(&Histogram::new_with_bounds(1, 1 << 40, 3).unwrap())
    }

    /// A greeting whose stamps are these on a run's clock; negative ones are from before the run.
    fn greeting(clock: Clock, accepted: i64, taken: i64) -> Greeting {
        let at = |on_clock: i64| clock.origin().checked_add_signed(on_clock).unwrap();
        Greeting { worker: 1, sequence: 0, accepted_ns: at(accepted), taken_ns: at(taken) }
    }

    #[test]
    fn the_wait_is_split_where_the_server_accepted() {
        let (mut greetings, clock) = (none(), Clock::starting_now());
        greetings.expected = 1;
        greetings.received(&greeting(clock, 130, 180), clock, 100, 200);
        let only = |histogram: &Histogram<u64>| (histogram.len(), histogram.max());
        assert_eq!(only(&greetings.accept_delay), (1, 30));
        assert_eq!(only(&greetings.queue_delay), (1, 50));
        assert_eq!(only(&greetings.latency), (1, 100));
        assert!(greetings.reconciles() && greetings.other_clock == 0);
    }

    #[test]
    fn stamps_that_cannot_be_of_this_clock_are_counted_and_not_recorded() {
        let clock = Clock::starting_now();
        // Before it was asked for, taken before accepted, from the future, from before the run.
        for (accepted, taken) in [(99, 150), (150, 149), (150, 201), (-5, 150)] {
            let mut greetings = none();
            greetings.expected = 1;
            greetings.received(&greeting(clock, accepted, taken), clock, 100, 200);
            assert_eq!(greetings.other_clock, 1, "{accepted} {taken}");
            assert_eq!((greetings.accept_delay.len(), greetings.queue_delay.len()), (0, 0));
            assert_eq!(greetings.latency.len(), 1, "its arrival is ours to know");
            assert!(greetings.reconciles());
        }
        let mut at_the_edges = none();
        at_the_edges.received(&greeting(clock, 100, 200), clock, 100, 200);
        assert_eq!(at_the_edges.other_clock, 0);
    }

    #[test]
    fn what_threads_found_adds_up() {
        let clock = Clock::starting_now();
        let (mut one, mut other) = (none(), none());
        (one.expected, other.expected) = (2, 4);
        one.received(&greeting(clock, 10, 10), clock, 5, 20);
        one.failed(Failure::RefusedBusy);
        other.received(&greeting(clock, 10, 10), clock, 5, 20);
        other.failed(Failure::RefusedBusy);
        other.timed_out(5, 1_000);
        other.unfinished(5, 20);
        one.add(&other);
        assert!(one.reconciles());
        assert_eq!((one.workers[&1], one.errors["refused:busy"]), (2, 2));
        assert_eq!((one.latency.len(), one.censored_ages.len()), (3, 1));
        one.expected += 1;
        assert!(!one.reconciles(), "one connection has no fate");
    }
}
