//! Stopping: signals, drain and cut.
//!
//! The first SIGINT or SIGTERM shuts the listening sockets down and half-closes every live
//! connection for reading. Both wake whatever call a model waits in (accept, read, select, poll,
//! epoll, io_uring, a runtime) without adding anything to its path: accepting fails, and a
//! connection delivers the bytes it had received and then reads as ended. A second signal, or the
//! drain timeout, shuts the connections down in both directions: the cut.
//!
//! A server of several processes is stopped through the first one. The stage of stopping is on
//! their shared page, and the handler passes the signal on to the children, which end their own
//! connections. The children ignore signals from other senders, because a terminal sends its Ctrl-C
//! to all of them at once, and that counts as one signal.
//!
//! Processes that do not end by themselves are ended: [`KILL_AFTER`] the cut, remaining children
//! are killed (one may be stopped, or hang), and [`EXIT_AFTER`] that, the first process exits with
//! an error.
//!
//! All of this happens in the signal handler, with system calls that signal-safety(7) lists. There
//! is no signal thread, because a threaded process must not fork. There is no flag to poll: a model
//! that is blocked in the read of its only client is woken like any other.

pub(crate) mod signals;
mod watched;

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::io::Errno;
use rustix::net::Shutdown;
use signal_hook::consts::{SIGALRM, SIGUSR1, SIGUSR2};

use crate::clock::REFUSED_PAUSE;
use crate::processes::shared::Page;
use crate::{clock, processes, stdio};
pub(crate) use watched::Stage;
use watched::Watched;

/// How long after the cut children may take to end before they are killed. Without a stopped or
/// hanging one among them they take milliseconds.
const KILL_AFTER: Duration = Duration::from_secs(1);
/// How long after that the server may take to end. The longest job takes a second of a processor.
const EXIT_AFTER: Duration = Duration::from_secs(10);

static PAGE: OnceLock<&Page> = OnceLock::new();
static WATCHED: OnceLock<Watched> = OnceLock::new();
/// What is to be done before the listeners are shut down.
static BEFORE_DRAIN: OnceLock<fn()> = OnceLock::new();
static DRAIN_TIMEOUT_NS: AtomicU64 = AtomicU64::new(0);
/// When the timer goes off. An alarm before that is not ours.
static ALARM_AT_NS: AtomicU64 = AtomicU64::new(u64::MAX);
/// Whether children that outlived the cut have been killed.
static KILLED: AtomicBool = AtomicBool::new(false);
/// Whether a console may have the listening sockets closed alone.
static ATTENDED: AtomicBool = AtomicBool::new(false);
/// Readable once [`Stage::Cut`] is reached: what sleeping jobs wait on.
static CUT: OnceLock<OwnedFd> = OnceLock::new();

/// How far stopping has come.
#[must_use]
pub(crate) fn stage() -> Stage {
    PAGE.get().map_or(Stage::Running, |page| Stage::load(&page.stage))
}

/// Whether connections are to wind down.
#[must_use]
pub(crate) fn is_stopping() -> bool {
    stage() != Stage::Running
}

/// Whether nobody is accepted any more, by whatever the server was told.
#[must_use]
pub(crate) fn accepts_no_more() -> bool {
    is_stopping() || PAGE.get().is_some_and(|page| page.closed.load(SeqCst))
}

/// Closes the listening sockets; the connected go on. Returns whether this call has done it. Signal
/// handlers may call it, in any process of the server: they all listen at the same sockets.
pub(crate) fn accept_no_more() -> bool {
    let Some((page, watched)) = installed() else { return false };
    let first = !page.closed.swap(true, SeqCst);
    if first {
        watched.end_listeners(shutdown);
    }
    first
}

/// Installs the signal handlers. `listeners` and `descriptors` are the most that this process may
/// open; `before_drain` is called in a signal handler, before anything is shut down.
///
/// # Errors
/// When the kernel refuses a handler or an eventfd.
pub(crate) fn install(
    listeners: usize,
    descriptors: usize,
    drain_timeout: Duration,
    page: &'static Page,
    before_drain: fn(),
) -> io::Result<()> {
    WATCHED.get_or_init(|| Watched::new(listeners, descriptors));
    PAGE.get_or_init(|| page);
    let cut = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
    CUT.get_or_init(|| cut);
    let drain_ns = u64::try_from(drain_timeout.as_nanos()).unwrap_or(u64::MAX);
    DRAIN_TIMEOUT_NS.store(drain_ns, SeqCst);
    BEFORE_DRAIN.get_or_init(|| before_drain);
    signals::reset_inherited_signals();
    // The first look at the clock finds it, by calls that are not for signal handlers.
    let _ = clock::monotonic_ns();
    signals::install(on_signal)
}

/// Has SIGUSR2 close the listening sockets: somebody at a console may send it.
pub(crate) fn attend() {
    ATTENDED.store(true, SeqCst);
}

/// Has the listening socket shut down when the server stops.
///
/// # Panics
/// When it is one more than was said at [`install`].
pub(crate) fn watch_listener(fd: &impl AsFd) {
    if let Some((page, watched)) = installed() {
        let found = watched.watch_listener(fd.as_fd().as_raw_fd(), &page.stage, shutdown);
        assert!(found, "a server has as many listeners as it has said");
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

/// Waits as a thread waits, but not past a cut. Signals, of which the first one to stop lets the
/// job finish, neither shorten nor stretch it.
pub(crate) fn sleep(wait: Duration) {
    if wait.is_zero() {
        return;
    }
    if let Some(cut) = CUT.get() {
        let deadline = Instant::now() + wait;
        while stage() < Stage::Cut && Instant::now() < deadline {
            clock::wait_until_ready(cut, PollFlags::IN, Some(deadline));
        }
    }
}

/// Waits for so long, or until there is input, but not past a cut. It may return earlier, so whoever
/// waits looks again.
pub(crate) fn wait(input: Option<BorrowedFd<'_>>, time: Duration) {
    if let (Some(cut), Ok(timeout)) = (CUT.get(), Timespec::try_from(time)) {
        let cut = PollFd::new(cut, PollFlags::IN);
        let waited = match &input {
            Some(input) => poll(&mut [cut, PollFd::new(input, PollFlags::IN)], Some(&timeout)),
            None => poll(&mut [cut], Some(&timeout)),
        };
        if !matches!(waited, Ok(_) | Err(Errno::INTR)) {
            // With a limit of no descriptors poll(2) refuses even one.
            thread::sleep(time.min(REFUSED_PAUSE));
        }
    }
}

/// Waits, but not past a signal. One that comes just before it is missed: so keep the waits short.
pub(crate) fn pause(wait: Duration) {
    if let Some(cut) = CUT.get() {
        let deadline = Instant::now() + wait;
        clock::wait_until_ready_or_signal(cut, PollFlags::IN, Some(deadline));
    }
}

/// Standard output takes nothing any more: what clients send there would be lost, so the server
/// stops.
pub(crate) fn output_failed(error: &io::Error) {
    if let Some(page) = PAGE.get() {
        let errno = error.raw_os_error().unwrap_or(libc::EIO);
        page.output_errno.store(errno, SeqCst);
    }
    if !is_stopping() {
        ask();
    }
}

/// Asks the server's first process to stop, as the first signal does: from any of its processes.
/// Signal handlers may.
pub(crate) fn ask() {
    let parent = processes::is_child().then(rustix::process::getppid).flatten();
    let first = parent.unwrap_or_else(rustix::process::getpid);
    let _ = rustix::process::kill_process(first, rustix::process::Signal::TERM);
}

/// Stops as the first signal does: something of ours has failed.
pub(crate) fn begin() {
    if let Some((page, watched)) = installed()
        && !is_stopping()
    {
        stop(page, watched);
    }
}

fn installed() -> Option<(&'static Page, &'static Watched)> {
    PAGE.get().copied().zip(WATCHED.get())
}

fn on_signal(signal: i32) {
    let Some((page, watched)) = installed() else { return };
    match (signal, processes::is_child()) {
        (SIGUSR1, true) => {
            watched.end_connections(stage(), shutdown);
            // A child that is a program of its own has its own sleepers to wake.
            if stage() == Stage::Cut {
                wake_sleepers();
            }
        }
        (SIGALRM, false) => time_is_up(page, watched),
        (SIGUSR2, false) if ATTENDED.load(SeqCst) => _ = accept_no_more(),
        (SIGUSR1 | SIGUSR2, false) | (_, true) => {}
        (_, false) => stop(page, watched),
    }
}

/// In the server's first process: the next stage.
fn stop(page: &Page, watched: &Watched) {
    if let Some(before_drain) = BEFORE_DRAIN.get()
        && stage() == Stage::Running
    {
        before_drain();
    }
    match watched.stop(&page.stage, shutdown) {
        Some(Stage::Draining) => arm(Duration::from_nanos(DRAIN_TIMEOUT_NS.load(SeqCst))),
        Some(_) => {
            wake_sleepers();
            arm(KILL_AFTER);
        }
        // However often it is told to: the time that it has left is that of the first cut.
        None => {}
    }
    processes::tell();
}

/// Ends the waits of jobs.
fn wake_sleepers() {
    if let Some(cut) = CUT.get() {
        // A full counter is as readable as any other.
        let _ = rustix::io::write(cut, &1_u64.to_ne_bytes());
    }
}

/// In the server's first process: SIGALRM has come, which may be anybody's.
fn time_is_up(page: &Page, watched: &Watched) {
    if clock::monotonic_ns() < ALARM_AT_NS.load(SeqCst) {
        return;
    }
    match stage() {
        Stage::Running => {}
        Stage::Draining => stop(page, watched),
        Stage::Cut if !KILLED.swap(true, SeqCst) => {
            processes::kill();
            arm(EXIT_AFTER);
        }
        Stage::Cut => give_up(),
    }
}

/// Ends this process: something in it has not ended by itself. Its counters are lost with it, and
/// so the exit code is that of a failure.
fn give_up() -> ! {
    let words = b"error: the server did not stop in time; it exits, and its counters are lost\n";
    // Where nobody reads it, the exit code says the same.
    stdio::complain(words);
    #[expect(unsafe_code, reason = "exit(3) is not for signal handlers")]
    // SAFETY: _exit(2) ends the process, and nothing of ours runs any more.
    unsafe {
        libc::_exit(1)
    }
}

/// Has SIGALRM come after so long.
fn arm(after: Duration) {
    let ns = u64::try_from(after.as_nanos()).unwrap_or(u64::MAX);
    // First: the alarm must not find the time of the one before.
    ALARM_AT_NS.store(clock::monotonic_ns().saturating_add(ns), SeqCst);
    // In whole microseconds, and rounded up: an alarm too early would be taken for a stray one.
    signals::arm_alarm(ns.div_ceil(1000).max(1));
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
