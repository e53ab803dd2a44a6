//! What a server of others writes on its standard error: the end of it, however much it writes.

use std::collections::VecDeque;
use std::io::Read;
use std::process::ChildStderr;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::process::until;

/// So much of the end is kept; a server that prints without end costs no more memory than that.
const KEPT_BYTES: usize = 64 * 1024;
/// So much of a line is repeated.
const LINE_CHARACTERS: usize = 200;
/// How long to wait for what an ended process wrote last. Others may hold its standard error open.
const LAST_WORDS_WITHIN: Duration = Duration::from_secs(1);

/// A thread that reads it, so that the server never waits for a reader.
#[derive(Debug)]
pub(super) struct Words {
    end: Arc<Mutex<VecDeque<u8>>>,
    reader: JoinHandle<()>,
}

impl Words {
    pub(super) fn collect_from(stderr: ChildStderr) -> Self {
        let end = Arc::new(Mutex::new(VecDeque::new()));
        let kept = Arc::clone(&end);
        Self { end, reader: thread::spawn(move || keep_end(stderr, &kept)) }
    }

    /// The last line with a letter or digit in it. Where the process has ended, it is the last of all.
    pub(super) fn last(&self, ended: bool) -> Option<String> {
        if ended {
            // Without it there is still what was read so far.
            let _ = until("all is read", LAST_WORDS_WITHIN, || self.reader.is_finished());
        }
        let mut end = self.end.lock().unwrap_or_else(PoisonError::into_inner);
        let text = String::from_utf8_lossy(end.make_contiguous());
        let last = text.lines().rev().find(|line| line.contains(char::is_alphanumeric))?;
        Some(match last.char_indices().nth(LINE_CHARACTERS) {
            Some((cut, _)) => format!("{}...", &last[..cut]),
            None => last.into(),
        })
    }
}

fn keep_end(mut stderr: impl Read, kept: &Mutex<VecDeque<u8>>) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(n @ 1..) = stderr.read(&mut buffer) {
        let mut end = kept.lock().unwrap_or_else(PoisonError::into_inner);
        end.extend(&buffer[..n]);
        let over = end.len().saturating_sub(KEPT_BYTES);
        end.drain(..over);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_end_is_kept() {
        let kept = Mutex::new(VecDeque::new());
        let written = [&b"x".repeat(1_000_000)[..], b"the end"].concat();
        keep_end(&written[..], &kept);
        let mut kept = kept.into_inner().expect("not poisoned");
        assert_eq!(kept.len(), KEPT_BYTES);
        assert!(kept.make_contiguous().ends_with(b"xthe end"));
    }
}
