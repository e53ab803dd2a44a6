//! Resources used by this process.

use std::mem::MaybeUninit;

use serde::Serialize;

use super::cpu::duration;
use super::memory;

/// What this process has used, with children it has waited for.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct OwnUsage {
    cpu_user_ns: u64,
    cpu_system_ns: u64,
    rss_peak_bytes: u64,
    switches_voluntary: u64,
    switches_involuntary: u64,
}

impl OwnUsage {
    /// What this process has used so far (getrusage(2)).
    #[must_use]
    pub fn now() -> Self {
        let [own, children] = [libc::RUSAGE_SELF, libc::RUSAGE_CHILDREN].map(usage);
        let ns = |own: libc::timeval, children: libc::timeval| {
            let ns = |t: libc::timeval| duration(t.tv_sec, t.tv_usec * 1_000).as_nanos();
            u64::try_from(ns(own) + ns(children)).unwrap_or(u64::MAX)
        };
        let sum = |a: i64, b: i64| u64::try_from(a + b).unwrap_or(0);
        Self {
            cpu_user_ns: ns(own.ru_utime, children.ru_utime),
            cpu_system_ns: ns(own.ru_stime, children.ru_stime),
            // Not ru_maxrss, which begins with the peak of whoever started this program.
            rss_peak_bytes: memory(rustix::process::getpid().as_raw_pid()).rss_peak_bytes,
            switches_voluntary: sum(own.ru_nvcsw, children.ru_nvcsw),
            switches_involuntary: sum(own.ru_nivcsw, children.ru_nivcsw),
        }
    }
}

fn usage(whose: libc::c_int) -> libc::rusage {
    let mut usage = MaybeUninit::<libc::rusage>::zeroed();
    #[expect(unsafe_code, reason = "rustix has no getrusage")]
    // SAFETY: the call fills a variable of its type; zeroes are a value of it too, should it fail.
    unsafe {
        libc::getrusage(whose, usage.as_mut_ptr());
        usage.assume_init()
    }
}
