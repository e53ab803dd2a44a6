//! Which signals mean what to a server, and in what state of signals it starts.
//!
//! | signal | meaning |
//! | --- | --- |
//! | SIGINT, SIGTERM | stop: the first drains, the second cuts; also where a shell had them ignored |
//! | SIGHUP | the same, unless it was ignored at the start, as nohup(1) has it |
//! | SIGXCPU | the same: the processor time of setrlimit(2) is used up, and SIGKILL would come next |
//! | SIGALRM | our own timer, once its time has come; before that nothing |
//! | SIGUSR1 | in a child, from the first process: stopping has gone on |
//! | SIGUSR2 | where a console attends: close the listening sockets; the connected go on |
//! | SIGQUIT and faults | their default: the process ends at once, with a core dump where those are on |
//! | every other one | nothing |

use std::io;
use std::mem::MaybeUninit;

use signal_hook::consts::{
    SIGALRM, SIGCHLD, SIGHUP, SIGINT, SIGIO, SIGPROF, SIGTERM, SIGUSR1, SIGUSR2, SIGVTALRM,
    SIGXCPU, SIGXFSZ,
};

use crate::processes::program;

/// Signals that ask the server to stop.
pub(super) const STOP: [i32; 4] = [SIGINT, SIGTERM, SIGHUP, SIGXCPU];

/// Signals whose default is to end the process and that mean nothing to a server. SIGXFSZ is
/// among them: a log file that has reached its limit is no reason to stop serving. SIGPIPE is
/// ignored by Rust's runtime.
const IGNORED: [i32; 6] = [SIGVTALRM, SIGPROF, SIGIO, SIGXFSZ, libc::SIGPWR, libc::SIGSTKFLT];

/// Undoes what the process that started this one has left in the state of signals: a blocked
/// SIGTERM would stop nothing, an ignored SIGCHLD hides the end of every child, and a timer goes off
/// in whatever program runs then. An ignored SIGHUP stays: that is what nohup(1) is for.
///
/// Call it at the start of a program, before its first thread: masks belong to threads.
pub fn reset_inherited_signals() {
    // A server leaves its children the state that they need.
    if program::serves_one_client() {
        return;
    }
    let off = libc::itimerval {
        it_interval: libc::timeval { tv_sec: 0, tv_usec: 0 },
        it_value: libc::timeval { tv_sec: 0, tv_usec: 0 },
    };
    let timers = [
        (libc::ITIMER_REAL, SIGALRM),
        (libc::ITIMER_VIRTUAL, SIGVTALRM),
        (libc::ITIMER_PROF, SIGPROF),
    ];
    for (timer, signal) in timers {
        set_timer(timer, &off);
        // One that has gone off already may wait behind the mask: ignoring a signal drops it.
        dispose(signal, libc::SIG_IGN);
        dispose(signal, libc::SIG_DFL);
    }
    dispose(SIGCHLD, libc::SIG_DFL);
    let mut none = MaybeUninit::uninit();
    #[expect(unsafe_code, reason = "rustix has no stable signal masks")]
    // SAFETY: sigemptyset(3) initialises the set, and a null pointer asks for no old one.
    unsafe {
        libc::sigemptyset(none.as_mut_ptr());
        libc::pthread_sigmask(libc::SIG_SETMASK, none.as_ptr(), std::ptr::null_mut());
    }
}

/// Has `handler` called for every signal that means something, and ignores the others.
///
/// # Errors
/// When the kernel refuses a handler.
pub(super) fn install(handler: fn(i32)) -> io::Result<()> {
    let stray = IGNORED.into_iter().chain(libc::SIGRTMIN()..=libc::SIGRTMAX());
    stray.for_each(|signal| dispose(signal, libc::SIG_IGN));
    let heard = STOP.into_iter().chain([SIGALRM, SIGUSR1, SIGUSR2]);
    for signal in heard.filter(|signal| *signal != SIGHUP || !is_ignored(SIGHUP)) {
        #[expect(unsafe_code, reason = "what runs in a signal handler must be signal-safe")]
        // SAFETY: the handler uses atomics, initialised statics and system calls only; it takes
        // no lock and allocates nothing.
        unsafe { signal_hook::low_level::register(signal, move || handler(signal)) }?;
    }
    Ok(())
}

/// In a child that is about to start a program: ignores what it will hear once that has called
/// [`install`], since until then each of these signals would end it. How far stopping has come it sees then.
pub(crate) fn ignore_until_installed() {
    let heard = STOP.into_iter().chain([SIGALRM, SIGUSR1, SIGUSR2]);
    heard.for_each(|signal| dispose(signal, libc::SIG_IGN));
}

/// Has signals that ask the server to stop, or to accept no more, interrupt system calls that would go on afterwards, such
/// as waitpid(2): for a thread that does nothing else, and is to do something then.
pub(crate) fn interrupt_waits() {
    for signal in STOP.into_iter().chain([SIGUSR2]) {
        let mut action = MaybeUninit::<libc::sigaction>::uninit();
        #[expect(unsafe_code, reason = "rustix has no stable sigaction(2)")]
        // SAFETY: the action that is set is the one that there is, but for a flag; a call that
        // succeeds has filled the structure in.
        unsafe {
            if libc::sigaction(signal, std::ptr::null(), action.as_mut_ptr()) == 0 {
                action.assume_init_mut().sa_flags &= !libc::SA_RESTART;
                libc::sigaction(signal, action.as_ptr(), std::ptr::null_mut());
            }
        }
    }
}

/// Has SIGALRM come once, after so many microseconds. For signal handlers.
pub(super) fn arm_alarm(us: u64) {
    let part = |us: u64| libc::c_long::try_from(us).unwrap_or(libc::c_long::MAX);
    let timer = libc::itimerval {
        it_interval: libc::timeval { tv_sec: 0, tv_usec: 0 },
        it_value: libc::timeval { tv_sec: part(us / 1_000_000), tv_usec: part(us % 1_000_000) },
    };
    set_timer(libc::ITIMER_REAL, &timer);
}

fn set_timer(timer: libc::c_int, value: &libc::itimerval) {
    #[expect(unsafe_code, reason = "rustix has no interval timer")]
    // SAFETY: the structure lives across the call, and a null pointer asks for no old value.
    unsafe {
        libc::setitimer(timer, value, std::ptr::null_mut());
    }
}

fn dispose(signal: i32, disposition: libc::sighandler_t) {
    #[expect(unsafe_code, reason = "rustix has no stable sigaction(2)")]
    // SAFETY: the disposition is none with code of ours. It fails only for a signal that no
    // process can set, and then nothing has changed.
    unsafe {
        libc::signal(signal, disposition);
    }
}

fn is_ignored(signal: i32) -> bool {
    let mut action = MaybeUninit::<libc::sigaction>::uninit();
    #[expect(unsafe_code, reason = "rustix has no stable sigaction(2)")]
    // SAFETY: a null pointer changes nothing; a call that succeeds has filled the structure in.
    unsafe {
        libc::sigaction(signal, std::ptr::null(), action.as_mut_ptr()) == 0
            && action.assume_init().sa_sigaction == libc::SIG_IGN
    }
}
