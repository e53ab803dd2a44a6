//! A server's accounts around a measurement.

use std::net::SocketAddr;
use std::time::Duration;

use loadgen::{Moment, Phase};

use super::cpu::{self, in_ticks};
use super::group;
use super::{GroupAccount, GroupCpu, PortStates, Sample, cpu_now, port_states};
use crate::base::units::{as_f64, ns};
use crate::document::{CpuSplit, Memory, PortSockets, ServerAccount};

/// CPU time of a control group below which the kernel's clock ticks are too few to divide it.
const GROUP_LEAST: Duration = Duration::from_millis(100);
/// Clock ticks below which what an account rounds off, and the chance of where a tick falls, is too much.
const TICKS_LEAST: u64 = 20;
/// The part of their processors' ticks that others may have, beside [`TICKS_APART`].
const OTHERS_MOST: u64 = 10;
/// Ticks by which two accounts can be apart because they are rounded and read one after the other.
const TICKS_APART: u64 = 2;

/// More than a group's account and a process's clock can be apart by clock ticks alone.
const LAG: Duration = Duration::from_millis(40);

/// The part of a measurement by which its edges may be looked at too late.
const LATE_MOST: u32 = 10;

/// The server's accounts around the measurement.
#[derive(Clone, Debug)]
pub struct ServerBracket {
    /// CPU time between the edges of the measurement, by the clocks of its processes.
    pub cpu: Duration,
    /// The same by the account of its control group, where it has one.
    pub group: Option<GroupCpu>,
    /// Everything, when the warm-up began: reading it takes too long for the edge itself.
    pub begin: Sample,
    /// Everything, at the end of the measurement.
    pub end: Sample,
    /// The server's memory then.
    pub memory: Memory,
    /// The sockets of its port then, where the port is known. Only then: the kernel walks all of its table to
    /// tell, and before the measurement that would be part of the warm-up.
    pub sockets: Option<PortStates>,
}

/// Reads a server's accounts while it is loaded.
#[derive(Debug)]
pub struct Accountant {
    pid: i32,
    address: Option<SocketAddr>,
    group: Option<GroupAccount>,
    begin: Option<Sample>,
    edge: (Duration, Option<GroupCpu>),
    /// The results, once the measurement is over.
    pub bracket: Option<ServerBracket>,
}

impl Accountant {
    /// Of the server whose first process has this process id.
    #[must_use]
    pub fn for_process(pid: i32) -> Self {
        let group = GroupAccount::read_from(pid);
        Self { pid, address: None, group, begin: None, edge: (Duration::ZERO, None), bracket: None }
    }

    /// Looks at the sockets of the address where it listens, too.
    #[must_use]
    pub fn listening_on(self, address: SocketAddr) -> Self {
        Self { address: Some(address), ..self }
    }

    /// To be called with every moment of a load.
    pub fn watch(&mut self, moment: Moment) {
        match moment {
            Moment::Begins(Phase::Warmup) => {
                self.begin = Sample::take(self.pid).ok();
            }
            Moment::Begins(Phase::Measure) => self.edge = self.cpu(),
            Moment::Begins(Phase::Drain) => {
                // The clocks first: what is read after them takes time. The connections stay until
                // this returns.
                let (cpu, group) = self.cpu();
                let sockets = self.sockets();
                let end = Sample::take(self.pid).ok();
                let memory = super::memory(self.pid);
                self.bracket = self.begin.take().zip(end).map(|(begin, end)| ServerBracket {
                    cpu: cpu.saturating_sub(self.edge.0),
                    group: group.zip(self.edge.1).map(|(now, then)| now.since(then)),
                    begin,
                    end,
                    memory,
                    sockets,
                });
            }
            _ => {}
        }
    }

    fn cpu(&self) -> (Duration, Option<GroupCpu>) {
        (cpu_now(self.pid), self.group.as_ref().and_then(GroupAccount::cpu))
    }

    fn sockets(&self) -> Option<PortStates> {
        port_states(self.pid, self.address?)
    }
}

impl ServerBracket {
    /// As it is written down, for so many correct replies in a measurement of that length, whose edges
    /// were looked at so far apart. On a machine that is too busy to look in time they are not those of
    /// the replies, and then nobody knows what one of them cost.
    #[must_use]
    pub fn account(&self, replies: u64, measured: Duration, elapsed: Duration) -> ServerAccount {
        let Self { begin, end, .. } = self;
        let (cpu, method) = self.total();
        let in_time = measured.abs_diff(elapsed) <= measured / LATE_MOST;
        let (split, missing) = match self.split() {
            Ok(split) => (Some(split), None),
            Err(why) => (None, Some(why)),
        };
        let share = |split: &CpuSplit| {
            as_f64(split.user_ns) / as_f64(split.user_ns + split.system_ns).max(1.0)
        };
        ServerAccount {
            cpu_ns: ns(cpu),
            cpu_user_share: split.as_ref().map(share),
            cpu_split: split,
            cpu_split_missing: missing,
            cpu_per_request_ns: (replies > 0 && in_time).then(|| as_f64(ns(cpu)) / as_f64(replies)),
            cpu_share: cpu.as_secs_f64() / elapsed.as_secs_f64().max(1e-9),
            memory: self.memory,
            switches: end.switches_since(begin),
            threads_ended: end.threads_ended_since(begin),
            faults: Some(end.faults_since(begin)),
            threads: end.threads(),
            processes: end.pids.len() as u64,
            descriptors: end.descriptors,
            sockets: self.sockets.clone().map(written),
            tcp: end.tcp_since(begin),
            method: method.into(),
        }
    }

    /// The clock of a single process is exact to the nanosecond. Of several, some may end unseen, and
    /// whoever ignores SIGCHLD never has its children's time; the group has all, and lags by a
    /// clock tick at most. If it has more than a single process's clock, there were others between both looks.
    fn total(&self) -> (Duration, &'static str) {
        let alone = self.begin.pids.len() == 1 && self.end.pids.len() == 1;
        match self.group {
            Some(group) if !alone || group.total > self.cpu + LAG => (group.total, group::METHOD),
            _ => (self.cpu, cpu::METHOD),
        }
    }

    /// User mode and system mode, or why they are unknown.
    fn split(&self) -> Result<CpuSplit, String> {
        match self.group {
            Some(group) => of_group(group),
            None => of_ticks(self.cpu, &self.begin, &self.end),
        }
    }
}

/// Clock ticks in user mode and in the kernel.
type Ticks = (u64, u64);

fn written(PortStates { states, accept_queue, method }: PortStates) -> PortSockets {
    PortSockets { states, accept_queue, method: Some(method.into()) }
}

fn of_group(group: GroupCpu) -> Result<CpuSplit, String> {
    if group.total < GROUP_LEAST {
        let (used, least) = (group.total.as_millis(), GROUP_LEAST.as_millis());
        return Err(format!(
            "the server used {used} ms of CPU time; the split into user and kernel is sampled at \
             clock ticks and needs {least} ms; measure for longer"
        ));
    }
    let source = "control group (cpu.stat)".into();
    Ok(CpuSplit { user_ns: ns(group.user), system_ns: ns(group.system), source })
}

/// Each process's own account is cut to whole ticks, in either mode, so short ones have none; those of the
/// processors are whole, and the server's if nobody else was there.
fn of_ticks(cpu: Duration, begin: &Sample, end: &Sample) -> Result<CpuSplit, String> {
    let since =
        |now: Ticks, then: Ticks| (now.0.saturating_sub(then.0), now.1.saturating_sub(then.1));
    let own = since(end.ticks, begin.ticks);
    let ended = end.ticks_ended.saturating_sub(begin.ticks_ended);
    let (all, processes) = (own.0 + own.1, end.pids.len() as u64);
    let divided = |(user, system): Ticks, source: &str| {
        let user = cpu.mul_f64(as_f64(user) / as_f64(user + system));
        let source = source.into();
        CpuSplit { user_ns: ns(user), system_ns: ns(cpu.saturating_sub(user)), source }
    };
    if all >= TICKS_LEAST * processes && ended <= all / 20 {
        return Ok(divided(own, "clock ticks of the living processes (/proc/PID/stat)"));
    }
    let used = in_ticks(end.cpu.saturating_sub(begin.cpu));
    if used < TICKS_LEAST {
        return Err(format!(
            "the server used {used} clock ticks of CPU time; the split into user and kernel needs \
             {TICKS_LEAST}; measure for longer"
        ));
    }
    let whose = format!(
        "its {processes} processes had {all} clock ticks (and {ended} more processes had ended)"
    );
    let theirs = end.processors.zip(begin.processors).map(|(now, then)| since(now, then));
    let Some(theirs) = theirs else {
        return Err(format!("{whose}: too few; measure for longer"));
    };
    let busy = theirs.0 + theirs.1;
    if busy.abs_diff(used) > used / OTHERS_MOST + TICKS_APART {
        return Err(format!(
            "{whose}, too few; its processors were busy for {busy} while the server used {used}, so other programs \
             ran there: pin the server to processors of its own"
        ));
    }
    Ok(divided(theirs, "clock ticks of the processors that the server had for itself (/proc/stat)"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: Duration = Duration::from_secs(2);

    fn sample(pids: i32, ticks: Ticks, ticks_ended: u64) -> Sample {
        Sample { pids: (1..=pids).collect(), ticks, ticks_ended, ..Sample::default() }
    }

    fn bracket(processes: i32, ticks: Ticks, group: Option<GroupCpu>) -> ServerBracket {
        ServerBracket {
            cpu: Duration::from_secs(2),
            group,
            begin: sample(processes, (0, 0), 0),
            end: Sample { cpu: TWO, ..sample(processes, ticks, 0) },
            memory: Memory::default(),
            sockets: None,
        }
    }

    fn group(user_ms: u64, system_ms: u64) -> GroupCpu {
        let ms = Duration::from_millis;
        GroupCpu { total: ms(user_ms + system_ms), user: ms(user_ms), system: ms(system_ms) }
    }

    #[test]
    fn many_short_processes_have_no_share_rather_than_a_wrong_one() {
        let account = bracket(64, (0, 0), None).account(1, TWO, TWO);
        assert_eq!((account.cpu_user_share, account.cpu_split.clone()), (None, None));
        assert!(account.cpu_split_missing.expect("a reason").contains("64 processes"));
        // With a group they have one, and their CPU time comes from it.
        let account = bracket(64, (0, 0), Some(group(300, 900))).account(1, TWO, TWO);
        assert_eq!(account.cpu_user_share, Some(0.25));
        assert_eq!((account.cpu_ns, account.cpu_split_missing), (1_200_000_000, None));
    }

    #[test]
    fn one_process_keeps_its_clock_and_is_divided_by_whoever_can() {
        let (two, second) = (2_000_000_000, Duration::from_secs(1));
        let account = bracket(1, (50, 150), None).account(4, second, second);
        assert_eq!((account.cpu_ns, account.cpu_user_share), (two, Some(0.25)));
        assert_eq!(account.cpu_per_request_ns, Some(5e8));
        let account = bracket(1, (0, 0), Some(group(1_000, 1_000))).account(0, second, second);
        assert_eq!((account.cpu_ns, account.cpu_user_share), (two, Some(0.5)));
        assert_eq!(account.cpu_per_request_ns, None);
    }

    #[test]
    fn who_came_and_went_between_both_looks_is_in_the_groups_account() {
        let account = bracket(1, (0, 0), Some(group(900, 1_110))).account(1, TWO, TWO);
        assert_eq!((account.cpu_ns, &account.method[..]), (2_000_000_000, cpu::METHOD));
        let account = bracket(1, (0, 0), Some(group(2_000, 1_000))).account(1, TWO, TWO);
        assert_eq!((account.cpu_ns, &account.method[..]), (3_000_000_000, group::METHOD));
    }

    #[test]
    fn too_few_ticks_divide_nothing() {
        let short = Sample { cpu: Duration::from_millis(190), ..sample(1, (9, 10), 0) };
        for account in [
            ServerBracket { end: short, ..bracket(1, (0, 0), None) },
            bracket(1, (0, 0), Some(group(10, 10))),
            ServerBracket { end: sample(1, (50, 50), 90), ..bracket(1, (0, 0), None) },
        ] {
            let account = account.account(1, TWO, TWO);
            assert_eq!(account.cpu_user_share, None);
            assert!(account.cpu_split_missing.is_some());
        }
        let enough = ServerBracket { end: sample(1, (8, 12), 0), ..bracket(1, (0, 0), None) };
        assert_eq!(enough.account(1, TWO, TWO).cpu_user_share, Some(0.4));
    }

    #[test]
    fn many_short_processes_are_divided_as_their_processors_are_if_nobody_else_was_there() {
        let share = |processors: (Ticks, Ticks)| {
            let mut bracket = bracket(64, (3, 4), None);
            (bracket.begin.processors, bracket.end.processors) =
                (Some(processors.0), Some(processors.1));
            bracket.account(1, TWO, TWO)
        };
        // Two seconds are two hundred ticks; a tenth and two more may be somebody else's.
        let alone = share(((1_000, 3_000), (1_055, 3_165)));
        assert_eq!((alone.cpu_user_share, alone.cpu_ns), (Some(0.25), 2_000_000_000));
        assert!(alone.cpu_split.expect("a share has it").source.contains("/proc/stat"));
        for others in [((0, 0), (60, 163)), ((0, 0), (80, 97))] {
            let account = share(others);
            assert_eq!(account.cpu_user_share, None, "{others:?}");
            let why = account.cpu_split_missing.expect("a reason");
            assert!(why.contains("other programs ran there"), "{why}");
        }
    }

    #[test]
    fn edges_that_were_looked_at_too_late_have_no_cost_for_each_request() {
        let bracket = bracket(1, (0, 0), None);
        assert!(bracket.account(4, TWO, TWO * 11 / 10).cpu_per_request_ns.is_some());
        assert_eq!(bracket.account(4, TWO, TWO / 100).cpu_per_request_ns, None);
        assert_eq!(bracket.account(4, TWO, TWO * 2).cpu_per_request_ns, None);
    }
}
