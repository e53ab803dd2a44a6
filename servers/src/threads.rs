//! Threads: a fixed number, which all have their resources before the first of them serves, and one
//! thread for each client.

use std::ffi::c_void;
use std::io;
use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::ptr;
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread::{self, Builder, ScopedJoinHandle};

use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous, munmap};

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

/// Whether the kernel has so many bytes for new stacks and for what comes with new threads, beside
/// what the allocator holds already. None of them is kept.
pub(crate) fn there_is_room(bytes: usize) -> bool {
    let (both, private) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE);
    #[expect(unsafe_code, reason = "an allocator may have as much free, and stacks are not its")]
    // SAFETY: nobody knows of the place, which is given back at once.
    unsafe {
        let place = mmap_anonymous(ptr::null_mut(), bytes, both, private);
        place.is_ok_and(|place| munmap(place, bytes).is_ok())
    }
}

/// Runs `work` in a thread of its own, which nobody waits for.
///
/// [`std::thread`] is not used, because it gives each thread a stack for signals and ends the process where
/// there is no memory for that.
///
/// # Errors
/// When the kernel refuses the thread. `work` is dropped then.
pub(crate) fn detached<F>(stack_bytes: usize, work: F) -> io::Result<()>
where
    F: FnOnce() + Send + 'static,
{
    extern "C" fn start<F: FnOnce()>(work: *mut c_void) -> *mut c_void {
        #[expect(unsafe_code, reason = "pthread_create(3) hands over a pointer")]
        // SAFETY: it comes from the box below, which was given up for this thread alone.
        let work = unsafe { Box::from_raw(work.cast::<F>()) };
        // It has said why by now, and the others go on.
        let _ = catch_unwind(AssertUnwindSafe(work));
        ptr::null_mut()
    }
    let work = Box::into_raw(Box::new(work));
    let mut attributes = MaybeUninit::uninit();
    let mut thread = MaybeUninit::uninit();
    #[expect(
        unsafe_code,
        reason = "what std does not offer: a thread that costs no more than itself"
    )]
    // SAFETY: the attributes are initialised first and live until they are destroyed, and what `start`
    // is given is of its type. The thread is detached, so that its name is never used.
    let refused = unsafe {
        let attributes = attributes.as_mut_ptr();
        libc::pthread_attr_init(attributes);
        libc::pthread_attr_setstacksize(attributes, stack_bytes);
        libc::pthread_attr_setdetachstate(attributes, libc::PTHREAD_CREATE_DETACHED);
        let refused =
            libc::pthread_create(thread.as_mut_ptr(), attributes, start::<F>, work.cast());
        libc::pthread_attr_destroy(attributes);
        refused
    };
    if refused == 0 {
        return Ok(());
    }
    #[expect(unsafe_code, reason = "see above")]
    // SAFETY: there is no thread that it could have been given to.
    drop(unsafe { Box::from_raw(work) });
    Err(io::Error::from_raw_os_error(refused))
}
