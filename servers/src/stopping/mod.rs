//! Stopping: signals, drain and cut.
//!
//! The first SIGINT or SIGTERM shuts the listening sockets down and half-closes every live
//! connection for reading. Both wake whatever a model waits in (accept, read, select, poll,
//! epoll, io_uring, a runtime) without adding anything to its path: accepting fails with one
//! errno, and a connection delivers what it had received and then reads as ended. A second
//! signal, or the drain timeout, shuts the connections down in both directions.
//!
//! A server of several processes is stopped through the first one: how far stopping has come is
//! on their shared page, and the handler passes the signal on to the children, which end their
//! own connections. Signals from anybody else the children ignore: a terminal sends its Ctrl-C
//! to all of them at once, and that is one signal and not two.
//!
//! All of it happens in the signal handler, from system calls that signal-safety(7) lists. There
//! is no signal thread, because a threaded process must not fork, and no flag that somebody has
//! to poll: a model that is blocked in the read of its only client is woken like any other.

mod watched;

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::net::Shutdown;
use signal_hook::consts::{SIGALRM, SIGINT, SIGTERM, SIGUSR1};

use crate::processes;
use crate::processes::shared::Page;
pub(crate) use watched::Stage;
use watched::Watched;

/// More listening sockets than any model opens: one for each loop of the largest machine.
const LISTENERS_MAX: usize = 1024;

static PAGE: OnceLock<&Page> = OnceLock::new();
static WATCHED: OnceLock<Watched> = OnceLock::new();
static DRAIN_TIMEOUT_US: AtomicU64 = AtomicU64::new(0);
/// Readable once [`Stage::Cut`] is reached: what sleeping jobs wait on.
static CUT: OnceLock<OwnedFd> = OnceLock::new();

/// How far stopping has come.
#[must_use]
pub(crate) fn stage() -> Stage {
    PAGE.get().map_or(Stage::Running, |page| Stage::of(&page.stage))
}

/// Whether connections are to wind down.
#[must_use]
pub(crate) fn is_stopping() -> bool {
    stage() != Stage::Running
}

/// Installs the signal handlers. `descriptors` is the most that this process may open.
///
/// # Errors
/// When the kernel refuses a handler or an eventfd.
pub(crate) fn install(
    descriptors: usize,
    drain_timeout: Duration,
    page: &'static Page,
) -> io::Result<()> {
    WATCHED.get_or_init(|| Watched::new(LISTENERS_MAX, descriptors));
    PAGE.get_or_init(|| page);
    let cut = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
    CUT.get_or_init(|| cut);
    let drain_us = u64::try_from(drain_timeout.as_micros()).unwrap_or(u64::MAX).max(1);
    DRAIN_TIMEOUT_US.store(drain_us, SeqCst);
    for signal in [SIGINT, SIGTERM, SIGALRM, SIGUSR1] {
        #[expect(unsafe_code, reason = "what runs in a signal handler must be signal-safe")]
        // SAFETY: `on_signal` uses atomics, initialised statics, shutdown(2), write(2), kill(2)
        // and setitimer(2); it takes no lock and allocates nothing.
        unsafe { signal_hook::low_level::register(signal, move || on_signal(signal)) }?;
    }
    Ok(())
}

/// Has the listening socket shut down when the server stops.
///
/// # Panics
/// When a model opens more listeners than the largest machine has loops.
pub(crate) fn watch_listener(fd: &impl AsFd) {
    if let Some((page, watched)) = installed() {
        let found = watched.watch_listener(fd.as_fd().as_raw_fd(), &page.stage, shutdown);
        assert!(found, "a model opens at most {LISTENERS_MAX} listeners");
    }
}

/// Has the connection half-closed when the server stops.
pub(crate) fn watch(fd: RawFd) {
    if let Some((page, watched)) = installed() {
        watched.watch(fd, &page.stage, shutdown);
    }
}

/// The connection is about to be closed.
pub(crate) fn forget(fd: RawFd) {
    if let Some(watched) = WATCHED.get() {
        watched.forget(fd);
    }
}

/// Waits as a thread waits, but not past a cut.
pub(crate) fn sleep(wait: Duration) {
    let (Some(cut), Ok(timeout)) = (CUT.get(), Timespec::try_from(wait)) else { return };
    if !wait.is_zero() {
        // EINTR means that a signal came; a first one lets the job finish, so wait on. What is
        // left of the wait is not known, and a job that lasts longer while stopping harms nobody.
        while let Err(rustix::io::Errno::INTR) =
            poll(&mut [PollFd::new(cut, PollFlags::IN)], Some(&timeout))
        {}
    }
}

/// Waits, but not past a signal.
pub(crate) fn pause(wait: Duration) {
    if let (Some(cut), Ok(timeout)) = (CUT.get(), Timespec::try_from(wait)) {
        // A signal that comes just before the call is missed; so the waits are short.
        let _ = poll(&mut [PollFd::new(cut, PollFlags::IN)], Some(&timeout));
    }
}

/// Stops as the first signal does: something of ours has failed.
pub(crate) fn begin() {
    if let Some(page) = PAGE.get() {
        stop(page, false);
    }
}

fn installed() -> Option<(&'static Page, &'static Watched)> {
    PAGE.get().copied().zip(WATCHED.get())
}

fn on_signal(signal: i32) {
    let Some(page) = PAGE.get() else { return };
    match (processes::is_child(), signal == SIGUSR1) {
        (false, false) => stop(page, signal == SIGALRM),
        (true, true) => follow(),
        (true, false) | (false, true) => {}
    }
}

/// In a child: the server's first process has gone on to the next stage.
fn follow() {
    if let Some(watched) = WATCHED.get() {
        watched.end_connections(stage(), shutdown);
    }
}

/// In the server's first process: the next stage.
fn stop(page: &Page, alarm: bool) {
    let Some(watched) = WATCHED.get() else { return };
    match watched.stop(&page.stage, alarm, shutdown) {
        Stage::Running => {}
        Stage::Draining => arm_drain_timeout(),
        Stage::Cut => {
            if let Some(cut) = CUT.get() {
                // A full counter is as readable as any other.
                let _ = rustix::io::write(cut, &1_u64.to_ne_bytes());
            }
        }
    }
    processes::tell();
}

/// shutdown(2), whatever it says: the peer may be gone already.
fn shutdown(fd: RawFd, how: Shutdown) {
    #[expect(unsafe_code, reason = "the signal handler knows descriptors by number only")]
    // SAFETY: the number was a live socket when it was marked, and owners unmark it before they
    // close it. Should one close it in this very moment, the number is free or belongs to
    // something opened after the stop began: then shutdown fails, or ends a connection that
    // is to end anyway. Memory is not involved.
    let fd = unsafe { BorrowedFd::borrow_raw(fd) };
    // rustix makes the system call itself, so that errno of the interrupted code stays as it is.
    let _ = rustix::net::shutdown(fd, how);
}

/// Has SIGALRM come after the drain timeout.
fn arm_drain_timeout() {
    let us = DRAIN_TIMEOUT_US.load(SeqCst);
    let part = |us: u64| libc::c_long::try_from(us).unwrap_or(libc::c_long::MAX);
    let timer = libc::itimerval {
        it_interval: libc::timeval { tv_sec: 0, tv_usec: 0 },
        it_value: libc::timeval { tv_sec: part(us / 1_000_000), tv_usec: part(us % 1_000_000) },
    };
    #[expect(unsafe_code, reason = "rustix has no interval timer")]
    // SAFETY: the structure lives across the call, and a null pointer asks for no old value.
    unsafe {
        libc::setitimer(libc::ITIMER_REAL, &raw const timer, std::ptr::null_mut());
    }
}
