//! What a C program has to handle correctly before anything is compared with it: requests in
//! pieces, several at once, more of them than its buffers hold, and several clients. A program that
//! cuts these corners does less work, so a comparison with it would be unfair.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use protocol::Request;
use socket2::{Domain, Protocol, Socket, Type};

use crate::references::Reference;

const TIMEOUT: Duration = Duration::from_secs(10);
/// Requests that the client sends before it reads replies: some megabytes, more than the buffers of
/// the program and of the kernel hold.
const BURST: usize = 20_000;
/// How long the client reads nothing, so that the program's socket fills up.
const PAUSE: Duration = Duration::from_millis(50);

/// Checks a program that has just been started.
pub(crate) fn check(reference: &Reference, address: SocketAddr) -> Result<()> {
    let requests = |n: usize| -> (String, String) {
        let mut texts = (String::new(), String::new());
        for i in 0..n {
            let (request, reply) = exchange(reference.request, i);
            let _ = (write!(texts.0, "{request}"), write!(texts.1, "{reply}"));
        }
        texts
    };
    // One after the other: the sequential program serves one client at a time.
    for client in 0..2 {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
        socket.set_recv_buffer_size(4096)?;
        socket.connect(&address.into())?;
        let mut stream = TcpStream::from(socket);
        stream.set_read_timeout(Some(TIMEOUT))?;
        let (one, reply) = requests(1);
        let (first, rest) = one.split_at(one.len() / 2);
        stream.write_all(first.as_bytes())?;
        thread::sleep(Duration::from_millis(5));
        stream.write_all(rest.as_bytes())?;
        expect(&mut stream, &reply).with_context(|| format!("client {client}, in pieces"))?;
        let (some, replies) = requests(10);
        stream.write_all(some.as_bytes())?;
        expect(&mut stream, &replies).with_context(|| format!("client {client}, at once"))?;
        if !reference.drops_bursts {
            let (many, replies) = requests(BURST);
            let mut sender = stream.try_clone()?;
            let sender = thread::spawn(move || sender.write_all(many.as_bytes()));
            thread::sleep(PAUSE);
            expect(&mut stream, &replies).with_context(|| format!("client {client}, a burst"))?;
            sender.join().expect("the sender does not panic")?;
        }
        stream.shutdown(Shutdown::Write)?;
        let after = stream.read(&mut [0; 16])?;
        ensure!(after == 0, "the program sent bytes that no request asked for");
    }
    Ok(())
}

/// A request like those of a load, and its reply.
pub(crate) fn exchange_of_64_bytes(kind: Request) -> (String, String) {
    match kind {
        Request::Work(_) => exchange(kind, 0),
        _ => {
            let text = "x".repeat(64);
            (format!("ECHO {text}\n"), format!("OK {text}\n"))
        }
    }
}

/// A request and its reply.
fn exchange(kind: Request, number: usize) -> (String, String) {
    match kind {
        Request::Work(work) => {
            let (rounds, bytes) = (work.rounds, work.reply_bytes);
            let reply = format!("OK {:016x} tag{number} ", work.burn());
            let dots = ".".repeat(bytes.saturating_sub(reply.len() + 1));
            (format!("WORK {rounds} 0 {bytes} tag{number}\n"), format!("{reply}{dots}\n"))
        }
        _ => {
            // The lengths vary, so that requests end anywhere in a buffer; the number tells them apart.
            let text = format!("{number}{}", "x".repeat(number * 37 % 500));
            (format!("ECHO {text}\n"), format!("OK {text}\n"))
        }
    }
}

fn expect(stream: &mut TcpStream, reply: &str) -> Result<()> {
    let mut got = vec![0; reply.len()];
    stream.read_exact(&mut got).context("replies are missing")?;
    let wrong = got.iter().zip(reply.as_bytes()).position(|(got, expected)| got != expected);
    ensure!(wrong.is_none(), "a wrong reply, {} bytes in", wrong.unwrap_or(0));
    Ok(())
}
