//! A server whose standard output and standard error are kept.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use servers::Model;
use tempfile::TempDir;

pub(crate) use crate::support::until;
use crate::support::{DEADLINE, c10k};

/// A server that runs.
pub(crate) struct Served {
    pub(crate) child: Child,
    pub(crate) address: SocketAddr,
    /// Its ready line.
    pub(crate) ready: Value,
    dir: TempDir,
}

/// How it ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) output: Vec<u8>,
    pub(crate) errors: String,
    /// Its last line; null if there is none.
    pub(crate) stopped: Value,
}

impl Ended {
    /// Asserts that it has ended with success.
    pub(crate) fn well(self) -> Self {
        assert!(self.status.success(), "{self:?}");
        self
    }

    /// A counter of the last line.
    pub(crate) fn count(&self, name: &str) -> u64 {
        self.stopped["counters"][name].as_u64().unwrap_or_else(|| panic!("no {name}: {self:?}"))
    }
}

/// Starts a server of that model.
pub(crate) fn serve(model: &Model, flags: &[&str]) -> Served {
    serve_with(model, flags, |_| {})
}

/// The same, after `change` has changed its command.
pub(crate) fn serve_with(
    model: &Model,
    flags: &[&str],
    change: impl FnOnce(&mut Command),
) -> Served {
    let mut command = c10k();
    command.args(["serve", "--stop-with-parent", "--model", model.name]);
    command.args(["--listen", "127.0.0.1:0"]).args(flags);
    start(command, change)
}

/// Starts this command, which runs `c10k serve`.
pub(crate) fn start(mut command: Command, change: impl FnOnce(&mut Command)) -> Served {
    let dir = tempfile::tempdir().expect("a folder");
    let file = |name: &str| File::create(dir.path().join(name)).expect("a file");
    command.stdin(Stdio::null()).stdout(file("output")).stderr(file("errors")).process_group(0);
    change(&mut command);
    let child = command.spawn().expect("it starts");
    let unknown = SocketAddr::from(([0, 0, 0, 0], 0));
    let mut served = Served { child, address: unknown, ready: Value::Null, dir };
    until("it is ready", || {
        served.ready = served.line("ready");
        let ended = served.child.try_wait().expect("a child").is_some();
        assert!(!ended || !served.ready.is_null(), "{}", served.errors());
        !served.ready.is_null()
    });
    let address = served.ready["address"].as_str().and_then(|text| text.parse().ok());
    served.address = address.expect("an address");
    served
}

impl Served {
    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// What it has written to standard output so far.
    pub(crate) fn output(&self) -> Vec<u8> {
        std::fs::read(self.path("output")).expect("it can be read")
    }

    /// What it has written to standard error so far.
    pub(crate) fn errors(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(self.path("errors")).expect("a file")).into()
    }

    /// Its line about an event, on standard output or standard error; null before that.
    fn line(&self, event: &str) -> Value {
        let both = String::from_utf8_lossy(&self.output()).into_owned() + &self.errors();
        let whole = both.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        let lines = whole.filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines.into_iter().find(|line| line["event"] == event).unwrap_or_default()
    }

    pub(crate) fn pid(&self) -> Pid {
        let pid = i32::try_from(self.child.id()).expect("process ids fit");
        Pid::from_raw(pid).expect("not zero")
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).expect("it lives");
    }

    /// Asks it to stop, and waits.
    pub(crate) fn stop(self) -> Ended {
        self.signal(Signal::TERM);
        self.ended()
    }

    /// Asks it to stop at once, and waits.
    pub(crate) fn cut(self) -> Ended {
        self.signal(Signal::TERM);
        let status = format!("/proc/{}/status", self.child.id());
        until("the first signal is taken", || {
            let text = std::fs::read_to_string(&status).unwrap_or_default();
            let pending = |name: &str| {
                let line = text.lines().find_map(|line| line.strip_prefix(name));
                line.is_some_and(|mask| mask.trim().bytes().any(|digit| digit != b'0'))
            };
            !pending("SigPnd:") && !pending("ShdPnd:")
        });
        // This fails if the first signal has already ended it.
        let _ = kill_process(self.pid(), Signal::TERM);
        self.ended()
    }

    /// Waits until it has ended.
    pub(crate) fn ended(mut self) -> Ended {
        until("it has ended", || self.child.try_wait().expect("a child").is_some());
        let status = self.child.wait().expect("a child");
        let (output, errors, stopped) = (self.output(), self.errors(), self.line("stopped"));
        Ended { status, output, errors, stopped }
    }

    /// A client.
    pub(crate) fn client(&self) -> LineClient {
        LineClient::connect(self.address)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// A client over lines.
pub(crate) struct LineClient {
    pub(crate) stream: TcpStream,
    input: BufReader<TcpStream>,
}

impl LineClient {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("it listens");
        stream.set_read_timeout(Some(DEADLINE)).expect("a timeout");
        stream.set_write_timeout(Some(DEADLINE)).expect("a timeout");
        let input = BufReader::new(stream.try_clone().expect("a handle"));
        Self { stream, input }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.stream.local_addr().expect("it is connected")
    }

    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).expect("the server takes it");
    }

    /// The next line with its line feed, or the rest; empty at the end.
    pub(crate) fn line(&mut self) -> String {
        let mut line = Vec::new();
        self.input.read_until(b'\n', &mut line).expect("a line in time");
        String::from_utf8_lossy(&line).into()
    }

    /// Sends a line and returns the next one.
    pub(crate) fn ask(&mut self, line: &str) -> String {
        self.send(format!("{line}\n"));
        self.line()
    }

    /// All bytes until the server closes.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        self.input.read_to_end(&mut rest).expect("an end in time");
        rest
    }

    pub(crate) fn half_close(&self) {
        self.stream.shutdown(Shutdown::Write).expect("it is connected");
    }
}
