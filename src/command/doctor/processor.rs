//! Processors: their number, their availability, their speed, and their idle states.

use super::{Root, Subject, warn_unless};
use crate::base::units::as_f64;
use crate::document::{Finding, Status};

const CPU: &str = "sys/devices/system/cpu";

pub(super) fn probe(root: &Root) -> Vec<Finding> {
    [
        check_processors(root),
        affinity(root),
        quota(root),
        siblings(root),
        governor(root),
        boost(root),
        virtual_machine(root),
        idle(root),
        clock_source(root),
        mitigations(root),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn check_processors(root: &Root) -> Option<Finding> {
    let allowed = root.allowed();
    let subject = Subject {
        name: "processors",
        limit: "4 or more",
        why: "server and generator need separate processors; with two in total, multi-threaded \
            models cannot show how they scale; with one, only CPU per request is comparable",
        mend: "measure on a machine with more processors, or compare CPU per request",
    };
    let status = warn_unless(allowed.len() >= 4);
    (!allowed.is_empty()).then(|| subject.found(status, allowed.len().to_string()))
}

fn affinity(root: &Root) -> Option<Finding> {
    let online = root.online()?;
    let allowed = root.allowed();
    let left_out = online.iter().filter(|cpu| !allowed.contains(cpu)).count();
    let subject = Subject {
        name: "affinity",
        limit: "all that are online",
        why: "an affinity mask or a cpuset excludes some processors, but programs on them still share caches and \
              clock speed",
        mend: "taskset -p $$ shows the mask; widen it, or the container's cpuset",
    };
    let value = format!("{} of {} online processors", allowed.len(), online.len());
    Some(subject.found(warn_unless(left_out == 0), value))
}

fn quota(root: &Root) -> Option<Finding> {
    let limits = root.cgroups("cpu").into_iter().filter_map(|folder| {
        if let Some(text) = root.read(&format!("{folder}/cpu.max")) {
            let (quota, period) = text.split_once(' ')?;
            return Some(as_f64(quota.parse().ok()?) / as_f64(period.parse().ok()?));
        }
        let quota = root.number(&format!("{folder}/cpu.cfs_quota_us"))?;
        let period = root.number(&format!("{folder}/cpu.cfs_period_us"))?;
        Some(as_f64(quota) / as_f64(period.max(1)))
    });
    let least = limits.reduce(f64::min);
    let subject = Subject {
        name: "cpu-quota",
        limit: "none",
        why: "a control group that has used up its quota is paused until the next period, usually \
            100 ms: pauses that are not the server's",
        mend: "start the container without --cpus, or: systemctl set-property --runtime UNIT \
               CPUQuota=",
    };
    Some(match least {
        None => subject.found(Status::Pass, "none"),
        Some(processors) => {
            subject.found(Status::Fail, format!("{processors:.2} processors' time"))
        }
    })
}

fn siblings(root: &Root) -> Option<Finding> {
    let allowed = root.allowed();
    let siblings = |cpu: &usize| {
        let list = root.read(&format!("{CPU}/cpu{cpu}/topology/thread_siblings_list"))?;
        crate::base::units::parse_cpus(&list).ok()
    };
    let first = allowed.iter().find_map(siblings)?;
    let shared: Vec<String> = allowed
        .iter()
        .filter_map(siblings)
        .filter(|list| list.iter().filter(|cpu| allowed.contains(cpu)).count() > 1)
        .map(|list| list.iter().map(ToString::to_string).collect::<Vec<_>>().join("+"))
        .collect();
    let subject = Subject {
        name: "siblings",
        limit: "one thread of each core",
        why: "two hardware threads share a core's units: a server beside a busy sibling is slower",
        mend: "pin server and generator to different cores with --cpus, or: echo off > \
            /sys/devices/system/cpu/smt/control",
    };
    let threads = first.len();
    Some(match shared.first() {
        None => subject.found(Status::Pass, format!("cores with {threads} thread(s), one used")),
        Some(pair) => subject.found(Status::Warn, format!("{pair} are threads of one core")),
    })
}

fn governor(root: &Root) -> Option<Finding> {
    let governor = root.governor()?;
    let subject = Subject {
        name: "governor",
        limit: "performance",
        why: "the clock frequency follows the load: a mostly idle server runs slowly, and CPU time \
            does not measure work",
        mend: "cpupower frequency-set -g performance",
    };
    Some(subject.found(warn_unless(governor == "performance"), governor))
}

fn boost(root: &Root) -> Option<Finding> {
    let on = root.turbo()?;
    let subject = Subject {
        name: "boost",
        limit: "off",
        why: "boost depends on temperature and on the other processors, so it differs between \
            trials",
        mend: "echo 0 > /sys/devices/system/cpu/cpufreq/boost, or with Intel: echo 1 > \
               /sys/devices/system/cpu/intel_pstate/no_turbo",
    };
    Some(subject.found(warn_unless(!on), if on { "on" } else { "off" }))
}

fn virtual_machine(root: &Root) -> Option<Finding> {
    let guest = root.is_virtual()?;
    let subject = Subject {
        name: "virtual-machine",
        limit: "none",
        why: "waking an idle processor goes through the hypervisor, which can cost more than a \
            small request; other guests interfere, and clocks may be emulated",
        mend: "compare models on this machine only, and use CPU per request beside latency",
    };
    let value = if guest { "yes" } else { "no" };
    Some(subject.found(warn_unless(!guest), value))
}

/// A processor that needs longer to wake shows it in every latency at low load.
const EXIT_LATENCY_US: u64 = 50;

fn idle(root: &Root) -> Option<Finding> {
    let driver = root.read(&format!("{CPU}/cpuidle/current_driver"))?;
    let governor = root.read(&format!("{CPU}/cpuidle/current_governor")).unwrap_or_default();
    let halt_poll = root.number("sys/module/haltpoll/parameters/guest_halt_poll_ns");
    let states = root.names(&format!("{CPU}/cpu0/cpuidle"));
    let state =
        |name: &String, what: &str| root.number(&format!("{CPU}/cpu0/cpuidle/{name}/{what}"));
    let deepest = states
        .iter()
        .filter(|name| state(name, "disable") != Some(1))
        .filter_map(|name| state(name, "latency"))
        .max();
    let guest = root.is_virtual() == Some(true);
    // A guest without a driver halts at once, and only the hypervisor can wake it.
    let polls = !guest || (driver == "haltpoll" && halt_poll != Some(0));
    let deep = deepest.is_some_and(|latency| latency > EXIT_LATENCY_US);
    let subject = Subject {
        name: "idle",
        limit: "polls before it halts; no idle state with an exit latency above 50 us",
        why: "at low load a request finds an idle processor, and its wake-up is part of every \
            model's latency",
        mend: if guest {
            "modprobe cpuidle-haltpoll, and echo 200000 > \
             /sys/module/haltpoll/parameters/guest_halt_poll_ns"
        } else {
            "cpupower idle-set -D 50"
        },
    };
    let mut value = format!("driver {driver}, governor {governor}");
    if let Some(latency) = deepest {
        value = format!("{value}, {latency} us to leave the deepest state");
    }
    if let Some(poll) = halt_poll.filter(|_| guest) {
        value = format!("{value}, guest_halt_poll_ns {poll}");
    }
    Some(subject.found(warn_unless(polls && !deep), value))
}

fn clock_source(root: &Root) -> Option<Finding> {
    let source = root.clock_source()?;
    let subject = Subject {
        name: "clocksource",
        limit: "read without a system call: tsc, kvm-clock, arch_sys_counter",
        why: "every request takes several timestamps; with another clock source each is a slow \
            system call",
        mend: "echo tsc > /sys/devices/system/clocksource/clocksource0/current_clocksource",
    };
    let quick = ["tsc", "kvm-clock", "arch_sys_counter", "hyperv_clocksource_tsc_page"];
    let status = if quick.contains(&source.as_str()) { Status::Pass } else { Status::Fail };
    Some(subject.found(status, source))
}

fn mitigations(root: &Root) -> Option<Finding> {
    let told = root.mitigations();
    let on = told.values().filter(|text| text.starts_with("Mitigation")).count();
    let subject = Subject {
        name: "mitigations",
        limit: "the same on all machines that are compared",
        why: "they make system calls and context switches more expensive, so machines with \
            different mitigations are not comparable",
        mend: "",
    };
    let value = format!("on for {on} of {} vulnerabilities", told.len());
    (!told.is_empty()).then(|| subject.found(Status::Pass, value))
}
