//! What a process may leave to the server that it starts, for servers that must not mind.

use std::io;
use std::mem::MaybeUninit;
use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::process::{Resource, Rlimit, setrlimit};

use super::watch::Scarce;

/// What is left to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Inherited {
    /// Signals as a careless parent has them: all blocked, SIGHUP, SIGINT and SIGCHLD ignored, every
    /// timer of setitimer(2) running.
    pub signals: bool,
    /// So many open descriptors, from 3 on. Not with a program that is started by its descriptor.
    pub descriptors: usize,
    /// Limits, soft and hard.
    pub limit: Option<(Scarce, u64)>,
}

impl Inherited {
    /// Has the command start with it.
    pub fn leave_to(self, command: &mut Command) {
        #[expect(unsafe_code, reason = "what runs between fork and exec must be signal-safe")]
        // SAFETY: system calls on memory of its own; nothing is allocated and no lock is taken.
        unsafe {
            command.pre_exec(move || self.take());
        }
    }

    /// Between fork and exec.
    fn take(self) -> io::Result<()> {
        if self.signals {
            careless_signals()?;
        } else {
            // Whoever tries a server may run under nohup(1), and is not to leave that to it.
            #[expect(unsafe_code, reason = "rustix has no signal dispositions")]
            // SAFETY: the default disposition runs no code of ours.
            unsafe {
                libc::signal(libc::SIGHUP, libc::SIG_DFL);
            }
        }
        // Each number, and not the next that is free: what closes at the exec would leave gaps. What is
        // lost is the pipe that tells of a failed exec, which then shows as a server that ends.
        for number in (3..).take(self.descriptors) {
            #[expect(unsafe_code, reason = "rustix owns a copy, and this one is to stay open")]
            // SAFETY: copies of standard input, in a process that does nothing more before its exec.
            if unsafe { libc::dup2(0, number) } == -1 {
                return Err(io::Error::last_os_error());
            }
        }
        // Last: the copies above may be more than it allows.
        if let Some((scarce, limit)) = self.limit {
            let limit = Rlimit { current: Some(limit), maximum: Some(limit) };
            setrlimit(Resource::from(scarce), limit)?;
        }
        Ok(())
    }
}

fn careless_signals() -> io::Result<()> {
    let soon = libc::timeval { tv_sec: 0, tv_usec: 10_000 };
    let timer = libc::itimerval { it_interval: soon, it_value: soon };
    let mut all = MaybeUninit::uninit();
    #[expect(unsafe_code, reason = "rustix has neither signal masks nor interval timers")]
    // SAFETY: sigfillset(3) initialises the set, the timer lives across the calls, and a null pointer
    // asks for no old value.
    let done = unsafe {
        libc::sigfillset(all.as_mut_ptr());
        let blocked = libc::sigprocmask(libc::SIG_SETMASK, all.as_ptr(), std::ptr::null_mut());
        for signal in [libc::SIGHUP, libc::SIGINT, libc::SIGCHLD] {
            libc::signal(signal, libc::SIG_IGN);
        }
        let timers = [libc::ITIMER_REAL, libc::ITIMER_VIRTUAL, libc::ITIMER_PROF];
        let set = |timer_of| libc::setitimer(timer_of, &raw const timer, std::ptr::null_mut());
        timers.into_iter().fold(blocked, |done, timer_of| done | set(timer_of))
    };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
