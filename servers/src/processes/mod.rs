//! Child processes: starting them, noticing their end, and passing signals on to them.
//!
//! A server that forks always has a single thread. After fork(2) in a threaded process only
//! signal-safe calls are allowed (fork(2), pthread_atfork(3)), and serving is not one of them. The
//! list of children is in shared memory, in atomics, because the signal handler reads it.

pub(crate) mod program;
pub(crate) mod shared;

use std::collections::VecDeque;
use std::io;
use std::mem::MaybeUninit;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitOptions, set_parent_process_death_signal, wait, waitpid};
use signal_hook::consts::SIGCHLD;

use crate::net::Server;
use crate::stopping;
use shared::Child;

static CHILDREN: OnceLock<&[Child]> = OnceLock::new();
static SERVER: OnceLock<&Server> = OnceLock::new();
/// One more than the highest place that was ever taken; every child is below it.
static BOUND: AtomicUsize = AtomicUsize::new(0);
/// In a child, its place; in the server's first process, none.
static PLACE: AtomicUsize = AtomicUsize::new(NOT_A_CHILD);
const NOT_A_CHILD: usize = usize::MAX;

/// Makes room for this number of children.
///
/// # Errors
/// When this process has threads already, or the kernel has no memory.
pub(crate) fn prepare(server: &'static Server, most: usize) -> io::Result<()> {
    if std::fs::read_dir("/proc/self/task")?.count() > 1 {
        return Err(io::Error::other("a process with threads must not fork"));
    }
    let children = shared::children(most, server.memory())?;
    CHILDREN.get_or_init(|| children);
    SERVER.get_or_init(|| server);
    Ok(())
}

/// Makes this process the child again that it was before its program began.
fn goes_on_as(place: usize, children: &'static [Child]) {
    CHILDREN.get_or_init(|| children);
    BOUND.store(children.len(), SeqCst);
    PLACE.store(place, SeqCst);
}

/// Whether this process was forked by the server.
pub(crate) fn is_child() -> bool {
    PLACE.load(SeqCst) != NOT_A_CHILD
}

/// A free place for a child; `None` when the server has the largest number of children.
pub(crate) fn free_place() -> Option<usize> {
    let free = |place: &usize| children()[*place].pid.load(SeqCst) == 0;
    // The lowest free place first: the table stays dense, and a search through it short.
    (0..children().len()).find(free)
}

/// Forks with `value` on both sides. In the child `work` takes it, and the child ends with it. The
/// parent gets its own back, whether or not the fork succeeded.
pub(crate) fn spawn_with<T>(place: usize, value: T, work: impl FnOnce(T)) -> (io::Result<()>, T) {
    let mut value = Some(value);
    let forked = spawn(place, || {
        if let Some(value) = value.take() {
            work(value);
        }
    });
    (forked, value.expect("only the child takes it, and does not return"))
}

/// Forks. `work` runs in the child, which ends with it; the parent returns at once.
///
/// # Errors
/// When the kernel has no process or memory left for it.
pub(crate) fn spawn(place: usize, work: impl FnOnce()) -> io::Result<()> {
    // Signals are blocked meanwhile: a child must know that it is one before it handles a signal,
    // and the parent must know its child before it learns of its end.
    let signals = block_signals();
    let parent = rustix::process::getpid();
    BOUND.fetch_max(place + 1, SeqCst);
    #[expect(unsafe_code, reason = "rustix has no stable fork(2)")]
    // SAFETY: `prepare` has seen to it that this process has no other thread, so the child may
    // do anything that its parent might.
    match unsafe { libc::fork() } {
        -1 => {
            let error = io::Error::last_os_error();
            restore_signals(&signals);
            Err(error)
        }
        0 => {
            let _leave = Leave;
            PLACE.store(place, SeqCst);
            children()[place].pid.store(rustix::process::getpid().as_raw_pid(), SeqCst);
            // A parent that is killed takes its children along, because nothing else would stop
            // them.
            let followed = set_parent_process_death_signal(Some(Signal::KILL)).is_ok();
            SERVER.get().into_iter().for_each(|server| server.forget_rescued());
            restore_signals(&signals);
            if followed && rustix::process::getppid() == Some(parent) {
                work();
            }
            drop(_leave);
            unreachable!("the child has ended");
        }
        pid => {
            children()[place].pid.store(pid, SeqCst);
            restore_signals(&signals);
            Ok(())
        }
    }
}

/// Reaps children as they end, in a signal handler: for a server that is busy accepting.
///
/// # Errors
/// When the kernel refuses the handler.
pub(crate) fn reap_in_background() -> io::Result<()> {
    #[expect(unsafe_code, reason = "what runs in a signal handler must be signal-safe")]
    // SAFETY: waitpid(2) and atomics only; it takes no lock and allocates nothing.
    unsafe {
        // One signal may stand for many ends: they do not queue.
        signal_hook::low_level::register(SIGCHLD, || {
            // A child's own children are none of the server's.
            while !is_child() && reap(WaitOptions::NOHANG, || false).is_some() {}
        })
    }?;
    Ok(())
}

/// Waits until a child ends; `None` when there is none left. Returns its place. Not for servers
/// that reap in the background.
pub(crate) fn wait_for_one() -> Option<usize> {
    reap(WaitOptions::empty(), || false)
}

/// Waits until every child has ended.
pub(crate) fn wait_for_all() {
    // One after the other, by process id: this process may have had children before it became this
    // program, and those may stay for ever.
    (0..BOUND.load(SeqCst)).for_each(wait_for);
}

/// Waits until the child in that place has ended, if there is one.
pub(crate) fn wait_for(place: usize) {
    if let Some(pid) = Pid::from_raw(children()[place].pid.load(SeqCst)) {
        let ended = rustix::io::retry_on_intr(|| waitpid(Some(pid), WaitOptions::empty()));
        if ended.is_ok() {
            freed(place);
        }
    }
}

/// Makes a child for each of the server's workers with `make`, reports that the server is ready,
/// and replaces each child that dies, until the server is told to stop or to accept no more.
///
/// # Errors
/// When the kernel has no process or memory left for one of the first.
pub(crate) fn supervise(
    server: &'static Server,
    make: impl Fn(usize) -> io::Result<()>,
) -> io::Result<()> {
    (0..server.workers).try_for_each(&make)?;
    // Clients that have connected by the stop must not wait for the first child to leave.
    stopping::signals::interrupt_waits();
    server.ready()?;
    let mut replacements = Replacements::new(server.workers);
    while let Some(place) = reap(WaitOptions::empty(), stopping::accepts_no_more) {
        // A child leaves by itself only when the server accepts no more; any other end is a death.
        if stopping::accepts_no_more() {
            break;
        }
        replacements.died(place);
        while !stopping::accepts_no_more()
            && let Some(timeout) = replacements.timeout()
        {
            stopping::pause(timeout);
            replacements.make(server, &make);
        }
    }
    Ok(())
}

/// When to replace a child that died.
#[derive(Debug)]
pub(crate) struct Replacements {
    born: Vec<Instant>,
    due: VecDeque<(Instant, usize)>,
    pause: Duration,
}

/// A child that dies younger than this may have died of something that kills its successor too.
const YOUNG: Duration = Duration::from_secs(1);
const PAUSE_MIN: Duration = Duration::from_millis(10);
const PAUSE_MAX: Duration = Duration::from_secs(1);

impl Replacements {
    /// For this number of children, all made now.
    pub(crate) fn new(children: usize) -> Self {
        Self { born: vec![Instant::now(); children], due: VecDeque::new(), pause: PAUSE_MIN }
    }

    /// The child in that place has died, or could not be made.
    pub(crate) fn died(&mut self, place: usize) {
        let young = self.born[place].elapsed() < YOUNG;
        self.pause = if young { PAUSE_MAX.min(self.pause * 2) } else { PAUSE_MIN };
        self.due.push_back((Instant::now() + self.pause, place));
    }

    /// The time until a successor is due; `None` when no child has died.
    pub(crate) fn timeout(&self) -> Option<Duration> {
        self.due.front().map(|(at, _)| at.saturating_duration_since(Instant::now()))
    }

    /// Makes the successors that are due, with `make`. A fork that the kernel refuses is due again
    /// later: the server still serves with fewer children.
    pub(crate) fn make(&mut self, server: &Server, mut make: impl FnMut(usize) -> io::Result<()>) {
        while let Some((at, place)) = self.due.front().copied()
            && at <= Instant::now()
        {
            self.due.pop_front();
            self.born[place] = Instant::now();
            match make(place) {
                Ok(()) => server.worker_replaced(),
                Err(_) => self.died(place),
            }
        }
    }
}

/// Counts a connection given to the child in that place, or taken back.
pub(crate) fn holds(place: usize, holds: bool) {
    children()[place].hold(holds);
}

/// In a child, counts one connection more or less that it would lose if it died. Elsewhere does
/// nothing.
pub(crate) fn this_one_holds(holds: bool) {
    if let Some(child) = children().get(PLACE.load(SeqCst)) {
        child.hold(holds);
    }
}

/// In a child, counts one running command more or less. Elsewhere does nothing.
pub(crate) fn this_one_runs(runs: bool) {
    if let Some(child) = children().get(PLACE.load(SeqCst)) {
        child.run(runs);
    }
}

/// Tells every child that the stage of stopping has changed. For signal handlers.
pub(crate) fn tell() {
    send(Signal::USR1);
}

/// Kills every child, also one that is stopped. For signal handlers.
pub(crate) fn kill() {
    send(Signal::KILL);
}

fn send(signal: Signal) {
    for child in &children()[..BOUND.load(SeqCst)] {
        if let Some(pid) = Pid::from_raw(child.pid.load(SeqCst)) {
            // It may just have ended; it is not reaped, so the number is still its own.
            let _ = rustix::process::kill_process(pid, signal);
        }
    }
}

fn children() -> &'static [Child] {
    CHILDREN.get().copied().unwrap_or_default()
}

/// Reaps a child and returns its place; `None` when there is none, or once a signal has come and
/// `enough` says so.
fn reap(options: WaitOptions, enough: impl Fn() -> bool) -> Option<usize> {
    let lives = |child: &Child| child.pid.load(SeqCst) != 0;
    while children()[..BOUND.load(SeqCst)].iter().any(lives) {
        match wait(options) {
            // A process that is not on the list was a child before this program was started.
            Ok(Some((pid, _))) => {
                if let Some(place) = place_of(pid.as_raw_pid()) {
                    freed(place);
                    return Some(place);
                }
            }
            Err(rustix::io::Errno::INTR) if !enough() => {}
            Ok(None) | Err(_) => break,
        }
    }
    None
}

/// The child in that place has been reaped.
fn freed(place: usize) {
    let child = &children()[place];
    // It may have been killed in the middle of its work: give back in its name what it had taken.
    let lost = child.holds.swap(0, SeqCst);
    let commands = child.commands.swap(0, SeqCst);
    if let Some(server) = SERVER.get() {
        server.commands_lost(commands);
        (0..lost).for_each(|_| server.lost());
    }
    child.pid.store(0, SeqCst);
}

fn place_of(pid: i32) -> Option<usize> {
    children()[..BOUND.load(SeqCst)].iter().position(|child| child.pid.load(SeqCst) == pid)
}

/// Ends the process, also when what it did has panicked: a child must never return into its
/// parent's code.
struct Leave;

impl Drop for Leave {
    fn drop(&mut self) {
        std::process::exit(if std::thread::panicking() { 101 } else { 0 });
    }
}

fn block_signals() -> libc::sigset_t {
    let (mut all, mut old) = (MaybeUninit::uninit(), MaybeUninit::uninit());
    #[expect(unsafe_code, reason = "rustix has no stable signal masks")]
    // SAFETY: sigfillset(3) initialises the first set, and the call the second.
    unsafe {
        libc::sigfillset(all.as_mut_ptr());
        libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), old.as_mut_ptr());
        old.assume_init()
    }
}

fn restore_signals(old: &libc::sigset_t) {
    #[expect(unsafe_code, reason = "rustix has no stable signal masks")]
    // SAFETY: the set is one that the kernel gave.
    unsafe {
        libc::pthread_sigmask(libc::SIG_SETMASK, old, std::ptr::null_mut());
    }
}
