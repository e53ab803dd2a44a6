//! A fixed number of threads, which all have what they need before the first of them serves.

use std::io;
use std::panic::resume_unwind;
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread::{self, Builder, ScopedJoinHandle};

use crate::net::Server;
use crate::stopping;

/// Runs `serve` in a thread for each of so many workers, with what `prepare` has made there, and waits
/// for all of them. The first is the calling thread: with one worker the process has one thread, and
/// the kernel need not count who uses a descriptor.
///
/// No thread serves before all are prepared: when the kernel refuses a thread, or one cannot have what
/// it needs, the server has not started. When one fails later, the server stops: with
/// fewer it would be another model than the one that was asked for.
pub(crate) fn in_threads<T>(
    server: &'static Server,
    workers: usize,
    prepare: impl Fn(usize) -> io::Result<T> + Sync,
    serve: impl Fn(usize, T) -> io::Result<()> + Sync,
) -> io::Result<()> {
    let serve = |worker, own| serve(worker, own).inspect_err(|_| stopping::begin());
    // Closed until it is known whether all are prepared; what is behind it says so.
    let gate = Mutex::new(false);
    let (gate, prepare, serve) = (&gate, &prepare, &serve);
    thread::scope(|scope| {
        let mut closed = gate.lock().unwrap_or_else(PoisonError::into_inner);
        let (sender, prepared) = mpsc::channel();
        let spawn = |worker| {
            let sender = sender.clone();
            Builder::new().spawn_scoped(scope, move || {
                let own = prepare(worker);
                // Whoever waits for it has given up only where something else has failed.
                let _ = sender.send(own.is_ok());
                drop(sender);
                let own = own?;
                let open = *gate.lock().unwrap_or_else(PoisonError::into_inner);
                if open { serve(worker, own) } else { Ok(()) }
            })
        };
        let mut threads = Vec::with_capacity(workers);
        let first = (1..workers)
            .try_for_each(|worker| spawn(worker).map(|thread| threads.push(thread)))
            .and_then(|()| prepare(0))
            .and_then(|own| {
                // One that has failed says why when it is joined.
                let all = (1..workers).all(|_| prepared.recv() == Ok(true));
                if all { server.ready().map(|()| Some(own)) } else { Ok(None) }
            });
        *closed = matches!(first, Ok(Some(_)));
        drop(closed);
        let first = first.and_then(|own| own.map_or(Ok(()), |own| serve(0, own)));
        let join = |thread: ScopedJoinHandle<'_, _>| {
            thread.join().unwrap_or_else(|panic| resume_unwind(panic))
        };
        threads.into_iter().map(join).fold(first, Result::and)
    })
}

/// Whether so many threads can be had at a time: for libraries that panic where they cannot, or do
/// not say why.
///
/// # Errors
/// What the kernel says to the first that it refuses.
pub(crate) fn can_be_had(threads: usize) -> io::Result<()> {
    let gate = Mutex::new(());
    thread::scope(|scope| {
        let _closed = gate.lock().unwrap_or_else(PoisonError::into_inner);
        let wait = || drop(gate.lock());
        (0..threads).try_for_each(|_| Builder::new().spawn_scoped(scope, wait).map(drop))
    })
}
