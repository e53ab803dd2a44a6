//! Provided buffers: a pool from which the kernel takes a buffer when bytes arrive.

use std::ffi::c_void;
use std::ptr;
use std::slice;
use std::sync::atomic::{AtomicU16, Ordering::Release};

use io_uring::types::BufRingEntry;
use rustix::io::Errno;
use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous, munmap};

use super::ring::Ring;

/// The only group of buffers.
pub(super) const GROUP: u16 = 0;

/// The size of a buffer; most replies are far shorter. It is not a power of two, because then the
/// beginnings of all buffers, which most replies use, would compete for a few sets of the processor's
/// cache.
const EACH: usize = 2048 + 64;

const NONE: u16 = u16::MAX;

/// What was received on one connection and not yet read: a list of buffers, in order.
#[derive(Clone, Copy, Debug)]
pub(super) struct Inbox {
    first: u16,
    last: u16,
    /// Bytes of the first buffer that were read.
    taken: usize,
}

impl Inbox {
    pub(super) const EMPTY: Self = Self { first: NONE, last: NONE, taken: 0 };

    pub(super) fn is_empty(&self) -> bool {
        self.first == NONE
    }
}

/// Buffers of one size, and the queue in which the kernel finds them.
pub(super) struct Buffers {
    map: *mut c_void,
    map_bytes: usize,
    queue: *mut BufRingEntry,
    memory: *mut u8,
    count: u16,
    /// How many buffers have ever been put into the queue, modulo 2^16.
    tail: u16,
    /// For each buffer in an inbox: how many bytes it has, and the next buffer.
    filled: Vec<(usize, u16)>,
}

impl Buffers {
    /// Gives the ring `count` buffers, a power of two.
    ///
    /// # Errors
    /// If there is no memory, or the kernel is too old.
    pub(super) fn new(ring: &Ring, count: u16) -> Result<Self, Errno> {
        assert!(count.is_power_of_two(), "positions in the queue are masked");
        let n = usize::from(count);
        let queue_bytes = n * size_of::<BufRingEntry>();
        let map_bytes = queue_bytes + n * EACH;
        #[expect(unsafe_code, reason = "mapping memory")]
        // SAFETY: a new mapping, at an address that the kernel chooses.
        let map = unsafe {
            let access = ProtFlags::READ | ProtFlags::WRITE;
            mmap_anonymous(ptr::null_mut(), map_bytes, access, MapFlags::PRIVATE)
        }?;
        let queue: *mut BufRingEntry = map.cast();
        #[expect(unsafe_code, reason = "dividing the mapping")]
        // SAFETY: the mapping is that long.
        let memory = unsafe { map.cast::<u8>().add(queue_bytes) };
        let filled = vec![(0, NONE); n];
        // From here on the mapping is removed on drop.
        let mut buffers = Self { map, map_bytes, queue, memory, count, tail: 0, filled };
        #[expect(unsafe_code, reason = "the kernel keeps the address")]
        // SAFETY: the mapping has room for `count` entries, begins at a page, and outlives the ring.
        unsafe {
            let address = queue.expose_provenance() as u64;
            let submitter = ring.io_uring().submitter();
            submitter
                .register_buf_ring_with_flags(address, count, GROUP, 0)
                .map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::INVAL))?;
        }
        (0..count).for_each(|id| buffers.put(id));
        Ok(buffers)
    }

    /// The kernel has put this many bytes into this buffer.
    pub(super) fn keep(&mut self, inbox: &mut Inbox, id: u16, bytes: usize) {
        assert!(id < self.count && bytes <= EACH, "the kernel names a buffer of ours");
        self.filled[usize::from(id)] = (bytes, NONE);
        if inbox.is_empty() {
            *inbox = Inbox { first: id, last: id, taken: 0 };
        } else {
            self.filled[usize::from(inbox.last)].1 = id;
            inbox.last = id;
        }
    }

    /// Moves received bytes into `space`, as many as fit, and gives back the buffers that were read to
    /// their end. Returns how many bytes were moved.
    pub(super) fn take(&mut self, inbox: &mut Inbox, space: &mut [u8]) -> usize {
        let mut moved = 0;
        while !inbox.is_empty() && moved < space.len() {
            let id = inbox.first;
            let (bytes, next) = self.filled[usize::from(id)];
            let some = (bytes - inbox.taken).min(space.len() - moved);
            let from = self.bytes(id, inbox.taken, some);
            space[moved..moved + some].copy_from_slice(from);
            moved += some;
            inbox.taken += some;
            if inbox.taken == bytes {
                *inbox = Inbox { first: next, last: inbox.last, taken: 0 };
                self.put(id);
            }
        }
        moved
    }

    /// Gives back all buffers of an inbox.
    pub(super) fn discard(&mut self, inbox: &mut Inbox) {
        while !inbox.is_empty() {
            let id = inbox.first;
            inbox.first = self.filled[usize::from(id)].1;
            self.put(id);
        }
        *inbox = Inbox::EMPTY;
    }

    /// Some of the bytes that were received into a buffer.
    fn bytes(&self, id: u16, from: usize, count: usize) -> &[u8] {
        debug_assert!(from + count <= EACH);
        #[expect(unsafe_code, reason = "the kernel has written")]
        // SAFETY: `keep` has checked that the range lies within the mapping, which was zeroed. The
        // kernel has taken the buffer out of the queue, and does not write to it before `put`, which
        // takes `&mut self`.
        unsafe {
            slice::from_raw_parts(self.memory.add(usize::from(id) * EACH + from), count)
        }
    }

    /// Gives a buffer back to the kernel.
    pub(super) fn put(&mut self, id: u16) {
        assert!(id < self.count, "the kernel names a buffer of ours");
        let position = self.tail & (self.count - 1);
        self.tail = self.tail.wrapping_add(1);
        #[expect(unsafe_code, reason = "the queue is shared with the kernel")]
        // SAFETY: the position lies within the queue. The kernel does not use its entry: there are as
        // many positions as buffers, and this buffer is not in the queue. The kernel reads an entry only
        // after the tail, which is written last, has passed it. The tail lies in a part of the first
        // entry that the setters do not change.
        unsafe {
            let entry = &mut *self.queue.add(usize::from(position));
            let buffer = self.memory.add(usize::from(id) * EACH);
            entry.set_addr(buffer.expose_provenance() as u64);
            entry.set_len(u32::try_from(EACH).expect("a buffer is small"));
            entry.set_bid(id);
            let tail = BufRingEntry::tail(self.queue).cast_mut();
            AtomicU16::from_ptr(tail).store(self.tail, Release);
        }
    }
}

impl Drop for Buffers {
    fn drop(&mut self) {
        #[expect(unsafe_code, reason = "giving the mapping back")]
        // SAFETY: this struct owns the mapping, nothing borrows from it, and the ring whose kernel side
        // writes to it is dropped earlier: see the order of the fields of `UringWire`.
        unsafe {
            // A failure could not be handled, and none is known.
            let _ = munmap(self.map, self.map_bytes);
        }
    }
}
