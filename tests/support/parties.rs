//! The processes and clients of the session tests: our servers, a store, and clients that type lines or check
//! replies.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStdout, Stdio};
use std::sync::Arc;

use c10k::redis::Redis;
use protocol::{App, Exchange, Framing, Home, Recipe, Reply, Request, Sessions};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::support::{DEADLINE, c10k, free_port};

/// Steps of each session.
pub(crate) const STEPS: u32 = 6;
/// Bytes of its history.
pub(crate) const HISTORY: usize = 24;

/// A child process; it is killed when the test ends in any way.
pub(crate) struct Process(pub(crate) Child);

impl Process {
    pub(crate) fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw).expect("a pid");
        kill_process(pid, signal).expect("it lives");
    }

    pub(crate) fn kill(&mut self) {
        self.signal(Signal::KILL);
        self.0.wait().expect("it has ended");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // This fails if the process has already ended, which is fine.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A store that ends with the tests, also after Ctrl-C.
pub(crate) fn start_store() -> Redis {
    Redis::start_at(free_port()).expect("a store")
}

/// One of our servers.
pub(crate) struct TestServer {
    pub(crate) process: Process,
    pub(crate) stdout: BufReader<ChildStdout>,
    pub(crate) address: String,
}

impl TestServer {
    pub(crate) fn start(model: &str, flags: &[&str]) -> Self {
        let mut command = c10k();
        command.args(["serve", "--listen", "127.0.0.1:0", "--model", model]).args(flags);
        let mut child = command.stdout(Stdio::piped()).spawn().expect("it starts");
        let mut stdout = BufReader::new(child.stdout.take().expect("piped"));
        let process = Process(child);
        let ready = json_line(&mut stdout);
        let address = ready["address"].as_str().expect("an address").to_string();
        Self { process, stdout, address }
    }

    /// Asks it to stop and returns its counters.
    pub(crate) fn stop(mut self) -> Value {
        self.process.signal(Signal::TERM);
        json_line(&mut self.stdout)["counters"].take()
    }

    pub(crate) fn connect(&self) -> Line {
        let stream = TcpStream::connect(&self.address).expect("it listens");
        stream.set_read_timeout(Some(DEADLINE)).expect("a timeout");
        Line(BufReader::new(stream))
    }

    /// One step of a session on a new connection. Returns the total, and the reference for the next step.
    pub(crate) fn step(&self, step: u32, n: u64, reference: &str) -> Result<(u64, String), String> {
        self.connect().step(step, n, reference)
    }
}

/// A client that types lines.
pub(crate) struct Line(pub(crate) BufReader<TcpStream>);

impl Line {
    pub(crate) fn ask(&mut self, request: &str) -> String {
        self.0.get_mut().write_all(format!("{request}\n").as_bytes()).expect("it takes it");
        let mut line = String::new();
        self.0.read_line(&mut line).expect("a reply");
        line.trim_end().to_string()
    }

    pub(crate) fn step(
        &mut self,
        step: u32,
        n: u64,
        reference: &str,
    ) -> Result<(u64, String), String> {
        let reply = self.ask(&format!("ADD {step} 1000 {n} {reference}"));
        let words: Vec<_> = reply.split(' ').collect();
        match words[..] {
            ["OK", total, _, next] => Ok((total.parse().expect("a total"), next.to_string())),
            ["ERR", code, ..] => Err(code.to_string()),
            _ => panic!("{reply}"),
        }
    }
}

pub(crate) fn json_line(from: &mut impl BufRead) -> Value {
    let mut line = String::new();
    from.read_line(&mut line).expect("a line");
    serde_json::from_str(&line).expect("JSON")
}

/// The client's end of the protocol over a socket.
pub(crate) struct TestClient {
    pub(crate) exchange: Exchange,
    pub(crate) stream: TcpStream,
    pub(crate) tag: u64,
}

impl TestClient {
    pub(crate) fn new(server: &TestServer, framing: Framing, home: Home) -> Self {
        let sessions = Sessions { steps: STEPS, history: HISTORY, home: Some(home) };
        let recipe = Recipe::new(App::Bench, framing, Request::Session(sessions));
        let exchange = Exchange::new(Arc::new(recipe.expect("a recipe")));
        Self { exchange, stream: Self::connect(server), tag: 1 }
    }

    pub(crate) fn connect(server: &TestServer) -> TcpStream {
        let stream = TcpStream::connect(&server.address).expect("it listens");
        stream.set_read_timeout(Some(DEADLINE)).expect("a timeout");
        stream
    }

    pub(crate) fn reconnect(&mut self, server: &TestServer) {
        self.exchange = Exchange::after(&mut self.exchange);
        // The old one first: a model may serve one client at a time.
        self.stream.shutdown(std::net::Shutdown::Both).expect("it is open");
        self.stream = Self::connect(server);
    }

    pub(crate) fn step(&mut self) -> Reply {
        let mut request = Vec::new();
        self.exchange.request(self.tag, &mut request);
        self.tag += 1;
        self.stream.write_all(&request).expect("it takes it");
        loop {
            if let Some(reply) = self.exchange.reply() {
                return reply;
            }
            let n = self.stream.read(self.exchange.space()).expect("a reply");
            assert!(n > 0, "the server closed");
            self.exchange.received(n);
        }
    }
}
