//! The limits and permissions of this process.

use super::{Root, Subject, warn_unless};
use crate::base::units::{as_f64, show_bytes};
use crate::document::{Finding, Status};

pub(super) fn probe(root: &Root) -> Vec<Finding> {
    [
        descriptors(root),
        tasks(root),
        memory(root),
        overcommit(root),
        huge_pages(root),
        io_uring(root),
        perf_events(root),
        accounting(root),
        timer_slack(root),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn graded_down(value: Option<u64>, warn: u64, fail: u64) -> Status {
    match value {
        Some(value) if value < fail => Status::Fail,
        Some(value) if value < warn => Status::Warn,
        _ => Status::Pass,
    }
}

fn shown(limit: Option<u64>) -> String {
    limit.map_or("unlimited".into(), |limit| limit.to_string())
}

fn descriptors(root: &Root) -> Option<Finding> {
    let limit = root.hard_limit("Max open files")?;
    let subject = Subject {
        name: "descriptors",
        limit: "10,100 or more, for ten thousand connections",
        why: "each connection needs one descriptor in the server and one in the generator; c10k \
            raises the soft limit, but cannot raise the hard limit",
        mend: "ulimit -Hn 1048576 as root, or LimitNOFILE= of the unit, or docker --ulimit nofile",
    };
    Some(subject.found(graded_down(limit, 10_100, 256), shown(limit)))
}

fn tasks(root: &Root) -> Option<Finding> {
    let mut limits: Vec<(&str, u64)> = Vec::new();
    let files =
        [("pid_max", "proc/sys/kernel/pid_max"), ("threads-max", "proc/sys/kernel/threads-max")];
    limits.extend(files.iter().filter_map(|(name, path)| Some((*name, root.number(path)?))));
    limits.extend(root.hard_limit("Max processes")?.map(|limit| ("processes of this user", limit)));
    let groups = root.cgroups("pids").into_iter();
    limits.extend(groups.filter_map(|folder| {
        Some(("pids.max of the control group", root.number(&format!("{folder}/pids.max"))?))
    }));
    let (name, least) = limits.into_iter().min_by_key(|(_, limit)| *limit)?;
    let subject = Subject {
        name: "tasks",
        limit: "10,100 or more, for a thread or a process per client",
        why: "models with a thread or a process per client refuse clients beyond this limit",
        mend: "ulimit -u, sysctl -w kernel.pid_max=4194304, or the control group's pids.max",
    };
    Some(subject.found(graded_down(Some(least), 10_100, 200), format!("{least} ({name})")))
}

fn memory(root: &Root) -> Option<Finding> {
    let available = root.memory("MemAvailable")?;
    let subject = Subject {
        name: "memory",
        limit: "1 GiB or more available",
        why: "memory reclaim causes pauses that are not the server's; ten thousand threads or \
            processes need kernel memory too",
        mend: "free -h; stop the programs that use it",
    };
    let status = graded_down(Some(available), 1 << 30, 1 << 27);
    Some(subject.found(status, format!("{} available", show_bytes(as_f64(available)))))
}

fn overcommit(root: &Root) -> Option<Finding> {
    let mode = root.number("proc/sys/vm/overcommit_memory")?;
    let subject = Subject {
        name: "overcommit",
        limit: "0 or 1",
        why: "with 2, every thread's stack counts in full although little of it is used, so models with many \
              threads do not start",
        mend: "sysctl -w vm.overcommit_memory=0",
    };
    Some(subject.found(warn_unless(mode != 2), mode.to_string()))
}

fn huge_pages(root: &Root) -> Option<Finding> {
    let mode = root.huge_pages()?;
    let subject = Subject {
        name: "huge-pages",
        limit: "madvise or never",
        why: "with always, memory per connection grows in steps of 2 MiB, and a kernel thread \
            copies pages during the measurement",
        mend: "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled",
    };
    Some(subject.found(warn_unless(mode != "always"), mode))
}

fn io_uring(root: &Root) -> Option<Finding> {
    let disabled = root.number("proc/sys/kernel/io_uring_disabled")?;
    let subject = Subject {
        name: "io-uring",
        limit: "0",
        why: "the models io-uring and io-uring-multishot cannot run without it",
        mend: "sysctl -w kernel.io_uring_disabled=0; in a container, also allow it in the seccomp profile",
    };
    let value = format!("io_uring_disabled {disabled}");
    Some(subject.found(warn_unless(disabled == 0), value))
}

fn perf_events(root: &Root) -> Option<Finding> {
    let level: i64 = root.read("proc/sys/kernel/perf_event_paranoid")?.parse().ok()?;
    let subject = Subject {
        name: "perf-events",
        limit: "1 or less",
        why: "perf helps to explain a figure; c10k itself does not need it",
        mend: "sysctl -w kernel.perf_event_paranoid=1",
    };
    // It is a hint for whoever wants to look further, and no warning.
    let value = format!("perf_event_paranoid {level}");
    let mut finding = subject.found(Status::Pass, value);
    if level > 1 {
        finding.mend = subject.mend.into();
    }
    Some(finding)
}

fn accounting(root: &Root) -> Option<Finding> {
    let version_2 = root.cgroups("cpuacct").into_iter().find(|folder| {
        root.read(&format!("{folder}/cpu.stat")).is_some_and(|text| text.contains("usage_usec"))
    });
    let version_1 = root.names("sys/fs/cgroup/cpuacct").iter().any(|name| name == "cpuacct.usage");
    let subject = Subject {
        name: "accounting",
        limit: "version 2 or 1",
        why: "control groups also account for processes that have ended; without them c10k reads \
            each process's CPU clock, which suffices unless many processes end",
        mend: "mount -t cgroup2 none /sys/fs/cgroup",
    };
    let (status, value) = match (version_2, version_1) {
        (_, true) => (Status::Pass, "cgroup version 1"),
        (Some(_), false) => (Status::Pass, "cgroup version 2"),
        (None, false) => (Status::Warn, "not found"),
    };
    Some(subject.found(status, value))
}

fn timer_slack(root: &Root) -> Option<Finding> {
    let ns = root.number("proc/self/timerslack_ns")?;
    let subject = Subject {
        name: "timer-slack",
        limit: "50,000 ns, the kernel's default, or less",
        why: "the kernel may prolong every sleep by this much, which makes the generator late in \
            an open loop",
        mend: "start from a shell whose /proc/self/timerslack_ns is 50000",
    };
    Some(subject.found(warn_unless(ns <= 50_000), format!("{ns} ns")))
}
