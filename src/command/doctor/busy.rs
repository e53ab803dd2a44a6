//! Other users of the machine.

use std::collections::BTreeMap;

use super::{Root, Subject, graded, warn_unless};
use crate::base::units::as_f64;
use crate::document::{Finding, Status};
use crate::host::machine::Stalls;

pub(super) fn probe(root: &Root) -> Vec<Finding> {
    let pressures = [("cpu", 10.0, 50.0), ("memory", 1.0, 10.0), ("io", 10.0, 50.0)];
    let pressures =
        pressures.into_iter().filter_map(|(what, warn, fail)| pressure(root, what, warn, fail));
    load_average(root).into_iter().chain(pressures).collect()
}

fn load_average(root: &Root) -> Option<Finding> {
    let load: f64 = root.read("proc/loadavg")?.split(' ').next()?.parse().ok()?;
    let cpus = as_f64(root.allowed().len().max(1) as u64);
    let subject = Subject {
        name: "load-average",
        limit: "below a quarter of the processors",
        why: "other programs take processor time from the server, the generator or both",
        mend: "uptime; top; stop other programs, or wait until they finish",
    };
    // It is of the past: who is still there shows as other processes and pressure.
    let status = warn_unless(load <= cpus / 4.0);
    Some(subject.found(status, format!("{load:.2} over the last minute")))
}

/// Pressure stall information: the share of time in which something waited for a resource.
fn pressure(root: &Root, what: &str, warn: f64, fail: f64) -> Option<Finding> {
    let share = Stalls::read_from(root, what)?.some_avg10;
    let (name, limit) = match what {
        "cpu" => ("pressure-cpu", "at most 10 % of the time"),
        "memory" => ("pressure-memory", "at most 1 % of the time"),
        _ => ("pressure-io", "at most 10 % of the time"),
    };
    let subject = Subject {
        name,
        limit,
        why: "tasks waited for it during this share of the last ten seconds; a measurement would wait too",
        mend: "top, or iotop for I/O; stop other programs, or wait until they finish",
    };
    Some(subject.found(graded(share, warn, fail), format!("{share:.1} %")))
}

/// The machine's CPU time at one moment, in clock ticks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Ticks {
    steal: u64,
    total: u64,
    /// Processors that were counted.
    cpus: u64,
    /// Of each process: its name, and what it used.
    processes: BTreeMap<u32, (String, u64)>,
}

impl Ticks {
    fn read(root: &Root) -> Self {
        let stat = root.read("proc/stat").unwrap_or_default();
        let (steal, total) = root.steal_and_total_ticks().unwrap_or_default();
        let is_cpu = |line: &&str| {
            line.strip_prefix("cpu").is_some_and(|rest| rest.starts_with(|c: char| c.is_numeric()))
        };
        let pids = root.names("proc").into_iter().filter_map(|name| name.parse::<u32>().ok());
        Self {
            steal,
            total,
            cpus: stat.lines().filter(is_cpu).count().max(1) as u64,
            processes: pids.filter_map(|pid| Some((pid, process(root, pid)?))).collect(),
        }
    }
}

/// A process's name and CPU time. The name is in parentheses and may have any in it.
fn process(root: &Root, pid: u32) -> Option<(String, u64)> {
    let stat = root.read(&format!("proc/{pid}/stat"))?;
    let (front, rest) = stat.rsplit_once(')')?;
    let name = front.split_once('(')?.1.to_string();
    let ticks = |at: usize| rest.split_whitespace().nth(at)?.parse::<u64>().ok();
    Some((name, ticks(11)? + ticks(12)?))
}

/// What others do for a while in which this program sleeps.
#[derive(Debug)]
pub(super) struct Watch(Ticks);

impl Watch {
    pub(super) fn begin(root: &Root) -> Self {
        Self(Ticks::read(root))
    }

    /// What was seen since.
    pub(super) fn end(&self, root: &Root) -> Vec<Finding> {
        let (before, after) = (&self.0, Ticks::read(root));
        let passed = after.total.saturating_sub(before.total);
        if passed == 0 {
            return Vec::new();
        }
        vec![steal(before, &after, passed), others(before, &after, passed)]
    }
}

fn steal(before: &Ticks, after: &Ticks, passed: u64) -> Finding {
    // A tick is more than a percent of a short look: one alone says nothing.
    let stolen = after.steal.saturating_sub(before.steal).saturating_sub(1);
    let share = as_f64(stolen) / as_f64(passed) * 100.0;
    let subject = Subject {
        name: "steal",
        limit: "at most 1 %",
        why: "the hypervisor gave this share of processor time to other guests; steal comes in \
            spells",
        mend: "measure at another time, or on a dedicated machine",
    };
    subject.found(graded(share, 1.0, 5.0), format!("{share:.1} % of the processors' time"))
}

fn others(before: &Ticks, after: &Ticks, passed: u64) -> Finding {
    // Each processor adds its ticks to the total.
    let one_cpu = as_f64(passed) / as_f64(after.cpus);
    let used = |(pid, (name, ticks)): (&u32, &(String, u64))| {
        let earlier = before.processes.get(pid).map_or(*ticks, |(_, earlier)| *earlier);
        (as_f64(ticks.saturating_sub(earlier)) / one_cpu * 100.0, name.clone(), *pid)
    };
    let mut used: Vec<_> = after.processes.iter().map(used).collect();
    used.sort_by(|a, b| b.0.total_cmp(&a.0));
    let sum: f64 = used.iter().map(|(share, ..)| share).sum();
    let shown = used.iter().take(3).filter(|(share, ..)| *share >= 1.0);
    let shown: Vec<String> =
        shown.map(|(share, name, pid)| format!("{name} ({pid}) {share:.0} %")).collect();
    let subject = Subject {
        name: "other-processes",
        limit: "at most 10 % of a processor in total",
        why: "they preempt the server and the generator, and empty their caches",
        mend: "stop them, or move them to other processors with taskset",
    };
    let value = if shown.is_empty() {
        "all asleep".to_string()
    } else {
        format!("{sum:.0} % of a processor: {}", shown.join(", "))
    };
    let status = graded(sum, 10.0, 50.0);
    subject.found(if shown.is_empty() { Status::Pass } else { status }, value)
}
