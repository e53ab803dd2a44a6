//! A client that does exactly what it is told, right or wrong, and reports unexpected results.

mod pages;

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SendFlags, SocketFlags, SocketType, sockopt};

use self::pages::Pages;
use crate::base::patient::Patient;
pub use crate::process::until;
use crate::workload::speech::{Question, show};

/// A client.
#[derive(Debug)]
pub struct CheckClient {
    /// Its socket, for operations that have no method here.
    pub stream: Patient,
    received: Vec<u8>,
    patience: Duration,
    address: SocketAddr,
    /// The state of a connection to an HTTP server that is not ours.
    pages: Option<Pages>,
}

impl CheckClient {
    /// Connects; each wait of this client lasts at most `patience`.
    ///
    /// # Errors
    /// When the connection is not accepted.
    pub fn connect(address: SocketAddr, patience: Duration) -> Result<Self> {
        let stream = TcpStream::connect_timeout(&address, patience);
        let stream = stream.with_context(|| format!("cannot connect to {address}"))?;
        Self::over(stream, address, patience)
    }

    /// Connects with a small receive buffer, so that unread replies soon fill the path from the
    /// server.
    ///
    /// # Errors
    /// When the connection is not accepted.
    pub fn connect_narrow(address: SocketAddr, patience: Duration) -> Result<Self> {
        Self::connect_with_buffer(address, patience, 16 * 1024)
    }

    /// Connects with a large receive buffer, which has room for unread replies.
    ///
    /// # Errors
    /// When the connection is not accepted.
    pub fn connect_wide(address: SocketAddr, patience: Duration) -> Result<Self> {
        Self::connect_with_buffer(address, patience, 4 * 1024 * 1024)
    }

    fn connect_with_buffer(address: SocketAddr, patience: Duration, bytes: usize) -> Result<Self> {
        let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        let flags = SocketFlags::CLOEXEC;
        let socket = rustix::net::socket_with(family, SocketType::STREAM, flags, None)?;
        // Set before connecting, because the first window depends on it.
        sockopt::set_socket_recv_buffer_size(&socket, bytes)?;
        match rustix::net::connect(&socket, &address) {
            // An interrupted connect goes on in the kernel, and sending waits for it.
            Ok(()) | Err(Errno::INTR) => {}
            Err(error) => Err(error).with_context(|| format!("cannot connect to {address}"))?,
        }
        Self::over(TcpStream::from(socket), address, patience)
    }

    fn over(stream: TcpStream, address: SocketAddr, patience: Duration) -> Result<Self> {
        stream.set_nodelay(true)?;
        let stream = Patient::new(stream, patience)?;
        Ok(Self { stream, received: Vec::new(), patience, address, pages: None })
    }

    /// Sends bytes, all of them.
    ///
    /// # Errors
    /// When the server does not take them.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> Result<()> {
        self.come_back()?;
        let sent = self.stream.write_all(bytes.as_ref());
        sent.with_context(|| format!("the server did not read {}", show(bytes.as_ref())))
    }

    /// Sends one byte of urgent data, which belongs to no request.
    ///
    /// # Errors
    /// When the server does not take it.
    pub fn send_urgent(&mut self) -> Result<()> {
        let sent = rustix::net::send(&*self.stream, b"!", SendFlags::OOB | SendFlags::NOSIGNAL);
        sent.context("the server did not accept a byte of urgent data")?;
        Ok(())
    }

    /// The next line, without its line feed; `None` at the end of the server's output.
    ///
    /// # Errors
    /// When neither comes in time.
    pub fn line(&mut self) -> Result<Option<String>> {
        loop {
            if let Some(at) = self.received.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.received.drain(..=at).collect();
                return Ok(Some(String::from_utf8_lossy(&line[..at]).into_owned()));
            }
            if !self.receive()? {
                let rest = show(&self.received);
                ensure!(
                    self.received.is_empty(),
                    "the server closed the connection in the middle of a line: {rest}"
                );
                return Ok(None);
            }
        }
    }

    /// The next line, or what there is before the end; `None` at the end.
    ///
    /// # Errors
    /// When neither comes in time.
    pub fn line_or_rest(&mut self) -> Result<Option<String>> {
        while !self.received.contains(&b'\n') && self.receive()? {}
        if self.received.is_empty() || self.received.contains(&b'\n') {
            return self.line();
        }
        Ok(Some(String::from_utf8_lossy(&std::mem::take(&mut self.received)).into_owned()))
    }

    /// The next line, which must come.
    ///
    /// # Errors
    /// When none does.
    pub fn reply(&mut self, to: &str) -> Result<String> {
        let line = self.line().with_context(|| format!("no reply to {to}"))?;
        line.with_context(|| {
            format!("the server closed the connection instead of replying to {to}")
        })
    }

    /// The next `len` bytes, which must arrive.
    ///
    /// # Errors
    /// When they do not.
    pub fn take(&mut self, len: usize) -> Result<Vec<u8>> {
        while self.received.len() < len {
            ensure!(
                self.receive()?,
                "the server closed the connection after {}",
                show(&self.received)
            );
        }
        Ok(self.received.drain(..len).collect())
    }

    /// Sends a line and returns its reply.
    ///
    /// # Errors
    /// When none comes.
    pub fn ask(&mut self, line: &str) -> Result<String> {
        self.send(format!("{line}\n"))?;
        self.reply(&show(line.as_bytes()))
    }

    /// Waits for exactly this line.
    ///
    /// # Errors
    /// When another one comes, or none.
    pub fn expect_line(&mut self, expected: &str) -> Result<()> {
        let line = self.line()?;
        let came = line.as_ref().map_or("the end".into(), |line| show(line.as_bytes()));
        let right = line.as_deref() == Some(expected);
        ensure!(right, "expected the reply {}, got {came}", show(expected.as_bytes()));
        Ok(())
    }

    /// Sends a question and waits for its reply.
    ///
    /// # Errors
    /// When another reply comes, or none.
    pub fn exchange(&mut self, question: &Question) -> Result<()> {
        self.send(&question.request)?;
        self.expect(question)
    }

    /// Waits for the reply to a question that was sent.
    ///
    /// # Errors
    /// When another reply comes, or none.
    pub fn expect(&mut self, question: &Question) -> Result<()> {
        let Question { request, reply, page } = question;
        if let Some(page) = page {
            return self.expect_page(page);
        }
        let asked = || format!("asked {}, expected {}", show(request), show(reply));
        while self.received.len() < reply.len() {
            // A wrong beginning is a failure at once, without waiting for the rest.
            let right = reply.starts_with(&self.received);
            ensure!(right, "{}, got {}", asked(), show(&self.received));
            let more = self.receive().with_context(|| {
                format!("{}, got {} and then nothing", asked(), show(&self.received))
            })?;
            ensure!(
                more,
                "{}, got {} and then the end of the connection",
                asked(),
                show(&self.received)
            );
        }
        let came: Vec<u8> = self.received.drain(..reply.len()).collect();
        ensure!(came == *reply, "{}, got {}", asked(), show(&came));
        Ok(())
    }

    /// Reads once, and returns whether more may come. A reset counts as an end here;
    /// [`Self::ends_in_order`] excludes resets.
    fn receive(&mut self) -> Result<bool> {
        let mut buffer = [0; 64 * 1024];
        match self.stream.read(&mut buffer) {
            Ok(n) => {
                self.received.extend_from_slice(&buffer[..n]);
                Ok(n > 0)
            }
            Err(error) if error.kind() == ErrorKind::ConnectionReset => Ok(false),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                bail!("nothing arrived for {:?}", self.patience)
            }
            Err(error) => Err(error).context("cannot read"),
        }
    }

    /// Waits for the server's end of output, which must be an end and not a reset: a reset can
    /// destroy the reply before it.
    ///
    /// # Errors
    /// When more comes, or a reset, or nothing.
    pub fn ends_in_order(&mut self) -> Result<()> {
        if self.received.is_empty() && self.is_between_pages() {
            let mut byte = [0; 1];
            match self.stream.read(&mut byte) {
                Ok(0) => return Ok(()),
                Ok(_) => self.received.push(byte[0]),
                Err(error) => bail!("expected the end of the connection, got: {error}"),
            }
        }
        bail!("expected the end of the connection, got {}", show(&self.received))
    }

    /// Waits until the server closes, in order or with a reset, and drops what still comes.
    ///
    /// # Errors
    /// When it does not.
    pub fn closed(&mut self) -> Result<()> {
        while self.receive().context("expected the end of the connection")? {
            self.received.clear();
        }
        Ok(())
    }

    /// Number of complete lines that have arrived and were not read.
    ///
    /// # Errors
    /// When the socket does not allow it.
    pub fn lines_there(&mut self) -> Result<usize> {
        self.stream.set_nonblocking(true)?;
        let mut buffer = [0; 64 * 1024];
        while let Ok(n @ 1..) = self.stream.read(&mut buffer) {
            self.received.extend_from_slice(&buffer[..n]);
        }
        self.stream.set_nonblocking(false)?;
        Ok(self.received.iter().filter(|byte| **byte == b'\n').count())
    }

    /// Whether something, or the end, has arrived.
    ///
    /// # Errors
    /// When the socket does not allow it.
    pub fn has_input(&self) -> Result<bool> {
        self.stream.set_nonblocking(true)?;
        let seen = self.stream.peek(&mut [0; 1]);
        self.stream.set_nonblocking(false)?;
        Ok(!matches!(seen, Err(error) if error.kind() == ErrorKind::WouldBlock))
    }

    /// Closes its sending half.
    ///
    /// # Errors
    /// When the connection is gone.
    pub fn half_close(&self) -> Result<()> {
        self.stream.shutdown(Shutdown::Write).context("the connection is gone")
    }

    /// Closes with a reset instead of an end.
    ///
    /// # Errors
    /// When the socket does not allow it.
    pub fn reset(self) -> Result<()> {
        Ok(sockopt::set_socket_linger(&*self.stream, Some(Duration::ZERO))?)
    }
}

/// The most tries for a client that is slower than the idle timeout.
const SERVED_TRIES: usize = 20;

/// A client whose first question was answered. On a busy machine a client can be slower than the
/// server's idle timeout; then the server is right to close it, and another client is tried.
///
/// # Errors
/// When none is served.
pub fn served(
    mut connect: impl FnMut() -> Result<CheckClient>,
    question: &Question,
    idle_timeout: Option<Duration>,
) -> Result<CheckClient> {
    let mut tries = 1;
    loop {
        let begun = Instant::now();
        let served = connect().and_then(|mut client| {
            client.exchange(question)?;
            Ok(client)
        });
        let was_slow = idle_timeout.is_some_and(|idle| begun.elapsed() >= idle);
        if served.is_ok() || tries == SERVED_TRIES || !was_slow {
            return served;
        }
        tries += 1;
    }
}

/// Begins to connect without waiting: a server that does not accept may have a short queue.
///
/// # Errors
/// When no socket can be created, or no server listens.
pub fn knock(address: SocketAddr) -> Result<OwnedFd> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = rustix::net::socket_with(family, SocketType::STREAM, flags, None)?;
    match rustix::net::connect(&socket, &address) {
        Ok(()) | Err(Errno::INPROGRESS) => Ok(socket),
        Err(error) => Err(error).with_context(|| format!("cannot connect to {address}")),
    }
}
