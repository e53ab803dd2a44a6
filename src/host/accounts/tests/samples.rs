//! Differences between two samples, with synthetic ones; and real processes, whose accounts the
//! test also reads from the kernel's files.

use std::io::Read as _;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use loadgen::{Moment, Phase};

use super::*;

fn samples() -> (Sample, Sample) {
    let switches = |of: &[(i32, u64, u64)]| of.iter().map(|(tid, a, b)| (*tid, (*a, *b))).collect();
    let earlier = Sample {
        pids: vec![1],
        ticks: (70, 90),
        switches: switches(&[(1, 100, 10), (2, 50, 5), (5, 9, 9)]),
        faults: Faults { minor: 1_000, major: 10 },
        ..Sample::default()
    };
    let now = Sample {
        pids: vec![1],
        ticks: (100, 180),
        switches: switches(&[(1, 140, 13), (3, 7, 2), (4, 0, 0)]),
        faults: Faults { minor: 1_300, major: 14 },
        ..Sample::default()
    };
    (earlier, now)
}

fn bracket(cpu: Duration, begin: Sample, end: Sample, group: Option<GroupCpu>) -> ServerBracket {
    ServerBracket { cpu, group, begin, end, memory: Memory::default(), sockets: None }
}

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_difference_is_of_what_lives_now_and_was_there_before() {
    let (earlier, now) = samples();
    let switches = now.switches_since(&earlier);
    assert_eq!((switches.voluntary, switches.involuntary), (40 + 7, 3 + 2));
    assert_eq!(now.threads_ended_since(&earlier), 2);
    assert_eq!(now.threads(), 3);
    let faults = now.faults_since(&earlier);
    assert_eq!((faults.minor, faults.major), (300, 4));
}

#[test]
fn an_account_is_of_what_changed_between_its_samples() {
    let (begin, end) = samples();
    let account = bracket(SECOND, begin, end, None).account(100, SECOND, SECOND * 21 / 20);
    assert_eq!(account.switches.voluntary, 47);
    assert_eq!((account.threads, account.threads_ended), (3, 2));
    // 30 ticks of 120.
    assert_eq!(account.cpu_user_share, Some(0.25));
    assert_eq!(account.cpu_per_request_ns, Some(1e7));
    // A share of the time that really passed between both looks.
    assert!((account.cpu_share - 20.0 / 21.0).abs() < 1e-9, "{}", account.cpu_share);
}

/// With so many processes before and after, and these ticks of living and ended ones.
fn with(
    processes: (i32, i32),
    ticks: (u64, u64),
    ended: u64,
    group_ms: Option<u64>,
) -> ServerBracket {
    let sample = |n: i32, ticks, ticks_ended| Sample {
        pids: (1..=n).collect(),
        ticks,
        ticks_ended,
        ..Sample::default()
    };
    let group = group_ms.map(|ms| {
        let half = Duration::from_millis(ms / 2);
        GroupCpu { total: 2 * half, user: half, system: half }
    });
    let (begin, end) = (sample(processes.0, (0, 0), 0), sample(processes.1, ticks, ended));
    bracket(SECOND, begin, end, group)
}

#[test]
fn one_process_is_alone_only_if_it_is_before_and_after() {
    for (processes, group_ms, expected) in [
        ((1, 1), 1_020, METHOD),
        ((1, 2), 1_020, group::METHOD),
        ((2, 1), 1_020, group::METHOD),
        ((1, 1), 1_060, group::METHOD),
    ] {
        let account = with(processes, (0, 0), 0, Some(group_ms)).account(1, SECOND, SECOND);
        assert_eq!(account.method, expected, "{processes:?}, {group_ms} ms");
    }
}

#[test]
fn ticks_divide_what_they_can() {
    let share = |processes, ticks, ended| {
        with((processes, processes), ticks, ended, None).account(1, SECOND, SECOND).cpu_user_share
    };
    assert_eq!(share(1, (10, 10), 0), Some(0.5), "twenty are enough");
    assert_eq!(share(1, (10, 9), 0), None);
    assert_eq!(share(3, (30, 30), 0), Some(0.5), "twenty each");
    assert_eq!(share(3, (30, 29), 0), None);
    assert_eq!(share(1, (50, 50), 5), Some(0.5), "one in twenty had ended");
    assert_eq!(share(1, (50, 50), 6), None);
}

/// A shell that has burnt time in itself and in a child that ended, and waits now; its parent has
/// done nothing.
fn idle_after_work(command: &mut Command) -> Child {
    let burn = "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done";
    let inner = format!("({burn}); {burn}; echo; read end");
    let outer = format!("sh -c '{inner}'; true");
    command.args(["-c", &outer]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut shell = command.spawn().expect("sh runs");
    let mut ready = [0; 1];
    shell.stdout.as_mut().expect("piped").read_exact(&mut ready).expect("ready");
    shell
}

fn end(mut shell: Child) {
    // The end of its input ends both.
    drop(shell.stdin.take());
    shell.wait().expect("it ends");
}

#[test]
fn a_sample_has_what_living_and_ended_children_did() {
    let shell = idle_after_work(&mut Command::new("sh"));
    let root = i32::try_from(shell.id()).expect("a pid");
    let all = Sample::take(root).expect("it lives");
    let [first, inner] = all.pids[..] else { panic!("two processes: {all:?}") };
    assert_eq!(first, root);
    let own = |pid| cpu_time(pid).expect("it lives");
    assert!(all.cpu > own(root) + own(inner), "with what has ended: {all:?}");
    assert!(all.cpu > 2 * own(root), "and with what lives: {all:?}");
    let stat = |pid| Process::new(pid).and_then(|process| process.stat()).expect("it lives");
    let (a, b) = (stat(root), stat(inner));
    assert_eq!(all.ticks, (a.utime + b.utime, a.stime + b.stime));
    assert!(b.utime > b.stime, "it counted: {b:?}");
    assert!(all.ticks_ended > 0, "a child of the child has ended");
    let faults = a.minflt + a.cminflt + b.minflt + b.cminflt;
    assert_eq!((all.faults.minor, b.cminflt > 0), (faults, true));
    let open = |pid| Process::new(pid).and_then(|process| process.fd_count()).expect("it lives");
    assert_eq!(all.descriptors, Some((open(root) + open(inner)) as u64));
    end(shell);
}

#[test]
fn what_was_used_before_a_measurement_is_not_in_it() {
    let mut command = Command::new("sh");
    let group = Group::around(&mut command);
    let shell = idle_after_work(&mut command);
    let pid = i32::try_from(shell.id()).expect("a pid");
    let mut accountant = Accountant::for_process(pid);
    for phase in [Phase::Warmup, Phase::Measure, Phase::Drain] {
        accountant.watch(Moment::Begins(phase));
    }
    let found = accountant.bracket.expect("a measurement is over");
    assert!(found.cpu < cpu_now(pid) / 2, "it only waited: {found:?}");
    // Where no group can be made there is none to look at.
    if let Some(group) = &group {
        let all = group.account().cpu().expect("an account").total;
        assert!(found.group.expect("its group").total < all / 2, "{found:?} of {all:?}");
    }
    end(shell);
}

/// A number of kB in one of the kernel's files.
fn kilobytes(file: &str, name: &str) -> u64 {
    let text = fs::read_to_string(file).expect("it is there");
    let line = text.lines().find_map(|line| line.strip_prefix(name)).expect("a line");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

#[test]
fn memory_is_in_bytes_and_by_name() {
    let mut sleep = Command::new("sleep").arg("60").spawn().expect("it runs");
    let pid = i32::try_from(sleep.id()).expect("a pid");
    let file = |name: &str| format!("/proc/{pid}/{name}");
    let by_hand = || {
        let rollup = |name| 1024 * kilobytes(&file("smaps_rollup"), name);
        let peak = 1024 * kilobytes(&file("status"), "VmHWM:");
        Memory {
            pss_bytes: rollup("Pss:"),
            anonymous_bytes: rollup("Anonymous:"),
            rss_peak_bytes: peak,
            shares_program: Some(false),
        }
    };
    // It is still being started, and whoever else has its pages comes and goes.
    let deadline = Instant::now() + Duration::from_secs(60);
    while memory(pid) != by_hand() {
        assert!(Instant::now() < deadline, "{:?} and {:?}", memory(pid), by_hand());
    }
    sleep.kill().expect("it is ours");
    sleep.wait().expect("it was killed");
}

#[test]
fn this_process_counts_user_and_system_mode_to_the_nanosecond() {
    let work = protocol::Work { rounds: 20_000, wait: Duration::ZERO, reply_bytes: 0 };
    std::hint::black_box(std::hint::black_box(work).burn());
    let stat = Process::myself().and_then(|process| process.stat()).expect("we live");
    let now = serde_json::to_value(OwnUsage::now()).expect("JSON");
    let ns = |name: &str| u128::from(now[name].as_u64().expect("a number"));
    // Children that were waited for come on top.
    let (user, system) = (ticks_time(stat.utime).as_nanos(), ticks_time(stat.stime).as_nanos());
    assert!(ns("cpu_user_ns") >= user && ns("cpu_system_ns") >= system, "{now}, {stat:?}");
    assert_ne!(ns("cpu_user_ns"), ns("cpu_system_ns"));
}
