//! The calling thread: starts the others, tells the caller of the phases, and puts together what
//! the threads found.

use std::any::Any;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{self, Scope, ScopedJoinHandle, Thread};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rustix::io::Errno;

use crate::clock::{Clock, to_ns};
use crate::live::{self, Viewer};
use crate::outcome::{Cost, Outcome, Phases};
use crate::pacing::Pacer;
use crate::ports::Ports;
use crate::wire::{EpollWire, UringWire, Wire};
use crate::worker::misbehaving::{Beside, BesideFound};
use crate::worker::{Found, Lonely, Shared, Worker, together};
use crate::{Arrivals, Engine, Load, LoadError, Moment, Phase, Progress, limits};

/// Between two calls with [`Moment::Tick`], and between two looks at `stop`.
const TICK: Duration = Duration::from_millis(100);

/// No tick comes this shortly before a phase ends, since the call might make the next one late.
const TICK_MARGIN_NS: u64 = 10_000_000;

/// How long threads have to wake up before the load begins, so that they begin together.
const LEAD_NS: u64 = 2_000_000;

/// The longest drain of a run that was interrupted: somebody is waiting.
const INTERRUPTED_DRAIN_MAX: Duration = Duration::from_millis(500);

/// Runs a load and returns what it found out. It takes about as long as the phases of `load`
/// together, and `load.connect_timeout` at most before them.
///
/// `watch` is called on the calling thread, as [`Moment`] says; the calls for
/// [`Phase::Measure`] and [`Phase::Drain`] come as close to the edges of the measurement as the
/// kernel's timers allow, so that the caller can sample the server's CPU time in them. When
/// `stop` becomes true, the measurement ends within about 100 ms, what is in flight is drained
/// briefly, and the outcome says that it was interrupted.
///
/// The soft limit of file descriptors is raised to the hard limit, for the whole process.
///
/// # Errors
/// When the load is impossible, a resource is missing, or the server cannot be reached at all.
/// Nothing that a server does after it has accepted a connection is an error here.
pub fn run(
    load: &Load,
    stop: &AtomicBool,
    watch: &mut dyn FnMut(Moment),
) -> Result<Outcome, LoadError> {
    load.check()?;
    let engine = load.engine.resolve()?;
    limits::make_room_for(load.connections + load.conduct.beside())?;
    Ports::of_this_machine(load.target).check(load)?;
    let shared = Shared {
        clock: Clock::starting_now(),
        abort: AtomicBool::new(false),
        heard: AtomicBool::new(false),
        end: AtomicU64::new(u64::MAX),
        drain_end: AtomicU64::new(u64::MAX),
        seen: AtomicBool::new(false),
        done: (0..load.threads).map(|_| Lonely::default()).collect(),
        live: live::slots(load),
    };
    let start = OnceLock::new();
    thread::scope(|scope| {
        let beside = beside(scope, load, &shared)?;
        let (ready, readies) = mpsc::channel();
        let mut threads = Vec::with_capacity(load.threads);
        let mut release = Release { shared: &shared, start: &start, threads: Vec::new() };
        for index in 0..load.threads {
            let (ready, shared, start) = (ready.clone(), &shared, &start);
            let thread = thread::Builder::new()
                .name(format!("load-{index}"))
                .spawn_scoped(scope, move || work((load, engine), shared, index, start, &ready))
                .map_err(|source| LoadError::System {
                    what: "a thread cannot be started",
                    source,
                })?;
            release.threads.push(thread.thread().clone());
            threads.push(thread);
        }
        drop(ready);
        let mut stage = Stage {
            load,
            stop,
            watch: &mut *watch,
            shared: &shared,
            threads: &threads,
            viewer: Viewer::new(load),
            phase: Phase::Connect,
            phase_began: Instant::now(),
        };
        let timeline = stage.conduct(&readies, &release);
        drop(release);
        let found = join(threads)?;
        let beside =
            beside.map_or(Ok(BesideFound::default()), |thread| thread.join().map_err(panicked))?;
        if timeline.unreachable {
            return Err(unreachable(load, &found));
        }
        if timeline.silent {
            return Err(LoadError::NoGreeting {
                target: load.target,
                within: load.request_timeout,
            });
        }
        if timeline.too_late {
            return Err(LoadError::TooLate);
        }
        watch(Moment::Ends);
        Ok(outcome((load, engine), &timeline, found, beside))
    })
}

/// What the threads are told when all have connected.
#[derive(Clone, Copy, Debug)]
enum Start {
    /// Begin at this instant of the clock.
    At(u64),
    /// There is nothing to do.
    Never,
}

/// One thread from its first to its last moment. Its sender is dropped when it ends, however it
/// ends, which is how the calling thread learns of it.
fn work(
    (load, engine): (&Load, Engine),
    shared: &Shared,
    index: usize,
    start: &OnceLock<Start>,
    ready: &Sender<usize>,
) -> Result<Found, LoadError> {
    if !load.cpus.is_empty() {
        pin(load.cpus[index % load.cpus.len()])?;
    }
    let (target, connections) = (load.target, load.connections_of(index));
    let pacer = Pacer::new(load.pacing.spins && load.arrivals != Arrivals::Closed);
    let sources = &load.conduct.sources;
    let failed = |what| move |errno: Errno| LoadError::System { what, source: errno.into() };
    if engine == Engine::IoUring {
        let wire = UringWire::new(target, connections, shared.clock);
        let wire = wire.map_err(failed("a ring of io_uring cannot be made"))?;
        let wire = wire.coming_from(sources, index).with_depth(load.conduct.pipeline);
        live(Worker::new(load, shared, index, wire.paced(pacer)), start, ready)
    } else {
        let wire = EpollWire::new(target, connections, shared.clock);
        let wire = wire.map_err(failed("an epoll instance cannot be made"))?;
        let wire = wire.coming_from(sources, index);
        live(Worker::new(load, shared, index, wire.paced(pacer)), start, ready)
    }
}

/// A worker from its first to its last connection.
fn live<W: Wire>(
    mut worker: Worker<'_, W>,
    start: &OnceLock<Start>,
    ready: &Sender<usize>,
) -> Result<Found, LoadError> {
    let open = worker.connect()?;
    // Nobody listens any more when another thread has failed.
    let _ = ready.send(open);
    loop {
        match start.get() {
            Some(Start::At(at)) => return worker.make_load(*at),
            Some(Start::Never) => return Ok(worker.finish()),
            None => worker.wait_for_others()?,
        }
    }
}

/// The thread of the connections beside the load, if there are any. The idle ones are open when
/// this returns.
fn beside<'scope>(
    scope: &'scope Scope<'scope, '_>,
    load: &'scope Load,
    shared: &'scope Shared,
) -> Result<Option<ScopedJoinHandle<'scope, BesideFound>>, LoadError> {
    if load.conduct.beside() == 0 {
        return Ok(None);
    }
    let beside = Beside::open(load, shared);
    let cpu = load.cpus.get(load.threads % load.cpus.len().max(1)).copied();
    let thread = thread::Builder::new().name("load-beside".into()).spawn_scoped(scope, move || {
        // Where it runs does not matter but for who is disturbed, and the others say if it cannot.
        let _ = cpu.map(pin);
        beside.run()
    });
    thread
        .map(Some)
        .map_err(|source| LoadError::System { what: "a thread cannot be started", source })
}

fn pin(cpu: usize) -> Result<(), LoadError> {
    use rustix::thread::{CpuSet, sched_setaffinity};
    let refused = |errno: Errno| LoadError::Pin { cpu, source: errno.into() };
    if cpu >= CpuSet::MAX_CPU {
        return Err(refused(Errno::INVAL));
    }
    let mut set = CpuSet::new();
    set.set(cpu);
    sched_setaffinity(None, &set).map_err(refused)
}

/// Lets the threads go, at the latest when it is dropped: if the calling thread panics in the
/// caller's `watch`, the scope still waits for all threads, and they must not wait for it.
struct Release<'a> {
    shared: &'a Shared,
    start: &'a OnceLock<Start>,
    threads: Vec<Thread>,
}

impl Release<'_> {
    fn start(&self, start: Start) {
        // Only the first one counts, which is what a drop after the run relies on.
        let _ = self.start.set(start);
        self.threads.iter().for_each(Thread::unpark);
    }
}

impl Drop for Release<'_> {
    fn drop(&mut self) {
        self.shared.abort.store(true, Ordering::Relaxed);
        self.shared.drain_end.store(0, Ordering::Relaxed);
        self.shared.end.store(0, Ordering::Relaxed);
        self.shared.seen.store(true, Ordering::Release);
        self.start(Start::Never);
    }
}

/// How the phases went.
#[derive(Default)]
pub(crate) struct Timeline {
    pub(crate) phases: Phases,
    pub(crate) interrupted: bool,
    pub(crate) unreachable: bool,
    /// Greetings are expected, and nobody heard anything.
    pub(crate) silent: bool,
    /// The load should have begun before all connections were open.
    pub(crate) too_late: bool,
}

/// The calling thread while the others work.
struct Stage<'a, 'scope> {
    load: &'a Load,
    stop: &'a AtomicBool,
    watch: &'a mut dyn FnMut(Moment),
    shared: &'a Shared,
    threads: &'a [ScopedJoinHandle<'scope, Result<Found, LoadError>>],
    viewer: Viewer,
    phase: Phase,
    phase_began: Instant,
}

impl Stage<'_, '_> {
    fn conduct(&mut self, readies: &Receiver<usize>, release: &Release) -> Timeline {
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

        let Some(start) = self.start() else {
            timeline.too_late = true;
            return timeline;
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
        let mut reached = self.wait_until(begin);
        let mut bracket = None;
        if reached {
            bracket = Some(clock.now());
            self.begin(Phase::Measure);
            reached = self.wait_until(end);
        }
        timeline.interrupted = !reached;
        let end = if reached { end } else { self.cut_short() };
        timeline.phases.bracket =
            bracket.map_or(Duration::ZERO, |began| Duration::from_nanos(clock.now() - began));
        self.begin(Phase::Drain);
        self.shared.seen.store(true, Ordering::Release);
        self.see_the_threads_off(readies);
        let between = |from: u64, to: u64| Duration::from_nanos(to.saturating_sub(from));
        timeline.phases.warmup = between(start, begin.min(end));
        timeline.phases.measure = between(begin, end);
        timeline.phases.drain = between(end, clock.now());
        timeline.phases.began =
            since_the_epoch().saturating_sub(between(begin.min(end), clock.now()));
        timeline
    }

    /// When the load begins, on the clock; `None` when that should have been before now.
    fn start(&self) -> Option<u64> {
        let soon = self.shared.clock.now() + LEAD_NS;
        match self.load.start_at {
            None => Some(soon),
            Some(at) => {
                let left = to_ns(at.checked_sub(since_the_epoch())?);
                self.shared.clock.now().checked_add(left).filter(|start| *start >= soon)
            }
        }
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
        (self.watch)(Moment::Tick(Progress { phase: self.phase, elapsed, done, live }));
    }

    /// Whether a thread has ended although it had more to do: it failed.
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

    /// Waits until an instant of the clock. Returns whether it was reached: not when the run is
    /// stopped or a thread has failed.
    fn wait_until(&mut self, at: u64) -> bool {
        let mut tick_at = Instant::now() + TICK;
        loop {
            let left = at.saturating_sub(self.shared.clock.now());
            if left == 0 {
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
            thread::sleep(nap.min(Duration::from_nanos(left)));
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

    /// Waits until the last thread has ended.
    fn see_the_threads_off(&mut self, readies: &Receiver<usize>) {
        let mut hurried = false;
        loop {
            match readies.recv_timeout(TICK) {
                Err(RecvTimeoutError::Disconnected) => return,
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

/// The time of day, which other machines have too.
fn since_the_epoch() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// What every thread found, or why one of them failed.
fn join(
    threads: Vec<ScopedJoinHandle<'_, Result<Found, LoadError>>>,
) -> Result<Vec<Found>, LoadError> {
    let ended: Vec<_> = threads.into_iter().map(ScopedJoinHandle::join).collect();
    ended.into_iter().map(|end| end.unwrap_or_else(|panic| Err(panicked(panic)))).collect()
}

fn panicked(panic: Box<dyn Any + Send>) -> LoadError {
    let message = match panic.downcast::<String>() {
        Ok(text) => *text,
        Err(panic) => panic.downcast_ref::<&str>().unwrap_or(&"for an unknown reason").to_string(),
    };
    LoadError::Panicked { message }
}

fn unreachable(load: &Load, found: &[Found]) -> LoadError {
    let timed_out = Errno::TIMEDOUT;
    let errno = found.iter().find_map(|found| found.connect_error).unwrap_or(timed_out);
    LoadError::Unreachable { target: load.target, source: errno.into() }
}

pub(crate) fn outcome(
    (load, engine): (&Load, Engine),
    timeline: &Timeline,
    found: Vec<Found>,
    beside: BesideFound,
) -> Outcome {
    let sessions = together(found.iter().map(|one| one.sessions));
    let mut cost = Cost { threads: found.len(), ..Cost::default() };
    let threads = found.len() as f64;
    let mut ok = Vec::with_capacity(load.connections);
    let mut completed = 0;
    let mut all = None;
    for one in found {
        completed += one.completed;
        cost.cpu += one.cpu;
        cost.spun += one.spun;
        cost.wall = cost.wall.max(one.wall);
        if !one.wall.is_zero() {
            cost.spin_share += one.spun.as_secs_f64() / one.wall.as_secs_f64() / threads;
            let share = (one.cpu - one.spun).as_secs_f64() / one.wall.as_secs_f64();
            cost.cpu_max_share = cost.cpu_max_share.max(share);
        }
        ok.extend(one.ok);
        match &mut all {
            None => all = Some(one.recorder),
            Some(all) => all.add(&one.recorder),
        }
    }
    let mut recorder = all.expect("a load has at least one thread");
    let census = recorder.census();
    let intervals = recorder.intervals(timeline.phases.measure);
    let steps = recorder.steps(timeline.phases.measure);
    recorder.series.end_at(timeline.phases.measure);
    let (batch, mut connections) = (recorder.batch, recorder.connections);
    let connect_errors = recorder.connect_errors.named();
    let saturated =
        recorder.saturated + recorder.greetings.as_ref().map_or(0, |greetings| greetings.saturated);
    connections.asked = load.connections;
    connections.spread(&ok);
    connections.service = recorder.clients.service();
    connections.slowest = recorder.clients.slowest();
    let wrong_example = recorder.wrong_example.take();
    let greetings = recorder.greetings.take();
    let turnaround = recorder.turnaround.take();
    let (series, sent) = (recorder.series.clone(), recorder.sent.take());
    let (latency, censored_ages) = recorder.into_latency();
    Outcome {
        engine,
        phases: timeline.phases,
        interrupted: timeline.interrupted,
        census,
        completed,
        latency,
        censored_ages,
        intervals,
        steps,
        series,
        sent,
        cost,
        connections,
        connect_errors,
        saturated,
        batch,
        greetings,
        sessions,
        turnaround,
        idle: beside.idle,
        misbehaving: beside.misbehaving,
        wrong_example,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_of_a_thread_is_reported() {
        for number in [None, Some(7)] {
            let error = thread::scope(|scope| {
                let panics = scope.spawn(move || match number {
                    None => panic!("boom"),
                    Some(number) => panic!("boom {number}"),
                });
                join(vec![panics]).unwrap_err()
            });
            let LoadError::Panicked { message } = error else { panic!("{error:?}") };
            assert!(message.starts_with("boom"), "{message}");
        }
    }
}
