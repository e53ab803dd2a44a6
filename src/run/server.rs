//! A server process of ours: started for one trial, pinned, asked to stop, and never left behind.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use servers::{Model, Workers};

use crate::machine;
use crate::plan::ServerPlan;

/// A server that is not ready by then will not be.
const READY_TIMEOUT: Duration = Duration::from_secs(10);
/// Its clients are gone when it is asked to stop, so there is nothing to wait for but threads.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(1);
/// How long it may take to end beyond its drain timeout.
const STOP_GRACE: Duration = Duration::from_secs(5);

/// A server process.
#[derive(Debug)]
pub(super) struct ServerProcess {
    child: Child,
    lines: Receiver<String>,
    /// Where it listens.
    pub(super) address: SocketAddr,
    /// What it said when it was ready.
    pub(super) ready: Value,
}

impl ServerProcess {
    /// Starts this program as a server on a free port, on these processors; the calling thread
    /// goes back to its own.
    pub(super) fn start(
        model: &Model,
        settings: &ServerPlan,
        server_cpus: &[usize],
        client_cpus: &[usize],
    ) -> Result<Self> {
        let program = std::env::current_exe().context("cannot find this program's own file")?;
        let mut command = Command::new(program);
        command.args(["serve", "--stop-with-parent", "--listen", "127.0.0.1:0"]);
        command.args(["--model", model.name, "--app", &settings.app]);
        command.args(["--framing", &settings.framing]);
        command.args(["--backlog", &settings.backlog.to_string()]);
        command.args(["--drain-timeout", &humantime::format_duration(DRAIN_TIMEOUT).to_string()]);
        if let (Some(workers), Workers::Fixed(_) | Workers::Floating(_)) =
            (settings.workers, model.workers)
        {
            command.args(["--workers", &workers.to_string()]);
        }
        if let Some(connections) = settings.max_connections {
            command.args(["--max-connections", &connections.to_string()]);
        }
        // Ctrl-C in a terminal goes to the whole group; the server is ours to stop, in its turn.
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        // A child inherits the processors of the thread that starts it.
        if !server_cpus.is_empty() {
            machine::pin(server_cpus)?;
        }
        let child = command.spawn().context("cannot start a server process");
        if !client_cpus.is_empty() {
            machine::pin(client_cpus)?;
        }
        Self::ready(child?)
    }

    fn ready(mut child: Child) -> Result<Self> {
        let stdout = child.stdout.take().expect("it was asked for");
        let (sender, lines) = channel();
        thread::spawn(move || {
            BufReader::new(stdout).lines().map_while(Result::ok).try_for_each(|l| sender.send(l))
        });
        let unknown = SocketAddr::from(([0, 0, 0, 0], 0));
        let mut server = Self { child, lines, address: unknown, ready: Value::Null };
        let line = match server.lines.recv_timeout(READY_TIMEOUT) {
            Ok(line) => line,
            Err(RecvTimeoutError::Disconnected) => {
                bail!("the server ended before it was ready: {}", server.child.wait()?)
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
    pub(super) fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).expect("process ids fit")
    }

    /// Asks it to stop and returns what it says then; ends it if it does not.
    pub(super) fn stop(mut self) -> Result<Value> {
        self.signal(Signal::TERM);
        let line = self.lines.recv_timeout(DRAIN_TIMEOUT + STOP_GRACE);
        let deadline = Instant::now() + STOP_GRACE;
        while self.child.try_wait()?.is_none() {
            if Instant::now() > deadline {
                bail!("the server did not end after SIGTERM");
            }
            thread::sleep(Duration::from_millis(1));
        }
        let line = line.context("the server ended without its last line")?;
        serde_json::from_str(&line).context("the stopped line is not JSON")
    }

    fn signal(&self, signal: Signal) {
        if let Some(pid) = Pid::from_raw(self.pid()) {
            // It may have ended by itself; whoever waits for it finds out.
            let _ = kill_process(pid, signal);
        }
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        // Only where something failed is it still there. It is our child and was not waited
        // for, so its number is nobody else's.
        if let Ok(None) = self.child.try_wait() {
            self.signal(Signal::KILL);
            let _ = self.child.wait();
        }
    }
}
