//! The counters and histograms of one thread.

mod steps;

use std::time::Duration;

use hdrhistogram::Histogram;

use crate::census::{Census, Failure};
use crate::clients::Clients;
use crate::clock::to_ns;
use crate::connect_failure::ConnectFailures;
use crate::gaps::Gaps;
use crate::greetings::Greetings;
use crate::outcome::{Batch, ConnectionTally, Interval, Latency, Step};
use crate::sent::SentSample;
use crate::series::Series;
use crate::turnaround::Turnaround;
use crate::{Arrivals, Load};
use steps::Steps;

/// More pieces would show nothing more, and each costs some 30 KiB per thread.
const INTERVALS_MAX: u64 = 1_000;

/// The stamps of a request that was sent, in nanoseconds since the run began.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stamps {
    /// When it was due. In closed loop, when its connection became free.
    pub(crate) due: u64,
    /// When the connection that took it became free.
    pub(crate) free_at: u64,
    /// Just before its write.
    pub(crate) sent: u64,
}

impl Stamps {
    /// The wait for a free connection, which the server causes.
    pub(crate) fn conn_wait(&self) -> u64 {
        self.free_at.saturating_sub(self.due)
    }

    /// The wait although a connection was free, which the generator causes.
    pub(crate) fn sched_lag(&self) -> u64 {
        self.sent - self.due.max(self.free_at)
    }
}

/// A histogram of each kind for one thread: threads share none, so they never wait for each other.
#[derive(Debug)]
pub(crate) struct Recorder {
    open_loop: bool,
    pub(crate) census: Census,
    failures: [u64; Failure::ALL.len()],
    response: Histogram<u64>,
    service: Histogram<u64>,
    conn_wait: Histogram<u64>,
    sched_lag: Histogram<u64>,
    connect: Histogram<u64>,
    censored_ages: Histogram<u64>,
    /// Values that were too long for their histogram.
    pub(crate) saturated: u64,
    intervals: Vec<Piece>,
    interval_ns: u64,
    /// Of a staircase.
    steps: Option<Steps>,
    pub(crate) series: Series,
    pub(crate) sent: Option<SentSample>,
    pub(crate) clients: Clients,
    pub(crate) gaps: Gaps,
    /// When the measurement began.
    pub(crate) begin: u64,
    pub(crate) batch: Batch,
    pub(crate) connections: ConnectionTally,
    pub(crate) connect_errors: ConnectFailures,
    /// Of these, failures before the load.
    pub(crate) connect_errors_before: ConnectFailures,
    pub(crate) greetings: Option<Greetings>,
    /// Only if connections carry a fixed number of requests.
    pub(crate) turnaround: Option<Turnaround>,
    pub(crate) wrong_example: Option<String>,
}

#[derive(Debug)]
struct Piece {
    ok: u64,
    failed: u64,
    latency: Histogram<u64>,
}

impl Recorder {
    pub(crate) fn new(load: &Load) -> Self {
        let fine = histogram(longest(load), 3);
        let measure_ns = to_ns(load.measure);
        let interval_ns = to_ns(load.interval).max(measure_ns.div_ceil(INTERVALS_MAX));
        let coarse = coarse_histogram(load);
        let piece = || Piece { ok: 0, failed: 0, latency: touched(&coarse) };
        Self {
            open_loop: load.arrivals != Arrivals::Closed,
            census: Census::default(),
            failures: [0; Failure::ALL.len()],
            response: touched(&fine),
            service: touched(&fine),
            conn_wait: touched(&fine),
            sched_lag: touched(&fine),
            connect: touched(&fine),
            censored_ages: touched(&fine),
            saturated: 0,
            intervals: (0..measure_ns.div_ceil(interval_ns)).map(|_| piece()).collect(),
            interval_ns,
            steps: Steps::for_arrivals(&load.arrivals, &fine),
            series: Series::new(load.warmup, load.measure),
            sent: SentSample::for_load(load),
            clients: Clients::new(load.connections.div_ceil(load.threads)),
            gaps: Gaps::new(touched(&fine)),
            begin: 0,
            batch: Batch::default(),
            connections: ConnectionTally::default(),
            connect_errors: ConnectFailures::default(),
            connect_errors_before: ConnectFailures::default(),
            greetings: load.greeting.then(|| Greetings::new(&fine)),
            turnaround: load.conduct.requests_per_connection.map(|_| {
                let longest = longest(load).saturating_add(load.warmup);
                Turnaround::new(touched(&histogram(longest, 3)))
            }),
            wrong_example: None,
        }
    }

    /// A connection was opened, which took this long.
    pub(crate) fn connected(&mut self, took_ns: u64) {
        self.saturated += record(&mut self.connect, took_ns);
    }

    /// A request of the measurement was given to the kernel.
    pub(crate) fn offered(&mut self, stamps: &Stamps) {
        self.census.offered += 1;
        self.census.sent += 1;
        self.saturated += record(&mut self.sched_lag, stamps.sched_lag());
        if self.open_loop {
            self.saturated += record(&mut self.conn_wait, stamps.conn_wait());
        }
        if let Some(steps) = &mut self.steps {
            steps.offered(stamps.due - self.begin);
        }
        if let Some(sample) = &mut self.sent {
            sample.sent(stamps.sent - stamps.conn_wait() - self.begin);
        }
    }

    /// A correct reply arrived within the measurement, whenever its request was sent.
    pub(crate) fn served(&mut self, connection: usize, stamps: &Stamps, done: u64) {
        self.clients.served(connection, done - stamps.sent);
    }

    /// A client got the last of its replies within the measurement, this long after its connect.
    pub(crate) fn turned_around(&mut self, took_ns: u64) {
        if let Some(turnaround) = &mut self.turnaround {
            self.saturated += turnaround.done(took_ns);
        }
    }

    /// A request of the warm-up got the correct reply.
    pub(crate) fn warmed_up(&mut self, stamps: &Stamps, done: u64) {
        let at = self.belongs_at(stamps);
        if let Some(before) = self.begin.checked_sub(at + 1) {
            self.series.record_warmup(before, done - at);
        }
    }

    /// A request got the correct reply.
    pub(crate) fn ok(&mut self, stamps: &Stamps, done: u64) {
        self.census.ok += 1;
        self.took(stamps, done);
        self.piece(stamps).ok += 1;
        if let Some(steps) = &mut self.steps {
            steps.ok(stamps.due - self.begin);
        }
    }

    /// A request was given up. Its age enters the latencies, because the reply would have taken longer.
    pub(crate) fn timed_out(&mut self, stamps: &Stamps, now: u64) {
        self.census.timeouts += 1;
        self.took(stamps, now);
        self.count_failed(stamps);
    }

    /// A request failed. That time is no latency: a refusal may be faster than any reply.
    pub(crate) fn failed(&mut self, stamps: &Stamps, failure: Failure) {
        self.failures[failure as usize] += 1;
        self.count_failed(stamps);
    }

    fn count_failed(&mut self, stamps: &Stamps) {
        self.piece(stamps).failed += 1;
        if let Some(steps) = &mut self.steps {
            steps.failed(stamps.due - self.begin);
        }
    }

    /// A request was sent and has no reply at the end.
    pub(crate) fn unfinished(&mut self, stamps: &Stamps, now: u64) {
        self.census.unfinished += 1;
        let age = now - self.belongs_at(stamps);
        self.saturated += record(&mut self.censored_ages, age);
        if let Some(steps) = &mut self.steps {
            steps.open(stamps.due - self.begin, now - stamps.due);
        }
    }

    /// This many requests of the measurement were due then, and no connection was free for them until
    /// the end.
    pub(crate) fn never_sent(&mut self, due: u64, now: u64, requests: u64) {
        self.census.offered += requests;
        self.census.never_sent += requests;
        let age = now - due;
        if self.censored_ages.record_n(age, requests).is_err() {
            self.saturated += requests;
            self.censored_ages.saturating_record_n(age, requests);
        }
        if let Some(steps) = &mut self.steps {
            steps.never_sent(due - self.begin, age, requests);
        }
    }

    fn took(&mut self, stamps: &Stamps, done: u64) {
        let latency = done - self.belongs_at(stamps);
        self.saturated += record(&mut self.service, done - stamps.sent);
        if self.open_loop {
            self.saturated += record(&mut self.response, latency);
        }
        self.piece(stamps).latency.saturating_record(latency);
        if self.gaps.touch(self.belongs_at(stamps)) {
            self.gaps.touched(latency);
        }
        if let Some(steps) = &mut self.steps {
            steps.took(stamps.due - self.begin, latency);
        }
        self.series.record(self.since_begin(stamps), latency);
    }

    /// The stamp that says whether a request belongs to the measurement, and to which piece.
    fn belongs_at(&self, stamps: &Stamps) -> u64 {
        if self.open_loop { stamps.due } else { stamps.sent }
    }

    /// The same since the beginning of the measurement; zero for a request that was in flight then.
    fn since_begin(&self, stamps: &Stamps) -> u64 {
        self.belongs_at(stamps).saturating_sub(self.begin)
    }

    fn piece(&mut self, stamps: &Stamps) -> &mut Piece {
        let at = self.since_begin(stamps) / self.interval_ns;
        let last = self.intervals.len() - 1;
        &mut self.intervals[usize::try_from(at).map_or(last, |at| at.min(last))]
    }

    /// Requests of the measurement that have failed so far, timeouts included.
    pub(crate) fn failed_so_far(&self) -> u64 {
        self.census.timeouts + self.failures.iter().sum::<u64>()
    }

    /// The latest piece that has ended by `now`, and its number, counted from 1; `None` before the
    /// first one has. Late replies may still be missing in it.
    pub(crate) fn piece_that_is_over(&self, now: u64) -> Option<(u64, &Histogram<u64>)> {
        let over = now.checked_sub(self.begin)? / self.interval_ns;
        let number = over.min(self.intervals.len() as u64);
        let at = usize::try_from(number.checked_sub(1)?).ok()?;
        Some((number, &self.intervals.get(at)?.latency))
    }

    /// Adds what another thread recorded for the same load.
    pub(crate) fn add(&mut self, other: &Self) {
        let sum = |mine: &mut Histogram<u64>, theirs: &Histogram<u64>| {
            mine.add(theirs).expect("histograms of one load have equal bounds");
        };
        self.census.add(&other.census);
        self.failures.iter_mut().zip(other.failures).for_each(|(mine, theirs)| *mine += theirs);
        sum(&mut self.response, &other.response);
        sum(&mut self.service, &other.service);
        sum(&mut self.conn_wait, &other.conn_wait);
        sum(&mut self.sched_lag, &other.sched_lag);
        sum(&mut self.connect, &other.connect);
        sum(&mut self.censored_ages, &other.censored_ages);
        self.saturated += other.saturated;
        self.connect_errors.add(&other.connect_errors);
        self.connect_errors_before.add(&other.connect_errors_before);
        for (mine, theirs) in self.intervals.iter_mut().zip(&other.intervals) {
            mine.ok += theirs.ok;
            mine.failed += theirs.failed;
            sum(&mut mine.latency, &theirs.latency);
        }
        if let Some((mine, theirs)) = self.steps.as_mut().zip(other.steps.as_ref()) {
            mine.add(theirs);
        }
        self.series.add(&other.series);
        if let Some((mine, theirs)) = self.sent.as_mut().zip(other.sent.as_ref()) {
            mine.add(theirs);
        }
        self.clients.add(&other.clients);
        self.gaps.add(&other.gaps);
        self.batch.add(&other.batch);
        let (mine, theirs) = (&mut self.connections, &other.connections);
        mine.opened += theirs.opened;
        mine.reconnects += theirs.reconnects;
        mine.connect_failures += theirs.connect_failures;
        mine.port_shortages += theirs.port_shortages;
        mine.unsolicited += theirs.unsolicited;
        mine.closed_by_us += theirs.closed_by_us;
        mine.thinking += theirs.thinking;
        mine.connecting += theirs.connecting;
        if let Some((mine, theirs)) = self.greetings.as_mut().zip(other.greetings.as_ref()) {
            mine.add(theirs);
        }
        if let Some((mine, theirs)) = self.turnaround.as_mut().zip(other.turnaround.as_ref()) {
            mine.add(theirs);
        }
        if self.wrong_example.is_none() {
            self.wrong_example.clone_from(&other.wrong_example);
        }
    }

    /// The census with its errors by name.
    pub(crate) fn census(&self) -> Census {
        let mut census = self.census.clone();
        for failure in Failure::ALL {
            census.failed(failure, self.failures[failure as usize]);
        }
        census
    }

    /// The pieces of a measurement that lasted `measure`.
    pub(crate) fn intervals(&mut self, measure: Duration) -> Vec<Interval> {
        let width = Duration::from_nanos(self.interval_ns);
        let mut start = Duration::ZERO;
        let mut series = Vec::with_capacity(self.intervals.len());
        for piece in self.intervals.drain(..) {
            let end = start.saturating_add(width).min(measure);
            // An interrupted measurement may end before a piece that already has a request.
            if end > start || piece.ok + piece.failed > 0 {
                let Piece { ok, failed, latency } = piece;
                series.push(Interval { start, width: end - start, ok, failed, latency });
            }
            start = end;
        }
        series
    }

    /// The steps of a staircase in a measurement that lasted `measure`; empty for other arrivals.
    pub(crate) fn steps(&mut self, measure: Duration) -> Vec<Step> {
        self.steps.take().map(|steps| steps.finish(measure)).unwrap_or_default()
    }

    pub(crate) fn into_latency(self) -> (Latency, Histogram<u64>) {
        let latency = Latency {
            response: self.open_loop.then_some(self.response),
            service: self.service,
            conn_wait: self.conn_wait,
            sched_lag: self.sched_lag,
            connect: self.connect,
        };
        (latency, self.censored_ages)
    }
}

/// Records a value, clamped to the longest that the histogram holds. Returns 1 if it was clamped,
/// otherwise 0, so that clamped latencies are counted.
pub(crate) fn record(histogram: &mut Histogram<u64>, value: u64) -> u64 {
    if histogram.record(value).is_ok() {
        return 0;
    }
    histogram.saturating_record(value);
    1
}

/// The longest latency that a load can see.
fn longest(load: &Load) -> Duration {
    [load.measure, load.drain, load.request_timeout, load.connect_timeout]
        .into_iter()
        .fold(Duration::from_secs(1), Duration::saturating_add)
}

/// An empty histogram like those of the series.
pub(crate) fn coarse_histogram(load: &Load) -> Histogram<u64> {
    histogram(longest(load), 2)
}

/// A histogram for 1 ns to `longest`; longer values are counted as the longest.
fn histogram(longest: Duration, significant_digits: u8) -> Histogram<u64> {
    let high = to_ns(longest).clamp(2, 1 << 62);
    Histogram::new_with_bounds(1, high, significant_digits).expect("bounds and digits are valid")
}

/// A copy, every byte of which was written. The kernel provides the pages of a new histogram only when
/// they are first touched, which would cause page faults in the measurement.
fn touched(model: &Histogram<u64>) -> Histogram<u64> {
    model.clone()
}

#[cfg(test)]
mod tests;
