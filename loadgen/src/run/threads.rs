//! The life of the threads: what each does, how they start together, and how they end.

use std::any::Any;
use std::io;
use std::sync::OnceLock;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, Scope, ScopedJoinHandle, Thread};

use rustix::io::Errno;

use crate::pacing::Pacer;
use crate::wire::{EpollWire, UringWire, Wire};
use crate::worker::misbehaving::{Beside, BesideFound};
use crate::worker::{Found, Shared, Worker};
use crate::{Arrivals, Engine, Load, LoadError};

/// The order to the threads when all have connected.
#[derive(Clone, Copy, Debug)]
pub(super) enum Start {
    /// Begin at this instant of the clock.
    At(u64),
    /// End without a load.
    Never,
}

/// Releases the threads, at the latest when it is dropped. If the calling thread panics in the caller's
/// `watch`, the scope still waits for all threads, and they must not wait for it.
pub(super) struct Release<'a> {
    pub(super) shared: &'a Shared,
    pub(super) start: &'a OnceLock<Start>,
    pub(super) threads: Vec<Thread>,
}

impl Release<'_> {
    pub(super) fn start(&self, start: Start) {
        // Only the first order counts; a drop after the run relies on that.
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

/// A thread of load, and how it ended.
pub(super) type Handle<'scope> = ScopedJoinHandle<'scope, Result<Found, LoadError>>;

/// Starts the threads of the load. Each reports how many connections it has opened, and waits to be
/// released.
pub(super) fn start_all<'scope>(
    scope: &'scope Scope<'scope, '_>,
    (load, engine): (&'scope Load, Engine),
    release: &mut Release<'scope>,
) -> Result<(Vec<Handle<'scope>>, Receiver<usize>), LoadError> {
    let (ready, readies) = mpsc::channel();
    let mut threads = Vec::with_capacity(load.threads);
    for index in 0..load.threads {
        let (ready, shared, start) = (ready.clone(), release.shared, release.start);
        let thread = thread::Builder::new()
            .name(format!("load-{index}"))
            .spawn_scoped(scope, move || work((load, engine), shared, index, start, &ready))
            .map_err(not_started)?;
        release.threads.push(thread.thread().clone());
        threads.push(thread);
    }
    Ok((threads, readies))
}

fn not_started(source: io::Error) -> LoadError {
    LoadError::System { what: "cannot start a thread", source }
}

/// The whole life of a thread. Its sender is dropped when it ends in any way, which tells the calling
/// thread.
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
    let (target, connections) = (shared.route.address(), load.connections_of(index));
    let pacer = Pacer::new(load.pacing.spins && load.arrivals != Arrivals::Closed);
    let sources = &load.conduct.sources;
    let failed = |what| move |errno: Errno| LoadError::System { what, source: errno.into() };
    if engine == Engine::IoUring {
        let wire = UringWire::new(target, connections, shared.clock);
        let wire = wire.map_err(failed("cannot create an io_uring instance"))?;
        let wire = wire.coming_from(sources, index).with_depth(load.conduct.pipeline);
        live(Worker::new(load, shared, index, wire.paced(pacer)), start, ready)
    } else {
        let wire = EpollWire::new(target, connections, shared.clock);
        let wire = wire.map_err(failed("cannot create an epoll instance"))?;
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
    // This fails if the receiver is gone because another thread has failed.
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
pub(super) fn beside<'scope>(
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
        // Without its CPU this thread only disturbs others; if pinning fails, the load's threads report it.
        let _ = cpu.map(pin);
        beside.run()
    });
    thread.map(Some).map_err(not_started)
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

/// The results of all threads, or the error of one that failed.
pub(super) fn join(threads: Vec<Handle<'_>>) -> Result<Vec<Found>, LoadError> {
    let ended: Vec<_> = threads.into_iter().map(ScopedJoinHandle::join).collect();
    ended.into_iter().map(|end| end.unwrap_or_else(|panic| Err(panicked(panic)))).collect()
}

pub(super) fn panicked(panic: Box<dyn Any + Send>) -> LoadError {
    let message = match panic.downcast::<String>() {
        Ok(text) => *text,
        Err(panic) => panic.downcast_ref::<&str>().unwrap_or(&"for an unknown reason").to_string(),
    };
    LoadError::Panicked { message }
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
