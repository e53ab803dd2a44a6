//! Slow clients and timeouts. The limits are short here to keep the tests quick.

use std::io::Write;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use protocol::{App, Framing};

use crate::command::check::{Behaviour, Case, Needs, Speaks, Speech};

pub(super) const ALL: &[Behaviour] = &[
    Behaviour {
        name: "an_idle_connection_is_closed",
        why: "a client that has vanished would hold its place forever",
        points: 1,
        needs: Needs::Model,
        flags: &["--idle-timeout", "200ms"],
        hostile: true,
        run: idle,
        ..Behaviour::PLAIN
    },
    Behaviour {
        name: "a_silent_connection_is_closed",
        why: "a client that never sends a request would hold its place forever",
        points: 1,
        needs: Needs::Model,
        flags: &["--idle-timeout", "200ms"],
        hostile: true,
        run: silent,
        ..Behaviour::PLAIN
    },
    Behaviour {
        name: "a_trickling_sender_is_closed",
        why: "a client that trickles bytes is never idle: limit the time for a request",
        points: 2,
        needs: Needs::Model,
        speaks: Speaks::Lines,
        flags: &["--idle-timeout", "300ms"],
        hostile: true,
        run: trickle,
        ..Behaviour::PLAIN
    },
    Behaviour {
        name: "a_client_that_never_reads_is_closed",
        why: "an unread reply is not activity",
        points: 2,
        needs: Needs::Model,
        speaks: Speaks::Lines,
        flags: &["--idle-timeout", "300ms"],
        hostile: true,
        run: never_reads,
        ..Behaviour::PLAIN
    },
    Behaviour {
        name: "http_bytes_that_complete_no_request_hold_no_place",
        why: "trickled empty lines, heads and bodies are never idle and never a request",
        points: 2,
        needs: Needs::Model,
        speaks: Speaks::Own(Speech::for_app(App::Bench, Framing::Http)),
        flags: &["--idle-timeout", "300ms"],
        hostile: true,
        run: http_trickle,
        ..Behaviour::PLAIN
    },
];

fn idle(case: &mut Case<'_>) -> Result<()> {
    case.served_client()?.closed()?;
    case.will_have_counted("idle", 1..=u64::MAX);
    case.serves()
}

fn silent(case: &mut Case<'_>) -> Result<()> {
    case.client()?.closed()?;
    case.will_have_counted("idle", 1..=u64::MAX);
    case.serves()
}

fn trickle(case: &mut Case<'_>) -> Result<()> {
    is_given_up(case, b"", b"1")?;
    case.will_have_counted("idle", 1..=u64::MAX);
    case.serves()
}

fn http_trickle(case: &mut Case<'_>) -> Result<()> {
    let request = case.speech.question(1).request;
    let starts: [(&str, Vec<u8>, &[u8]); 6] = [
        ("empty lines", Vec::new(), b"\r\n"),
        ("line feeds", Vec::new(), b"\n"),
        ("empty lines after a request", request, b"\r\n"),
        ("a request line", b"GET /".to_vec(), b"a"),
        ("a header field", b"GET / HTTP/1.1\r\nHost: c10k\r\nX: ".to_vec(), b"a"),
        (
            "a body",
            b"POST /echo HTTP/1.1\r\nHost: c10k\r\nContent-Length: 60000\r\n\r\n".to_vec(),
            b"a",
        ),
    ];
    let kinds = starts.len() as u64;
    for (what, start, piece) in starts {
        is_given_up(case, &start, piece).with_context(|| format!("{what}, piece by piece"))?;
    }
    case.will_have_counted("idle", kinds..=u64::MAX);
    case.serves()
}

/// Sends `start`, and then a piece every 50 ms. Such a client is never idle, but the server must
/// still close it.
fn is_given_up(case: &Case<'_>, start: &[u8], piece: &[u8]) -> Result<()> {
    let mut client = case.client()?;
    client.send(start)?;
    let mut sender = client.stream.try_clone()?;
    case.until("the server closes a client that trickles bytes", || {
        thread::sleep(Duration::from_millis(50));
        // Reads the reply to the start, if there is one.
        let _ = client.lines_there();
        sender.write_all(piece).is_err()
    })
}

fn never_reads(case: &mut Case<'_>) -> Result<()> {
    never_read(case)?;
    case.will_have_counted("idle", 1..=u64::MAX);
    case.serves()
}

/// A client sends requests and never reads, until the server closes.
pub(super) fn never_read(case: &Case<'_>) -> Result<()> {
    let client = case.client()?;
    let mut sender = client.stream.try_clone()?;
    let request = case.speech.long(10_000).request;
    // Sending fails once the server has closed, which it must do because nothing is read.
    let sending = thread::spawn(move || while sender.write_all(&request).is_ok() {});
    sending.join().map_err(|_| anyhow!("the sender has panicked"))
}
