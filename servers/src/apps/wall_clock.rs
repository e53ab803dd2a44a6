//! The time of day, by the system's clock and time zone.

use protocol::{Clock, Moment};
use rustix::time::{ClockId, clock_gettime};

use crate::clock::monotonic_ns;

/// The system's clocks.
#[derive(Debug)]
pub(crate) struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Moment {
        Moment { unix_s: clock_gettime(ClockId::Realtime).tv_sec, monotonic_ns: monotonic_ns() }
    }

    /// By the variable TZ, or by /etc/localtime.
    fn offset_s(&self, unix_s: i64) -> i32 {
        let mut local = std::mem::MaybeUninit::zeroed();
        #[expect(unsafe_code, reason = "rustix has no time zones")]
        // SAFETY: both pointers live across the call. A structure of zeros is one, and stays so where
        // the call fails, which it does for years beyond 2^31 only.
        let local: libc::tm = unsafe {
            libc::localtime_r(&raw const unix_s, local.as_mut_ptr());
            local.assume_init()
        };
        i32::try_from(local.tm_gmtoff).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;

    #[test]
    fn both_clocks_are_those_of_the_system() {
        let since_1970 = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let before = since_1970().expect("it is after 1970");
        let (first, second) = (SystemClock.now(), SystemClock.now());
        let date = Duration::from_secs(u64::try_from(first.unix_s).expect("it is after 1970"));
        // The second in which it was asked, or a later one.
        assert!(before.as_secs() <= date.as_secs(), "{before:?} {date:?}");
        assert!(date <= since_1970().expect("it is after 1970"));
        assert!(first.monotonic_ns <= second.monotonic_ns);
    }
}
