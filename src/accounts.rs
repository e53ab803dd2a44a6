//! What a process used: CPU time, memory, context switches, and the machine's TCP counters.

use std::fs;
use std::mem::MaybeUninit;
use std::time::Duration;

use anyhow::{Context, Result};
use procfs::process::{Process, Task};
use serde::Serialize;

use crate::document::{Memory, Switches, Tcp};

/// How [`Sample::take`] reads CPU time, for the record.
pub const METHOD: &str = "per-process CPU clock (clock_getcpuclockid) of the living processes \
                          of the tree, and clock ticks of those that ended";

/// What a process and its living descendants have used so far.
#[derive(Clone, Debug, Default)]
pub struct Sample {
    /// The processes that live now.
    pub pids: Vec<i32>,
    /// CPU time, to the nanosecond.
    pub cpu: Duration,
    /// User mode and system mode in clock ticks: too coarse to be a figure, good for a share.
    pub ticks: (u64, u64),
    /// Context switches of the threads that live now.
    pub switches: (u64, u64),
    /// Threads that live now.
    pub threads: u64,
    /// Counters of the machine's TCP.
    pub tcp: Tcp,
}

impl Sample {
    /// Reads the accounts of `root` and its living descendants, CPU time first, so that two
    /// samples bracket the same stretch.
    ///
    /// # Errors
    /// When `root` is gone.
    pub fn take(root: i32) -> Result<Self> {
        let cpu = cpu_time(root).with_context(|| format!("process {root} is gone"))?;
        let mut sample = Self { cpu, tcp: tcp(), ..Self::default() };
        let mut tree = vec![root];
        while let Some(pid) = tree.pop() {
            // A process may end between one look and the next; its parent's account has what it
            // used once it is reaped.
            let Ok(process) = Process::new(pid) else { continue };
            if pid != root {
                sample.cpu += cpu_time(pid).unwrap_or_default();
            }
            sample.add(&process, &mut tree);
        }
        Ok(sample)
    }

    fn add(&mut self, process: &Process, tree: &mut Vec<i32>) {
        self.pids.push(process.pid());
        if let Ok(stat) = process.stat() {
            let ended = |ticks: i64| u64::try_from(ticks).unwrap_or(0);
            self.ticks.0 += stat.utime + ended(stat.cutime);
            self.ticks.1 += stat.stime + ended(stat.cstime);
            self.cpu += ticks_time(ended(stat.cutime + stat.cstime));
        }
        for task in process.tasks().into_iter().flatten().flatten() {
            self.threads += 1;
            if let Ok(status) = task.status() {
                self.switches.0 += status.voluntary_ctxt_switches.unwrap_or(0);
                self.switches.1 += status.nonvoluntary_ctxt_switches.unwrap_or(0);
            }
            tree.extend(children(&task));
        }
    }

    /// Context switches between an earlier sample and this one.
    #[must_use]
    pub fn switches_since(&self, earlier: &Self) -> Switches {
        Switches {
            voluntary: self.switches.0.saturating_sub(earlier.switches.0),
            involuntary: self.switches.1.saturating_sub(earlier.switches.1),
        }
    }

    /// TCP's counters between an earlier sample and this one.
    #[must_use]
    pub fn tcp_since(&self, earlier: &Self) -> Tcp {
        Tcp {
            listen_overflows: self
                .tcp
                .listen_overflows
                .saturating_sub(earlier.tcp.listen_overflows),
            listen_drops: self.tcp.listen_drops.saturating_sub(earlier.tcp.listen_drops),
            retransmits: self.tcp.retransmits.saturating_sub(earlier.tcp.retransmits),
        }
    }
}

/// CPU time that a server's processes have used so far: the first one, its children of this moment,
/// and those that it has reaped. It takes some ten microseconds and one more for each child, so it can
/// be read at the edge of a measurement; a whole [`Sample`] cannot, as it reads a file a thread and
/// would hold up the load generator on the same processor. Children are those of the first
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
fn ticks_time(ticks: u64) -> Duration {
    Duration::from_secs(ticks) / u32::try_from(procfs::ticks_per_second()).unwrap_or(100).max(1)
}

/// The memory of a process and its living descendants.
#[must_use]
pub fn memory(root: i32) -> Memory {
    let mut memory = Memory { pss_bytes: 0, anonymous_bytes: 0, rss_peak_bytes: 0 };
    for process in tree(root) {
        if let Ok(rollup) = process.smaps_rollup() {
            for map in &rollup.memory_map_rollup {
                let of = |key: &str| map.extension.map.get(key).copied().unwrap_or(0);
                memory.pss_bytes += of("Pss");
                memory.anonymous_bytes += of("Anonymous");
            }
        }
        if let Ok(status) = process.status() {
            memory.rss_peak_bytes += status.vmhwm.unwrap_or(0) * 1024;
        }
    }
    memory
}

/// A process and its descendants, those included that have ended and that nobody has waited for.
#[must_use]
pub fn tree(root: i32) -> Vec<Process> {
    let (mut found, mut left) = (Vec::new(), vec![root]);
    while let Some(pid) = left.pop() {
        let Ok(process) = Process::new(pid) else { continue };
        for task in process.tasks().into_iter().flatten().flatten() {
            left.extend(children(&task));
        }
        found.push(process);
    }
    found
}

/// Processes that a thread has started and that live.
fn children(task: &Task) -> impl Iterator<Item = i32> + use<> {
    task.children().into_iter().flatten().filter_map(|pid| i32::try_from(pid).ok())
}

/// CPU time that a living process has used, all its threads together, ended ones included.
fn cpu_time(pid: i32) -> Result<Duration> {
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

fn duration(seconds: i64, nanoseconds: i64) -> Duration {
    let seconds = u64::try_from(seconds).unwrap_or(0);
    Duration::new(seconds, u32::try_from(nanoseconds).unwrap_or(0))
}

/// The machine's TCP counters: /proc/net/netstat and /proc/net/snmp, as far as they are there.
fn tcp() -> Tcp {
    let netstat = fs::read_to_string("/proc/net/netstat").unwrap_or_default();
    let snmp = fs::read_to_string("/proc/net/snmp").unwrap_or_default();
    Tcp {
        listen_overflows: counter(&netstat, "TcpExt:", "ListenOverflows"),
        listen_drops: counter(&netstat, "TcpExt:", "ListenDrops"),
        retransmits: counter(&snmp, "Tcp:", "RetransSegs"),
    }
}

/// These files have, for each protocol, a line of names and below it a line of values.
fn counter(text: &str, protocol: &str, name: &str) -> u64 {
    let mut lines = text.lines().filter(|line| line.starts_with(protocol));
    let (Some(names), Some(values)) = (lines.next(), lines.next()) else { return 0 };
    let at = names.split(' ').position(|word| word == name);
    at.and_then(|at| values.split(' ').nth(at)?.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::process::Stdio;

    use super::*;

    #[test]
    fn cpu_time_of_this_process_grows_with_work() {
        let pid = i32::try_from(std::process::id()).expect("a pid");
        let before = cpu_time(pid).expect("we live");
        let work = protocol::Work { rounds: 20_000, wait: Duration::ZERO, reply_bytes: 0 };
        std::hint::black_box(std::hint::black_box(work).burn());
        let after = Sample::take(pid).expect("we live");
        // Against this process alone: children of other tests come and go.
        assert!(after.cpu > before && cpu_now(pid) > before);
        assert!(after.threads >= 1 && after.pids.contains(&pid));
        assert!(memory(pid).pss_bytes > 0 && memory(pid).rss_peak_bytes > 0);
    }

    #[test]
    fn descendants_are_counted() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().expect("sleep runs");
        let pid = i32::try_from(std::process::id()).expect("a pid");
        let pids = Sample::take(pid).expect("we live").pids;
        child.kill().expect("it is ours");
        child.wait().expect("it was killed");
        assert!(pids.contains(&i32::try_from(child.id()).expect("a pid")));
    }

    #[test]
    fn what_children_use_is_counted_while_they_live_and_after() {
        // A shell that lives, and one in it that ends: both have burnt what dwarfs a tick.
        let burn = "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done";
        let script = format!("({burn}); {burn}; echo; read end");
        let mut shell = std::process::Command::new("sh");
        shell.args(["-c", &script]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut shell = shell.spawn().expect("sh runs");
        let mut ready = [0; 1];
        std::io::Read::read_exact(shell.stdout.as_mut().expect("piped"), &mut ready)
            .expect("ready");
        let pid = i32::try_from(shell.id()).expect("a pid");
        let (all, own) = (cpu_now(pid), cpu_time(pid).expect("it lives"));
        shell.kill().expect("it is ours");
        shell.wait().expect("it was killed");
        // The child that ended did as much as the one that lives; a third allows for ticks.
        assert!(all > own + own / 3, "{all:?} in all, {own:?} of its own");
    }

    #[test]
    fn a_process_that_is_gone_is_an_error() {
        let mut child = std::process::Command::new("true").spawn().expect("it runs");
        let pid = i32::try_from(child.id()).expect("a pid");
        child.wait().expect("it ends");
        assert!(Sample::take(pid).is_err());
    }

    #[test]
    fn tcp_counters_are_found_by_name() {
        let text = "TcpExt: A ListenDrops B\nTcpExt: 1 22 3\nIpExt: ListenDrops\nIpExt: 9\n";
        assert_eq!(counter(text, "TcpExt:", "ListenDrops"), 22);
        assert_eq!(counter(text, "TcpExt:", "Missing"), 0);
    }
}
