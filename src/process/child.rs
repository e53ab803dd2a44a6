//! A server of ours as a child process: ready when it says so, asked to stop, never left behind.

use std::fmt;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::host::accounts::Group;

/// A server that is not ready by then will not be.
const READY_TIMEOUT: Duration = Duration::from_secs(30);

/// Where it is kept what a server uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accounts {
    /// In the clocks of its processes, which cost it nothing; they tell little of a process that ends.
    Clocks,
    /// In a control group too, where one can be made here: a server that switches much pays for its books.
    Group,
}

/// A server that has ended before it was ready.
#[derive(Clone, Copy, Debug)]
pub struct EndedEarly(pub ExitStatus);

impl fmt::Display for EndedEarly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the server ended before it was ready: {}", self.0)
    }
}

impl std::error::Error for EndedEarly {}

/// A process of `c10k serve`.
#[derive(Debug)]
pub struct ServerChild {
    child: Child,
    /// Where its accounts are, if it has one. Goes after the child has gone.
    _group: Option<Group>,
    lines: Receiver<String>,
    /// Where it listens.
    pub address: SocketAddr,
    /// What it said when it was ready.
    pub ready: Value,
}

impl ServerChild {
    /// Starts the command, which is one of `c10k serve`, and waits until it is ready.
    ///
    /// # Errors
    /// When it cannot be started, ends, or does not say that it is ready.
    pub fn start(command: Command) -> Result<Self> {
        Self::start_with(command, Accounts::Clocks)
    }

    /// The same with accounts of this kind.
    ///
    /// # Errors
    /// Likewise.
    pub fn start_with(mut command: Command, accounts: Accounts) -> Result<Self> {
        // Ctrl-C in a terminal goes to the whole group; the server is ours to stop, in its turn.
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let group = match accounts {
            Accounts::Clocks => None,
            Accounts::Group => Group::around(&mut command),
        };
        let mut child = command.spawn().context("cannot start a server process")?;
        let stdout = child.stdout.take().expect("it was asked for");
        let (sender, lines) = channel();
        thread::spawn(move || {
            BufReader::new(stdout).lines().map_while(Result::ok).try_for_each(|l| sender.send(l))
        });
        let unknown = SocketAddr::from(([0, 0, 0, 0], 0));
        let mut server = Self { child, _group: group, lines, address: unknown, ready: Value::Null };
        let line = match server.lines.recv_timeout(READY_TIMEOUT) {
            Ok(line) => line,
            Err(RecvTimeoutError::Disconnected) => {
                return Err(EndedEarly(server.child.wait()?).into());
            }
            Err(RecvTimeoutError::Timeout) => {
                bail!("the server was not ready after {} s", READY_TIMEOUT.as_secs())
            }
        };
        server.ready = serde_json::from_str(&line).context("the ready line is not JSON")?;
        let address = server.ready["address"].as_str().context("the ready line has no address")?;
        server.address = address.parse().context("the ready line has no usable address")?;
        Ok(server)
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).expect("process ids fit")
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        if let Some(pid) = Pid::from_raw(self.pid()) {
            // It may have ended by itself; whoever waits for it finds out.
            let _ = kill_process(pid, signal);
        }
    }

    /// How it ended, if it has.
    ///
    /// # Errors
    /// When the kernel does not say.
    pub fn status(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// Waits until it has ended, and returns what it said last.
    ///
    /// # Errors
    /// When it does not end in time, ends badly, or says nothing.
    pub fn stopped(&mut self, within: Duration) -> Result<Value> {
        let deadline = Instant::now() + within;
        let status = loop {
            match self.child.try_wait()? {
                Some(status) => break status,
                None if Instant::now() > deadline => bail!("the server did not end when asked to"),
                None => thread::sleep(Duration::from_millis(1)),
            }
        };
        ensure!(status.success(), "the server ended with {status}");
        // What it wrote is in the pipe, and its reader comes to the end of it.
        let line = self.lines.recv_timeout(within).context(
            "the server ended without a stopped \
            line",
        )?;
        serde_json::from_str(&line).context("the stopped line is not JSON")
    }
}

impl Drop for ServerChild {
    fn drop(&mut self) {
        // Only where something failed is it still there. It is our child and was not waited
        // for, so its number is nobody else's.
        if let Ok(None) = self.child.try_wait() {
            self.signal(Signal::KILL);
            let _ = self.child.wait();
        }
    }
}
