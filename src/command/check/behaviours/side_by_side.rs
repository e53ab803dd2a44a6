//! Several clients at a time: no client waits for another, and busy clients take turns.

use std::io::Write;
use std::net::TcpStream;

use anyhow::{Context, Result, bail, ensure};
use rustix::process::Signal;
use servers::{Family, Workers};

use crate::command::check::client::CheckClient;
use crate::command::check::{Behaviour, Case, Needs, Speaks};

pub(super) const ALL: &[Behaviour] = &[
    Behaviour {
        name: "a_client_that_says_nothing_holds_up_nobody",
        why: "silent connections are cheap for an attacker: they must not stop a server",
        points: 3,
        concurrent: true,
        run: silent_client,
        ..Behaviour::PLAIN
    },
    Behaviour {
        name: "a_client_waits_for_nobody_but_in_a_sequential_server",
        why: "one client's long request must not delay the others",
        points: 3,
        speaks: Speaks::Bench,
        concurrent: true,
        run: concurrency,
        ..Behaviour::PLAIN
    },
    Behaviour {
        name: "a_client_with_many_jobs_takes_turns_with_the_others",
        why: "a burst from one client must not delay the others until it is done",
        points: 2,
        speaks: Speaks::Bench,
        concurrent: true,
        run: turns,
        ..Behaviour::PLAIN
    },
    Behaviour {
        name: "a_client_that_never_stops_asking_takes_turns",
        why: "a client that always has a next request must not starve the others",
        points: 2,
        needs: Needs::Process,
        speaks: Speaks::Lines,
        concurrent: true,
        run: endless,
        ..Behaviour::PLAIN
    },
    Behaviour {
        name: "fifty_clients_are_served_side_by_side",
        why: "two clients may be served by luck, a whole class only by design",
        points: 3,
        concurrent: true,
        run: fifty,
        ..Behaviour::PLAIN
    },
];

fn silent_client(case: &mut Case<'_>) -> Result<()> {
    let silent = [case.client()?, case.client()?];
    if case.model().is_some_and(|model| model.family == Family::Sequential) {
        drop(silent);
        return case.serves();
    }
    let mut half = case.client()?;
    half.send(case.speech.half())?;
    case.serves().context("two clients are silent, and one has sent half a request")
}

fn concurrency(case: &mut Case<'_>) -> Result<()> {
    let sequential = case.model().is_some_and(|model| model.family == Family::Sequential);
    let mut first = case.served_client()?;
    // Where nobody waits for its end it is longer than it takes to start a process on a busy machine.
    let us = if case.is_model() && !sequential { 20_000_000 } else { 2_000_000 };
    first.send(format!("WORK 0 {us} 0\n"))?;
    let mut second = case.client()?;
    second.send("ECHO meanwhile\n")?;
    if sequential {
        first.reply("the job")?;
        ensure!(!second.has_input()?, "the second client was served while the first was connected");
        drop(first);
        return second.expect_line("OK meanwhile");
    }
    second.expect_line("OK meanwhile")?;
    ensure!(!first.has_input()?, "the second client waited for the first client's job");
    if case.is_model() {
        // Nobody waits for the rest of the job.
        case.server.cut()?;
    }
    Ok(())
}

fn turns(case: &mut Case<'_>) -> Result<()> {
    const JOBS: usize = 100;
    let mut second = if case.one_at_a_time() { None } else { Some(case.served_client()?) };
    let mut first = case.client()?;
    first.send("WORK 3000 0 0\n".repeat(JOBS))?;
    let mut taken = 0;
    if let Some(second) = &mut second {
        first.reply("the first of many jobs")?;
        second.ask("ECHO my turn")?;
        taken = 1;
        let done = taken + first.lines_there()?;
        ensure!(done < JOBS, "the second client waited for all of {JOBS} jobs");
    }
    (taken..JOBS).try_for_each(|_| first.reply("one of many jobs").map(drop))
}

fn endless(case: &mut Case<'_>) -> Result<()> {
    // Bytes of replies to one client until the other has its own: those of two turns of our loops, of
    // four reads each, which grow from 1 KiB. A loop that learns of its clients one by one gives the first
    // of them a turn before it hears of the second.
    const ALLOWED: u64 = 192 * 1024;
    // The other client may see its reply late, on a busy machine: some of many tries must be in time. By
    // luck one may be in a loop that starves it.
    const TRIES: u64 = 40;
    const IN_TIME: usize = 10;
    if case.one_at_a_time() {
        return case.serves();
    }
    let loops = [Family::Reactor, Family::Proactor, Family::Async];
    let one_loop = case.model().is_some_and(|model| {
        loops.contains(&model.family) && matches!(model.workers, Workers::None)
    });
    let mut bytes = Vec::new();
    for n in 0..TRIES {
        bytes.push(until_the_other_is_served(case, n)?);
        let in_time = bytes.iter().filter(|bytes| **bytes <= ALLOWED).count();
        // Where clients have threads or processes of their own, turns are the kernel's.
        if in_time == IN_TIME || !one_loop {
            return Ok(());
        }
    }
    bytes.sort_unstable();
    bail!(
        "one of two clients usually received {} bytes before the other got its reply",
        bytes[bytes.len() / 2]
    )
}

/// How many bytes of replies a client gets that never stops asking, from a moment when another one has
/// asked too until that one has its reply.
fn until_the_other_is_served(case: &Case<'_>, n: u64) -> Result<u64> {
    let mut greedy = CheckClient::connect_wide(case.server.address, case.patience())?;
    greedy.exchange(&case.speech.question(n))?;
    let mut other = case.served_client()?;
    // Both are there when the server looks, the greedy one first.
    case.server.pause()?;
    greedy.stream.set_nonblocking(true)?;
    let requests = case.speech.question(n).request.repeat(4096);
    // Not through the patient stream, which waits for room.
    let mut raw: &TcpStream = &greedy.stream;
    while raw.write(&requests).is_ok() {}
    let question = case.speech.question(n + 1);
    other.send(&question.request)?;
    case.server.signal_all(Signal::CONT)?;
    other.expect(&question).context("while another client never stops sending requests")?;
    // It reads nothing, and its kernel keeps what has come.
    Ok(rustix::io::ioctl_fionread(&*greedy.stream)?)
}

fn fifty(case: &mut Case<'_>) -> Result<()> {
    if case.model().is_some_and(|model| model.family == Family::Sequential) {
        return (0..50).try_for_each(|_| case.serves());
    }
    let mut clients = Vec::new();
    for n in 0..50 {
        clients.push(case.served_client().with_context(|| format!("beside {n} others"))?);
    }
    for n in 0..2 {
        for client in &mut clients {
            client.exchange(&case.speech.question(n))?;
        }
    }
    Ok(())
}
