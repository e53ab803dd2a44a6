//! Commands that were killed because their client has left. No code waits for their end, so a
//! handler for SIGCHLD reaps them, and they do not stay as zombies.

use std::io;
use std::sync::atomic::{AtomicI32, Ordering::SeqCst};

use rustix::process::{Pid, WaitOptions, waitpid};
use signal_hook::consts::SIGCHLD;

/// Their process ids; 0 is a free place. A signal handler reads it, so it has a fixed size and no lock.
static LEFT: [AtomicI32; 256] = [const { AtomicI32::new(0) }; 256];

/// Has those that are left behind reaped as they end.
///
/// # Errors
/// When the kernel refuses the handler.
pub fn reap_in_background() -> io::Result<()> {
    #[expect(unsafe_code, reason = "what runs in a signal handler must be signal-safe")]
    // SAFETY: waitpid(2) and atomics only; it takes no lock and allocates nothing.
    unsafe { signal_hook::low_level::register(SIGCHLD, reap) }?;
    Ok(())
}

/// Leaves a process that was killed to be reaped when it has ended.
pub(super) fn reap_later(pid: Pid) {
    let number = pid.as_raw_pid();
    let take = |place: &&AtomicI32| place.compare_exchange(0, number, SeqCst, SeqCst).is_ok();
    if LEFT.iter().any(|place| take(&place)) {
        // It may have ended before it had its place.
        reap();
    } else {
        let _ = rustix::io::retry_on_intr(|| waitpid(Some(pid), WaitOptions::empty()));
    }
}

/// Two may look at the same place at a time: one of them reaps, and the other is told that there is no such
/// child. No number is given out again so soon: the kernel goes through all others first.
fn reap() {
    for place in &LEFT {
        let number = place.load(SeqCst);
        if let Some(pid) = Pid::from_raw(number)
            && !matches!(waitpid(Some(pid), WaitOptions::NOHANG), Ok(None))
        {
            let _ = place.compare_exchange(number, 0, SeqCst, SeqCst);
        }
    }
}
