//! The calling thread during the load: it leads the other threads through the phases and reports
//! progress.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::thread::{self, ScopedJoinHandle};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::threads::{Handle, Release, Start};
use crate::clock::to_ns;
use crate::live::Viewer;
use crate::outcome::Phases;
use crate::worker::Shared;
use crate::{ConnectFailure, Load, Moment, Phase, Progress, StartAt};

/// The time between two calls with [`Moment::Tick`], and between two looks at `stop`.
const TICK: Duration = Duration::from_millis(100);

/// The time between two looks at whether a fixed number of requests has been answered.
const LOOK: Duration = Duration::from_millis(1);

/// The time between two looks at whether a start is agreed on.
const AGREEMENT_LOOK: Duration = Duration::from_millis(5);

/// No tick comes this shortly before a phase ends, because it might delay the call for the next phase.
const TICK_MARGIN_NS: u64 = 10_000_000;

/// How long threads have to wake up before the load begins, so that they begin together.
const LEAD_NS: u64 = 2_000_000;

/// The longest drain of an interrupted run, because the user is waiting.
const INTERRUPTED_DRAIN_MAX: Duration = Duration::from_millis(500);

/// The course of the phases.
#[derive(Default)]
pub(crate) struct Timeline {
    pub(crate) phases: Phases,
    pub(crate) interrupted: bool,
    /// The drain was cut short.
    pub(crate) drain_cut: bool,
    pub(crate) unreachable: bool,
    /// Greetings are expected, but nothing arrived on any connection.
    pub(crate) silent: bool,
    /// Why the load did not begin although there were connections.
    pub(crate) no_start: Option<NoStart>,
}

/// Why a load does not begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoStart {
    /// The start time passed before all connections were open.
    TooLate,
    /// The agreement was to cancel it.
    CalledOff,
    /// The run was stopped while waiting for the start.
    Interrupted,
}

/// The calling thread while the others work.
pub(super) struct Stage<'a, 'scope> {
    pub(super) load: &'a Load,
    pub(super) stop: &'a AtomicBool,
    pub(super) watch: &'a mut dyn FnMut(Moment),
    pub(super) shared: &'a Shared,
    pub(super) threads: &'a [Handle<'scope>],
    pub(super) viewer: Viewer,
    pub(super) phase: Phase,
    pub(super) phase_began: Instant,
}

impl Stage<'_, '_> {
    pub(super) fn conduct(&mut self, readies: &Receiver<usize>, release: &Release) -> Timeline {
        let clock = self.shared.clock;
        let mut timeline = Timeline::default();
        self.begin(Phase::Connect);
        let open = self.gather(readies);
        timeline.phases.connect = Duration::from_nanos(clock.now());
        timeline.interrupted = self.stop.load(Ordering::Relaxed);
        timeline.unreachable = open == 0 && !timeline.interrupted;
        let heard = !self.load.greeting || self.shared.heard.load(Ordering::Relaxed);
        timeline.silent = open > 0 && !heard && !timeline.interrupted;
        if timeline.interrupted || open == 0 || !heard || self.has_lost_a_thread() {
            return timeline;
        }

        let start = match self.start() {
            Ok(start) => start,
            Err(none) => {
                timeline.interrupted = self.stop.load(Ordering::Relaxed);
                timeline.no_start = Some(none);
                return timeline;
            }
        };
        if !self.wait_until(start.saturating_sub(LEAD_NS)) {
            timeline.interrupted = self.stop.load(Ordering::Relaxed);
            return timeline;
        }
        let begin = start.saturating_add(to_ns(self.load.warmup));
        let end = begin.saturating_add(to_ns(self.load.measure));
        let drain_end = end.saturating_add(to_ns(self.load.drain));
        self.shared.end.store(end, Ordering::Relaxed);
        self.shared.drain_end.store(drain_end, Ordering::Relaxed);
        release.start(Start::At(start));
        self.begin(Phase::Warmup);
        let mut ended = None;
        let mut bracket = None;
        if self.wait_until(begin) {
            bracket = Some(clock.now());
            self.begin(Phase::Measure);
            ended = self.wait_for_the_end(end);
        }
        timeline.interrupted = ended.is_none();
        let end = ended.unwrap_or_else(|| self.cut_short());
        timeline.phases.bracket =
            bracket.map_or(Duration::ZERO, |began| Duration::from_nanos(clock.now() - began));
        self.begin(Phase::Drain);
        self.shared.seen.store(true, Ordering::Release);
        timeline.drain_cut = self.see_the_threads_off(readies);
        let between = |from: u64, to: u64| Duration::from_nanos(to.saturating_sub(from));
        timeline.phases.warmup = between(start, begin.min(end));
        timeline.phases.measure = between(begin, end);
        timeline.phases.drain = between(end, clock.now());
        timeline.phases.began =
            since_the_epoch().saturating_sub(between(begin.min(end), clock.now()));
        timeline
    }

    /// When the load begins, on the clock.
    fn start(&mut self) -> Result<u64, NoStart> {
        let load = self.load;
        let at = match &load.start_at {
            StartAt::Soon => return Ok(self.shared.clock.now() + LEAD_NS),
            StartAt::Time(at) => *at,
            StartAt::Agreed(agreement) => {
                agreement.opened();
                let decided = || agreement.decision().is_some();
                if !self.wait(u64::MAX, AGREEMENT_LOOK, &decided) {
                    return Err(NoStart::Interrupted);
                }
                agreement.decision().flatten().ok_or(NoStart::CalledOff)?
            }
        };
        let soon = self.shared.clock.now() + LEAD_NS;
        let left = at.checked_sub(since_the_epoch()).ok_or(NoStart::TooLate)?;
        let start = self.shared.clock.now().checked_add(to_ns(left));
        start.filter(|start| *start >= soon).ok_or(NoStart::TooLate)
    }

    fn begin(&mut self, phase: Phase) {
        self.phase = phase;
        self.phase_began = Instant::now();
        (self.watch)(Moment::Begins(phase));
    }

    fn tick(&mut self) {
        let done = self.shared.done.iter().map(|done| done.0.load(Ordering::Relaxed)).sum();
        let elapsed = self.phase_began.elapsed();
        let live = self.viewer.look(&self.shared.live);
        let refusal = usize::from(self.shared.refusal.load(Ordering::Relaxed));
        let refusal = refusal.checked_sub(1).map(|at| ConnectFailure::ALL[at]);
        (self.watch)(Moment::Tick(Progress { phase: self.phase, elapsed, done, refusal, live }));
    }

    /// Whether a thread has ended early, which means that it failed.
    fn has_lost_a_thread(&self) -> bool {
        self.threads.iter().any(ScopedJoinHandle::is_finished)
    }

    /// Waits until all threads have connected. Returns how many connections are open.
    fn gather(&mut self, readies: &Receiver<usize>) -> usize {
        let mut open = 0;
        let mut missing = self.threads.len();
        while missing > 0 && !self.has_lost_a_thread() {
            match readies.recv_timeout(TICK) {
                Ok(more) => {
                    open += more;
                    missing -= 1;
                }
                Err(RecvTimeoutError::Timeout) => self.tick(),
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if self.stop.load(Ordering::Relaxed) {
                self.shared.abort.store(true, Ordering::Relaxed);
            }
        }
        open
    }

    /// Waits until the measurement ends. Returns when that is, on the clock, or `None` if the run is stopped or a
    /// thread has failed.
    fn wait_for_the_end(&mut self, end: u64) -> Option<u64> {
        if self.load.requests.is_none() {
            return self.wait_until(end).then_some(end);
        }
        let (shared, threads) = (self.shared, self.threads.len());
        let are_through = || shared.through.load(Ordering::Acquire) == threads;
        if !self.wait(end, LOOK, &are_through) {
            return None;
        }
        if !are_through() {
            return Some(end);
        }
        // The measurement ends with the last reply, not when this thread notices it.
        let end = shared.last_reply.load(Ordering::Relaxed) + 1;
        shared.drain_end.store(end.saturating_add(to_ns(self.load.drain)), Ordering::Relaxed);
        shared.end.store(end, Ordering::Relaxed);
        Some(end)
    }

    /// Waits until an instant of the clock. Returns whether it was reached: not if the run is stopped or
    /// a thread has failed.
    fn wait_until(&mut self, at: u64) -> bool {
        self.wait(at, TICK, &|| false)
    }

    /// The same, or until `is_over`, which is called at least once every `look`.
    fn wait(&mut self, at: u64, look: Duration, is_over: &dyn Fn() -> bool) -> bool {
        let mut tick_at = Instant::now() + TICK;
        loop {
            let left = at.saturating_sub(self.shared.clock.now());
            if left == 0 || is_over() {
                return true;
            }
            if self.stop.load(Ordering::Relaxed) || self.has_lost_a_thread() {
                return false;
            }
            if Instant::now() >= tick_at && left > TICK_MARGIN_NS {
                self.tick();
                tick_at += TICK;
            }
            let until_tick = tick_at.saturating_duration_since(Instant::now());
            let nap = if until_tick.is_zero() { TICK } else { until_tick };
            let left = at.saturating_sub(self.shared.clock.now());
            thread::sleep(nap.min(look).min(Duration::from_nanos(left)));
        }
    }

    /// Ends the measurement now. Returns when that is, on the clock.
    fn cut_short(&self) -> u64 {
        let now = self.shared.clock.now();
        let drain = self.load.drain.min(INTERRUPTED_DRAIN_MAX);
        self.shared.drain_end.store(now.saturating_add(to_ns(drain)), Ordering::Relaxed);
        self.shared.end.store(now, Ordering::Relaxed);
        now
    }

    /// Waits until the last thread has ended. Returns whether `stop` cut their drain short.
    fn see_the_threads_off(&mut self, readies: &Receiver<usize>) -> bool {
        let mut hurried = false;
        loop {
            match readies.recv_timeout(TICK) {
                Err(RecvTimeoutError::Disconnected) => return hurried,
                Ok(_) | Err(RecvTimeoutError::Timeout) => self.tick(),
            }
            if !hurried && self.stop.load(Ordering::Relaxed) {
                hurried = true;
                let soon = self.shared.clock.now().saturating_add(to_ns(INTERRUPTED_DRAIN_MAX));
                self.shared.drain_end.fetch_min(soon, Ordering::Relaxed);
            }
        }
    }
}

/// The time of day, a clock that other machines share.
fn since_the_epoch() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
