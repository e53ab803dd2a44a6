//! `shell`: a message is a command line; the driver runs it outside the session.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write;

use super::end;
use crate::Framing;

/// What came of a command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ran {
    /// It ended by itself, with this exit code.
    Exit(i32),
    /// A signal ended it, which was not its server's.
    Signal(i32),
    /// It did not run, or not to its end.
    Failed {
        /// The word of the protocol for this.
        code: &'static str,
        /// The same for people.
        why: String,
    },
}

/// One client's commands, one at a time.
#[derive(Debug, Default)]
pub(crate) struct Shell {
    /// The command line that is to run, or runs.
    line: Option<Box<[u8]>>,
    /// Whether what was said last has not ended its line.
    in_line: bool,
}

impl Shell {
    /// A message has come: it is to run.
    pub(crate) fn ask(&mut self, message: &[u8]) {
        self.line = Some(message.into());
        self.in_line = false;
    }

    /// The command line that is to run, or runs.
    pub(crate) fn line(&self) -> Option<&[u8]> {
        self.line.as_deref()
    }

    /// It has written something.
    pub(crate) fn printed(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(bytes);
        self.in_line = bytes.last().map_or(self.in_line, |last| *last != b'\n');
    }

    /// It has ended, or does not run. Returns whether it was refused.
    pub(crate) fn ended(
        &mut self,
        ran: &Ran,
        status: bool,
        framing: Framing,
        out: &mut Vec<u8>,
    ) -> bool {
        self.line = None;
        let mut text = String::new();
        match ran {
            Ran::Exit(_) => {}
            Ran::Signal(n) => _ = write!(text, "ERR signal {n} has ended it"),
            Ran::Failed { code, why } => _ = write!(text, "ERR {code} {why}"),
        }
        if status {
            text.push_str(if text.is_empty() { "END " } else { "\nEND " });
            let _ = match ran {
                Ran::Exit(code) => write!(text, "exit {code}"),
                Ran::Signal(n) => write!(text, "signal {n}"),
                Ran::Failed { code, .. } => write!(text, "{code}"),
            };
        }
        if !text.is_empty() {
            if self.in_line {
                out.push(b'\n');
            }
            out.extend_from_slice(text.as_bytes());
            end(framing, out);
        }
        !matches!(ran, Ran::Exit(_) | Ran::Signal(_))
    }
}
