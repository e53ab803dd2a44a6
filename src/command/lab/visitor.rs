//! The clients of the small labs, which record the time of each event, and a count of connections
//! that wait to be accepted.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::Signal;
use rustix::time::Timespec;
use serde::{Deserialize, Serialize};

use crate::base::patient::Patient;
use crate::host::sockets::{self, TcpState};
use crate::process::ServeArgs;
use crate::process::child::ServerChild;
use crate::process::this_program;

/// The limit for any wait.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);
/// Between two looks at the queue of a listener.
const LOOK: Duration = Duration::from_millis(3);

/// A server of ours on a free port of loopback.
///
/// # Errors
/// When it does not start; the message says which argument is wrong.
pub(super) fn serve(words: &[&str]) -> Result<ServerChild> {
    let program: PathBuf = this_program()?;
    let mut command = ServeArgs::child(words)?.command(program);
    // Its lines about clients are not part of the lab's output.
    command.stderr(std::process::Stdio::null());
    ServerChild::start(command).with_context(|| format!("c10k serve {}", words.join(" ")))
}

/// Asks a server to stop, and waits until it has.
///
/// # Errors
/// When it does not.
pub(super) fn stop(mut server: ServerChild) -> Result<()> {
    server.signal(Signal::TERM);
    server.stopped(PATIENCE).map(drop)
}

/// Seconds since the beginning of a lab.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock(Instant);

impl Clock {
    pub(super) fn start() -> Self {
        Self(Instant::now())
    }

    pub(super) fn now_s(self) -> f64 {
        self.0.elapsed().as_secs_f64()
    }

    /// Waits until `at` after the beginning.
    pub(super) fn sleep_until(self, at: Duration) {
        thread::sleep(at.saturating_sub(self.0.elapsed()));
    }
}

/// A connection that is read line by line.
pub(super) struct Visitor {
    stream: BufReader<Patient>,
}

impl Visitor {
    pub(super) fn connect(to: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect_timeout(&to, PATIENCE)
            .with_context(|| format!("cannot connect to {to}"))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream: BufReader::new(Patient::new(stream, PATIENCE)?) })
    }

    /// Its own end.
    pub(super) fn address(&self) -> Result<SocketAddr> {
        Ok(self.stream.get_ref().local_addr()?)
    }

    pub(super) fn send(&mut self, line: &str) -> Result<()> {
        // In one write, so that the server gets a line at once.
        Ok(self.stream.get_mut().write_all(format!("{line}\n").as_bytes())?)
    }

    /// Says that nothing more will be sent.
    pub(super) fn half_close(&self) -> Result<()> {
        Ok(self.stream.get_ref().shutdown(std::net::Shutdown::Write)?)
    }

    /// The next line, without its end; `None` at the end of the connection.
    pub(super) fn line(&mut self) -> Result<Option<String>> {
        let mut line = String::new();
        let n = self.stream.read_line(&mut line)?;
        Ok((n > 0).then(|| line.trim_end().to_string()))
    }

    /// The next line, which must come.
    pub(super) fn reply(&mut self) -> Result<String> {
        self.line()?.context("the server closed the connection instead of answering")
    }

    /// Whether the first line comes in time.
    pub(super) fn is_greeted_within(&mut self, patience: Duration) -> Result<bool> {
        let fd = self.stream.get_ref().as_fd().try_clone_to_owned()?;
        let timeout = Timespec::try_from(patience)?;
        let ready = poll(&mut [PollFd::new(&fd, PollFlags::IN)], Some(&timeout))?;
        Ok(ready > 0 && self.line()?.is_some())
    }

    /// Reads to the end of all.
    pub(super) fn read_all(&mut self) -> Result<()> {
        while self.line()?.is_some() {}
        Ok(())
    }
}

/// How many connections waited to be accepted from some moment on.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Waiting {
    pub(super) at_s: f64,
    pub(super) connections: u32,
}

/// Watches the listener's queue until `end` is set, and records each change. Empty where the kernel
/// does not report it.
pub(super) fn watch_queue(pid: i32, port: u16, clock: Clock, end: &AtomicBool) -> Vec<Waiting> {
    let mut found: Vec<Waiting> = Vec::new();
    while !end.load(Ordering::Relaxed) {
        let at_s = clock.now_s();
        if let Ok((listeners, _)) = sockets::at_port(pid, port, &[TcpState::Listen]) {
            let connections = listeners.iter().map(|listener| listener.receive_queue).sum();
            if found.last().is_none_or(|last| last.connections != connections) {
                found.push(Waiting { at_s, connections });
            }
        }
        thread::sleep(LOOK);
    }
    found
}

/// The results of threads; an error of any of them, and a panic goes on here.
///
/// # Errors
/// The first.
pub(super) fn joined<T>(threads: Vec<thread::ScopedJoinHandle<'_, Result<T>>>) -> Result<Vec<T>> {
    let ended = threads.into_iter().map(|thread| match thread.join() {
        Ok(result) => result,
        Err(panic) => std::panic::resume_unwind(panic),
    });
    let ended: Vec<Result<T>> = ended.collect();
    ensure!(!ended.is_empty(), "there was no client to wait for");
    ended.into_iter().collect()
}
