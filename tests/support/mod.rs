//! What the end-to-end tests share: real servers as child processes, and clients that misbehave
//! on purpose. Everything waits on conditions; the deadlines are only there to end a test that
//! would hang, and are far longer than anything takes.
#![allow(dead_code, reason = "every test binary uses its own part of this")]

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// Ends a test that hangs.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// The program under test.
pub(crate) fn c10k() -> Command {
    Command::new(env!("CARGO_BIN_EXE_c10k"))
}

/// A server process; it is killed when the test is over, however that ends.
pub(crate) struct Server {
    child: Child,
    stdout: BufReader<ChildStdout>,
    pub(crate) address: SocketAddr,
    pub(crate) ready: Value,
}

impl Server {
    /// Starts a model on a free port, with more arguments.
    pub(crate) fn start(model: &str, arguments: &[&str]) -> Self {
        Self::start_at("127.0.0.1:0", model, arguments)
    }

    /// Starts a model at an address.
    pub(crate) fn start_at(listen: &str, model: &str, arguments: &[&str]) -> Self {
        let mut command = c10k();
        command.args(["serve", "--listen", listen, "--model", model]).args(arguments);
        let mut child =
            command.stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().expect("it starts");
        let mut stdout = BufReader::new(child.stdout.take().expect("piped"));
        let mut line = String::new();
        stdout.read_line(&mut line).expect("a line");
        let ready: Value = serde_json::from_str(&line).expect("the ready line is JSON");
        let address = ready["address"].as_str().expect("an address").parse().expect("an address");
        Self { child, stdout, address, ready }
    }

    pub(crate) fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).expect("a pid")
    }

    pub(crate) fn client(&self) -> Client {
        Client::connect(self.address)
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_raw(self.pid()).expect("a pid"), signal).expect("it lives");
    }

    /// Descriptors that it has open.
    pub(crate) fn descriptors(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.pid())).expect("it lives").count()
    }

    /// Connections that it has open: its sockets, but for the listener and what it inherited.
    pub(crate) fn connections(&self) -> usize {
        let folder = std::fs::read_dir(format!("/proc/{}/fd", self.pid())).expect("it lives");
        let own = folder
            .flatten()
            .filter(|fd| !["0", "1", "2"].map(Into::into).contains(&fd.file_name()));
        let targets = own.filter_map(|fd| std::fs::read_link(fd.path()).ok());
        targets.filter(|target| target.to_string_lossy().starts_with("socket:")).count() - 1
    }

    /// Threads that it has.
    pub(crate) fn threads(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/task", self.pid())).expect("it lives").count()
    }

    /// Asks it to stop and returns its last line.
    pub(crate) fn stop(self) -> Value {
        self.signal(Signal::TERM);
        self.stopped()
    }

    /// Waits until it has stopped by itself and returns its last line.
    pub(crate) fn stopped(mut self) -> Value {
        let status = self.wait();
        assert!(status.success(), "the server ended with {status}");
        let mut line = String::new();
        self.stdout.read_line(&mut line).expect("a line");
        let stopped: Value = serde_json::from_str(&line).expect("the stopped line is JSON");
        assert_eq!(stopped["event"], "stopped");
        stopped
    }

    fn wait(&mut self) -> ExitStatus {
        let mut status = None;
        until("the server ends", || {
            status = self.child.try_wait().expect("it is our child");
            status.is_some()
        });
        status.expect("it has ended")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already; then there is nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits for a condition.
pub(crate) fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < DEADLINE, "waited {DEADLINE:?} until {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// A client that does exactly what it is told.
pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    received: Vec<u8>,
}

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("it listens");
        stream.set_read_timeout(Some(DEADLINE)).expect("a timeout");
        stream.set_write_timeout(Some(DEADLINE)).expect("a timeout");
        stream.set_nodelay(true).expect("no delay");
        Self { stream, received: Vec::new() }
    }

    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).expect("it takes bytes");
    }

    /// The next line, without its line feed; `None` at the end of the server's output.
    pub(crate) fn line(&mut self) -> Option<String> {
        loop {
            if let Some(at) = self.received.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.received.drain(..=at).collect();
                return Some(String::from_utf8_lossy(&line[..at]).into_owned());
            }
            let mut buffer = [0; 64 * 1024];
            match self.stream.read(&mut buffer) {
                Ok(0) => return None,
                Ok(n) => self.received.extend_from_slice(&buffer[..n]),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return None,
                Err(error) => panic!("reading a reply: {error}"),
            }
        }
    }

    /// Sends a line and returns its reply.
    pub(crate) fn ask(&mut self, line: &str) -> String {
        self.send(format!("{line}\n"));
        self.line().unwrap_or_else(|| panic!("no reply to {line}"))
    }

    /// Waits for the server's end of output, which must be an end and not a reset: a reset can
    /// destroy the reply before it.
    pub(crate) fn ends_in_order(&mut self) {
        assert_eq!(self.received, b"", "there is more");
        let end = self.stream.read(&mut [0; 1]);
        assert!(matches!(end, Ok(0)), "not an end in order: {end:?}");
    }

    /// How many whole lines have arrived and were not taken.
    pub(crate) fn lines_there(&mut self) -> usize {
        self.stream.set_nonblocking(true).expect("a flag");
        let mut buffer = [0; 64 * 1024];
        while let Ok(n @ 1..) = self.stream.read(&mut buffer) {
            self.received.extend_from_slice(&buffer[..n]);
        }
        self.stream.set_nonblocking(false).expect("a flag");
        self.received.iter().filter(|byte| **byte == b'\n').count()
    }

    /// Waits until the server closes, dropping what still comes.
    pub(crate) fn closed(&mut self) {
        while self.line().is_some() {}
    }

    /// Whether something, or the end, has arrived.
    pub(crate) fn has_input(&self) -> bool {
        self.stream.set_nonblocking(true).expect("a flag");
        let seen = self.stream.peek(&mut [0; 1]);
        self.stream.set_nonblocking(false).expect("a flag");
        !matches!(seen, Err(error) if error.kind() == ErrorKind::WouldBlock)
    }

    pub(crate) fn half_close(&self) {
        self.stream.shutdown(Shutdown::Write).expect("it is open");
    }

    /// Closes with a reset instead of an end.
    pub(crate) fn reset(self) {
        let socket = socket2::SockRef::from(&self.stream);
        socket.set_linger(Some(Duration::ZERO)).expect("an option");
    }
}
