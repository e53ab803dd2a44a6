//! How far the clock of this machine is from true time, as the kernel knows it, and whether somebody has set it.

use std::mem::MaybeUninit;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, Timespec, clock_gettime};

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

/// The time of day beside the clock that nobody can set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeOfDay {
    /// How far it is ahead of that clock.
    ahead_ns: i128,
    /// By how much that may be wrong.
    bound_ns: i128,
}

/// Both clocks are read so often; the closest readings count.
const READINGS: usize = 16;
/// Less than this is no jump: who keeps a clock right slews both clocks alike.
const JUMP_MIN_NS: i128 = 1_000_000;

/// Compares both clocks now.
#[must_use]
pub fn time_of_day() -> TimeOfDay {
    let read = || {
        let before = in_ns(clock_gettime(ClockId::Monotonic));
        // As everything else here reads it.
        let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let after = in_ns(clock_gettime(ClockId::Monotonic));
        TimeOfDay { ahead_ns: in_i128(time) - before, bound_ns: after - before }
    };
    let readings = std::iter::repeat_with(read).take(READINGS);
    readings.min_by_key(|reading| reading.bound_ns).expect("there are some")
}

impl TimeOfDay {
    /// By how much the time of day was set forward since this one, or back if it is below 0; `None` where it was not.
    #[must_use]
    pub fn jump_until(self, now: Self) -> Option<i64> {
        let by = now.ahead_ns - self.ahead_ns;
        let jumped = by.abs() > JUMP_MIN_NS + self.bound_ns + now.bound_ns;
        jumped.then(|| i64::try_from(by).unwrap_or(if by < 0 { i64::MIN } else { i64::MAX }))
    }
}

fn in_i128(time: Duration) -> i128 {
    i128::try_from(time.as_nanos()).unwrap_or(i128::MAX)
}

fn in_ns(time: Timespec) -> i128 {
    i128::from(time.tv_sec) * 1_000_000_000 + i128::from(time.tv_nsec)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_was_set_is_told_from_one_that_was_read_slowly() {
        let at = |ahead_ns, bound_ns| TimeOfDay { ahead_ns, bound_ns };
        let second = 1_000_000_000;
        assert_eq!(at(5, 100).jump_until(at(5 + second, 100)), Some(1_000_000_000));
        assert_eq!(at(5, 100).jump_until(at(5 - second, 100)), Some(-1_000_000_000));
        assert_eq!(at(5, 100).jump_until(at(900_000, 100)), None, "it may be how it was read");
        assert_eq!(at(5, 100).jump_until(at(second, second)), None, "it was read across a pause");
        assert_eq!(at(0, 0).jump_until(at(i128::MAX / 2, 0)), Some(i64::MAX));
    }

    #[test]
    fn nobody_sets_the_clock_between_two_readings() {
        let before = time_of_day();
        assert_eq!(before.jump_until(time_of_day()), None);
    }
}
