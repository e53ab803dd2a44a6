//! Ctrl-C, SIGTERM and SIGHUP.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::pipe::{PipeFlags, pipe_with};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level;

/// A signal that comes sooner after the first one means the same: `timeout` sends it to the program and
/// then to its group, and so do some supervisors and impatient fingers.
const SAME_WITHIN: Duration = Duration::from_secs(1);

/// A flag that the first Ctrl-C, SIGTERM or SIGHUP sets; another one, a second later or more, ends the
/// program at once. A program that was started to outlive its terminal (`nohup`) takes no notice of
/// SIGHUP.
///
/// # Errors
/// When the kernel refuses a handler.
pub fn interrupts() -> Result<Arc<AtomicBool>> {
    interrupts_and(|| {})
}

/// The same for a loop that waits in poll(2): a pipe that is at its end from the first signal on.
///
/// # Errors
/// When the kernel refuses a handler or a pipe.
pub(crate) fn interrupts_pipe() -> Result<OwnedFd> {
    let (ends, end) = pipe_with(PipeFlags::CLOEXEC).context("cannot handle Ctrl-C")?;
    let mut end = Some(end);
    interrupts_and(move || drop(end.take()))?;
    Ok(ends)
}

fn interrupts_and(mut came: impl FnMut() + Send + 'static) -> Result<Arc<AtomicBool>> {
    let wanted = [SIGINT, SIGTERM].into_iter().chain((!is_ignored(SIGHUP)).then_some(SIGHUP));
    let mut signals = Signals::new(wanted).context("cannot handle Ctrl-C")?;
    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    let listen = move || {
        let mut first = None;
        for _ in signals.forever() {
            let now = Instant::now();
            if is_another(*first.get_or_insert(now), now) {
                low_level::exit(130);
            }
            flag.store(true, Ordering::SeqCst);
            came();
        }
    };
    thread::Builder::new().name("signals".into()).spawn(listen).context("cannot handle Ctrl-C")?;
    Ok(stop)
}

/// Whether a signal is another one than the first.
fn is_another(first: Instant, now: Instant) -> bool {
    now.duration_since(first) >= SAME_WITHIN
}

/// Whether whoever started this program has it ignore a signal.
pub(crate) fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    ignored(&status).is_some_and(|set| set >> (signal - 1) & 1 == 1)
}

/// The signals that are ignored, the first in the lowest bit.
fn ignored(status: &str) -> Option<u64> {
    let set = status.lines().find_map(|line| line.strip_prefix("SigIgn:"))?;
    u64::from_str_radix(set.trim(), 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_counts_as_another_one_after_a_second() {
        let first = Instant::now();
        for (ms, another) in [(0, false), (10, false), (999, false), (1_000, true), (9_000, true)] {
            assert_eq!(is_another(first, first + Duration::from_millis(ms)), another, "{ms} ms");
        }
    }

    #[test]
    fn what_is_ignored_is_read_from_the_kernel() {
        let status = "Name:\tx\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000001001\n";
        let set = ignored(status).expect("it is there");
        assert_eq!((set & 1, set >> 12 & 1, set >> 14 & 1), (1, 1, 0), "SIGHUP and SIGPIPE");
        assert!(ignored("Name:\tx\n").is_none());
    }
}
