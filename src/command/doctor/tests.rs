//! Probes on prepared trees of files.

use std::fs;
use std::path::Path;

use super::*;

/// A folder with these files in it.
fn tree(files: &[(&str, &str)]) -> (tempfile::TempDir, Root) {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), files);
    let root = Root::at(folder.path());
    (folder, root)
}

fn write(folder: &Path, files: &[(&str, &str)]) {
    for (path, text) in files {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, text).expect("written");
    }
}

const GOOD: [(&str, &str); 26] = [
    ("proc/self/status", "Name:\tc10k\nCpus_allowed_list:\t0-3\n"),
    ("sys/devices/system/cpu/online", "0-3\n"),
    ("sys/devices/system/cpu/cpu0/topology/thread_siblings_list", "0\n"),
    ("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "performance\n"),
    ("sys/devices/system/cpu/cpufreq/boost", "0\n"),
    ("proc/cpuinfo", "flags\t\t: fpu tsc\n"),
    ("sys/devices/system/cpu/cpuidle/current_driver", "intel_idle\n"),
    ("sys/devices/system/cpu/cpu0/cpuidle/state1/latency", "2\n"),
    ("sys/devices/system/clocksource/clocksource0/current_clocksource", "tsc\n"),
    ("sys/devices/system/cpu/vulnerabilities/meltdown", "Mitigation: PTI\n"),
    ("proc/self/cgroup", "0::/user/session\n"),
    ("sys/fs/cgroup/user/session/cpu.max", "max 100000\n"),
    ("sys/fs/cgroup/user/session/cpu.stat", "usage_usec 1\n"),
    ("proc/loadavg", "0.12 0.50 0.40 1/80 900\n"),
    ("proc/pressure/cpu", "some avg10=0.50 avg60=9.00 avg300=9.00 total=9\n"),
    ("proc/sys/net/ipv4/ip_local_port_range", "32768\t60999\n"),
    ("proc/sys/net/ipv4/tcp_tw_reuse", "2\n"),
    ("proc/sys/net/core/somaxconn", "4096\n"),
    ("proc/sys/net/ipv4/tcp_max_syn_backlog", "1024\n"),
    ("proc/sys/net/ipv4/tcp_congestion_control", "cubic\n"),
    (
        "proc/self/limits",
        "Max processes             63000                63000                \
      processes \nMax open files            1024                 1048576              files \n",
    ),
    ("proc/meminfo", "MemTotal:       9000000 kB\nMemAvailable:    8000000 kB\n"),
    ("proc/sys/vm/overcommit_memory", "0\n"),
    ("sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n"),
    ("proc/sys/kernel/io_uring_disabled", "0\n"),
    ("proc/self/timerslack_ns", "50000\n"),
];

/// The finding of this name in a good tree with these files changed.
fn found(name: &str, changed: &[(&str, &str)]) -> Finding {
    let (folder, root) = tree(&GOOD);
    write(folder.path(), changed);
    let findings = all_probes(&root);
    findings.into_iter().find(|finding| finding.name == name).unwrap_or_else(|| panic!("{name}"))
}

#[test]
fn a_good_machine_is_found_good_with_nothing_to_mend() {
    let (_folder, root) = tree(&GOOD);
    let findings = all_probes(&root);
    for finding in &findings {
        assert_eq!((finding.status, finding.mend.as_str()), (Status::Pass, ""), "{finding:?}");
    }
    assert!(findings.len() >= 20, "{}", findings.len());
    assert_eq!(verdict(&findings), Validity::Valid);
}

/// A finding's name, its status, a part of its value, and the files that bring it about.
type Case<'a> = (&'a str, Status, &'a str, &'a [(&'a str, &'a str)]);

fn each_is_found(cases: &[Case<'_>]) {
    for (name, status, value, changed) in cases {
        let finding = found(name, changed);
        assert_eq!(finding.status, *status, "{finding:?}");
        assert!(finding.value.contains(value), "{finding:?}");
        assert!(!finding.mend.is_empty() && !finding.why.is_empty(), "{finding:?}");
    }
}

const WARN: Status = Status::Warn;
const FAIL: Status = Status::Fail;

#[test]
fn processors_that_are_not_ours_alone_are_found() {
    let siblings = "sys/devices/system/cpu/cpu0/topology/thread_siblings_list";
    let first_version = [
        ("proc/self/cgroup", "4:cpu,cpuacct:/box\n0::/\n"),
        ("sys/fs/cgroup/cpu/box/cpu.cfs_quota_us", "150000"),
        ("sys/fs/cgroup/cpu/box/cpu.cfs_period_us", "100000"),
    ];
    each_is_found(&[
        ("processors", WARN, "1", &[("proc/self/status", "Cpus_allowed_list:\t2\n")]),
        ("affinity", WARN, "2 of 4", &[("proc/self/status", "Cpus_allowed_list:\t0,2\n")]),
        ("cpu-quota", FAIL, "0.50", &[("sys/fs/cgroup/user/session/cpu.max", "50000 100000")]),
        // The limit of a group above holds below it.
        ("cpu-quota", FAIL, "2.00", &[("sys/fs/cgroup/user/cpu.max", "200000 100000")]),
        ("cpu-quota", FAIL, "1.50", &first_version),
        ("siblings", WARN, "0+2", &[(siblings, "0,2")]),
        ("load-average", WARN, "1.50", &[("proc/loadavg", "1.50 0 0 1/2 3")]),
        ("pressure-cpu", WARN, "20.0 %", &[("proc/pressure/cpu", "some avg10=20.00 total=0")]),
        ("pressure-cpu", FAIL, "80.0 %", &[("proc/pressure/cpu", "some avg10=80.00 total=0")]),
    ]);
}

#[test]
fn clocks_and_sleep_that_disturb_are_found() {
    let guest = ("proc/cpuinfo", "flags : fpu hypervisor\n");
    let governor = "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor";
    let driver = "sys/devices/system/cpu/cpuidle/current_driver";
    let latency = "sys/devices/system/cpu/cpu0/cpuidle/state2/latency";
    let halt_poll = "sys/module/haltpoll/parameters/guest_halt_poll_ns";
    let source = "sys/devices/system/clocksource/clocksource0/current_clocksource";
    let no_poll = [guest, (driver, "haltpoll"), (halt_poll, "0")];
    each_is_found(&[
        ("governor", WARN, "powersave", &[(governor, "powersave")]),
        ("boost", WARN, "on", &[("sys/devices/system/cpu/cpufreq/boost", "1")]),
        ("virtual-machine", WARN, "yes", &[guest]),
        ("idle", WARN, "133 us", &[(latency, "133")]),
        ("idle", WARN, "none", &[guest, (driver, "none")]),
        ("idle", WARN, "guest_halt_poll_ns 0", &no_poll),
        ("clocksource", FAIL, "hpet", &[(source, "hpet")]),
        ("timer-slack", WARN, "1000000 ns", &[("proc/self/timerslack_ns", "1000000")]),
    ]);
}

#[test]
fn limits_that_are_too_low_are_found() {
    let limits =
        "Max processes  unlimited  unlimited  processes\nMax open files  100  200  files\n";
    let few_ports = [
        ("proc/sys/net/ipv4/ip_local_port_range", "60400 60999"),
        ("proc/sys/net/ipv4/tcp_tw_reuse", "0"),
    ];
    let huge_pages = "sys/kernel/mm/transparent_hugepage/enabled";
    each_is_found(&[
        ("ports", WARN, "10 new connections", &few_ports),
        ("somaxconn", WARN, "128", &[("proc/sys/net/core/somaxconn", "128")]),
        ("syn-backlog", WARN, "64", &[("proc/sys/net/ipv4/tcp_max_syn_backlog", "64")]),
        ("congestion-control", WARN, "bbr", &[("proc/sys/net/ipv4/tcp_congestion_control", "bbr")]),
        ("descriptors", FAIL, "200", &[("proc/self/limits", limits)]),
        ("tasks", WARN, "500 (pids.max", &[("sys/fs/cgroup/user/session/pids.max", "500")]),
        ("memory", FAIL, "97.7 MiB", &[("proc/meminfo", "MemAvailable: 100000 kB\n")]),
        ("overcommit", WARN, "2", &[("proc/sys/vm/overcommit_memory", "2")]),
        ("huge-pages", WARN, "always", &[(huge_pages, "[always] madvise never")]),
        ("io-uring", WARN, "2", &[("proc/sys/kernel/io_uring_disabled", "2")]),
    ]);
}

#[test]
fn what_the_kernel_does_not_show_is_left_out() {
    let (_folder, root) = tree(&[("proc/version", "none of what is looked for")]);
    let findings = all_probes(&root);
    let names: Vec<_> = findings.iter().map(|finding| finding.name.as_str()).collect();
    // These two say what follows from there being nothing.
    assert_eq!(names, ["cpu-quota", "accounting"]);
}

#[test]
fn garbage_in_a_file_is_no_finding_and_no_panic() {
    let garbage: Vec<(&str, &str)> = GOOD.iter().map(|(path, _)| (*path, "\u{1f}?!, -")).collect();
    let (_folder, root) = tree(&garbage);
    let _ = all_probes(&root);
    let _ = busy::Watch::begin(&root).end(&root);
}

#[test]
fn steal_and_other_processes_are_what_came_between_two_looks() {
    let stat = |user: u64, steal: u64| {
        format!("cpu  {user} 0 0 1000 0 0 0 {steal} 0 0\ncpu0 1 0 0 0\ncpu1 1 0 0 0\nintr 7\n")
    };
    let process = |ticks: u64| format!("77 (a (b) c) S 1 1 1 0 -1 0 0 0 0 0 {ticks} 10 0 0 20 0 1");
    let (folder, root) = tree(&[]);
    write(folder.path(), &[("proc/stat", &stat(100, 0)), ("proc/77/stat", &process(100))]);
    let watch = busy::Watch::begin(&root);
    write(folder.path(), &[("proc/stat", &stat(280, 20)), ("proc/77/stat", &process(180))]);
    let [steal, others] = &watch.end(&root)[..] else { panic!("two findings") };
    // 200 ticks of two processors: 19 beyond the doubtful one are stolen, 80 of one are used.
    assert_eq!((steal.status, steal.value.contains("9.5 %")), (Status::Fail, true), "{steal:?}");
    assert_eq!(others.status, Status::Fail, "{others:?}");
    assert!(others.value.contains("a (b) c (77) 80 %"), "{others:?}");
}

#[test]
fn a_report_shows_what_is_bad_before_what_is_well() {
    let subject = Subject { name: "a-name", limit: "a limit", why: "a reason", mend: "a command" };
    let findings = vec![
        Subject { name: "well", ..subject }.found(Status::Pass, "fine"),
        Subject { name: "odd", ..subject }.found(Status::Warn, "odd value"),
        Subject { name: "bad", ..subject }.found(Status::Fail, "bad value"),
    ];
    let report = DoctorReport {
        schema: SchemaId::doctor(),
        made_at: String::new(),
        program_version: String::new(),
        host: machine::host(),
        verdict: verdict(&findings),
        findings,
        noise: None,
    };
    let text = show::report(&report);
    let at = |part: &str| text.find(part).unwrap_or_else(|| panic!("{part} in {text}"));
    assert!(at("bad: bad value") < at("odd: odd value") && at("odd: odd value") < at("fine"));
    assert!(text.contains("fix: a command") && text.contains("do not trust"));
}
