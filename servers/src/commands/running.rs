//! A running command. Its output and its end are descriptors to wait for; nothing here waits.
//!
//! The command has its own process group. The group is killed when the command ends, when its time
//! or its output limit is reached, and when the client has left. A process that has left the group
//! is out of reach.

use std::ffi::{CStr, CString};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::ptr;
use std::time::{Duration, Instant};

use rustix::io::{Errno, ioctl_fionbio, read, retry_on_intr};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, kill_process_group, pidfd_open, waitid,
};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};

use super::allowed::Command;
use super::left;

/// The limits of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The longest that it may run.
    pub time: Duration,
    /// The most bytes that it may write.
    pub output: u64,
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// By itself, with this exit code.
    Exit(i32),
    /// By this signal, which was not ours.
    Signal(i32),
    /// It was killed because its time was over.
    Time,
    /// It was killed because it wrote too much.
    Output,
}

/// How far it went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advance {
    /// So many bytes of what it wrote are at the start of the space that was offered.
    Printed(usize),
    /// It has to be waited for: until one of [`Running::watched`] is readable.
    Blocked,
    /// It has ended, and everything it wrote was read.
    Ended(End),
}

/// A command that was started. It is killed when this is dropped.
#[derive(Debug)]
pub struct Running {
    pid: Pid,
    process: OwnedFd,
    /// Where its output comes out, standard output and standard error together; `None` after its end.
    output: Option<OwnedFd>,
    /// Readable when its time is over.
    timer: OwnedFd,
    time_is_over_at: Instant,
    /// Bytes that it may still write.
    room: u64,
    /// Why it was killed.
    killed: Option<End>,
    /// Whether it has ended. It is not reaped then: its group keeps its number until that is killed.
    ended: bool,
    reaped: bool,
}

impl Running {
    /// Starts a command.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn start(command: &Command, limits: Limits) -> io::Result<Self> {
        let timer_flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
        let timer = timerfd_create(TimerfdClockId::Monotonic, timer_flags)?;
        let time = Timespec::try_from(limits.time).map_err(io::Error::other)?;
        let none = Timespec { tv_sec: 0, tv_nsec: 0 };
        let once = Itimerspec { it_interval: none, it_value: time };
        timerfd_settime(&timer, TimerfdTimerFlags::empty(), &once)?;
        let (output, theirs) = pipe_with(PipeFlags::CLOEXEC)?;
        // This end alone: the two ends are two descriptions.
        ioctl_fionbio(&output, true)?;
        let time_is_over_at = Instant::now() + limits.time;
        let pid = spawn(command, &theirs)?;
        drop(theirs);
        let process = match pidfd_open(pid, PidfdFlags::empty()) {
            Ok(process) => process,
            Err(error) => {
                kill(pid);
                left::reap_later(pid);
                return Err(error.into());
            }
        };
        Ok(Self {
            pid,
            process,
            output: Some(output),
            timer,
            time_is_over_at,
            room: limits.output,
            killed: None,
            ended: false,
            reaped: false,
        })
    }

    /// Goes on as far as that goes without waiting, into `space`, which must not be empty.
    ///
    /// # Errors
    /// When the system has lost it.
    pub fn advance(&mut self, space: &mut [u8]) -> io::Result<Advance> {
        if self.killed.is_none() && !self.ended && Instant::now() >= self.time_is_over_at {
            self.kill_for(End::Time);
        }
        loop {
            if let Some(n) = self.read(space) {
                return Ok(Advance::Printed(n));
            }
            if self.ended {
                return self.reap().map(Advance::Ended);
            }
            let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
            if waitid(WaitId::PidFd(self.process.as_fd()), look)?.is_none() {
                return Ok(Advance::Blocked);
            }
            // Whoever it has left behind goes with it. What they wrote before is still read.
            self.ended = true;
            kill(self.pid);
        }
    }

    /// What to wait for when it is blocked: any of these, readable.
    pub fn watched(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        let timer = self.killed.is_none().then(|| self.timer.as_fd());
        let output = self.output.as_ref().map(AsFd::as_fd);
        [Some(self.process.as_fd()), timer, output].into_iter().flatten()
    }

    /// Reads once; `None` when there is nothing to read now.
    fn read(&mut self, space: &mut [u8]) -> Option<usize> {
        let output = self.output.as_ref()?;
        match retry_on_intr(|| read(output, &mut *space)) {
            Ok(n @ 1..) if n as u64 <= self.room => {
                self.room -= n as u64;
                return Some(n);
            }
            Ok(1..) => {
                let last = usize::try_from(self.room).unwrap_or(0);
                (self.output, self.room) = (None, 0);
                self.kill_for(End::Output);
                return (last > 0).then_some(last);
            }
            Err(Errno::AGAIN) => {}
            Ok(_) | Err(_) => self.output = None,
        }
        None
    }

    fn kill_for(&mut self, reason: End) {
        self.killed.get_or_insert(reason);
        kill(self.pid);
    }

    fn reap(&mut self) -> io::Result<End> {
        let process = WaitId::PidFd(self.process.as_fd());
        let status = retry_on_intr(|| waitid(process.clone(), WaitIdOptions::EXITED))?;
        self.reaped = true;
        let status = status.ok_or_else(|| io::Error::other("it has ended without a status"))?;
        let by_itself = status.exit_status().map(End::Exit);
        let end = by_itself.or(status.terminating_signal().map(End::Signal));
        let end = self.killed.or(end);
        end.ok_or_else(|| io::Error::other("its status is none of an end"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.reaped {
            kill(self.pid);
            left::reap_later(self.pid);
        }
    }
}

/// Kills the group of a command that is not reaped.
fn kill(pid: Pid) {
    // There may be nobody left in it.
    let _ = kill_process_group(pid, Signal::KILL);
}

/// Has the programs that are started inherit none of the descriptors that this process has inherited
/// itself. Its own are closed in them anyway.
pub fn keep_inherited_descriptors() {
    #[expect(unsafe_code, reason = "rustix has no close_range(2)")]
    // SAFETY: it marks descriptors and closes none.
    unsafe {
        // A kernel before 5.11 does not know it, and then what was inherited is inherited on.
        libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC);
    }
}

/// Starts a program with an empty standard input, and the two outputs in one pipe, in a group of its own.
/// Signals are as they are after a login, whatever this process does with them.
///
/// posix_spawn(3) shares the memory until the program has taken over, so it may be called with threads, and
/// costs the same however large this process is.
fn spawn(command: &Command, output: &OwnedFd) -> io::Result<Pid> {
    let attributes = Attributes::new()?;
    let actions = Actions::new(output)?;
    let pointers = |words: &[CString]| {
        let words = words.iter().map(|word| word.as_ptr().cast_mut());
        words.chain([ptr::null_mut()]).collect::<Vec<_>>()
    };
    let (arguments, environment) = (pointers(&command.arguments), pointers(&command.environment));
    let mut pid = 0;
    #[expect(unsafe_code, reason = "the standard library sets no dispositions of signals")]
    // SAFETY: all pointers live across the call, both lists end with a null pointer, and the two structures
    // are initialised.
    let result = unsafe {
        libc::posix_spawn(
            &raw mut pid,
            command.program.as_ptr(),
            &raw const actions.0,
            &raw const attributes.0,
            arguments.as_ptr(),
            environment.as_ptr(),
        )
    };
    fine(result)?;
    Pid::from_raw(pid).ok_or_else(|| io::Error::other("a process has no number"))
}

/// How the process is to be.
struct Attributes(libc::posix_spawnattr_t);

impl Attributes {
    fn new() -> io::Result<Self> {
        let mut attributes = MaybeUninit::uninit();
        let (mut all, mut none) = (MaybeUninit::<libc::sigset_t>::uninit(), MaybeUninit::uninit());
        let flags = libc::POSIX_SPAWN_SETPGROUP
            | libc::POSIX_SPAWN_SETSIGDEF
            | libc::POSIX_SPAWN_SETSIGMASK;
        let flags = libc::c_short::try_from(flags).map_err(io::Error::other)?;
        #[expect(unsafe_code, reason = "as above")]
        // SAFETY: each structure is initialised by the first call that has it; a set is bits and no more.
        unsafe {
            // sigfillset(3) leaves out what the C library keeps for itself, which would be ignored then.
            all.as_mut_ptr().write_bytes(u8::MAX, 1);
            libc::sigemptyset(none.as_mut_ptr());
            fine(libc::posix_spawnattr_init(attributes.as_mut_ptr()))?;
            let mut attributes = Self(attributes.assume_init());
            let at = &raw mut attributes.0;
            fine(libc::posix_spawnattr_setflags(at, flags))?;
            fine(libc::posix_spawnattr_setpgroup(at, 0))?;
            fine(libc::posix_spawnattr_setsigdefault(at, all.as_ptr()))?;
            fine(libc::posix_spawnattr_setsigmask(at, none.as_ptr()))?;
            Ok(attributes)
        }
    }
}

impl Drop for Attributes {
    fn drop(&mut self) {
        #[expect(unsafe_code, reason = "as above")]
        // SAFETY: it was initialised, and is not used after this.
        unsafe {
            libc::posix_spawnattr_destroy(&raw mut self.0);
        }
    }
}

/// What is done with descriptors before the program takes over.
struct Actions(libc::posix_spawn_file_actions_t);

impl Actions {
    fn new(output: &OwnedFd) -> io::Result<Self> {
        const NOTHING: &CStr = c"/dev/null";
        let mut actions = MaybeUninit::uninit();
        let output = output.as_raw_fd();
        #[expect(unsafe_code, reason = "as above")]
        // SAFETY: the structure is initialised by the first call; the name is constant, and copied.
        unsafe {
            fine(libc::posix_spawn_file_actions_init(actions.as_mut_ptr()))?;
            let mut actions = Self(actions.assume_init());
            let at = &raw mut actions.0;
            let nothing = NOTHING.as_ptr();
            fine(libc::posix_spawn_file_actions_addopen(at, 0, nothing, libc::O_RDONLY, 0))?;
            fine(libc::posix_spawn_file_actions_adddup2(at, output, 1))?;
            fine(libc::posix_spawn_file_actions_adddup2(at, output, 2))?;
            Ok(actions)
        }
    }
}

impl Drop for Actions {
    fn drop(&mut self) {
        #[expect(unsafe_code, reason = "as above")]
        // SAFETY: it was initialised, and is not used after this.
        unsafe {
            libc::posix_spawn_file_actions_destroy(&raw mut self.0);
        }
    }
}

fn fine(result: libc::c_int) -> io::Result<()> {
    if result == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(result)) }
}
