//! HTTP behaviours for other servers, which are asked for one page.

use std::io::Write;
use std::thread;

use anyhow::{Context, Result, anyhow, bail, ensure};

use crate::command::check::Case;
use crate::command::check::client::CheckClient;
use crate::command::check::runner::Skip;
use crate::workload::speech::{Page, Question};

const PIPELINED: usize = 100;

pub(super) fn kept_alive(case: &Case<'_>, page: &Page) -> Result<()> {
    let mut client = case.client()?;
    for n in 0..3 {
        client.exchange(&case.speech.question(n))?;
        ensure!(
            !client.is_over(),
            "the server closes after its reply to {} in HTTP/1.1",
            page.path()
        );
    }
    Ok(())
}

pub(super) fn pipelined_burst(case: &Case<'_>, page: &Page) -> Result<()> {
    let mut client = case.client()?;
    let question = case.speech.question(0);
    client.exchange(&question)?;
    if client.is_over() {
        return Err(Skip("the server closes after each reply, so nothing can be pipelined").into());
    }
    client.send(page.request().repeat(PIPELINED))?;
    for n in 1..=PIPELINED {
        client.expect(&question).with_context(|| format!("reply {n} of {PIPELINED} pipelined"))?;
    }
    Ok(())
}

/// At most one reply may come before the end, because what follows the head is not a request. The
/// server must refuse two different lengths, but may read chunks beside a length as chunks (RFC
/// 9112, section 6.3).
pub(super) fn two_lengths(case: &Case<'_>, page: &Page) -> Result<()> {
    for (second, may_be_read) in
        [("Content-Length: 30", false), ("Transfer-Encoding: chunked", true)]
    {
        let mut client = case.client()?;
        let smuggled = page.request();
        let head = page.request_with(&format!("Content-Length: 5\r\n{second}"));
        let head = String::from_utf8_lossy(&head).replacen("GET ", "POST ", 1);
        client.send([head.as_bytes(), b"0\r\n\r\n", &smuggled].concat())?;
        let told = || format!("POST with Content-Length: 5 and {second}, and a GET behind it");
        let Some(status) = status(&mut client).with_context(told)? else { continue };
        let refused = (400..600).contains(&status);
        ensure!(refused || may_be_read, "{}: expected a refusal, got {status}", told());
        let rest = rest(&mut client).with_context(told)?;
        ensure!(
            !rest.contains("HTTP/1."),
            "{}: the server also answered the request behind it",
            told()
        );
    }
    case.serves()
}

pub(super) fn oversize_head(case: &Case<'_>) -> Result<()> {
    /// Servers admit heads of different lengths; none needs one this long.
    const BYTES: usize = 16 * 1024 * 1024;
    let mut client = case.client()?;
    let mut sender = client.stream.try_clone()?;
    let sending = thread::spawn(move || {
        let _ = sender.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Endless: ");
        let part = [b'1'; 16 * 1024];
        for _ in 0..BYTES / part.len() {
            if sender.write_all(&part).is_err() {
                break;
            }
        }
    });
    let told = || format!("{BYTES} bytes without the end of a head");
    let status = status(&mut client).with_context(told);
    let closed = client.closed().with_context(told);
    // Ends the sender if the server has not.
    let _ = client.stream.shutdown(std::net::Shutdown::Both);
    sending.join().map_err(|_| anyhow!("the sender has panicked"))?;
    match status? {
        Some(status) => ensure!((400..600).contains(&status), "{}: got {status}", told()),
        None => bail!(
            "{}: expected an error (431) before the end of the connection, got only the end; a server that closes \
             with unread input resets the connection and destroys its reply",
            told()
        ),
    }
    closed?;
    drop(client);
    case.serves()
}

pub(super) fn close_on_request(case: &Case<'_>, page: &'static Page) -> Result<()> {
    for request in [page.request_with("Connection: close"), page.request_of_1_0()] {
        let mut client = case.client()?;
        client.send(&request)?;
        client.expect(&Question { request, reply: Vec::new(), page: Some(page) })?;
        client.ends_in_order()?;
    }
    Ok(())
}

/// The status of the next reply; `None` where the end comes first.
fn status(client: &mut CheckClient) -> Result<Option<u16>> {
    let Some(line) = client.line()? else { return Ok(None) };
    let status = line.strip_prefix("HTTP/1.").and_then(|rest| rest.split(' ').nth(1)?.parse().ok());
    status.map(Some).with_context(|| format!("expected a status line, got {line:?}"))
}

/// The input that still comes before the end.
fn rest(client: &mut CheckClient) -> Result<String> {
    let mut rest = String::new();
    while let Some(line) = client.line_or_rest().context("expected the end of the connection")? {
        rest += &line;
        rest.push('\n');
    }
    Ok(rest)
}
