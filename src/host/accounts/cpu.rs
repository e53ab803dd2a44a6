//! CPU time of processes: to the nanosecond if the kernel has a clock for it, otherwise in clock
//! ticks.

use std::mem::MaybeUninit;
use std::time::Duration;

use anyhow::Result;
use procfs::process::Process;

use super::children;

/// How [`cpu_now`] reads CPU time, for the record.
pub const METHOD: &str = "per-process CPU clock (clock_getcpuclockid) of the living processes \
                          of the tree, and clock ticks of those that ended";

/// CPU time that a server's processes have used so far: the first one, its children of this moment,
/// and those that it has reaped. It takes some ten microseconds and one more for each child, so it can
/// be read at the edge of a measurement; a whole [`Sample`](super::Sample) cannot, as it reads a file a
/// thread and would hold up the load generator on the same processor. Children are those of the first
/// thread: a process that forks has no other.
#[must_use]
pub fn cpu_now(root: i32) -> Duration {
    let own = cpu_time(root).unwrap_or_default();
    let Ok(process) = Process::new(root) else { return own };
    let children = || -> Vec<i32> {
        process.task_from_tid(root).into_iter().flat_map(|task| children(&task)).collect()
    };
    let mut of_children = Duration::ZERO;
    for _ in 0..CPU_TRIES {
        let listed = children();
        let reaped = process.stat().map_or(0, |stat| stat.cutime + stat.cstime);
        let living: Vec<_> = listed.iter().filter_map(|pid| cpu_time(*pid).ok()).collect();
        of_children =
            living.iter().sum::<Duration>() + ticks_time(u64::try_from(reaped).unwrap_or(0));
        // One that was reaped meanwhile may be in neither account, with all that it used.
        if living.len() == listed.len() && children() == listed {
            break;
        }
    }
    own + of_children
}

/// How often [`cpu_now`] looks again because a child came or went while it looked. Where they
/// come and go all the time each of them is small, and the last look will do.
const CPU_TRIES: u32 = 8;

/// Clock ticks as time.
pub(super) fn ticks_time(ticks: u64) -> Duration {
    Duration::from_secs(ticks) / u32::try_from(procfs::ticks_per_second()).unwrap_or(100).max(1)
}

/// Time as clock ticks, those that are not over left out.
pub(super) fn in_ticks(time: Duration) -> u64 {
    let ticks = time.as_nanos() * u128::from(procfs::ticks_per_second()) / 1_000_000_000;
    u64::try_from(ticks).unwrap_or(u64::MAX)
}

/// CPU time that a living process has used, all its threads together, ended ones included.
pub(super) fn cpu_time(pid: i32) -> Result<Duration> {
    let mut clock: libc::clockid_t = 0;
    let mut time = MaybeUninit::<libc::timespec>::zeroed();
    #[expect(unsafe_code, reason = "there is no safe wrapper for another process's CPU clock")]
    // SAFETY: both calls write to variables of the right type that outlive them.
    let (found, time) = unsafe {
        let found = libc::clock_getcpuclockid(pid, &raw mut clock) == 0
            && libc::clock_gettime(clock, time.as_mut_ptr()) == 0;
        (found, time.assume_init())
    };
    anyhow::ensure!(found, "no CPU clock");
    Ok(duration(time.tv_sec, time.tv_nsec))
}

pub(super) fn duration(seconds: i64, nanoseconds: i64) -> Duration {
    let seconds = u64::try_from(seconds).unwrap_or(0);
    Duration::new(seconds, u32::try_from(nanoseconds).unwrap_or(0))
}
