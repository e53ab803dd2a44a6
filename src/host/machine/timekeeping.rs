//! How far the clock of this machine is from true time, as the kernel knows it.

use std::mem::MaybeUninit;
use std::time::Duration;

/// The bound that whatever keeps the clock has told the kernel, NTP or PTP say; `None` where nothing
/// keeps it.
#[must_use]
pub fn clock_bound() -> Option<Duration> {
    let mut found = MaybeUninit::<libc::timex>::zeroed();
    #[expect(unsafe_code, reason = "rustix has no adjtimex")]
    // SAFETY: with `modes` 0, which zeroes are, the call only fills a variable of its type; zeroes
    // are a value of it too, should it fail.
    let (state, found) = unsafe {
        let state = libc::adjtimex(found.as_mut_ptr());
        (state, found.assume_init())
    };
    let is_kept = state >= 0 && state != libc::TIME_ERROR && found.status & libc::STA_UNSYNC == 0;
    is_kept.then(|| Duration::from_micros(u64::try_from(found.maxerror).unwrap_or(u64::MAX)))
}
