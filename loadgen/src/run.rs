//! The calling thread: it starts the other threads, reports the phases to the caller, and merges
//! the results.

pub(crate) mod found;
pub(crate) mod stage;
mod threads;

use std::sync::OnceLock;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::Instant;

use rustix::io::Errno;

use crate::live::Viewer;
use crate::ports::Ports;
use crate::worker::misbehaving::BesideFound;
use crate::worker::{Found, Shared};
use crate::{Load, LoadError, Moment, Outcome, Phase, limits};
use found::outcome;
use stage::{NoStart, Stage, Timeline};
use threads::{Release, beside, join, panicked, start_all};

/// Runs a load and returns its results. It takes about as long as the phases of `load` together, and
/// at most `load.connect_timeout` before them.
///
/// `watch` is called on the calling thread, as [`Moment`] says. The calls for [`Phase::Measure`] and
/// [`Phase::Drain`] come as close to the edges of the measurement as the kernel's timers allow, so that
/// the caller can sample the server's CPU time in them. When `stop` becomes true, the measurement ends
/// within about 100 ms, requests in flight are drained briefly, and the outcome says that it was
/// interrupted. It also says so if `stop` cuts a drain short and requests are left open.
///
/// The soft limit of file descriptors is raised to the hard limit, for the whole process.
///
/// # Errors
/// If the load is impossible, a resource is missing, or the server cannot be reached at all. Nothing
/// that a server does after it has accepted a connection is an error.
pub fn run(
    load: &Load,
    stop: &AtomicBool,
    watch: &mut dyn FnMut(Moment),
) -> Result<Outcome, LoadError> {
    load.check()?;
    let engine = load.engine.resolve()?;
    limits::make_room_for(load.connections + load.conduct.beside())?;
    Ports::of_this_machine(&load.target).check(load)?;
    let shared = Shared::for_load(load);
    let start = OnceLock::new();
    thread::scope(|scope| {
        let beside = beside(scope, load, &shared)?;
        let mut release = Release { shared: &shared, start: &start, threads: Vec::new() };
        let (threads, readies) = start_all(scope, (load, engine), &mut release)?;
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
        was_made(load, &timeline, &found)?;
        watch(Moment::Ends);
        let address = shared.route.address().clone();
        Ok(outcome((load, engine, address), &timeline, found, beside))
    })
}

/// An error if there was no load, with the cause.
fn was_made(load: &Load, timeline: &Timeline, found: &[Found]) -> Result<(), LoadError> {
    let target = load.target.clone();
    if timeline.unreachable {
        let errno = found.iter().find_map(|found| found.connect_error).unwrap_or(Errno::TIMEDOUT);
        return Err(LoadError::Unreachable { target, source: errno.into() });
    }
    if timeline.silent {
        return Err(LoadError::NoGreeting { target, within: load.request_timeout });
    }
    match timeline.no_start {
        Some(NoStart::TooLate) => Err(LoadError::TooLate),
        Some(NoStart::CalledOff) => Err(LoadError::CalledOff),
        Some(NoStart::Interrupted) | None => Ok(()),
    }
}
