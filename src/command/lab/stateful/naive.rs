//! The naive experiment: two servers timed once each, one request after the other.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::num::NonZeroU32;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use protocol::{App, Framing};

use crate::base::patient::Patient;
use crate::document::Naive;
use crate::process::ServeArgs;
use crate::process::child::ServerChild;

/// The limit for any wait.
const PATIENCE: Duration = Duration::from_secs(10);
const REQUEST: &[u8] = b"22 9";
const REPLY: &[u8] = b"198";

/// The times of one server.
struct Timed {
    all: Duration,
    responses: Duration,
    server: Duration,
}

/// Times a server that keeps connections and one that closes each after a reply.
///
/// # Errors
/// When a server does not start, or a product is wrong.
pub fn run(program: &Path, model: &str, requests: u32) -> Result<Naive> {
    let stateful = time(program, model, requests, true).context("the \"stateful\" server")?;
    let stateless = time(program, model, requests, false).context("the \"stateless\" server")?;
    let each = |whole: Duration| whole.as_secs_f64() / f64::from(requests);
    Ok(Naive {
        model: model.into(),
        requests,
        stateful_s: stateful.all.as_secs_f64(),
        stateless_s: stateless.all.as_secs_f64(),
        stateful_response_s: each(stateful.responses),
        stateless_response_s: each(stateless.responses),
        stateful_server_s: each(stateful.server),
        stateless_server_s: each(stateless.server),
    })
}

fn time(program: &Path, model: &str, requests: u32, kept: bool) -> Result<Timed> {
    let dir = tempfile::tempdir()?;
    let told = dir.path().join("told");
    let args = ServeArgs {
        app: App::Multiply,
        framing: Framing::Raw,
        verbose: true,
        close_after: (!kept).then_some(NonZeroU32::MIN),
        ..ServeArgs::child(&["--model", model])?
    };
    let mut command = args.command(program);
    command.stderr(File::create(&told)?);
    let mut server = ServerChild::start(command)?;
    let (mut responses, begin) = (Duration::ZERO, Instant::now());
    let mut client = None;
    for _ in 0..requests {
        let mut stream = match client.take() {
            Some(stream) => stream,
            None => connect(server.address)?,
        };
        let sent = Instant::now();
        stream.write_all(REQUEST)?;
        let mut reply = [0; 64];
        let n = stream.read(&mut reply)?;
        responses += sent.elapsed();
        ensure!(&reply[..n] == REPLY, "22 times 9 is not {}", reply[..n].escape_ascii());
        client = kept.then_some(stream);
    }
    let all = begin.elapsed();
    drop(client);
    server.signal(rustix::process::Signal::TERM);
    server.stopped(PATIENCE)?;
    Ok(Timed { all, responses, server: told_by_server(&told, requests)? })
}

fn connect(address: SocketAddr) -> Result<Patient> {
    let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_nodelay(true)?;
    Ok(Patient::new(stream, PATIENCE)?)
}

/// The sum of the response times in the server's output.
fn told_by_server(path: &Path, requests: u32) -> Result<Duration> {
    let text = std::fs::read_to_string(path)?;
    let times: Vec<f64> = text.lines().filter_map(response_time).collect();
    ensure!(
        times.len() == requests as usize,
        "the server counted {} requests instead of {requests}",
        times.len()
    );
    Ok(Duration::from_secs_f64(times.iter().sum()))
}

/// The time in a line of `serve --verbose`.
fn response_time(line: &str) -> Option<f64> {
    let (_, time) = line.rsplit_once("response time ")?;
    time.strip_suffix(" s")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_server_has_its_time() {
        let line = "client 127.0.0.1:9  request 22 9  reply 198  response time 0.000012000 s";
        assert_eq!(response_time(line), Some(0.000_012));
        assert_eq!(response_time("something else"), None);
    }
}
