//! The clients of a counted server, and the server of a counted generator. They make one request at a time, over
//! connections that stay open, so that every run does the same, however slow the counted process is.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use anyhow::{Context, Result, anyhow, ensure};

use crate::stepper::PATIENCE;

/// Requests on each connection before anything is counted.
const WARMUP: usize = 3;

/// Clients of a server, which take turns.
pub(super) struct Clients {
    streams: Vec<TcpStream>,
    request: String,
    reply: String,
    turn: usize,
}

impl Clients {
    /// Connects all clients, and has each served a few times.
    pub(super) fn open(
        server: SocketAddr,
        connections: usize,
        (request, reply): (String, String),
    ) -> Result<Self> {
        let streams = (0..connections).map(|_| {
            let stream = TcpStream::connect(server).context("cannot connect")?;
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            Ok(stream)
        });
        let streams = streams.collect::<Result<Vec<_>>>()?;
        let mut clients = Self { streams, request, reply, turn: 0 };
        clients.ask(connections * WARMUP)?;
        Ok(clients)
    }

    /// Makes requests, each after the reply to the one before was received and checked.
    pub(super) fn ask(&mut self, requests: usize) -> Result<()> {
        let mut reply = vec![0; self.reply.len()];
        for _ in 0..requests {
            let turn = self.turn;
            self.turn = (turn + 1) % self.streams.len();
            let stream = &mut self.streams[turn];
            stream.write_all(self.request.as_bytes()).context("cannot send a request")?;
            stream.read_exact(&mut reply).context("a reply is missing")?;
            ensure!(reply == self.reply.as_bytes(), "a wrong reply");
        }
        Ok(())
    }
}

/// An echo server for a counted generator: it answers each request on command.
pub(super) struct Echoes {
    pub(super) address: SocketAddr,
    /// For each new connection, the channel that makes it answer its next request.
    connected: Receiver<Sender<()>>,
    answers: Vec<Sender<()>>,
    /// The connection of each request that arrives.
    requests: Receiver<usize>,
    turn: usize,
}

impl Echoes {
    /// Starts the server on a free port of loopback; it runs until this program ends. It answers the first few
    /// requests of each connection at once.
    pub(super) fn listen() -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).context("cannot listen")?;
        let address = listener.local_addr()?;
        let (sender, requests) = channel();
        let (newcomers, connected) = channel();
        thread::spawn(move || {
            for (number, stream) in listener.incoming().map_while(Result::ok).enumerate() {
                let (answer, answers) = channel();
                let answered = (0..WARMUP).try_for_each(|_| answer.send(()));
                if answered.is_err() || newcomers.send(answer).is_err() {
                    return;
                }
                let sender = sender.clone();
                thread::spawn(move || echo(stream, number, &sender, &answers));
            }
        });
        Ok(Self { address, connected, answers: Vec::new(), requests, turn: 0 })
    }

    /// Waits until every connection has had its first replies and waits for the next one.
    pub(super) fn await_clients(&mut self, connections: usize) -> Result<()> {
        for _ in 0..connections * (WARMUP + 1) {
            self.next_request()?;
        }
        self.answers.extend(self.connected.try_iter());
        ensure!(self.answers.len() == connections, "there are {} connections", self.answers.len());
        Ok(())
    }

    /// Answers requests of all connections in turn, and waits after each for the connection's next request.
    pub(super) fn answer(&mut self, requests: usize) -> Result<()> {
        for _ in 0..requests {
            let turn = self.turn;
            self.turn = (turn + 1) % self.answers.len();
            self.answers[turn].send(()).context("a connection is gone")?;
            let next = self.next_request()?;
            ensure!(next == turn, "connection {next} asked, and {turn} was answered");
        }
        Ok(())
    }

    fn next_request(&self) -> Result<usize> {
        self.requests.recv_timeout(PATIENCE).map_err(|_| anyhow!("a request is missing"))
    }
}

/// Serves one connection to its end.
fn echo(mut stream: TcpStream, number: usize, requests: &Sender<usize>, answers: &Receiver<()>) {
    let _ = stream.set_nodelay(true);
    let Ok(mut reader) = stream.try_clone().map(BufReader::new) else { return };
    let mut line = String::new();
    loop {
        line.clear();
        if reader.read_line(&mut line).is_err() {
            return;
        }
        let Some(text) = line.strip_prefix("ECHO ") else { return };
        let reply = format!("OK {text}");
        let asked = requests.send(number).is_ok() && answers.recv().is_ok();
        if !asked || stream.write_all(reply.as_bytes()).is_err() {
            return;
        }
    }
}
