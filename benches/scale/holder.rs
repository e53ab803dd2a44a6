//! Connections that stay open: idle, or with one request each per call.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// Connections opened, or asked, at a time. One by one, poll(2) would scan all the others for each.
const BATCH: usize = 100;
/// A server that does nothing for this long hangs, or serves another client.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// The number of connections that are not held, by reason.
pub(crate) type Refusals = BTreeMap<&'static str, u64>;

/// Connections to one server.
pub(crate) struct Held<'a> {
    address: SocketAddr,
    stop: &'a AtomicBool,
    streams: Vec<TcpStream>,
    pub(crate) refusals: Refusals,
    /// How many requests every connection has had.
    served: usize,
}

impl<'a> Held<'a> {
    /// No connections yet, but room for this many, so that opening them takes no memory of this
    /// process.
    pub(crate) fn new(address: SocketAddr, room: usize, stop: &'a AtomicBool) -> Self {
        let streams = Vec::with_capacity(room);
        Self { address, stop, streams, refusals: Refusals::new(), served: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.streams.len()
    }

    /// Opens connections until there are `n` or the server takes no more, and waits until it has
    /// accepted them. They stay idle.
    pub(crate) fn grow(&mut self, n: usize) -> Result<()> {
        while self.len() < n {
            self.look_at_stop()?;
            let (before, refused) = (self.len(), self.refused());
            let more = BATCH.min(n - before);
            for _ in 0..more {
                match TcpStream::connect_timeout(&self.address, PATIENCE) {
                    Ok(stream) => self.streams.push(stream),
                    Err(error) => self.refuse(connect_failure(&error), 1),
                }
            }
            let waiting = wait_until_accepted(self.address.port())?;
            let left = self.len().saturating_sub(waiting).max(before);
            let never = self.len() - left;
            self.close_from(left);
            self.refuse("never accepted", never);
            self.drop_refused(before);
            // The limit may lie within a batch. It is reached when a batch adds no connection.
            if self.refused() > refused && (self.len() == before || never > 0) {
                break;
            }
        }
        Ok(())
    }

    /// Sends one request over every connection, each with its own text, and checks the replies.
    /// Connections without the right reply are closed and counted.
    pub(crate) fn serve(&mut self) -> Result<()> {
        self.served += 1;
        let round = self.served;
        let text = |index: usize| format!(" connection {index}, round {round}\n");
        let mut answered = Vec::with_capacity(self.len());
        for (batch, streams) in self.streams.chunks_mut(BATCH).enumerate() {
            if self.stop.load(Ordering::Relaxed) {
                bail!("interrupted");
            }
            let first = batch * BATCH;
            let ask = |(at, stream): (usize, &mut TcpStream)| {
                stream.write_all(format!("ECHO{}", text(first + at)).as_bytes())
            };
            let asked: Vec<_> = streams.iter_mut().enumerate().map(ask).collect();
            let deadline = Instant::now() + PATIENCE;
            for ((at, stream), asked) in streams.iter_mut().enumerate().zip(asked) {
                let expected = format!("OK{}", text(first + at));
                let outcome = asked
                    .map_err(|error| failure(&error))
                    .and_then(|()| reply(stream, expected.as_bytes(), deadline));
                answered.push(outcome);
            }
            let none = answered[first..].iter().all(Result::is_err);
            if none && answered[first..].contains(&Err(NO_REPLY)) {
                // If the server hangs, every further batch would take as long.
                break;
            }
        }
        answered.resize(self.len(), Err("not asked, because the connections before got no reply"));
        self.keep(&answered);
        Ok(())
    }

    /// Closes all connections but `n`.
    pub(crate) fn shrink(&mut self, n: usize) {
        self.close_from(n);
    }

    /// An error if the server has closed an idle connection.
    pub(crate) fn check_open(&mut self) -> Result<()> {
        let before = self.len();
        self.drop_refused(0);
        anyhow::ensure!(
            self.len() == before,
            "{} idle connections were closed",
            before - self.len()
        );
        Ok(())
    }

    fn refused(&self) -> u64 {
        self.refusals.values().sum()
    }

    fn refuse(&mut self, why: &'static str, n: usize) {
        if n > 0 {
            *self.refusals.entry(why).or_default() += n as u64;
        }
    }

    fn look_at_stop(&self) -> Result<()> {
        anyhow::ensure!(!self.stop.load(Ordering::Relaxed), "interrupted");
        Ok(())
    }

    /// Counts and closes the connections from number `first` on over which the server has sent
    /// something without a request, and those that it has closed.
    fn drop_refused(&mut self, first: usize) {
        let mut outcomes = vec![Ok(()); first];
        outcomes.extend(self.streams[first..].iter_mut().map(|stream| {
            let _ = stream.set_nonblocking(true);
            let mut said = [0; 64];
            let outcome = match stream.read(&mut said) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(()),
                Err(error) => Err(failure(&error)),
                Ok(n) => Err(refusal(&said[..n])),
            };
            let _ = stream.set_nonblocking(false);
            outcome
        }));
        self.keep(&outcomes);
    }

    fn keep(&mut self, outcomes: &[Result<(), &'static str>]) {
        let mut outcomes = outcomes.iter();
        let refusals = &mut self.refusals;
        self.streams.retain(|stream| match outcomes.next() {
            Some(Err(why)) => {
                *refusals.entry(*why).or_default() += 1;
                reset(stream);
                false
            }
            _ => true,
        });
    }

    fn close_from(&mut self, n: usize) {
        self.streams.iter().skip(n).for_each(reset);
        self.streams.truncate(n);
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.close_from(0);
    }
}

/// Makes the close a reset, which leaves no port in TIME_WAIT, so the next model has all ports.
fn reset(stream: &TcpStream) {
    let _ = socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO));
}

const NO_REPLY: &str = "no reply in 5 s";

fn reply(stream: &mut TcpStream, expected: &[u8], deadline: Instant) -> Result<(), &'static str> {
    // A timeout of zero is an error.
    let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
    let _ = stream.set_read_timeout(Some(left));
    let mut reply = [0; 256];
    let mut got = 0;
    while got < expected.len() {
        match stream.read(&mut reply[got..]) {
            Ok(0) => return Err(refusal(&reply[..got])),
            Ok(n) => got += n,
            Err(error) => return Err(failure(&error)),
        }
    }
    if &reply[..got] == expected { Ok(()) } else { Err(refusal(&reply[..got])) }
}

/// The reason for which a server sent this instead of the reply.
fn refusal(said: &[u8]) -> &'static str {
    match said {
        [] => "closed without a reply",
        said if protocol::app::BUSY.starts_with(said) || said.starts_with(b"ERR busy") => {
            "refused as busy"
        }
        _ => "a wrong reply",
    }
}

fn failure(error: &std::io::Error) -> &'static str {
    match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => NO_REPLY,
        ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => "reset",
        _ => "another error",
    }
}

fn connect_failure(error: &std::io::Error) -> &'static str {
    match error.kind() {
        ErrorKind::TimedOut => "not connected in 5 s",
        ErrorKind::ConnectionRefused => "connection refused",
        ErrorKind::AddrNotAvailable => "no local port left",
        _ => "not connected",
    }
}

/// Waits while the server takes connections from its listeners' queues, and returns how many are
/// left there.
fn wait_until_accepted(port: u16) -> Result<usize> {
    let (mut fewest, mut since) = (usize::MAX, Instant::now());
    loop {
        let waiting = accept_queue(port)?;
        if waiting == 0 || since.elapsed() > PATIENCE {
            return Ok(waiting);
        }
        if waiting < fewest {
            (fewest, since) = (waiting, Instant::now());
        }
        thread::sleep(Duration::from_millis(1));
    }
}

/// Connections that wait to be accepted at this port, over all its listeners. The kernel's table
/// begins with the listeners, and has the length of their queue in the column for bytes to receive.
fn accept_queue(port: u16) -> Result<usize> {
    const LISTEN: &str = "0A";
    let table = BufReader::new(File::open("/proc/net/tcp")?);
    let mut waiting = 0;
    for line in table.lines().skip(1) {
        let line = line?;
        let mut words = line.split_whitespace().skip(1);
        let (local, state, queues) = (words.next(), words.nth(1), words.next());
        if state != Some(LISTEN) {
            break;
        }
        if local.is_some_and(|local| local.ends_with(&format!(":{port:04X}"))) {
            let queue = queues.and_then(|queues| queues.split_once(':')).map_or("0", |(_, rx)| rx);
            waiting += usize::from_str_radix(queue, 16)?;
        }
    }
    Ok(waiting)
}
