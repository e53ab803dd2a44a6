//! A line editor on a thread of its own. Entered lines go into a pipe, and the server's lines are
//! printed above the line that is being edited.

use std::io::Write;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use anyhow::{Context, Result};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::stdio::{stdin, stdout};
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};
use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::Hinter;
use rustyline::history::DefaultHistory;
use rustyline::validate::Validator;
use rustyline::{Config, Helper};
use unicode_width::UnicodeWidthStr;

const PROMPT: &str = "> ";

/// The editor. The terminal is as it was before when this is dropped.
#[derive(Debug)]
pub(super) struct Editor {
    lines: OwnedFd,
    prompt: Prompt,
    interrupted: Arc<AtomicBool>,
    before: Termios,
}

/// The line as it stands on the screen, and the place of the cursor in it; `None` while nothing
/// is edited.
#[derive(Clone, Debug, Default)]
pub(super) struct Prompt(Arc<Mutex<Option<(String, usize)>>>);

impl Editor {
    /// Takes the terminal.
    pub(super) fn start() -> Result<Self> {
        let before = tcgetattr(stdin()).context("cannot read the terminal's settings")?;
        let (lines, entered) = pipe_with(PipeFlags::CLOEXEC)?;
        let (prompt, interrupted) = (Prompt::default(), Arc::new(AtomicBool::new(false)));
        let mut editor =
            rustyline::Editor::<Prompt, DefaultHistory>::with_config(Config::default())?;
        editor.set_helper(Some(prompt.clone()));
        let (shown, left) = (prompt.clone(), Arc::clone(&interrupted));
        thread::spawn(move || edit(editor, &shown, &entered, &left));
        Ok(Self { lines, prompt, interrupted, before })
    }

    /// Where lines come out, each with its line feed.
    pub(super) fn lines(&self) -> BorrowedFd<'_> {
        self.lines.as_fd()
    }

    /// The line that is being edited.
    pub(super) fn prompt(&self) -> Prompt {
        self.prompt.clone()
    }

    /// Whether Ctrl-C ended it.
    pub(super) fn was_interrupted(&self) -> bool {
        self.interrupted.load(SeqCst)
    }
}

impl Drop for Editor {
    fn drop(&mut self) {
        // The thread may be in the middle of a line; the process ends next.
        const PASTE_OFF: &str = "\x1b[?2004l";
        if self.prompt.is_shown() {
            let _ = std::io::stdout().write_all(format!("\r\x1b[J{PASTE_OFF}").as_bytes());
            let _ = std::io::stdout().flush();
        }
        // The terminal may be gone.
        let _ = tcsetattr(stdin(), OptionalActions::Drain, &self.before);
    }
}

fn edit(
    mut editor: rustyline::Editor<Prompt, DefaultHistory>,
    prompt: &Prompt,
    entered: &OwnedFd,
    interrupted: &AtomicBool,
) {
    loop {
        let line = editor.readline(PROMPT);
        prompt.set(None);
        match line {
            Ok(line) => {
                // A history that takes no more lines is no reason to stop.
                let _ = editor.add_history_entry(&line);
                if !write_all(entered, format!("{line}\n").as_bytes()) {
                    return;
                }
            }
            Err(ReadlineError::Interrupted) => return interrupted.store(true, SeqCst),
            // The end of input; or the terminal has gone, which is the same.
            Err(_) => return,
        }
    }
}

fn write_all(pipe: &OwnedFd, mut bytes: &[u8]) -> bool {
    while !bytes.is_empty() {
        match rustix::io::write(pipe, bytes) {
            Ok(n) => bytes = &bytes[n..],
            Err(rustix::io::Errno::INTR) => {}
            Err(_) => return false,
        }
    }
    true
}

impl Prompt {
    fn set(&self, line: Option<(String, usize)>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = line;
    }

    fn is_shown(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Writes lines, each ended, above the one that is being edited.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub(super) fn print_above(&self, lines: &str) -> std::io::Result<()> {
        // Held while writing: the thread of the editor waits before it shows the next change.
        let line = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let columns = tcgetwinsize(stdout()).map_or(80, |size| usize::from(size.ws_col).max(1));
        let text = match &*line {
            None => lines.to_string(),
            Some((line, cursor)) => around(lines, line, *cursor, columns),
        };
        let mut stdout = std::io::stdout().lock();
        stdout.write_all(text.as_bytes())?;
        stdout.flush()
    }
}

/// Clears the line that is being edited, writes `lines`, and shows it again with its cursor at
/// the same place.
fn around(lines: &str, line: &str, cursor: usize, columns: usize) -> String {
    let place = |text: &str| {
        let width = PROMPT.len() + text.width();
        (width / columns, width % columns)
    };
    let (row, column) = place(line.get(..cursor).unwrap_or(line));
    let (last_row, last_column) = place(line);
    let up = |rows: usize| if rows > 0 { format!("\x1b[{rows}A") } else { String::new() };
    let right = if column > 0 { format!("\x1b[{column}C") } else { String::new() };
    // A terminal wraps only when the next character comes.
    let wrap = if last_column == 0 && last_row > 0 { "\r\n" } else { "" };
    // The editor's mode has no carriage return in a line feed.
    let lines = lines.replace('\n', "\r\n");
    format!(
        "{}\r\x1b[J{lines}{PROMPT}{line}{wrap}{}\r{right}",
        up(row),
        up(last_row.saturating_sub(row))
    )
}

/// The editor tells of every change through its hooks for highlighting.
impl Highlighter for Prompt {
    fn highlight<'l>(&self, line: &'l str, pos: usize) -> std::borrow::Cow<'l, str> {
        self.set(Some((line.into(), pos)));
        line.into()
    }

    fn highlight_char(&self, line: &str, pos: usize, _: CmdKind) -> bool {
        self.set(Some((line.into(), pos)));
        false
    }
}

impl Completer for Prompt {
    type Candidate = String;
}

impl Hinter for Prompt {
    type Hint = String;
}

impl Validator for Prompt {}

impl Helper for Prompt {}

#[cfg(test)]
mod tests {
    use super::around;

    #[test]
    fn what_is_edited_is_shown_again_below_what_came() {
        assert_eq!(around("198\n", "22 9", 2, 80), "\r\x1b[J198\r\n> 22 9\r\x1b[4C");
    }

    #[test]
    fn a_line_of_several_rows_is_cleared_from_its_first() {
        // Ten columns: the prompt and eight letters fill the first row, two more the second.
        let shown = around("hi\n", "abcdefghij", 10, 10);
        assert_eq!(shown, "\x1b[1A\r\x1b[Jhi\r\n> abcdefghij\r\x1b[2C");
        let shown = around("hi\n", "abcdefgh", 1, 10);
        assert_eq!(shown, "\r\x1b[Jhi\r\n> abcdefgh\r\n\x1b[1A\r\x1b[3C");
    }
}
