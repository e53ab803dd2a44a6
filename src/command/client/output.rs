//! Output: the server's bytes, unchanged in a pipe and made printable on a terminal; and notes
//! about them, which never mix with a pipe's data.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use anyhow::Result;
use unicode_segmentation::UnicodeSegmentation;

use super::editor::Prompt;
use crate::base::note;
use crate::base::units::show_ns;
use crate::statistics;

/// A line of the server.
#[derive(Clone, Copy, Debug)]
pub(super) struct Said<'a> {
    /// Without the line feed.
    pub(super) bytes: &'a [u8],
    /// It ends here: with a line feed, or because one read returned no more.
    pub(super) ended: bool,
    /// It is the first after something was sent, and came so much later.
    pub(super) after: Option<Duration>,
    /// A line feed would have been in its place.
    pub(super) lacks_line_end: bool,
}

/// Where it is shown.
#[derive(Debug)]
pub(super) struct Output {
    prompt: Option<Prompt>,
    terminal: bool,
    quiet: bool,
    replies: u64,
}

impl Output {
    pub(super) fn new(prompt: Option<Prompt>, quiet: bool) -> Self {
        Self { prompt, terminal: std::io::stdout().is_terminal(), quiet, replies: 0 }
    }

    /// Shows a line of the server.
    ///
    /// # Errors
    /// When what reads it is gone.
    pub(super) fn said(&mut self, said: Said<'_>) -> Result<()> {
        self.replies += u64::from(said.after.is_some());
        let after = said.after.filter(|_| !self.quiet).map(show);
        if self.terminal {
            let mut line = printable(said.bytes);
            if let Some(after) = after {
                line = format!("{line}  [{after}]");
            }
            if said.lacks_line_end && !self.quiet {
                line.push_str("  (no line end: --raw shows such replies at once)");
            }
            return self.on_terminal(&line);
        }
        let mut stdout = std::io::stdout().lock();
        stdout.write_all(said.bytes)?;
        if said.ended {
            stdout.write_all(b"\n")?;
        }
        stdout.flush()?;
        if let Some(after) = after {
            note!("* reply {} after {after}", self.replies);
        }
        Ok(())
    }

    /// Shows a line backwards, below the line itself.
    ///
    /// # Errors
    /// When what reads it is gone.
    pub(super) fn reversed(&mut self, bytes: &[u8]) -> Result<()> {
        let line = String::from_utf8_lossy(bytes.strip_suffix(b"\r").unwrap_or(bytes)).into_owned();
        let line: String = line.graphemes(true).rev().collect();
        if self.terminal {
            return self.on_terminal(&printable(line.as_bytes()));
        }
        Ok(writeln!(std::io::stdout(), "{line}")?)
    }

    /// Prints a note about the conversation.
    ///
    /// # Errors
    /// When what reads it is gone.
    pub(super) fn note(&mut self, text: &str) -> Result<()> {
        if self.quiet {
            return Ok(());
        }
        if self.prompt.is_some() {
            return self.on_terminal(&format!("* {text}"));
        }
        // A note without a reader does not end the conversation.
        note!("* {text}");
        Ok(())
    }

    fn on_terminal(&self, line: &str) -> Result<()> {
        match &self.prompt {
            Some(prompt) => Ok(prompt.print_above(&format!("{line}\n"))?),
            None => {
                let mut stdout = std::io::stdout().lock();
                writeln!(stdout, "{line}")?;
                Ok(stdout.flush()?)
            }
        }
    }
}

/// How long replies took, to follow a count of messages; empty without a reply.
pub(super) fn times_in_words(times_ns: &[f64]) -> String {
    let (Some(median), Some(longest)) =
        (statistics::median(times_ns), times_ns.iter().copied().reduce(f64::max))
    else {
        return String::new();
    };
    let show = |ns: f64| show(Duration::from_secs_f64(ns / 1e9));
    match times_ns.len() {
        1 => format!(", one reply after {}", show(median)),
        n => format!(", {n} replies: median {}, longest {}", show(median), show(longest)),
    }
}

/// A duration as replies have it.
fn show(duration: Duration) -> String {
    show_ns(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX))
}

/// Text that cannot move the cursor, ring, or change colours: what a terminal would obey, and
/// bytes that are not UTF-8, are shown as escapes.
fn printable(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '\t' | '\n' => text.push(character),
                '\r' => {}
                c if c.is_control() => text.extend(c.escape_default()),
                c => text.push(c),
            }
        }
        for byte in chunk.invalid() {
            text.push_str(&format!("\\x{byte:02x}"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::printable;

    #[test]
    fn what_a_terminal_would_obey_is_shown_as_an_escape() {
        assert_eq!(printable(b"a\x1b[2J\x07\r"), "a\\u{1b}[2J\\u{7}");
        assert_eq!(printable("año \u{9b}".as_bytes()), "año \\u{9b}");
        assert_eq!(printable(b"\xff\xfe ok"), "\\xff\\xfe ok");
    }
}
