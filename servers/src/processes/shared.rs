//! The shared page: memory that all processes of a server share, and that stays the same page after
//! fork(2).
//!
//! execve(2) would end the mapping. Where a child starts a program, the memory is therefore a file
//! without a name: the child keeps its descriptor, and the program maps it again. A pipe would be
//! current only when it is read, and a killed child would report nothing. On the page, counters,
//! places and the stage of stopping are always current, as with fork(2).
//!
//! Every model has the page, threads or processes, so counting costs the same in all of them. It
//! holds atomics only: a process may be killed at any moment, and a lock that it held would stay
//! locked.

use std::io;
use std::mem::align_of;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering::SeqCst};

use rustix::fs::{MemfdFlags, fstat, ftruncate, memfd_create};
use rustix::mm::{MapFlags, ProtFlags, mmap, mmap_anonymous};

use crate::net::counters::Counters;
use crate::state::token::KEY_BYTES_MIN;
use crate::sync::{AtomicU8, AtomicUsize};

/// One for the whole server.
#[derive(Debug)]
pub(crate) struct Page {
    /// The stage of stopping, as a `Stage`.
    pub(crate) stage: AtomicU8,
    /// Whether the listening sockets were closed before the server was told to stop.
    pub(crate) closed: AtomicBool,
    /// Connections live now, in all processes.
    pub(crate) live: AtomicUsize,
    /// Commands that run now, in all processes.
    pub(crate) commands: AtomicUsize,
    /// The errno by which standard output can no longer be written; 0 while it can.
    pub(crate) output_errno: AtomicI32,
    /// The key that the server has made for its tokens, where children are programs of their own.
    pub(crate) key: [AtomicU64; KEY_BYTES_MIN / 8],
    /// The counters of clients' fates, of all processes.
    pub(crate) counters: Counters,
}

/// One for each worker, on a cache line of its own, because workers that count must not wait for
/// each other.
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
    /// The number of admitted connections that it serves, and that are lost if it dies.
    pub(crate) holds: AtomicUsize,
    /// The number of clients' commands that it runs.
    pub(crate) commands: AtomicUsize,
    /// When its client was accepted, and after how many others; for a child that is a program.
    pub(crate) accepted_ns: AtomicU64,
    pub(crate) sequence: AtomicU64,
}

impl Child {
    /// Counts one connection more, or one less.
    pub(crate) fn hold(&self, more: bool) {
        count(&self.holds, more);
    }

    /// Counts one command more, or one less.
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

/// Bytes of the page, with which the file begins.
const PAGE_BYTES: usize = 4096;

/// A file for the page and the places of children.
///
/// # Errors
/// When the kernel has no memory or no descriptor.
pub(crate) fn file() -> io::Result<OwnedFd> {
    let file = memfd_create("c10k", MemfdFlags::CLOEXEC)?;
    ftruncate(&file, PAGE_BYTES as u64)?;
    Ok(file)
}

/// The page, all zero or as it is in the file.
///
/// # Errors
/// When the kernel has no memory.
pub(crate) fn page(file: Option<&OwnedFd>) -> io::Result<&'static Page> {
    const { assert!(size_of::<Page>() <= PAGE_BYTES, "the places come after it") };
    Ok(&map(1, file.map(|file| (file, 0)))?[0])
}

/// Counts for so many workers, all zero.
///
/// # Errors
/// When the kernel has no memory.
pub(crate) fn worker_counts(n: usize) -> io::Result<&'static [WorkerCounts]> {
    map(n, None)
}

/// Places for so many children, all free.
///
/// # Errors
/// When the kernel has no memory.
pub(crate) fn children(n: usize, file: Option<&OwnedFd>) -> io::Result<&'static [Child]> {
    if let Some(file) = file {
        ftruncate(file, (PAGE_BYTES + n * size_of::<Child>()) as u64)?;
    }
    map(n, file.map(|file| (file, PAGE_BYTES)))
}

/// The places that another process has made in the file.
///
/// # Errors
/// When the kernel has no memory.
pub(crate) fn children_in(file: &OwnedFd) -> io::Result<&'static [Child]> {
    let bytes = usize::try_from(fstat(file)?.st_size).unwrap_or(0).saturating_sub(PAGE_BYTES);
    map(bytes / size_of::<Child>(), Some((file, PAGE_BYTES)))
}

/// New memory, or what begins at this byte of a file.
fn map<T: AllAtomic>(n: usize, file: Option<(&OwnedFd, usize)>) -> io::Result<&'static [T]> {
    const { assert!(align_of::<T>() <= PAGE_BYTES, "a mapping begins with a page") };
    let bytes = n.max(1) * size_of::<T>();
    let (access, flags) =
        (ProtFlags::READ | ProtFlags::WRITE, MapFlags::SHARED | MapFlags::NORESERVE);
    let anywhere = std::ptr::null_mut();
    #[expect(unsafe_code, reason = "memory that outlives fork(2) comes from mmap(2)")]
    // SAFETY: a mapping at an address of the kernel's choice, as long as is asked for, never
    // unmapped, in which any bytes are values of the type, which are all zero at first.
    unsafe {
        let place = match file {
            None => mmap_anonymous(anywhere, bytes, access, flags)?,
            Some((file, at)) => mmap(anywhere, bytes, access, flags, file.as_fd(), at as u64)?,
        };
        Ok(std::slice::from_raw_parts(place.cast_const().cast(), n))
    }
}
