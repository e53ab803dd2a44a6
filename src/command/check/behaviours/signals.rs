//! Signals that do not concern a server, at any moment, and signals that it inherits.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rustix::process::Signal;

use crate::command::check::runner::counted;
use crate::command::check::{Behaviour, Case, Needs, Speaks};
use crate::process::inherited::Inherited;
use crate::process::watch;

pub(super) const ALL: &[Behaviour] = &[
    Behaviour {
        name: "a_stray_signal_does_nothing",
        why: "a stray signal must not harm the server's clients",
        points: 2,
        needs: Needs::Process,
        hostile: true,
        run: stray,
        ..Behaviour::PLAIN
    },
    Behaviour {
        name: "a_job_takes_its_time_whatever_signals_come",
        why: "signals must neither prolong a timed wait forever nor cut it short",
        points: 1,
        needs: Needs::Process,
        speaks: Speaks::Bench,
        run: interrupted_job,
        ..Behaviour::PLAIN
    },
    Behaviour {
        name: "a_drain_takes_its_time_whatever_signals_come",
        why: "an inherited alarm must not disconnect clients early",
        points: 1,
        needs: Needs::Model,
        speaks: Speaks::Bench,
        flags: &["--drain-timeout", "60s"],
        run: interrupted_drain,
        ..Behaviour::PLAIN
    },
    Behaviour {
        name: "being_stopped_and_continued_is_no_activity_of_a_client",
        why: "SIGSTOP and SIGCONT, which CPU limiters send, must not disturb idle timeouts",
        points: 1,
        needs: Needs::Model,
        speaks: Speaks::Lines,
        flags: &["--idle-timeout", "300ms"],
        run: stopped_and_continued,
        ..Behaviour::PLAIN
    },
    Behaviour {
        name: "a_hang_up_drains",
        why: "when its terminal closes, the server stops but answers accepted requests",
        points: 1,
        needs: Needs::Model,
        speaks: Speaks::Bench,
        flags: &["--drain-timeout", "20s"],
        run: hang_up,
        ..Behaviour::PLAIN
    },
    Behaviour {
        name: "inherited_signals_do_not_matter",
        why: "signal masks, ignored signals and timers survive exec(2): reset them at start",
        points: 2,
        needs: Needs::Model,
        inherited: Inherited { signals: true, descriptors: 0, limit: None },
        run: inherited,
        ..Behaviour::PLAIN
    },
];

/// Signals that every program must survive: by default they end no process.
const HARMLESS: [i32; 4] = [libc::SIGCHLD, libc::SIGCONT, libc::SIGURG, libc::SIGWINCH];
/// Signals that must have no effect on a model of ours, although by default they end a process.
const MEANINGLESS: [i32; 10] = [
    libc::SIGALRM,
    libc::SIGPIPE,
    libc::SIGUSR1,
    libc::SIGUSR2,
    libc::SIGVTALRM,
    libc::SIGPROF,
    libc::SIGIO,
    libc::SIGPWR,
    libc::SIGSTKFLT,
    libc::SIGXFSZ,
];

/// The signals that must have no effect on the server.
fn stray_signals(case: &Case<'_>) -> Vec<i32> {
    let mut signals = HARMLESS.to_vec();
    if case.is_model() {
        signals.extend(MEANINGLESS);
        signals.extend([libc::SIGRTMIN(), libc::SIGRTMIN() + 1, libc::SIGRTMAX()]);
    }
    signals
}

/// Sends signals all the time, until it is dropped.
struct Signals {
    enough: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Signals {
    /// Short compared with every wait that the signals are meant to disturb.
    const PAUSE: Duration = Duration::from_millis(20);

    /// Sends these signals in turn to every process that the server has now.
    fn keep_coming(case: &Case<'_>, signals: Vec<i32>) -> Result<Self> {
        let pids = watch::pids(case.server.pid()?);
        let enough = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&enough);
        let send = move || {
            for signal in signals.iter().cycle() {
                watch::signal_all(&pids, *signal);
                thread::sleep(Self::PAUSE);
                // A server must not be left stopped.
                if seen.load(SeqCst) && *signal != libc::SIGSTOP {
                    break;
                }
            }
        };
        Ok(Self { enough, thread: Some(thread::spawn(send)) })
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        self.enough.store(true, SeqCst);
        // The thread does not panic; if it did, there would only be no more signals.
        self.thread.take().into_iter().for_each(|thread| _ = thread.join());
    }
}

fn stray(case: &mut Case<'_>) -> Result<()> {
    let root = case.server.pid()?;
    for signal in stray_signals(case) {
        watch::signal_all(&watch::pids(root), signal);
        case.serves().with_context(|| format!("after signal {signal}"))?;
    }
    // The final checks show whether a model still stops when it is told to.
    Ok(())
}

fn interrupted_job(case: &mut Case<'_>) -> Result<()> {
    const JOB: Duration = Duration::from_secs(1);
    let mut client = case.served_client()?;
    let signals = Signals::keep_coming(case, stray_signals(case))?;
    let begin = Instant::now();
    client.send(format!("WORK 0 {} 0 done\n", JOB.as_micros()))?;
    let reply = client.reply("a job of one second, while signals arrive")?;
    let took = begin.elapsed();
    drop(signals);
    ensure!(reply.ends_with(" done"), "expected the result of WORK, got {reply}");
    ensure!(took >= JOB, "a job of {JOB:?} took {took:?}");
    drop(client);
    case.serves()
}

fn interrupted_drain(case: &mut Case<'_>) -> Result<()> {
    let mut client = case.served_client()?;
    client.send("WORK 0 1000000 0 done\n")?;
    case.server.signal(Signal::TERM)?;
    case.server.taken(Signal::TERM)?;
    let signals = Signals::keep_coming(case, stray_signals(case))?;
    let reply = client.reply("a job that the drain must wait for, while signals arrive")?;
    drop(signals);
    ensure!(reply.ends_with(" done"), "expected the result of WORK, got {reply}");
    counted(&case.server.stopped()?, "cut", 0..=0)
}

fn stopped_and_continued(case: &mut Case<'_>) -> Result<()> {
    let mut silent = case.served_client()?;
    let signals = vec![libc::SIGSTOP, libc::SIGCONT, libc::SIGCONT];
    let signals = Signals::keep_coming(case, signals)?;
    silent.closed().context("a silent client of a server that is stopped and continued")?;
    super::timeouts::never_read(case)?;
    drop(signals);
    case.will_have_counted("idle", 2..=u64::MAX);
    case.serves()
}

fn hang_up(case: &mut Case<'_>) -> Result<()> {
    let mut client = case.served_client()?;
    client.send("WORK 0 300000 0 received\n")?;
    case.server.signal(Signal::HUP)?;
    let reply = client.reply("a request that was sent before SIGHUP")?;
    ensure!(reply.ends_with(" received"), "expected the result of WORK, got {reply}");
    counted(&case.server.stopped()?, "cut", 0..=0)
}

fn inherited(case: &mut Case<'_>) -> Result<()> {
    let root = case.server.pid()?;
    // The parent ignored SIGHUP, as nohup(1) does, and the server must go on ignoring it.
    case.server.signal(Signal::HUP)?;
    case.serves()?;
    let mut client = case.served_client()?;
    let workers = case.at_first().processes - 1;
    if let Some(worker) = watch::children(root).first() {
        watch::signal_all(&[*worker], libc::SIGKILL);
        case.until("a killed worker is reaped and replaced", || {
            watch::are_replaced(root, &[*worker], workers)
        })?;
        if workers == 0 {
            client.closed().context("the client of the process that was killed")?;
        }
    }
    drop(client);
    case.serves()?;
    // The parent ignored SIGINT too, as a shell without job control does. But SIGINT only means
    // "stop", so it must still stop the server.
    case.server.signal(Signal::INT)?;
    let stopped = case.server.stopped()?;
    let replaced = u64::from(workers > 0);
    counted(&stopped, "workers_replaced", replaced..=replaced)
}
