//! The program on a pseudo-terminal, as users see it.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use super::DEADLINE;

/// The program on a terminal of its own, of 80 columns.
pub(crate) struct Terminal {
    pub(crate) screen: File,
    seen: String,
    pub(crate) child: Child,
    pub(crate) other_end: OwnedFd,
}

impl Terminal {
    /// Starts it with these arguments.
    pub(crate) fn new(arguments: &[&str]) -> Self {
        Self::started_by(&[], arguments)
    }

    /// The same, through a command such as nohup(1) that executes the program.
    pub(crate) fn started_by(command: &[&str], arguments: &[&str]) -> Self {
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)
            .expect("a pseudo-terminal");
        grantpt(&ours).and_then(|()| unlockpt(&ours)).expect("a pseudo-terminal");
        let name = ptsname(&ours, Vec::new()).expect("its name").into_string().expect("text");
        let theirs = File::options().read(true).write(true).open(&name).expect("its other end");
        let size = Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&theirs, size).expect("a size");
        let other_end = || Stdio::from(theirs.try_clone().expect("a descriptor"));
        // In a new session with this terminal, so that it gets a signal when the terminal goes away.
        let child = Command::new("setsid")
            .arg("--ctty")
            .args(command)
            .arg(env!("CARGO_BIN_EXE_c10k"))
            .args(arguments)
            .env("TERM", "xterm")
            .stdin(other_end())
            .stdout(other_end())
            .stderr(other_end())
            .spawn()
            .expect("setsid is part of util-linux");
        Self { screen: File::from(ours), seen: String::new(), child, other_end: theirs.into() }
    }

    /// Types these keys.
    pub(crate) fn types(&mut self, keys: &str) {
        self.screen.write_all(keys.as_bytes()).expect("the terminal takes keys");
    }

    /// Reads the screen until it contains `text`, and returns and removes everything before it.
    pub(crate) fn shows(&mut self, text: &str) -> String {
        let mut buffer = [0; 4096];
        let patience = Timespec::try_from(DEADLINE).expect("it is not long");
        loop {
            if let Some(at) = self.seen.find(text) {
                let before = self.seen[..at].to_string();
                self.seen.drain(..at + text.len());
                return before;
            }
            let mut line = [PollFd::new(&self.screen, PollFlags::IN)];
            let ready = rustix::io::retry_on_intr(|| poll(&mut line, Some(&patience)));
            assert_eq!(ready, Ok(1), "no '{text}' in {:?}", self.seen);
            match self.screen.read(&mut buffer) {
                Ok(n) => self.seen.push_str(&String::from_utf8_lossy(&buffer[..n])),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => panic!("{error}: no '{text}' in {:?}", self.seen),
            }
        }
    }

    /// Reads the screen until the program has ended. Returns its exit code and everything not yet read.
    pub(crate) fn all(&mut self) -> (Option<i32>, String) {
        let mut buffer = [0; 4096];
        // A terminal buffers little, and a program that prints more waits until it is read.
        let look = Timespec { tv_sec: 0, tv_nsec: 20_000_000 };
        loop {
            let ended = self.child.try_wait().expect("it is ours");
            let mut line = [PollFd::new(&self.screen, PollFlags::IN)];
            if rustix::io::retry_on_intr(|| poll(&mut line, Some(&look))) == Ok(1) {
                let n = self.screen.read(&mut buffer).expect("its other end is open");
                self.seen.push_str(&String::from_utf8_lossy(&buffer[..n]));
            } else if let Some(status) = ended {
                return (status.code(), std::mem::take(&mut self.seen));
            }
        }
    }

    /// Waits for its end, and returns its exit code.
    pub(crate) fn ends(&mut self) -> Option<i32> {
        self.child.wait().expect("it ends").code()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
