//! Worker processes: one may die at any time, and only its own clients may suffer.

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};

use crate::command::check::client::CheckClient;
use crate::command::check::runner::{Skip, counted};
use crate::command::check::{Behaviour, Case, Needs};
use crate::process::watch;

pub(super) const ALL: &[Behaviour] = &[
    Behaviour {
        name: "a_killed_worker_takes_only_its_own_clients_with_it",
        why: "a crash loses one client: the others are still served, and the worker is replaced",
        points: 3,
        needs: Needs::Workers,
        run: killed_worker,
        ..Behaviour::PLAIN
    },
    Behaviour {
        name: "every_worker_may_be_killed_at_once",
        why: "if all workers are killed, the parent replaces them all",
        points: 1,
        needs: Needs::Workers,
        run: all_killed,
        ..Behaviour::PLAIN
    },
    Behaviour {
        name: "a_worker_that_does_not_end_is_killed",
        why: "a hung or stopped worker ignores SIGTERM: SIGKILL must follow",
        points: 1,
        needs: Needs::Workers,
        flags: &["--drain-timeout", "100ms"],
        run: stopped_workers,
        ..Behaviour::PLAIN
    },
];

/// After this many clients of one worker, the search for a client of another worker ends.
const FELLOWS_MAX: usize = 32;

fn killed_worker(case: &mut Case<'_>) -> Result<()> {
    let root = case.server.pid()?;
    let pool = case.at_first().processes > 1;
    let mut client = case.served_client()?;
    let worker = worker_of(case, &client);
    let Some(worker) = worker.filter(|worker| *worker != root) else {
        return Err(Skip("the server's first process serves its clients").into());
    };
    // A worker may have many clients, by chance including the next ones.
    let (mut fellows, mut spared) = (Vec::new(), Vec::new());
    while spared.is_empty() && fellows.len() < FELLOWS_MAX {
        let other = case.served_client()?;
        let fellow = worker_of(case, &other) == Some(worker);
        if fellow { &mut fellows } else { &mut spared }.push(other);
    }
    kill_process(Pid::from_raw(worker).context("a process id")?, Signal::KILL)?;
    for client in std::iter::once(&mut client).chain(&mut fellows) {
        client.closed().context("a client of the killed worker was not disconnected")?;
    }
    for other in &mut spared {
        let served = other.exchange(&case.speech.question(3));
        served.context("a client of another worker is no longer served")?;
    }
    drop(spared);
    let before = if pool { case.at_first().processes - 1 } else { 0 };
    case.until("the killed worker is reaped, and replaced if it belonged to a pool", || {
        watch::are_replaced(root, &[worker], before)
    })?;
    case.will_have_counted("lost", 1..=u64::MAX);
    if pool {
        case.will_have_counted("workers_replaced", 1..=u64::MAX);
    }
    case.serves()
}

fn all_killed(case: &mut Case<'_>) -> Result<()> {
    let root = case.server.pid()?;
    // Where each client has a process of its own, these are all the workers.
    let mut clients = [case.served_client()?, case.served_client()?];
    let workers = watch::children(root);
    if workers.is_empty() {
        return Err(Skip("the server's first process serves its clients").into());
    }
    watch::signal_all(&workers, libc::SIGKILL);
    for client in &mut clients {
        client.closed().context("a client of a killed worker was not disconnected")?;
    }
    let pool = case.at_first().processes - 1;
    case.until("every killed worker is reaped and replaced", || {
        watch::are_replaced(root, &workers, pool)
    })?;
    case.will_have_counted("lost", 2..=2);
    case.serves()
}

fn stopped_workers(case: &mut Case<'_>) -> Result<()> {
    if !case.is_model() {
        return Err(Skip("it is unknown how long the server's workers may take to end").into());
    }
    let root = case.server.pid()?;
    let mut client = case.served_client()?;
    let workers = watch::children(root);
    watch::signal_all(&workers, libc::SIGSTOP);
    let stopped = case.server.stop()?;
    client.closed()?;
    counted(&stopped, "cut", 1..=1)
}

fn worker_of(case: &Case<'_>, client: &CheckClient) -> Option<i32> {
    let end = client.stream.local_addr().ok()?;
    watch::holder(case.server.pid().ok()?, case.server.address, end)
}
