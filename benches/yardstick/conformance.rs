//! What a C program has to get right before it is compared with: requests in pieces, several at
//! once, more of them than its buffers hold, and several clients. A program that cut these corners
//! would be no measure of one that does not.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use protocol::Request;

use crate::references::Reference;

const TIMEOUT: Duration = Duration::from_secs(10);
/// Requests that are sent without waiting for replies: no buffer of the programs holds so many.
const BURST: usize = 2_000;

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
    // One after the other: the sequential program serves no two at a time.
    for client in 0..3 {
        let mut stream = TcpStream::connect(address)?;
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
            expect(&mut stream, &replies).with_context(|| format!("client {client}, a burst"))?;
            sender.join().expect("it does not panic")?;
        }
        stream.shutdown(Shutdown::Write)?;
        let after = stream.read(&mut [0; 16])?;
        ensure!(after == 0, "it says something that nobody asked for");
    }
    Ok(())
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
        _ => (format!("ECHO text {number}\n"), format!("OK text {number}\n")),
    }
}

fn expect(stream: &mut TcpStream, reply: &str) -> Result<()> {
    let mut got = vec![0; reply.len()];
    stream.read_exact(&mut got).context("its replies are missing")?;
    ensure!(got == reply.as_bytes(), "a wrong reply: {}", String::from_utf8_lossy(&got));
    Ok(())
}
