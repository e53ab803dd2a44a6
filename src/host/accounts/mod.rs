//! Resources used by a process and its descendants: CPU time, memory, context switches, faults,
//! descriptors; and TCP's counters and states during that time.

mod bracket;
mod cpu;
mod group;
mod own;
mod tcp;

use std::collections::{HashMap, HashSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use anyhow::{Context, Result};
use procfs::process::{Process, Task};
use rustix::process::Pid;
use rustix::thread::{CpuSet, sched_getaffinity};

use crate::document::{Faults, Memory, Switches, Tcp};
use crate::host::machine::Root;
use cpu::{cpu_time, ticks_time};

pub use bracket::{Accountant, ServerBracket};
pub use cpu::{METHOD, cpu_now};
pub use group::{Group, GroupAccount, GroupCpu};
pub use own::OwnUsage;
pub use tcp::{PortStates, port_states, state_name};

/// Resources that a server's processes have used so far: the first process, its living descendants,
/// and other processes in its control group.
#[derive(Clone, Debug, Default)]
pub struct Sample {
    /// The processes that live now.
    pub pids: Vec<i32>,
    /// CPU time, to the nanosecond.
    pub cpu: Duration,
    /// User mode and system mode of living processes in clock ticks: too coarse to be a figure, good
    /// for a share where they are many.
    pub ticks: (u64, u64),
    /// Clock ticks of the processors to which the first process is pinned, for all programs; `None`
    /// if the kernel does not report them.
    pub processors: Option<(u64, u64)>,
    /// As `ticks`, of both modes together, of processes that have ended.
    pub ticks_ended: u64,
    /// Voluntary and involuntary context switches of the threads that live now.
    pub switches: HashMap<i32, (u64, u64)>,
    /// Page faults, of processes that ended too.
    pub faults: Faults,
    /// Descriptors that are open now; `None` where the kernel does not let us look.
    pub descriptors: Option<u64>,
    /// Counters of TCP where the process is.
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
        let processors = affinity_ticks(root);
        let mut sample = Self { cpu, processors, tcp: tcp::counters(root), ..Self::default() };
        let (mut tree, mut seen, mut descriptors) = (known(root), HashSet::new(), Some(0));
        while let Some(pid) = tree.pop() {
            if !seen.insert(pid) {
                continue;
            }
            // A process may end between one look and the next; its parent's account has what it
            // used once it is reaped.
            let Ok(process) = Process::new(pid) else { continue };
            if pid != root {
                sample.cpu += cpu_time(pid).unwrap_or_default();
            }
            sample.add(&process, &mut tree);
            let open = process.fd_count().ok();
            // One that has just ended has none; of a living one it is a refusal.
            let open = open.or_else(|| (!process.is_alive()).then_some(0));
            descriptors = descriptors.zip(open).map(|(sum, open)| sum + open as u64);
        }
        sample.descriptors = descriptors;
        Ok(sample)
    }

    fn add(&mut self, process: &Process, tree: &mut Vec<i32>) {
        self.pids.push(process.pid());
        if let Ok(stat) = process.stat() {
            let ended = |count: i64| u64::try_from(count).unwrap_or(0);
            let reaped = ended(stat.cutime) + ended(stat.cstime);
            self.ticks.0 += stat.utime;
            self.ticks.1 += stat.stime;
            self.ticks_ended += reaped;
            self.cpu += ticks_time(reaped);
            self.faults.minor += stat.minflt + stat.cminflt;
            self.faults.major += stat.majflt + stat.cmajflt;
        }
        for task in process.tasks().into_iter().flatten().flatten() {
            let switches = task.status().ok().map(|status| {
                let count = |n: Option<u64>| n.unwrap_or(0);
                (count(status.voluntary_ctxt_switches), count(status.nonvoluntary_ctxt_switches))
            });
            self.switches.insert(task.tid, switches.unwrap_or_default());
            tree.extend(children(&task));
        }
    }

    /// Threads that live now.
    #[must_use]
    pub fn threads(&self) -> u64 {
        self.switches.len() as u64
    }

    /// Context switches between an earlier sample and this one, of living threads: the kernel keeps
    /// none of ended ones.
    #[must_use]
    pub fn switches_since(&self, earlier: &Self) -> Switches {
        let mut sum = Switches { voluntary: 0, involuntary: 0 };
        for (tid, now) in &self.switches {
            let before = earlier.switches.get(tid).copied().unwrap_or_default();
            sum.voluntary += now.0.saturating_sub(before.0);
            sum.involuntary += now.1.saturating_sub(before.1);
        }
        sum
    }

    /// Threads of an earlier sample that are gone.
    #[must_use]
    pub fn threads_ended_since(&self, earlier: &Self) -> u64 {
        earlier.switches.keys().filter(|tid| !self.switches.contains_key(tid)).count() as u64
    }

    /// Page faults between an earlier sample and this one.
    #[must_use]
    pub fn faults_since(&self, earlier: &Self) -> Faults {
        Faults {
            minor: self.faults.minor.saturating_sub(earlier.faults.minor),
            major: self.faults.major.saturating_sub(earlier.faults.major),
        }
    }

    /// TCP's counters between an earlier sample and this one.
    #[must_use]
    pub fn tcp_since(&self, earlier: &Self) -> Tcp {
        tcp::since(self.tcp, earlier.tcp)
    }
}

/// Clock ticks in user mode and in the kernel of the processors that a process is kept to.
fn affinity_ticks(pid: i32) -> Option<(u64, u64)> {
    let kept = sched_getaffinity(Pid::from_raw(pid)).ok()?;
    let kept: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|cpu| kept.is_set(*cpu)).collect();
    Root::of_this_machine().busy_ticks(&kept)
}

/// The memory of a process and its living descendants.
#[must_use]
pub fn memory(root: i32) -> Memory {
    let mut memory = Memory { shares_program: shares_program(root), ..Memory::default() };
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

/// Whether a process runs from the same file as this one.
fn shares_program(pid: i32) -> Option<bool> {
    let file_of = |process: &str| {
        let file = fs::metadata(format!("/proc/{process}/exe")).ok()?;
        Some((file.dev(), file.ino()))
    };
    Some(file_of(&pid.to_string())? == file_of("self")?)
}

/// A process and its descendants, those included that have ended and that nobody has waited for; the process
/// itself first. Where it has a control group of its own, with everybody in it.
#[must_use]
pub fn tree(root: i32) -> Vec<Process> {
    let (mut found, mut seen, mut left) = (Vec::new(), HashSet::new(), known(root));
    while let Some(pid) = left.pop() {
        if !seen.insert(pid) {
            continue;
        }
        let Ok(process) = Process::new(pid) else { continue };
        for task in process.tasks().into_iter().flatten().flatten() {
            left.extend(children(&task));
        }
        found.push(process);
    }
    found
}

/// Where to begin to look for the processes of a server, the last one first: at its first process, and at
/// all of its control group. Who was started by one that has ended is a child of somebody else.
fn known(root: i32) -> Vec<i32> {
    let mut pids = GroupAccount::read_from(root).map_or_else(Vec::new, |group| group.members());
    pids.push(root);
    pids
}

/// Processes that a thread has started and that live.
fn children(task: &Task) -> impl Iterator<Item = i32> + use<> {
    task.children().into_iter().flatten().filter_map(|pid| i32::try_from(pid).ok())
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
        assert!(after.threads() >= 1 && after.pids.contains(&pid));
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
}

#[cfg(test)]
#[path = "tests/samples.rs"]
mod samples;
