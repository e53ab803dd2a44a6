//! Provided buffers: a pool from which the kernel takes a buffer when bytes arrive. Silent clients
//! hold none of it.

use std::io;
use std::ptr;
use std::slice;
use std::sync::atomic::{AtomicU16, Ordering::Release};

use io_uring::types::BufRingEntry;
use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous};

use super::{Completion, Ring};

/// The only group of buffers.
const GROUP: u16 = 0;

/// The buffers, all of one size, and the queue in which the kernel finds them. Their memory is
/// never freed, because they serve as long as the process.
pub(crate) struct Buffers {
    queue: *mut BufRingEntry,
    memory: *mut u8,
    count: u16,
    each: usize,
    /// The number of buffers that were ever put into the queue, modulo 2^16.
    tail: u16,
}

impl Buffers {
    /// Gives the ring `count` buffers, a power of two, of `each` bytes.
    ///
    /// # Errors
    /// When there is no memory, or the kernel is too old.
    pub(crate) fn new(ring: &Ring, count: u16, each: usize) -> io::Result<Self> {
        assert!(count.is_power_of_two(), "positions in the queue are masked");
        let queue: *mut BufRingEntry = map(usize::from(count) * size_of::<BufRingEntry>())?.cast();
        let memory = map(usize::from(count) * each)?.cast();
        #[expect(unsafe_code, reason = "the kernel keeps the address")]
        // SAFETY: the mapping has room for so many entries, begins with a page, and stays.
        unsafe {
            let address = queue.expose_provenance() as u64;
            ring.ring.submitter().register_buf_ring_with_flags(address, count, GROUP, 0)?;
        }
        let mut buffers = Self { queue, memory, count, each, tail: 0 };
        (0..count).for_each(|id| buffers.put(id));
        Ok(buffers)
    }

    /// Their group in the kernel.
    pub(super) fn group(&self) -> u16 {
        GROUP
    }

    /// The received bytes, valid until [`Buffers::give_back`].
    pub(crate) fn bytes(&self, completion: &Completion) -> &[u8] {
        let (Some(id), Ok(length)) = (completion.buffer, completion.result) else { return &[] };
        let length = usize::try_from(length).expect("32 bits fit");
        assert!(id < self.count && length <= self.each, "the kernel names a buffer of ours");
        #[expect(unsafe_code, reason = "the kernel has written")]
        // SAFETY: the buffer lies within the mapping, which was zeroed and stays. The kernel has
        // taken it out of the queue, and does not write to it before it is put there again,
        // which takes `&mut self`.
        unsafe {
            slice::from_raw_parts(self.memory.add(usize::from(id) * self.each), length)
        }
    }

    /// Returns a buffer to the kernel, if the completion has one.
    pub(crate) fn give_back(&mut self, completion: &Completion) {
        if let Some(id) = completion.buffer {
            self.put(id);
        }
    }

    fn put(&mut self, id: u16) {
        let position = self.tail & (self.count - 1);
        self.tail = self.tail.wrapping_add(1);
        #[expect(unsafe_code, reason = "the queue is shared with the kernel")]
        // SAFETY: the position lies within the queue. Its entry is ours: there are as many
        // positions as buffers, and this buffer is not in the queue. The kernel reads an entry
        // once the tail, which is written last, has passed it. The tail lies in a part of the first
        // entry that the setters leave alone.
        unsafe {
            let entry = &mut *self.queue.add(usize::from(position));
            let buffer = self.memory.add(usize::from(id) * self.each);
            entry.set_addr(buffer.expose_provenance() as u64);
            entry.set_len(u32::try_from(self.each).expect("a buffer is small"));
            entry.set_bid(id);
            let tail = BufRingEntry::tail(self.queue).cast_mut();
            AtomicU16::from_ptr(tail).store(self.tail, Release);
        }
    }
}

/// Memory that begins with a page and is zero.
fn map(bytes: usize) -> io::Result<*mut std::ffi::c_void> {
    #[expect(unsafe_code, reason = "mapping memory")]
    // SAFETY: a new mapping, wherever the kernel likes.
    let memory = unsafe {
        mmap_anonymous(
            ptr::null_mut(),
            bytes,
            ProtFlags::READ | ProtFlags::WRITE,
            MapFlags::PRIVATE,
        )
    };
    Ok(memory?)
}
