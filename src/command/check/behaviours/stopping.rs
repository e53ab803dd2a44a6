//! Stopping by signals: received requests are answered, late ones are cut, and nothing is left
//! behind.

use std::io::Write;

use anyhow::{Context, Result, ensure};
use rustix::process::Signal;
use serde_json::Value;

use crate::command::check::client::{CheckClient, knock};
use crate::command::check::runner::counted;
use crate::command::check::{Behaviour, Case, Needs, Speaks};
use crate::process::watch::{Lowered, Scarce};

pub(super) const ALL: &[Behaviour] = &[
    Behaviour {
        name: "says_where_it_listens_and_what_it_did",
        why: "the ready line tells when to connect, the stopped line how clients ended",
        points: 1,
        needs: Needs::Model,
        speaks: Speaks::Bench,
        run: says,
        ..Behaviour::PLAIN
    },
    Behaviour {
        name: "drain_answers_what_was_received",
        why: "a server that is replaced must not lose accepted requests",
        points: 2,
        needs: Needs::Process,
        speaks: Speaks::Bench,
        flags: &["--drain-timeout", "20s"],
        run: drain,
        ..Behaviour::PLAIN
    },
    Behaviour {
        name: "half_a_request_is_not_answered_by_the_drain",
        why: "half a request must not be answered",
        points: 1,
        needs: Needs::Process,
        speaks: Speaks::Lines,
        flags: &["--drain-timeout", "20s"],
        run: half_a_request,
        ..Behaviour::PLAIN
    },
    Behaviour {
        name: "a_chatty_client_cannot_stop_the_drain",
        why: "a client that keeps sending requests must not prolong the drain forever",
        points: 1,
        needs: Needs::Process,
        speaks: Speaks::Lines,
        flags: &["--drain-timeout", "60s"],
        run: chatty_drain,
        ..Behaviour::PLAIN
    },
    Behaviour {
        name: "a_second_signal_cuts",
        why: "a second signal means: stop now",
        points: 1,
        needs: Needs::Model,
        speaks: Speaks::Bench,
        flags: &["--drain-timeout", "60s"],
        run: second_signal,
        ..Behaviour::PLAIN
    },
    Behaviour {
        name: "the_drain_timeout_cuts",
        why: "a drain must end",
        points: 1,
        needs: Needs::Model,
        speaks: Speaks::Bench,
        flags: &["--drain-timeout", "200ms"],
        run: drain_timeout,
        ..Behaviour::PLAIN
    },
    Behaviour {
        name: "who_waits_to_be_accepted_is_answered_by_the_drain",
        why: "closing a listener resets every connection in its queue, requests included",
        points: 1,
        needs: Needs::Model,
        flags: &["--drain-timeout", "60s"],
        run: queued,
        ..Behaviour::PLAIN
    },
    Behaviour {
        name: "two_signals_at_once_end_it",
        why: "two signals may be handled one after the other, or by two threads at once",
        points: 1,
        needs: Needs::Model,
        speaks: Speaks::Bench,
        flags: &["--drain-timeout", "60s"],
        run: two_at_once,
        ..Behaviour::PLAIN
    },
    Behaviour {
        name: "it_stops_without_descriptors",
        why: "accept(2) without a free descriptor fails before it reports the closed listener",
        points: 2,
        needs: Needs::Process,
        run: without_descriptors,
        ..Behaviour::PLAIN
    },
    Behaviour {
        name: "nothing_is_left_of_a_stopped_server",
        why: "a leftover child or listener keeps the port and serves the old program",
        points: 2,
        needs: Needs::Process,
        run: nothing_left,
        ..Behaviour::PLAIN
    },
    Behaviour {
        name: "the_port_is_free_afterwards",
        why: "connections in TIME_WAIT must not keep a server from starting again: SO_REUSEADDR",
        points: 2,
        needs: Needs::Process,
        run: port_is_free,
        ..Behaviour::PLAIN
    },
];

fn says(case: &mut Case<'_>) -> Result<()> {
    let ready = case.server.ready().cloned().unwrap_or(Value::Null);
    let model = case.model().map_or("", |model| model.name);
    let right = ready["event"] == "ready" && ready["model"] == model;
    ensure!(right && ready["pid"] == case.server.pid()?, "unexpected ready line: {ready}");
    let mut client = case.client()?;
    client.ask("ECHO 1")?;
    client.ask("NONSENSE")?;
    drop(client);
    // When told to stop, the server closes this connection in order, or has already seen its end.
    let stopped = case.server.stop()?;
    for (name, n) in [
        ("accepted", 1),
        ("finished", 1),
        ("requests", 2),
        ("requests_refused", 1),
        ("reset", 0),
        ("cut", 0),
    ] {
        counted(&stopped, name, n..=n)?;
    }
    ensure!(stopped["event"] == "stopped", "unexpected stopped line: {stopped}");
    let peak = stopped["resources"]["rss_peak_bytes"].as_u64();
    ensure!(peak > Some(0), "the stopped line has no memory figures: {stopped}");
    Ok(())
}

fn drain(case: &mut Case<'_>) -> Result<()> {
    let mut idle = if case.one_at_a_time() { None } else { Some(case.served_client()?) };
    let mut busy = case.served_client()?;
    busy.send("WORK 0 300000 0 received\nECHO too\n")?;
    // The server, or at least its kernel, has the request: both count as received.
    case.server.signal(Signal::TERM)?;
    let reply = busy.reply("a request that was sent before SIGTERM")?;
    ensure!(reply.ends_with(" received"), "expected the result of WORK, got {reply}");
    busy.expect_line("OK too")?;
    ensure!(busy.line()?.is_none(), "more replies than requests");
    if let Some(idle) = &mut idle {
        idle.closed().context("a client without a request, after SIGTERM")?;
    }
    let stopped = case.server.stopped()?;
    if case.is_model() { counted(&stopped, "cut", 0..=0) } else { Ok(()) }
}

fn half_a_request(case: &mut Case<'_>) -> Result<()> {
    let mut client = case.served_client()?;
    // The rest of the number never comes, so 22 times 9 would answer no question.
    let half =
        if case.speech.app == protocol::App::Bench { b"MUL 22 9" } else { case.speech.half() };
    client.send(half)?;
    if !case.is_model() {
        // Gives a server that takes this for a whole request the time to answer it.
        case.rests()?;
    }
    case.server.signal(Signal::TERM)?;
    if let Some(reply) = client.line()? {
        anyhow::bail!("half a request was answered with {reply}");
    }
    let stopped = case.server.stopped()?;
    if case.is_model() { counted(&stopped, "requests", 1..=1) } else { Ok(()) }
}

fn chatty_drain(case: &mut Case<'_>) -> Result<()> {
    // Two requests are always in flight, so the next one is ready whenever the server looks.
    let mut client = case.served_client()?;
    let next = case.speech.question(3).request;
    client.send([next.clone(), next.clone()].concat())?;
    case.server.signal(Signal::TERM)?;
    case.until("the drain ends although a client keeps sending requests", || {
        !matches!(client.line(), Ok(Some(_))) || client.stream.write_all(&next).is_err()
    })?;
    drop(client);
    let stopped = case.server.stopped()?;
    if case.is_model() { counted(&stopped, "cut", 0..=0) } else { Ok(()) }
}

fn second_signal(case: &mut Case<'_>) -> Result<()> {
    let mut client = case.served_client()?;
    client.send("WORK 0 60000000 0\n")?;
    // The job waits for a minute, so only a cut can end it in time.
    counted(&case.server.cut()?, "cut", 1..=1)
}

fn drain_timeout(case: &mut Case<'_>) -> Result<()> {
    let mut client = case.served_client()?;
    client.send("WORK 0 60000000 0\n")?;
    counted(&case.server.stop()?, "cut", 1..=1)
}

/// Clients connect while SIGSTOP holds the server, and SIGTERM follows. When the server continues,
/// the signal comes first and the clients still wait in the kernel.
fn queued(case: &mut Case<'_>) -> Result<()> {
    const QUEUED: u64 = 8;
    drop(case.served_client()?);
    case.server.pause()?;
    let result = connect_and_stop(case, QUEUED);
    case.server.signal_all(Signal::CONT)?;
    let (asking, mut silent) = result?;
    for (n, mut client) in asking {
        let answered =
            client.expect(&case.speech.question(n)).and_then(|()| client.ends_in_order());
        answered.with_context(|| format!("client {n} of {QUEUED} that wait to be accepted"))?;
    }
    if case.is_model() {
        silent
            .ends_in_order()
            .context("a client that has sent nothing and waits to be accepted")?;
    }
    drop(silent);
    let stopped = case.server.stopped()?;
    if case.is_model() { counted(&stopped, "finished", QUEUED + 2..=QUEUED + 2) } else { Ok(()) }
}

fn connect_and_stop(
    case: &Case<'_>,
    asking: u64,
) -> Result<(Vec<(u64, CheckClient)>, CheckClient)> {
    let connect = |n| {
        let mut client = case.client()?;
        client.send(case.speech.question(n).request)?;
        Ok((n, client))
    };
    let asking = (0..asking).map(connect).collect::<Result<_>>()?;
    let silent = case.client()?;
    case.server.signal(Signal::TERM)?;
    Ok((asking, silent))
}

fn two_at_once(case: &mut Case<'_>) -> Result<()> {
    let mut client = case.served_client()?;
    client.send("WORK 0 60000000 0\n")?;
    case.rests()?;
    case.server.pause()?;
    let (first, second) = (case.server.signal(Signal::TERM), case.server.signal(Signal::INT));
    case.server.signal_all(Signal::CONT)?;
    first.and(second)?;
    counted(&case.server.stopped()?, "cut", 1..=1)
}

fn without_descriptors(case: &mut Case<'_>) -> Result<()> {
    let pid = case.server.pid()?;
    let _served = case.served_client()?;
    for limit in [3, 0] {
        let _lowered = Lowered::new(pid, Scarce::Descriptors, limit)?;
        let _waiting = [knock(case.server.address)?, knock(case.server.address)?];
        case.server.stop().with_context(|| format!("with a limit of {limit} descriptors"))?;
        if limit > 0 {
            case.start_again()?;
        }
    }
    Ok(())
}

fn nothing_left(case: &mut Case<'_>) -> Result<()> {
    let mut clients = vec![case.served_client()?];
    if !case.one_at_a_time() {
        clients.push(case.served_client()?);
    }
    let stopped = case.server.stop()?;
    clients.iter_mut().try_for_each(|client| client.closed())?;
    let all = clients.len() as u64;
    if case.is_model() { counted(&stopped, "finished", all..=all) } else { Ok(()) }
}

fn port_is_free(case: &mut Case<'_>) -> Result<()> {
    let mut again = Ok(());
    // Tried again, because another program may take the port before the second server does.
    for _ in 0..3 {
        let mut client = case.served_client()?;
        if case.speech.app == protocol::App::Bench && case.is_model() {
            client.ask("QUIT")?;
            client.closed()?;
        }
        // The server closes first, so that TIME_WAIT is on its side.
        case.server.signal(Signal::TERM)?;
        client.closed()?;
        drop(client);
        case.server.stopped()?;
        again = case.start_again_at_its_port();
        if again.is_ok() {
            return case.serves();
        }
        case.start_again()?;
    }
    again.context("a second server at the same port")
}
