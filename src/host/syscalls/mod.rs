//! System calls of a server, counted by strace(1) in a load that is not timed, because strace stops
//! the server at each call. (`perf trace` disturbs less, but does not follow child processes.)

mod output;

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use procfs::process::Process;
use rustix::process::{Pid, Signal, kill_process};

use crate::base::units::as_f64;
use crate::document::{Syscall, Syscalls};
use crate::host::accounts;

/// What counts.
const TOOL: &str = "strace";
/// Attaching to some ten thousand threads takes a while.
const ATTACH_TIMEOUT: Duration = Duration::from_secs(20);
/// How long the tool may take to write down what it has counted.
const FINISH_TIMEOUT: Duration = Duration::from_secs(20);
/// Between two looks at it.
const LOOK: Duration = Duration::from_millis(2);

/// Checks that calls can be counted here, on a test process.
///
/// # Errors
/// The reason why they cannot, with what is missing.
pub fn probe() -> Result<()> {
    let mut shell = Command::new("sh");
    shell.args(["-c", "read line"]).stdin(Stdio::piped());
    let mut shell = shell.spawn().context("cannot start sh to try strace")?;
    let counter = i32::try_from(shell.id()).map_err(Into::into).and_then(Counter::attach);
    // It ends with its input.
    drop(shell.stdin.take());
    shell.wait()?;
    let counts = counter.and_then(Counter::finish)?;
    ensure!(
        counts.iter().any(|(name, _)| name == "read"),
        "strace reported no system call of a \
        test shell"
    );
    Ok(())
}

/// The tool, while it counts.
#[derive(Debug)]
pub struct Counter {
    child: Child,
    said: Receiver<String>,
    heard: Vec<String>,
    file: tempfile::NamedTempFile,
}

impl Counter {
    /// Begins to count the calls of a process, of its descendants, and of all that they will start.
    ///
    /// # Errors
    /// When the tool is not installed, or may not do that.
    pub fn attach(root: i32) -> Result<Self> {
        let deadline = Instant::now() + ATTACH_TIMEOUT;
        loop {
            let mut counter = Self::start(root)?;
            // One that was started between the list and the tool is in neither: then again.
            if counter.await_attached(root, deadline)? {
                return Ok(counter);
            }
        }
    }

    fn start(root: i32) -> Result<Self> {
        let file = tempfile::NamedTempFile::new().context("cannot create a file for the counts")?;
        let mut command = Command::new(TOOL);
        command.args(["-c", "-f", "-o"]).arg(file.path());
        for process in accounts::tree(root) {
            command.args(["-p", &process.pid().to_string()]);
        }
        // Its own group: Ctrl-C in a terminal is for this program, which ends it in its turn.
        command.process_group(0).env("LC_ALL", "C");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = match command.spawn() {
            Ok(child) => child,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                bail!("strace is not installed")
            }
            Err(error) => return Err(error).context("cannot start strace"),
        };
        let stderr = child.stderr.take().expect("standard error is a pipe");
        let (sender, said) = channel();
        thread::spawn(move || {
            // Read to the end in any case: the tool would stop at a full pipe.
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        Ok(Self { child, said, heard: Vec::new(), file })
    }

    /// Whether all that there are now are counted; not if the tool has all that it was told of, and
    /// there are others.
    fn await_attached(&mut self, root: i32, deadline: Instant) -> Result<bool> {
        let tracer = i32::try_from(self.child.id())?;
        let mut attached_before = 0;
        loop {
            let mut tree = accounts::tree(root);
            // Zombies cannot be traced.
            tree.retain(Process::is_alive);
            let attached = tree.iter().filter(|process| is_traced(process, tracer)).count();
            if attached > 0 && attached == tree.len() {
                return Ok(true);
            }
            if let Some(status) = self.child.try_wait()? {
                self.listen();
                bail!("strace ended with {status}{}", self.last_words());
            }
            ensure!(Instant::now() < deadline, "strace did not attach{}", self.last_words());
            if attached > 0 && attached == attached_before {
                return Ok(false);
            }
            attached_before = attached;
            thread::sleep(10 * LOOK);
        }
    }

    fn listen(&mut self) {
        while let Ok(line) = self.said.recv_timeout(LOOK) {
            self.heard.push(line);
        }
    }

    fn last_words(&self) -> String {
        let words = self.heard.iter().rfind(|line| !line.trim().is_empty());
        words.map_or(String::new(), |line| format!(": {}", line.trim()))
    }

    /// Lets the server go, and returns how often it made each call.
    ///
    /// # Errors
    /// When the tool does not tell.
    pub fn finish(mut self) -> Result<Vec<(String, u64)>> {
        let pid = Pid::from_raw(i32::try_from(self.child.id())?).context("no process id")?;
        // It may have ended with the last process that it watched.
        let _ = kill_process(pid, Signal::INT);
        let deadline = Instant::now() + FINISH_TIMEOUT;
        while self.child.try_wait()?.is_none() {
            ensure!(Instant::now() < deadline, "strace did not end when asked to");
            thread::sleep(LOOK);
        }
        self.listen();
        let counts = output::parse(&std::fs::read_to_string(self.file.path())?);
        ensure!(!counts.is_empty(), "strace counted nothing{}", self.last_words());
        Ok(counts)
    }
}

impl Drop for Counter {
    fn drop(&mut self) {
        // Asked politely it lets its processes run on as they were; killed, the kernel does.
        if let (Ok(None), Ok(pid)) = (self.child.try_wait(), i32::try_from(self.child.id())) {
            let _ = Pid::from_raw(pid).map(|pid| kill_process(pid, Signal::TERM));
            let deadline = Instant::now() + FINISH_TIMEOUT;
            while let (Ok(None), true) = (self.child.try_wait(), Instant::now() < deadline) {
                thread::sleep(LOOK);
            }
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

fn is_traced(process: &Process, tracer: i32) -> bool {
    process.status().is_ok_and(|status| status.tracerpid == tracer)
}

/// The counts divided by the number of correct replies, for documents.
#[must_use]
pub fn per_request(
    counts: &[(String, u64)],
    requests: u64,
    connections: usize,
) -> Option<Syscalls> {
    if requests == 0 {
        return None;
    }
    let share = |calls: u64| as_f64(calls) / as_f64(requests);
    let mut by_name: Vec<_> = counts
        .iter()
        .map(|(name, calls)| Syscall { name: name.clone(), per_request: share(*calls) })
        .collect();
    by_name.sort_by(|a, b| b.per_request.total_cmp(&a.per_request).then(a.name.cmp(&b.name)));
    Some(Syscalls {
        per_request: share(counts.iter().map(|(_, calls)| calls).sum()),
        by_name,
        requests,
        connections,
        tool: format!("{TOOL} -c -f"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_become_shares_the_most_first() {
        let counts = [("close".to_string(), 4), ("read".to_string(), 20), ("accept4".into(), 4)];
        let found = per_request(&counts, 10, 2).expect("requests");
        let names: Vec<_> = found.by_name.iter().map(|call| call.name.as_str()).collect();
        assert_eq!(names, ["read", "accept4", "close"]);
        assert!((found.per_request - 2.8).abs() < 1e-12);
        assert!((found.by_name[0].per_request - 2.0).abs() < 1e-12);
        assert_eq!(per_request(&counts, 0, 2), None, "of nothing there is no share");
    }

    #[test]
    fn a_process_is_counted_with_the_children_it_has_and_those_it_will_have() {
        if let Err(why) = probe() {
            eprintln!("skipped: {why:#}");
            return;
        }
        // The inner shell is there before the tool, the outer one's next child is not.
        let mut shell = Command::new("sh");
        shell.args(["-c", "sh -c 'read line; cd /; exit 0'; (cd /; cd /; exit 0); exit 0"]);
        let mut shell = shell.stdin(Stdio::piped()).spawn().expect("sh runs");
        let pid = i32::try_from(shell.id()).expect("a pid");
        while accounts::tree(pid).len() < 2 {
            thread::sleep(LOOK);
        }
        let counter = Counter::attach(pid).expect("it may");
        drop(shell.stdin.take());
        shell.wait().expect("it ends");
        let counts = counter.finish().expect("counts");
        let of = |name: &str| counts.iter().find(|(call, _)| call == name).map(|(_, n)| *n);
        assert_eq!(of("chdir"), Some(3), "{counts:?}");
    }
}
