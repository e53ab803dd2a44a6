//! The ring's own table of files. An operation names a file by its place in the table, so the
//! kernel does not look the descriptor up for each operation.

use std::io;
use std::os::fd::AsRawFd;

use io_uring::IoUring;
use io_uring::types::Fd;
use rustix::fd::AsFd;

/// The largest number of places. Further clients are named by descriptor.
const PLACES_MAX: u32 = 1 << 16;

/// Which places of the table are taken.
#[derive(Debug)]
pub(super) struct Files {
    taken: Vec<bool>,
}

impl Files {
    /// Gives the ring a table.
    ///
    /// # Errors
    /// When the kernel has none, or no memory for it.
    pub(super) fn new(ring: &IoUring) -> io::Result<Self> {
        // No more than descriptors is the kernel's own limit.
        let most = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
        let most = most.map_or(PLACES_MAX, |most| u32::try_from(most).unwrap_or(PLACES_MAX));
        let places = most.min(PLACES_MAX);
        ring.submitter().register_files_sparse(places)?;
        Ok(Self { taken: vec![false; places as usize] })
    }

    /// Puts a socket into its place, if there is one.
    pub(super) fn put(&mut self, ring: &IoUring, place: u32, socket: &impl AsFd) {
        if let Some(taken) = self.taken.get_mut(place as usize) {
            let number = socket.as_fd().as_raw_fd();
            *taken = ring.submitter().register_files_update(place, &[number]).is_ok();
        }
    }

    /// Removes it again: the table keeps the socket open too, so its peer would see no end.
    pub(super) fn remove(&mut self, ring: &IoUring, place: u32) {
        if self.has(place) {
            self.taken[place as usize] = false;
            // The result does not matter: the next socket in this place replaces it.
            let _ = ring.submitter().register_files_update(place, &[-1]);
        }
    }

    /// Whether that place has a socket.
    pub(super) fn has(&self, place: u32) -> bool {
        self.taken.get(place as usize).is_some_and(|taken| *taken)
    }

    /// The name of the file in an operation.
    pub(super) fn name(place: u32) -> Fd {
        Fd(i32::try_from(place).expect("a small table"))
    }
}
