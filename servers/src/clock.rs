//! Time: the machine's clock as a number, and waiting for one descriptor until a deadline.
//!
//! A wait that restarts after a signal must not start its full time again, or signals could prolong
//! it forever. So waits have deadlines, which are computed once.

use std::os::fd::AsFd;
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

/// How long to wait where the kernel refuses to.
pub(crate) const REFUSED_PAUSE: Duration = Duration::from_millis(10);

/// The machine's monotonic clock, which all its processes read alike. Signal handlers may.
pub(crate) fn monotonic_ns() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    let ns = i128::from(now.tv_sec) * 1_000_000_000 + i128::from(now.tv_nsec);
    u64::try_from(ns).unwrap_or(0)
}

/// Waits until the descriptor is ready or the time is over, however many signals come. Returns
/// whether it may be ready; look without blocking.
pub(crate) fn wait_until_ready(
    descriptor: &impl AsFd,
    what: PollFlags,
    deadline: Option<Instant>,
) -> bool {
    loop {
        if let Some(ready) = wait_until_ready_or_signal(descriptor, what, deadline) {
            return ready;
        }
    }
}

/// The same, but not past a signal; `None` when one came.
pub(crate) fn wait_until_ready_or_signal(
    descriptor: &impl AsFd,
    what: PollFlags,
    deadline: Option<Instant>,
) -> Option<bool> {
    let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
    let timeout = left.and_then(|left| Timespec::try_from(left).ok());
    match poll(&mut [PollFd::new(descriptor, what)], timeout.as_ref()) {
        Ok(ready) => Some(ready > 0),
        Err(Errno::INTR) => None,
        // With a limit of no descriptors at all poll(2) refuses even one. The limit may be raised
        // again, and until then the caller's own attempts tell.
        Err(_) => {
            thread::sleep(left.unwrap_or(REFUSED_PAUSE).min(REFUSED_PAUSE));
            Some(true)
        }
    }
}
