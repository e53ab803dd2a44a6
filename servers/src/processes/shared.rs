//! What all processes of a server share: a page of memory that stays the same page after fork(2).
//!
//! Every model has it, threads or processes, so that counting costs the same in all of them.
//! There are only atomics in it: a process may be killed at any moment, and a lock that it held
//! would stay locked.

use std::io;
use std::mem::align_of;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering::SeqCst};

use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous};

use crate::net::counters::Counters;
use crate::sync::{AtomicU8, AtomicUsize};

/// One for the whole server.
#[derive(Debug)]
pub(crate) struct Page {
    /// How far stopping has come; a `Stage`.
    pub(crate) stage: AtomicU8,
    /// Whether the listening sockets were closed before the server was told to stop.
    pub(crate) closed: AtomicBool,
    /// Connections live now, in all processes.
    pub(crate) live: AtomicUsize,
    /// Commands that run now, in all processes.
    pub(crate) commands: AtomicUsize,
    /// Why nothing can be written to standard output any more: an errno; 0 while nothing is wrong.
    pub(crate) output_errno: AtomicI32,
    /// What happened to clients, in all processes.
    pub(crate) counters: Counters,
}

/// One for each worker. A line of cache each: workers that count must not wait for each other.
#[derive(Debug)]
#[repr(align(64))]
pub(crate) struct WorkerCounts {
    /// Connections that it has taken.
    pub(crate) connections: AtomicU64,
    /// Requests that it has answered, counted as each connection ends.
    pub(crate) requests: AtomicU64,
}

/// One for each child process.
#[derive(Debug)]
pub(crate) struct Child {
    /// Its process id; 0 when the place is free.
    pub(crate) pid: AtomicI32,
    /// How many admitted connections are in its hands, and lost if it dies.
    pub(crate) holds: AtomicUsize,
    /// How many commands of clients it runs.
    pub(crate) commands: AtomicUsize,
}

impl Child {
    /// It has one more connection, or one less.
    pub(crate) fn hold(&self, more: bool) {
        count(&self.holds, more);
    }

    /// It runs one more command, or one less.
    pub(crate) fn run(&self, more: bool) {
        count(&self.commands, more);
    }
}

fn count(number: &AtomicUsize, more: bool) {
    if more {
        number.fetch_add(1, SeqCst)
    } else {
        number.fetch_sub(1, SeqCst)
    };
}

/// Types for which bytes of zero are a value, and which processes may share.
#[expect(unsafe_code, reason = "the compiler cannot know which types these are")]
/// # Safety
/// A type is one when it consists of atomic numbers.
unsafe trait AllAtomic: Sync {}

#[expect(unsafe_code, reason = "see the trait")]
// SAFETY: atomic numbers, every field. (Not under the model checker, which makes no page.)
unsafe impl AllAtomic for Page {}
#[expect(unsafe_code, reason = "see the trait")]
// SAFETY: atomic numbers, every field.
unsafe impl AllAtomic for WorkerCounts {}
#[expect(unsafe_code, reason = "see the trait")]
// SAFETY: atomic numbers, every field.
unsafe impl AllAtomic for Child {}

/// The page, all zero.
///
/// # Errors
/// When the kernel has no memory.
pub(crate) fn page() -> io::Result<&'static Page> {
    Ok(&map(1)?[0])
}

/// Counts for so many workers, all zero.
///
/// # Errors
/// When the kernel has no memory.
pub(crate) fn worker_counts(n: usize) -> io::Result<&'static [WorkerCounts]> {
    map(n)
}

/// Places for so many children, all free.
///
/// # Errors
/// When the kernel has no memory.
pub(crate) fn children(n: usize) -> io::Result<&'static [Child]> {
    map(n)
}

fn map<T: AllAtomic>(n: usize) -> io::Result<&'static [T]> {
    const { assert!(align_of::<T>() <= 4096, "a mapping begins with a page") };
    let bytes = n.max(1) * size_of::<T>();
    let flags = MapFlags::SHARED | MapFlags::NORESERVE;
    #[expect(unsafe_code, reason = "memory that outlives fork(2) comes from mmap(2)")]
    // SAFETY: a mapping at an address of the kernel's choice, as long as is asked for, never
    // unmapped, all zero, which is a value of the type.
    unsafe {
        let place =
            mmap_anonymous(std::ptr::null_mut(), bytes, ProtFlags::READ | ProtFlags::WRITE, flags)?;
        Ok(std::slice::from_raw_parts(place.cast_const().cast(), n))
    }
}
