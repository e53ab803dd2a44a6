//! HTTP/1.1: the same requests as heads and bodies. Other servers are asked for one of their own
//! pages. Framing, refusals and closing are tested in the same way for all.

mod pages;

use std::io::Write;
use std::thread;

use anyhow::{Context, Result, anyhow, ensure};
use protocol::{App, Framing};
use rustix::process::Signal;

use crate::command::check::client::CheckClient;
use crate::command::check::runner::counted;
use crate::command::check::{Behaviour, Case, Needs, Speaks, Speech};
use crate::workload::speech::show;

/// A behaviour of any server.
const ANY: Behaviour = Behaviour { speaks: Speaks::Http, ..Behaviour::PLAIN };

/// A behaviour of our models, with their paths and options.
const HTTP: Behaviour = Behaviour {
    needs: Needs::Model,
    speaks: Speaks::Own(Speech::for_app(App::Bench, Framing::Http)),
    ..Behaviour::PLAIN
};

pub(super) const ALL: &[Behaviour] = &[
    Behaviour {
        name: "http_requests_are_answered_on_a_connection_that_stays_open",
        why: "curl, browsers and load generators reuse connections",
        points: 2,
        run: kept_alive,
        ..ANY
    },
    Behaviour {
        name: "an_http_request_split_at_every_byte_is_one_request",
        why: "TCP may deliver head and body in pieces",
        points: 2,
        hostile: true,
        run: split_at_every_byte,
        ..ANY
    },
    Behaviour {
        name: "a_pipelined_http_burst_is_answered_in_order",
        why: "TCP may deliver many requests at once, with jobs among them",
        points: 2,
        hostile: true,
        run: pipelined_burst,
        ..ANY
    },
    Behaviour {
        name: "an_http_request_of_two_lengths_smuggles_nothing",
        why: "a server that cannot find the end of a request must not guess it",
        points: 2,
        hostile: true,
        run: two_lengths,
        ..ANY
    },
    Behaviour {
        name: "an_oversize_http_head_gets_an_error_and_a_close",
        why: "an endless head must not exhaust memory, and the client should be told why",
        points: 2,
        hostile: true,
        run: oversize_head,
        ..ANY
    },
    Behaviour {
        name: "an_http_client_that_ends_its_input_is_answered",
        why: "a client that has sent everything still waits for its replies",
        points: 1,
        run: half_close,
        ..HTTP
    },
    Behaviour {
        name: "connection_close_is_answered_and_obeyed",
        why: "a client that asks for Connection: close reads until the end",
        points: 1,
        run: close_on_request,
        ..ANY
    },
    Behaviour {
        name: "one_http_client_too_many_is_told_so",
        why: "a load balancer understands a status code, not a line of text",
        points: 1,
        flags: &["--max-connections", "1"],
        concurrent: true,
        run: busy,
        ..HTTP
    },
    Behaviour {
        name: "an_http_drain_says_that_the_reply_is_the_last",
        why: "a client that sees Connection: close sends its next request elsewhere and loses none",
        points: 1,
        flags: &["--drain-timeout", "20s"],
        run: drain,
        ..HTTP
    },
];

fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: c10k\r\n\r\n")
}

/// The next reply's head, its lines joined with spaces, and its body.
pub(super) fn reply(client: &mut CheckClient, to: &str) -> Result<(String, String)> {
    let (mut head, mut len) = (String::new(), 0);
    loop {
        let line = client.reply(to)?;
        let line = line.strip_suffix('\r').context("a line of a head without carriage return")?;
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("Content-Length: ") {
            len = value.parse().with_context(|| format!("no length: {line}"))?;
        }
        head += line;
        head.push(' ');
    }
    let body = client.take(len).with_context(|| format!("no body of {len} bytes for {to}"))?;
    Ok((head, String::from_utf8_lossy(&body).into_owned()))
}

fn expect(client: &mut CheckClient, to: &str, status: u16, body: &str) -> Result<()> {
    let (head, came) = reply(client, to)?;
    let right = head.starts_with(&format!("HTTP/1.1 {status} ")) && came.starts_with(body);
    ensure!(
        right,
        "{to}: expected {status} and \"{body}\", got {head}and {}",
        show(came.as_bytes())
    );
    Ok(())
}

fn kept_alive(case: &mut Case<'_>) -> Result<()> {
    if let Some(page) = case.speech.page {
        return pages::kept_alive(case, page);
    }
    let mut client = case.client()?;
    for n in 0..3 {
        client.exchange(&case.speech.question(n))?;
    }
    client.exchange(&case.speech.long(60_000))?;
    for (target, status, body) in [
        ("/", 200, "the paths are "),
        ("/echo/a%20b", 200, "a b"),
        ("/mul/22/-9", 200, "-198"),
        ("/mul/99999999999999999999/2", 200, "199999999999999999998"),
        ("/work?rounds=1000&wait_us=1000&bytes=40&tag=job7", 200, "e91211ec52da80df job7 ..."),
        ("/work?rounds=many", 400, "ERR bad-argument "),
        ("/nowhere", 404, "ERR unknown-verb "),
        ("/echo/last", 200, "last"),
    ] {
        client.send(get(target))?;
        expect(&mut client, target, status, body)?;
    }
    Ok(())
}

fn split_at_every_byte(case: &mut Case<'_>) -> Result<()> {
    let mut client = case.client()?;
    let question = case.speech.question(1);
    for (at, byte) in question.request.iter().enumerate() {
        client.send([*byte])?;
        // The first bytes must arrive one by one; bytes that are sent quickly arrive together.
        if at < 2 {
            case.rests()?;
        }
    }
    client.expect(&question)?;
    for at in 1..question.request.len() {
        let (first, second) = question.request.split_at(at);
        client.send(first)?;
        client.send(second)?;
        client.expect(&question)?;
    }
    Ok(())
}

fn pipelined_burst(case: &mut Case<'_>) -> Result<()> {
    if let Some(page) = case.speech.page {
        return pages::pipelined_burst(case, page);
    }
    let mut client = case.client()?;
    let target = |i: usize| match i % 10 {
        3 => format!("/work?rounds=10&tag=t{i}"),
        7 => format!("/work?wait_us=500&tag=t{i}"),
        _ => format!("/echo/e%20t{i}"),
    };
    client.send((0..300).map(|i| get(&target(i))).collect::<String>())?;
    for i in 0..300 {
        let (head, body) = reply(&mut client, &target(i))?;
        let right = head.starts_with("HTTP/1.1 200 ") && body.ends_with(&format!(" t{i}"));
        ensure!(right, "request {i} was {}, got {head}and {body}", target(i));
    }
    Ok(())
}

fn two_lengths(case: &mut Case<'_>) -> Result<()> {
    if let Some(page) = case.speech.page {
        return pages::two_lengths(case, page);
    }
    for second in ["Content-Length: 30", "Transfer-Encoding: chunked"] {
        let mut client = case.client()?;
        let head =
            format!("POST /echo HTTP/1.1\r\nHost: c10k\r\nContent-Length: 5\r\n{second}\r\n\r\n");
        client.send(head + "0\r\n\r\n" + &get("/echo/smuggled"))?;
        expect(&mut client, second, 400, "ERR bad-request ")?;
        client.ends_in_order()?;
    }
    case.serves()
}

fn oversize_head(case: &mut Case<'_>) -> Result<()> {
    if case.speech.page.is_some() {
        return pages::oversize_head(case);
    }
    let mut client = case.client()?;
    let mut sender = client.stream.try_clone()?;
    // More than the server will read: still the reply must arrive, without a reset.
    let sending = thread::spawn(move || {
        let _ = sender.write_all(&[b"GET / HTTP/1.1\r\nX: ", &[b'1'; 300_000][..]].concat());
    });
    expect(&mut client, "300000 bytes without the end of a head", 431, "ERR too-long ")?;
    client.ends_in_order()?;
    sending.join().map_err(|_| anyhow!("the sender has panicked"))?;
    drop(client);
    case.serves()
}

fn half_close(case: &mut Case<'_>) -> Result<()> {
    let mut client = case.client()?;
    let question = case.speech.question(1);
    client.send(&question.request)?;
    client.send(get("/work?wait_us=20000&tag=second"))?;
    client.half_close()?;
    client.expect(&question)?;
    let (_, body) = reply(&mut client, "a slow request")?;
    ensure!(body.ends_with(" second"), "expected the result of work, got {body}");
    client.ends_in_order()
}

fn close_on_request(case: &mut Case<'_>) -> Result<()> {
    if let Some(page) = case.speech.page {
        return pages::close_on_request(case, page);
    }
    let close = get("/echo/bye").replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
    let old = "GET /echo/bye HTTP/1.0\r\n\r\n".to_string();
    for request in [close, old] {
        let mut client = case.client()?;
        // Closing with unread input resets, and a reset destroys the reply on its way.
        client.send(request + &get("/echo/nobody-reads-this").repeat(500))?;
        let (head, body) = reply(&mut client, "the last request")?;
        let right = head.contains(" Connection: close ") && body == "bye";
        ensure!(right, "expected Connection: close and bye, got {head}and {body}");
        client.ends_in_order()?;
    }
    Ok(())
}

fn busy(case: &mut Case<'_>) -> Result<()> {
    if case.one_at_a_time() {
        // It accepts one at a time, so the limit is never reached: the others wait.
        let _waiting = [case.served_client()?, case.client()?];
        return Ok(());
    }
    let first = case.served_client()?;
    let mut second = case.client()?;
    let (head, body) = reply(&mut second, "a second client, with a limit of one")?;
    let right = head.starts_with("HTTP/1.1 503 ")
        && head.contains(" Retry-After: ")
        && head.contains(" Connection: close ")
        && body.starts_with("ERR busy ");
    ensure!(right, "expected 503 and ERR busy, got {head}and {body}");
    second.ends_in_order()?;
    drop(first);
    case.will_have_counted("refused", 1..=u64::MAX);
    case.recovers("a place is free")
}

fn drain(case: &mut Case<'_>) -> Result<()> {
    let mut client = case.served_client()?;
    client.send(get("/work?wait_us=300000&tag=received") + &get("/echo/too"))?;
    // The server has read both requests, or the second is still in the kernel. It answers both, or
    // its reply to the first says that it is the last.
    case.server.signal(Signal::TERM)?;
    let (mut head, body) = reply(&mut client, "a request that was sent before SIGTERM")?;
    ensure!(body.ends_with(" received"), "expected the result of work, got {body}");
    if !head.contains(" Connection: close ") {
        (head, _) = reply(&mut client, "the next one")?;
    }
    ensure!(head.contains(" Connection: close "), "the last reply lacks Connection: close: {head}");
    client.ends_in_order()?;
    drop(client);
    counted(&case.server.stopped()?, "cut", 0..=0)
}
