//! A clock that hardly moves, for a stepped thread: the stepper writes its readings in place of the
//! vDSO.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use anyhow::{Context, Result};
use nix::sys::ptrace;
use nix::time::{ClockId, clock_gettime};
use nix::unistd::Pid;

/// About the time that a turn of a fast loop takes.
pub(super) const TICK_NS: i64 = 1_000;

const NS_PER_S: i64 = 1_000_000_000;

/// The last reading of each slow clock.
#[derive(Default)]
pub(super) struct SlowClock {
    /// In nanoseconds, by the clock's number.
    shown: HashMap<u64, i64>,
}

impl SlowClock {
    /// Answers a thread that is about to enter the vDSO, in place of it. The call must be
    /// `clock_gettime`, the only one that a thread with a slow clock makes there.
    pub(super) fn answer(&mut self, pid: Pid) -> Result<()> {
        let call = VdsoCall::entered(pid)?;
        let clock = i32::try_from(call.clock).ok().filter(|clock| (0..16).contains(clock));
        let clock =
            ClockId::from_raw(clock.context("the call into the vDSO was not clock_gettime")?);
        let shown = match self.shown.entry(call.clock) {
            Entry::Occupied(mut shown) => {
                *shown.get_mut() += TICK_NS;
                *shown.get()
            }
            Entry::Vacant(first) => {
                let now = clock_gettime(clock).context("no such clock")?;
                *first.insert(now.tv_sec() * NS_PER_S + now.tv_nsec())
            }
        };
        for (at, part) in [shown / NS_PER_S, shown % NS_PER_S].into_iter().enumerate() {
            let address = call.timespec + (at * size_of::<i64>()) as u64;
            ptrace::write(pid, address as ptrace::AddressType, part)?;
        }
        Ok(call.give_back(pid)?)
    }
}

/// `clock_gettime(clock, timespec)`, about to begin.
struct VdsoCall {
    clock: u64,
    timespec: u64,
    registers: libc::user_regs_struct,
}

#[cfg(target_arch = "x86_64")]
impl VdsoCall {
    fn entered(pid: Pid) -> nix::Result<Self> {
        let registers = ptrace::getregs(pid)?;
        Ok(Self { clock: registers.rdi, timespec: registers.rsi, registers })
    }

    /// Returns 0 to the caller.
    fn give_back(mut self, pid: Pid) -> nix::Result<()> {
        let back = ptrace::read(pid, self.registers.rsp as ptrace::AddressType)?;
        self.registers.rip = back.cast_unsigned();
        self.registers.rsp += 8;
        self.registers.rax = 0;
        ptrace::setregs(pid, self.registers)
    }
}

#[cfg(target_arch = "aarch64")]
impl VdsoCall {
    fn entered(pid: Pid) -> nix::Result<Self> {
        let registers = ptrace::getregs(pid)?;
        Ok(Self { clock: registers.regs[0], timespec: registers.regs[1], registers })
    }

    /// Returns 0 to the caller.
    fn give_back(mut self, pid: Pid) -> nix::Result<()> {
        self.registers.pc = self.registers.regs[30];
        self.registers.regs[0] = 0;
        ptrace::setregs(pid, self.registers)
    }
}
