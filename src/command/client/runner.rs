//! `--run`: the server's lines are commands. Allowed commands run one after the other, and their
//! output goes back to the server.

use std::collections::VecDeque;
use std::os::fd::BorrowedFd;

use servers::commands::{Advance, AllowList, End, Limits, Refusal, Running};

/// Output of a command that may wait for the server to read it.
const UNSENT_BYTES: usize = 64 * 1024;

/// The running command, and those that wait.
#[derive(Debug)]
pub(super) struct Runner {
    allow: AllowList,
    limits: Limits,
    /// Whether a result is a message as it is, without an end of its own.
    raw: bool,
    waiting: VecDeque<Vec<u8>>,
    running: Option<Running>,
    /// Whether what was sent last has not ended its line.
    in_line: bool,
    /// In raw: what the command has written so far.
    result: Vec<u8>,
}

impl Runner {
    pub(super) fn new(allow: AllowList, limits: Limits, raw: bool) -> Self {
        let (waiting, running) = (VecDeque::new(), None);
        Self { allow, limits, raw, waiting, running, in_line: false, result: Vec::new() }
    }

    /// The server wants this run.
    pub(super) fn ask(&mut self, line: &[u8]) {
        self.waiting.push_back(line.to_vec());
    }

    /// Whether more may be asked for: a server that asks without end is not read.
    pub(super) fn has_room(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Whether it owes the server a result.
    pub(super) fn is_busy(&self) -> bool {
        self.running.is_some() || !self.waiting.is_empty()
    }

    /// What to wait for.
    pub(super) fn watched(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.running.iter().flat_map(Running::watched)
    }

    /// Goes on as far as that goes without waiting, but not beyond the end of a command or what the
    /// server can be sent at a time. Returns how the command ended, if it did.
    pub(super) fn advance(&mut self, out: &mut Vec<u8>) -> Option<String> {
        let mut space = [0; 4096];
        while out.len() < UNSENT_BYTES {
            let Some(running) = &mut self.running else {
                match self.start()? {
                    Ok(running) => self.running = Some(running),
                    Err(how) => return Some(self.end(how, out)),
                }
                continue;
            };
            match running.advance(&mut space) {
                Ok(Advance::Printed(n)) => self.print(&space[..n], out),
                Ok(Advance::Blocked) => return None,
                Ok(Advance::Ended(end)) => {
                    let how = match end {
                        End::Exit(code) => format!("exit {code}"),
                        End::Signal(signal) => format!("signal {signal}"),
                        End::Time => "time".into(),
                        End::Output => "output".into(),
                    };
                    return Some(self.end(how, out));
                }
                Err(_) => return Some(self.end("cannot-run".into(), out)),
            }
        }
        None
    }

    /// Starts what is next, if anything is; `Err` is why it does not run.
    fn start(&mut self) -> Option<Result<Running, String>> {
        let line = self.waiting.pop_front()?;
        Some(match self.allow.find(&line) {
            Ok(command) => Running::start(&command, self.limits).map_err(|_| "cannot-run".into()),
            Err(Refusal::NotAllowed(_)) => Err("not-allowed".into()),
            Err(Refusal::ZeroByte) => Err("bad-argument".into()),
        })
    }

    fn print(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        if self.raw {
            return self.result.extend_from_slice(bytes);
        }
        for byte in bytes {
            // A line that is a full stop would end the result.
            if !self.in_line && *byte == b'.' {
                out.push(b'.');
            }
            out.push(*byte);
            self.in_line = *byte != b'\n';
        }
    }

    fn end(&mut self, how: String, out: &mut Vec<u8>) -> String {
        self.running = None;
        if self.raw {
            // A message of nothing is none.
            let nothing = self.result.is_empty();
            out.extend_from_slice(if nothing { b"\n" } else { &self.result });
            self.result.clear();
            return how;
        }
        if std::mem::take(&mut self.in_line) {
            out.push(b'\n');
        }
        out.extend_from_slice(format!(". {how}\n").as_bytes());
        how
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runner(raw: bool) -> Runner {
        let path = std::env::var_os("PATH");
        let allow = ["echo *".to_string(), "false".into(), "cat".into()];
        let allow = AllowList::read(&allow, path.as_deref()).expect("they are everywhere");
        let time = std::time::Duration::from_secs(60);
        Runner::new(allow, Limits { time, output: 1000 }, raw)
    }

    /// All that is sent to the server for these commands.
    fn results(runner: &mut Runner, lines: &[&str]) -> String {
        lines.iter().for_each(|line| runner.ask(line.as_bytes()));
        let mut out = Vec::new();
        while runner.is_busy() {
            if runner.advance(&mut out).is_none() {
                std::thread::yield_now();
            }
        }
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn a_result_is_what_was_written_and_how_it_ended() {
        let lines = ["echo hello", "false", "cat", "rm -r /", "echo -n x", "", "echo a\0"];
        let expected = "hello\n. exit 0\n. exit 1\n. exit 0\n. not-allowed\n. not-allowed\n\
                        . not-allowed\n. bad-argument\n";
        assert_eq!(results(&mut runner(false), &lines), expected);
    }

    #[test]
    fn no_line_of_a_result_ends_it() {
        let mut runner = runner(false);
        assert_eq!(results(&mut runner, &["echo ."]), "..\n. exit 0\n");
        let mut out = Vec::new();
        for part in ["a", ".b\n", ".", "\n..c\n", "half"] {
            runner.print(part.as_bytes(), &mut out);
        }
        runner.end("exit 0".into(), &mut out);
        assert_eq!(out, b"a.b\n..\n...c\nhalf\n. exit 0\n");
    }

    #[test]
    fn a_raw_result_is_one_message_and_never_none() {
        assert_eq!(results(&mut runner(true), &["echo hello", "false"]), "hello\n\n");
    }
}
