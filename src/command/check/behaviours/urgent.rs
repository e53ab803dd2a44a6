//! Urgent data (`MSG_OOB`), which telnet sends with its interrupt. A read ends in front of it, so a
//! short read does not prove that nothing is left.

use anyhow::{Context, Result, ensure};
use protocol::{App, Framing};
use rustix::process::Signal;

use super::http;
use crate::command::check::client::CheckClient;
use crate::command::check::runner::counted;
use crate::command::check::{Behaviour, Case, Needs, Speaks, Speech};
use crate::workload::speech::show;

const RAW: Speech = Speech::for_app(App::Bench, Framing::Raw);
const HTTP: Speech = Speech::for_app(App::Bench, Framing::Http);

pub(super) const ALL: &[Behaviour] = &[
    Behaviour {
        name: "urgent_data_hides_no_request",
        why: "a read stops at an urgent byte; the request behind it must still be answered",
        points: 2,
        speaks: Speaks::Lines,
        hostile: true,
        run: hides_nothing,
        ..Behaviour::PLAIN
    },
    Behaviour {
        name: "urgent_data_hides_no_http_request",
        why: "a head, a body or the next request may follow an urgent byte",
        points: 1,
        needs: Needs::Model,
        speaks: Speaks::Own(HTTP),
        hostile: true,
        run: hides_nothing,
        ..Behaviour::PLAIN
    },
    Behaviour {
        name: "urgent_data_hides_no_raw_message",
        why: "the bytes behind an urgent byte are the next message",
        points: 1,
        needs: Needs::Model,
        speaks: Speaks::Own(RAW),
        run: hides_no_message,
        ..Behaviour::PLAIN
    },
    Behaviour {
        name: "a_drain_answers_what_is_behind_urgent_data",
        why: "a request behind an urgent byte is a normal request",
        points: 2,
        needs: Needs::Process,
        speaks: Speaks::Bench,
        flags: &["--drain-timeout", "20s"],
        run: drain,
        ..Behaviour::PLAIN
    },
    Behaviour {
        name: "an_http_drain_answers_what_is_behind_urgent_data",
        why: "a request behind an urgent byte is a normal request",
        points: 1,
        needs: Needs::Model,
        speaks: Speaks::Own(HTTP),
        flags: &["--drain-timeout", "20s"],
        run: drain,
        ..Behaviour::PLAIN
    },
];

/// The positions in two requests at which the urgent byte is tried.
fn places(requests: &[u8]) -> impl Iterator<Item = usize> {
    let len = requests.len();
    [0, 1, len / 4, len / 2, len / 2 + 1, len - 1].into_iter()
}

/// A request that keeps the server from reading for a while, so that all that follows has arrived
/// when it reads; empty if no request takes time.
fn job(speech: Speech) -> &'static [u8] {
    match (speech.app, speech.framing) {
        (App::Bench, Framing::Line) => b"WORK 0 30000 0 job\n",
        (App::Bench, Framing::Raw) => b"WORK 0 30000 0 job",
        (App::Bench, Framing::Http) => {
            b"GET /work?wait_us=30000&tag=job HTTP/1.1\r\nHost: c10k\r\n\r\n"
        }
        (_, _) => b"",
    }
}

/// Sends these bytes, with an urgent byte before the one at `at`.
fn send_around(client: &mut CheckClient, bytes: &[u8], at: usize) -> Result<()> {
    client.send(&bytes[..at])?;
    client.send_urgent()?;
    client.send(&bytes[at..])
}

/// Waits for the reply to [`job`].
fn job_is_done(client: &mut CheckClient, speech: Speech) -> Result<()> {
    let reply = match speech.framing {
        _ if job(speech).is_empty() => return Ok(()),
        Framing::Line => client.reply("a job")?,
        Framing::Raw => String::from_utf8(client.take(b"OK 0123456789abcdef job".len())?)?,
        Framing::Http => http::reply(client, "a job")?.1,
    };
    ensure!(reply.ends_with(" job"), "expected the reply to a job, got {reply}");
    Ok(())
}

fn hides_nothing(case: &mut Case<'_>) -> Result<()> {
    let (first, second) = (case.speech.question(1), case.speech.question(2));
    let both = [&first.request[..], &second.request].concat();
    for busy in [false, true] {
        let mut client = case.served_client()?;
        for at in places(&both) {
            let told = || format!("an urgent byte before byte {at} of two requests, busy: {busy}");
            if busy {
                client.send(job(case.speech))?;
            }
            send_around(&mut client, &both, at)?;
            if busy {
                job_is_done(&mut client, case.speech).with_context(told)?;
            }
            client.expect(&first).with_context(told)?;
            client.expect(&second).with_context(told)?;
        }
    }
    Ok(())
}

fn hides_no_message(case: &mut Case<'_>) -> Result<()> {
    let mut client = case.served_client()?;
    // The server must read the job before the rest is sent, or both would be one message.
    client.send(job(RAW))?;
    case.rests()?;
    // A message ends where a read ends, which is in front of the urgent byte.
    send_around(&mut client, b"ECHO aECHO b", b"ECHO a".len())?;
    job_is_done(&mut client, RAW)?;
    let mut replies = client.take(b"OK aOK b".len())?;
    if replies.ends_with(b"ECHO") {
        // A server that received both before it read either takes them for one message.
        replies.extend(client.take(b" b".len())?);
    }
    let right = replies == b"OK aOK b" || replies == b"OK aECHO b";
    ensure!(right, "expected OK a and OK b, got {}", show(&replies));
    Ok(())
}

fn drain(case: &mut Case<'_>) -> Result<()> {
    let (first, second) = (case.speech.question(1), case.speech.question(2));
    let both = [&first.request[..], &second.request].concat();
    for at in places(&both) {
        let told = || format!("an urgent byte before byte {at} of two requests at SIGTERM");
        let mut client = case.served_client()?;
        // The server is paused, so that it reads nothing before the drain begins.
        case.server.pause()?;
        send_around(&mut client, &both, at)?;
        case.server.signal(Signal::TERM)?;
        case.server.signal_all(Signal::CONT)?;
        for question in [&first, &second] {
            if case.speech.framing == Framing::Http {
                let body = question.reply.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
                let (_, reply) =
                    http::reply(&mut client, "a request before SIGTERM").with_context(told)?;
                ensure!(reply.as_bytes() == body, "{}: got the reply {reply}", told());
            } else {
                client.expect(question).with_context(told)?;
            }
        }
        let stopped = case.server.stopped()?;
        if case.is_model() {
            counted(&stopped, "cut", 0..=0)?;
        }
        case.start_again()?;
    }
    Ok(())
}
