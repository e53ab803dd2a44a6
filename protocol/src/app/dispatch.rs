//! `dispatch`: the server hands out commands, one at a time, and the client returns their output.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::{self, Debug, Write};
use core::net::SocketAddr;

use super::end;
use crate::Framing;
use crate::context::Context;

/// Takes the lines of a server's log.
pub trait Journal: Debug + Sync {
    /// Appends a line, which has no line feed.
    fn note(&self, line: &str);
}

/// So much of what a client says about an end is kept.
const WORDS_BYTES_MAX: usize = 64;

/// One client's work.
#[derive(Debug)]
pub(crate) struct Dispatch {
    peer: Option<SocketAddr>,
    /// How many results it has returned.
    done: u32,
    /// How many lines it has sent.
    lines: u64,
    result: Returned,
}

/// What has come of a result.
#[derive(Debug, Default)]
struct Returned {
    kept: Vec<u8>,
    /// How long it is, kept or not.
    bytes: u64,
}

/// What a message was.
pub(crate) enum Taken {
    /// A part of a result.
    Part,
    /// The end of one, and the next command is sent.
    Result,
    /// The end of the last one.
    Last,
}

impl Dispatch {
    /// A client has come, and gets its first command.
    pub(crate) fn begin(
        context: &Context,
        peer: Option<SocketAddr>,
        framing: Framing,
        out: &mut Vec<u8>,
    ) -> Self {
        let new = Self { peer, done: 0, lines: 0, result: Returned::default() };
        new.note(context, format_args!("connected"));
        new.send(context, framing, out);
        new
    }

    /// How many lines it has sent: who returns a long result is not idle.
    pub(crate) fn lines(&self) -> u64 {
        self.lines
    }

    /// Takes a message.
    pub(crate) fn take(
        &mut self,
        context: &Context,
        framing: Framing,
        message: &[u8],
        out: &mut Vec<u8>,
    ) -> Taken {
        self.lines += 1;
        match (framing, message) {
            (Framing::Line, b".") => self.ended(context, b"", framing, out),
            (Framing::Line, [b'.', b' ', how @ ..]) => self.ended(context, how, framing, out),
            (Framing::Line, line) => {
                self.result.add(context, line.strip_prefix(b".").unwrap_or(line));
                self.result.add(context, b"\n");
                Taken::Part
            }
            _ => {
                self.result.add(context, message);
                self.ended(context, b"", framing, out)
            }
        }
    }

    /// The client has gone.
    pub(crate) fn left(&self, context: &Context) {
        match context.commands.len() - self.done as usize {
            0 => self.note(context, format_args!("disconnected")),
            1 => self.note(context, format_args!("disconnected, 1 command left")),
            n => self.note(context, format_args!("disconnected, {n} commands left")),
        }
    }

    fn ended(
        &mut self,
        context: &Context,
        how: &[u8],
        framing: Framing,
        out: &mut Vec<u8>,
    ) -> Taken {
        let Returned { kept, bytes } = core::mem::take(&mut self.result);
        let command = context.commands.get(self.done as usize).map_or("", String::as_str);
        let how = &how[..how.len().min(WORDS_BYTES_MAX)];
        let how = if how.is_empty() { String::new() } else { format!(", {}", Text(how)) };
        let more = bytes - kept.len() as u64;
        let more = match more {
            0 => String::new(),
            1 => " and 1 byte more".into(),
            n => format!(" and {n} bytes more"),
        };
        let command = Text(command.as_bytes());
        self.note(context, format_args!("result of \"{command}\"{how}: \"{}\"{more}", Text(&kept)));
        self.done += 1;
        if self.done as usize >= context.commands.len() {
            return Taken::Last;
        }
        self.send(context, framing, out);
        Taken::Result
    }

    /// Sends the command that is next.
    fn send(&self, context: &Context, framing: Framing, out: &mut Vec<u8>) {
        if let Some(command) = context.commands.get(self.done as usize) {
            out.extend_from_slice(command.as_bytes());
            end(framing, out);
        }
    }

    fn note(&self, context: &Context, what: fmt::Arguments<'_>) {
        let date = context.clock.date_now();
        let mut line = format!("{date}  ");
        // A string takes everything.
        let _ = match self.peer {
            Some(peer) => write!(line, "{peer}  {what}"),
            None => write!(line, "unknown  {what}"),
        };
        context.journal.note(&line);
    }
}

impl Returned {
    fn add(&mut self, context: &Context, bytes: &[u8]) {
        let room = context.result_bytes.saturating_sub(self.kept.len());
        self.kept.extend_from_slice(&bytes[..bytes.len().min(room)]);
        self.bytes += bytes.len() as u64;
    }
}

/// Bytes on one line: text as it is, and escapes for what is none.
struct Text<'a>(&'a [u8]);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            write!(f, "{}", chunk.valid().escape_debug())?;
            write!(f, "{}", chunk.invalid().escape_ascii())?;
        }
        Ok(())
    }
}
