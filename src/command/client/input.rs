//! The source of messages: standard input, or an editor on a terminal.

use std::io::IsTerminal;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use anyhow::Result;

use super::editor::{Editor, Prompt};

/// A longer line is passed on in pieces.
const PIECE_BYTES: usize = 64 * 1024;

/// Lines, from whichever of the two.
#[derive(Debug)]
pub(super) struct Input {
    editor: Option<Editor>,
    typed: bool,
    read: Vec<u8>,
    /// So much of `read` was taken.
    taken: usize,
    over: bool,
    /// At its end when a signal has come.
    interrupts: OwnedFd,
}

impl Input {
    /// An editor where both ends of this program are a terminal.
    pub(super) fn open(interrupts: OwnedFd) -> Result<Self> {
        let typed = std::io::stdin().is_terminal();
        let editor = typed && std::io::stdout().is_terminal();
        let editor = if editor { Some(Editor::start()?) } else { None };
        Ok(Self { editor, typed, read: Vec::new(), taken: 0, over: false, interrupts })
    }

    /// The line that is being edited, if there is an editor.
    pub(super) fn editor(&self) -> Option<Prompt> {
        self.editor.as_ref().map(Editor::prompt)
    }

    /// Whether a person types it.
    pub(super) fn is_typed(&self) -> bool {
        self.typed
    }

    /// Whether all of it was read.
    pub(super) fn is_over(&self) -> bool {
        self.over
    }

    /// Whether there is no message left, and none to come.
    pub(super) fn is_exhausted(&self) -> bool {
        self.over && self.left().is_empty()
    }

    /// Whether the user has pressed Ctrl-C, or another signal asked for the end.
    pub(super) fn was_interrupted(&self) -> bool {
        let in_editor = self.over && self.editor.as_ref().is_some_and(Editor::was_interrupted);
        in_editor || is_readable(&self.interrupts)
    }

    /// What becomes readable with such a signal.
    pub(super) fn interrupts(&self) -> BorrowedFd<'_> {
        self.interrupts.as_fd()
    }

    /// Takes no more of it.
    pub(super) fn close(&mut self) {
        self.over = true;
        self.taken = self.read.len();
    }

    /// What to wait on for more.
    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        match &self.editor {
            Some(editor) => editor.lines(),
            None => rustix::stdio::stdin(),
        }
    }

    /// Reads once. A terminal that has gone is the end of input.
    pub(super) fn read(&mut self) {
        let mut buffer = [0; PIECE_BYTES];
        match rustix::io::read(self.fd(), &mut buffer) {
            Ok(n @ 1..) => {
                self.read.drain(..self.taken);
                self.taken = 0;
                self.read.extend_from_slice(&buffer[..n]);
            }
            Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => {}
            Ok(_) | Err(_) => self.over = true,
        }
    }

    /// The next message, with its line feed if it has one.
    pub(super) fn next(&mut self) -> Option<Vec<u8>> {
        let left = self.left();
        let end = match left.iter().position(|byte| *byte == b'\n') {
            Some(at) => at + 1,
            None if self.over || left.len() >= PIECE_BYTES => left.len(),
            None => 0,
        };
        let message = left[..end].to_vec();
        self.taken += end;
        (end > 0).then_some(message)
    }

    fn left(&self) -> &[u8] {
        &self.read[self.taken..]
    }

    /// Whether something that was typed or piped in will not be sent.
    pub(super) fn has_more(&mut self) -> bool {
        if self.editor.is_none() && !self.over && is_readable(self.fd()) {
            self.read();
        }
        !self.left().is_empty()
    }
}

fn is_readable(fd: impl AsFd) -> bool {
    use rustix::event::{PollFd, PollFlags, poll};
    let mut fds = [PollFd::new(&fd, PollFlags::IN)];
    poll(&mut fds, Some(&rustix::time::Timespec::default())).is_ok_and(|ready| ready > 0)
}
