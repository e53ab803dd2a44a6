//! Counts user-mode instructions one by one: each thread stops after every instruction and is resumed
//! (ptrace(2), single step). This is slow, but exact even on a busy machine. It needs no counters in the
//! processor, does not change the counted code, and follows threads and children. A system call is counted
//! when it is the next instruction.
//!
//! The stepper does not count the instructions of the vDSO, the code that the kernel lends to every process for
//! reading clocks, but the number of times it is entered. That code starts again when the clock moves on
//! meanwhile, which happens often to a thread that is stepped.
//!
//! While each instruction takes microseconds, a thread that does something ten times a second would do little
//! else. For such a thread the stepper can slow the clock down: it writes the readings ([`Clock::Slow`]).

mod slow;

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};
use c10k::{accounts, machine};
use nix::errno::Errno;
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use procfs::process::{MMapPath, Process, Task};
use slow::SlowClock;

/// How long to wait for stepped threads. A step takes some microseconds, and much longer on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(600);
/// The time between two looks at whether all threads sleep, and how many looks in a row must find them asleep.
const LOOK: Duration = Duration::from_millis(1);
const LOOKS: u32 = 3;

/// Whose instructions are counted.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Scope {
    /// A process, its descendants, and all that they will start.
    Tree(i32),
    /// One thread of a process.
    Thread { process: i32, thread: i32 },
}

/// The clock that the counted threads read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Clock {
    Real,
    /// Starts at the real time and advances by [`slow::TICK_NS`] with each reading, as if the code between
    /// two readings took that long. Waits in the kernel last as long as usual.
    Slow,
}

/// What was counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count {
    /// Instructions outside of the vDSO.
    pub(crate) instructions: u64,
    /// How often the vDSO was entered: the number of clock readings.
    pub(crate) clock_reads: u64,
    /// System calls that were begun, by number.
    pub(crate) syscalls: BTreeMap<u64, u64>,
}

impl Count {
    /// What was counted since an earlier count.
    pub(crate) fn since(&self, before: &Self) -> Self {
        let syscalls = self.syscalls.iter().map(|(call, times)| {
            (*call, times - before.syscalls.get(call).copied().unwrap_or_default())
        });
        Self {
            instructions: self.instructions - before.instructions,
            clock_reads: self.clock_reads - before.clock_reads,
            syscalls: syscalls.filter(|(_, times)| *times > 0).collect(),
        }
    }
}

/// Counts from when it is attached. Dropping it kills the counted processes, and so does the end of this program.
pub(crate) struct Stepper {
    scope: Scope,
    counted: Arc<Mutex<Counted>>,
    thread: Option<JoinHandle<Result<()>>>,
}

#[derive(Default)]
struct Counted {
    all: Count,
    /// A system call, and the count at each time that it was the next instruction.
    marked: Option<(u64, Vec<Count>)>,
}

impl Stepper {
    /// Attaches and steps from now on, on this processor. It is best that of the counted threads, because stepper
    /// and threads take turns.
    ///
    /// # Errors
    /// If this machine does not allow tracing.
    pub(crate) fn attach(scope: Scope, cpu: usize, clock: Clock) -> Result<Self> {
        let counted = Arc::default();
        let (sender, attached) = sync_channel(1);
        let for_thread = Arc::clone(&counted);
        // Only the thread that has attached to a process can step it.
        let thread = thread::Builder::new()
            .name("stepper".into())
            .spawn(move || step((scope, cpu, clock), &for_thread, &sender))
            .context("cannot start a thread to count instructions")?;
        let stepper = Self { scope, counted, thread: Some(thread) };
        attached.recv().map_err(|_| anyhow!("the counting thread has ended"))??;
        Ok(stepper)
    }

    /// The count, once all counted threads are asleep.
    ///
    /// # Errors
    /// If they do not fall asleep, or if counting has ended.
    pub(crate) fn settled(&self) -> Result<Count> {
        let deadline = Instant::now() + PATIENCE;
        let mut seen = (self.count(), 0);
        while seen.1 < LOOKS {
            let over = self.thread.as_ref().is_none_or(JoinHandle::is_finished);
            ensure!(!over, "the counted process has ended");
            ensure!(Instant::now() < deadline, "the counted process does not come to rest");
            thread::sleep(LOOK);
            let asleep = self.scope.is_asleep();
            let count = self.count();
            let looks = if asleep && count == seen.0 { seen.1 + 1 } else { 0 };
            seen = (count, looks);
        }
        Ok(seen.0)
    }

    /// The counts of this many turns of a loop that never sleeps. A turn lasts from one system call of this
    /// number to the next.
    ///
    /// # Errors
    /// If the loop makes too few turns in time, or if counting has ended.
    pub(crate) fn turns(&self, call: u64, turns: usize) -> Result<Vec<Count>> {
        lock(&self.counted).marked = Some((call, Vec::new()));
        let deadline = Instant::now() + PATIENCE;
        loop {
            let over = self.thread.as_ref().is_none_or(JoinHandle::is_finished);
            ensure!(!over, "the counted process has ended");
            ensure!(Instant::now() < deadline, "the counted process makes no turn");
            thread::sleep(LOOK);
            let mut counted = lock(&self.counted);
            if let Some((_, marks)) = counted.marked.take_if(|(_, marks)| marks.len() > turns) {
                let pairs = marks.windows(2).take(turns);
                return Ok(pairs.map(|pair| pair[1].since(&pair[0])).collect());
            }
        }
    }

    fn count(&self) -> Count {
        lock(&self.counted).all.clone()
    }
}

fn lock(counted: &Mutex<Counted>) -> MutexGuard<'_, Counted> {
    counted.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for Stepper {
    fn drop(&mut self) {
        let pids = match self.scope {
            Scope::Tree(root) => accounts::tree(root).iter().map(Process::pid).collect(),
            Scope::Thread { process, .. } => vec![process],
        };
        for pid in pids {
            // It may have ended already.
            let _ = nix::sys::signal::kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Scope {
    fn process(self) -> i32 {
        match self {
            Self::Tree(process) | Self::Thread { process, .. } => process,
        }
    }

    /// The threads in scope that have not ended.
    fn threads(self) -> Vec<Task> {
        let processes = match self {
            Self::Tree(root) => accounts::tree(root),
            Self::Thread { process, .. } => Process::new(process).into_iter().collect(),
        };
        let tasks = processes.iter().flat_map(|process| process.tasks().into_iter().flatten());
        let wanted = |task: &Task| match self {
            Self::Tree(_) => task.stat().is_ok_and(|stat| !matches!(stat.state, 'Z' | 'X')),
            Self::Thread { thread, .. } => task.tid == thread,
        };
        tasks.flatten().filter(wanted).collect()
    }

    /// Whether all threads sleep in the kernel: none runs, and none is stopped before a step.
    fn is_asleep(self) -> bool {
        self.threads().iter().all(|task| task.stat().is_ok_and(|stat| stat.state == 'S'))
    }
}

impl Counted {
    /// Counts the instruction before which a thread has stopped. Returns whether it is in the vDSO.
    fn step(&mut self, next: &Next, vdso: &Range<u64>, was_inside: bool) -> bool {
        let inside = vdso.contains(&next.at);
        if !inside {
            self.all.instructions += 1;
        } else if !was_inside {
            self.all.clock_reads += 1;
        }
        if let Some(call) = next.syscall {
            *self.all.syscalls.entry(call).or_default() += 1;
            if let Some((_, marks)) = self.marked.as_mut().filter(|(marked, _)| *marked == call) {
                marks.push(self.all.clone());
            }
        }
        inside
    }
}

/// The counting thread.
fn step(
    (scope, cpu, clock): (Scope, usize, Clock),
    counted: &Mutex<Counted>,
    attached: &SyncSender<Result<()>>,
) -> Result<()> {
    let vdso = match machine::pin(&[cpu]).and_then(|()| attach(scope)) {
        Ok(vdso) => vdso,
        Err(why) => return attached.send(Err(why)).context("no thread waits for the stepper"),
    };
    attached.send(Ok(())).context("no thread waits for the stepper")?;
    // Whether each thread is in the vDSO.
    let mut inside: HashMap<Pid, bool> = HashMap::new();
    let mut slow = (clock == Clock::Slow).then(SlowClock::default);
    let flags = WaitPidFlag::__WALL | WaitPidFlag::__WNOTHREAD;
    loop {
        let (pid, signal) = match waitpid(None, Some(flags)) {
            // The end of a step: nothing else here raises this signal.
            Ok(WaitStatus::Stopped(pid, Signal::SIGTRAP)) => {
                if let Ok(next) = Next::next_stop(pid) {
                    let was = inside.entry(pid).or_default();
                    let entered = !*was && vdso.contains(&next.at);
                    *was = lock(counted).step(&next, &vdso, *was);
                    if let Some(slow) = slow.as_mut().filter(|_| entered) {
                        // The thread is back at the instruction after its call of the vDSO.
                        slow.answer(pid).context("cannot write a slow clock reading")?;
                        *was = lock(counted).step(&Next::next_stop(pid)?, &vdso, true);
                    }
                }
                (pid, None)
            }
            Ok(WaitStatus::Stopped(pid, signal)) => (pid, Some(signal)),
            // A thread was attached to, or has started another one.
            Ok(WaitStatus::PtraceEvent(pid, ..)) => (pid, None),
            Ok(_) | Err(Errno::EINTR) => continue,
            // All threads have ended.
            Err(Errno::ECHILD) => return Ok(()),
            Err(error) => return Err(error).context("cannot wait for a step"),
        };
        match ptrace::step(pid, signal) {
            // ESRCH: the thread was killed meanwhile.
            Ok(()) | Err(Errno::ESRCH) => {}
            Err(error) => bail!("cannot step: {error}"),
        }
    }
}

/// Attaches to all threads, and returns the addresses of the vDSO.
fn attach(scope: Scope) -> Result<Range<u64>> {
    let maps = Process::new(scope.process())?.maps().context("cannot see its memory map")?;
    let vdso = maps.into_iter().find(|map| map.pathname == MMapPath::Vdso);
    let options = Options::PTRACE_O_EXITKILL
        | match scope {
            Scope::Tree(_) => {
                Options::PTRACE_O_TRACECLONE
                    | Options::PTRACE_O_TRACEFORK
                    | Options::PTRACE_O_TRACEVFORK
            }
            Scope::Thread { .. } => Options::empty(),
        };
    let mut known = Vec::new();
    loop {
        let found = scope.threads().into_iter().map(|task| Pid::from_raw(task.tid));
        let new: Vec<_> = found.filter(|tid| !known.contains(tid)).collect();
        if new.is_empty() {
            ensure!(!known.is_empty(), "there is no thread to count");
            return Ok(vdso.map_or(0..0, |map| map.address.0..map.address.1));
        }
        for tid in new {
            match ptrace::seize(tid, options) {
                Ok(()) => ptrace::interrupt(tid).context("cannot stop a thread")?,
                // A traced thread has started this one, so it is traced already. ESRCH: it has ended.
                Err(Errno::EPERM) if is_traced(tid) => {}
                Err(Errno::ESRCH) => {}
                Err(error) => bail!(
                    "cannot count instructions: ptrace: {error}; allow tracing for this user \
                     (kernel.yama.ptrace_scope, or CAP_SYS_PTRACE in a container)"
                ),
            }
            known.push(tid);
        }
    }
}

fn is_traced(tid: Pid) -> bool {
    let own = i32::try_from(std::process::id()).expect("process ids fit");
    // `TracerPid` is the id of a thread, so look for it among the threads of this process.
    let tracer = Process::new(tid.as_raw()).and_then(|process| process.status());
    tracer.is_ok_and(|status| {
        status.tracerpid != 0
            && Process::new(own).and_then(|own| own.task_from_tid(status.tracerpid)).is_ok()
    })
}

/// Where a thread has stopped.
struct Next {
    /// The next instruction.
    at: u64,
    /// If that is a system call, its number.
    syscall: Option<u64>,
}

#[cfg(target_arch = "x86_64")]
impl Next {
    fn next_stop(pid: Pid) -> nix::Result<Self> {
        let registers = ptrace::getregs(pid)?;
        let bytes = ptrace::read(pid, registers.rip as ptrace::AddressType)?.to_le_bytes();
        // syscall
        let is_call = bytes[..2] == [0x0f, 0x05];
        Ok(Self { at: registers.rip, syscall: is_call.then_some(registers.rax) })
    }
}

#[cfg(target_arch = "aarch64")]
impl Next {
    fn next_stop(pid: Pid) -> nix::Result<Self> {
        let registers = ptrace::getregs(pid)?;
        let bytes = ptrace::read(pid, registers.pc as ptrace::AddressType)?.to_le_bytes();
        // svc #0
        let is_call = bytes[..4] == [0x01, 0x00, 0x00, 0xd4];
        Ok(Self { at: registers.pc, syscall: is_call.then_some(registers.regs[8]) })
    }
}
