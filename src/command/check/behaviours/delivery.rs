//! The last reply must arrive. Closing in order takes more than close(2) if a client is slow, still
//! sends, or does not read.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use rustix::process::Signal;

use crate::command::check::client::CheckClient;
use crate::command::check::runner::counted;
use crate::command::check::{Behaviour, Case, Needs, Speaks};

/// More than the kernel takes for a client with a small window.
const REPLY_BYTES: usize = 400_000;

pub(super) const ALL: &[Behaviour] = &[
    Behaviour {
        name: "a_late_request_destroys_no_reply_of_the_drain",
        why: "input that arrives after close(2) causes a reset, which destroys replies",
        points: 2,
        needs: Needs::Process,
        speaks: Speaks::Bench,
        flags: &["--drain-timeout", "20s"],
        run: late_request,
        ..Behaviour::PLAIN
    },
    Behaviour {
        name: "a_pipelining_client_loses_no_reply_to_the_drain",
        why: "a reply that the server has counted must arrive, whatever the client sends meanwhile",
        points: 2,
        needs: Needs::Process,
        speaks: Speaks::Bench,
        flags: &["--drain-timeout", "60s"],
        run: pipelining,
        ..Behaviour::PLAIN
    },
    Behaviour {
        name: "a_half_closed_client_gets_its_replies_from_the_drain",
        why: "a client that has stopped sending still reads",
        points: 1,
        needs: Needs::Process,
        speaks: Speaks::Bench,
        flags: &["--drain-timeout", "20s"],
        run: half_closed,
        ..Behaviour::PLAIN
    },
    Behaviour {
        name: "a_reply_that_nobody_takes_before_the_drain_timeout_is_cut",
        why: "the server is not done with a reply that has not arrived",
        points: 1,
        needs: Needs::Model,
        speaks: Speaks::Bench,
        flags: &["--drain-timeout", "300ms"],
        run: not_taken,
        ..Behaviour::PLAIN
    },
    Behaviour {
        name: "a_slow_client_gets_the_reply_before_a_goodbye",
        why: "when the server closes first, the client needs time to read the rest",
        points: 1,
        needs: Needs::Process,
        speaks: Speaks::Bench,
        run: slow_goodbye,
        ..Behaviour::PLAIN
    },
];

/// A client with a small window that has asked for a long reply and reads none of it yet; the server
/// has written what the kernel takes.
fn reads_nothing(case: &Case<'_>) -> Result<CheckClient> {
    let mut client = CheckClient::connect_narrow(case.server.address, case.patience())?;
    client.exchange(&case.speech.question(1))?;
    client.send(format!("WORK 0 0 {REPLY_BYTES}\n"))?;
    case.rests()?;
    Ok(client)
}

/// A client with a small window that has asked for a long reply and ended its input; the server is
/// still working on the reply.
fn half_closed_client(case: &Case<'_>) -> Result<CheckClient> {
    let mut client = CheckClient::connect_narrow(case.server.address, case.patience())?;
    client.exchange(&case.speech.question(1))?;
    client.send(format!("WORK 0 50000 {REPLY_BYTES}\n"))?;
    client.half_close()?;
    Ok(client)
}

/// Reads a long reply to its end, and checks its length.
fn arrives(client: &mut CheckClient) -> Result<()> {
    let reply = client.reply("a request for a long reply");
    let len = reply.context("the long reply was truncated")?.len() + 1;
    ensure!(len == REPLY_BYTES, "{len} of {REPLY_BYTES} bytes of a reply arrived");
    Ok(())
}

fn late_request(case: &mut Case<'_>) -> Result<()> {
    let mut client = reads_nothing(case)?;
    case.server.signal(Signal::TERM)?;
    case.server.taken(Signal::TERM)?;
    for _ in 0..3 {
        case.pause();
        // The server may refuse this already, but the reply on its way must survive.
        let _ = client.stream.write_all(b"ECHO late\n");
    }
    arrives(&mut client)?;
    client.closed()?;
    drop(client);
    let stopped = case.server.stopped()?;
    if case.is_model() {
        counted(&stopped, "finished", 1..=1)?;
        counted(&stopped, "cut", 0..=0)?;
    }
    Ok(())
}

fn pipelining(case: &mut Case<'_>) -> Result<()> {
    const TIMES: usize = 5;
    for time in 0..TIMES {
        if time > 0 {
            case.start_again()?;
        }
        let mut client = case.served_client()?;
        let mut sender = client.stream.try_clone()?;
        let batch = format!("ECHO {}\n", "x".repeat(1000)).repeat(64);
        let sending = thread::spawn(move || while sender.write_all(batch.as_bytes()).is_ok() {});
        for _ in 0..100 {
            client.reply("one request of many")?;
        }
        case.server.signal(Signal::TERM)?;
        let mut output = Vec::new();
        let mut buffer = vec![0; 64 * 1024];
        // A reset is an end here: only the bytes before it count.
        while let Ok(n @ 1..) = client.stream.read(&mut buffer) {
            output.extend_from_slice(&buffer[..n]);
        }
        let _ = client.stream.shutdown(Shutdown::Both);
        sending.join().map_err(|_| anyhow!("the sender has panicked"))?;
        let whole = client.lines_there()? + output.iter().filter(|byte| **byte == b'\n').count();
        ensure!(output.last().is_none_or(|byte| *byte == b'\n'), "the last reply was truncated");
        let stopped = case.server.stopped()?;
        if case.is_model() {
            // With the first question and the hundred replies that were read one by one.
            let arrived = whole as u64 + 101;
            counted(&stopped, "requests", arrived..=arrived)?;
            counted(&stopped, "finished", 1..=1)?;
        }
    }
    Ok(())
}

fn half_closed(case: &mut Case<'_>) -> Result<()> {
    let mut client = half_closed_client(case)?;
    case.server.signal(Signal::TERM)?;
    case.server.taken(Signal::TERM)?;
    case.pause();
    arrives(&mut client)?;
    client.ends_in_order()?;
    let stopped = case.server.stopped()?;
    if case.is_model() {
        counted(&stopped, "finished", 1..=1)?;
    }
    Ok(())
}

fn not_taken(case: &mut Case<'_>) -> Result<()> {
    for half_closed in [false, true] {
        let client = if half_closed { half_closed_client(case)? } else { reads_nothing(case)? };
        let stopped = case.server.stop()?;
        drop(client);
        let told = || format!("the client has half-closed: {half_closed}");
        counted(&stopped, "cut", 1..=1).with_context(told)?;
        counted(&stopped, "finished", 0..=0).with_context(told)?;
        case.start_again()?;
    }
    Ok(())
}

fn slow_goodbye(case: &mut Case<'_>) -> Result<()> {
    let mut client = reads_nothing(case)?;
    client.send("QUIT\n")?;
    // Longer than a server waits for a client that has received everything.
    thread::sleep(Duration::from_millis(1_300));
    let _ = client.stream.write_all(b"ECHO late\n");
    case.pause();
    arrives(&mut client)?;
    client.expect_line("OK bye")?;
    client.closed()
}
