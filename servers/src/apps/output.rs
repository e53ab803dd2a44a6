//! Standard output and standard error, written to without waiting: a reader that has stopped reading
//! must not stop a loop, nor everybody whose connection is served beside.

use std::io;
use std::os::fd::BorrowedFd;
use std::sync::{Mutex, PoisonError};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

/// Bytes of one write: what a pipe takes whole that has room for anything (PIPE_BUF, pipe(7)).
const PIECE: usize = 4096;

/// Held from the look to the write, so that two threads do not fill the same room.
static WRITING: Mutex<()> = Mutex::new(());

/// Writes the beginning of `bytes`; `None` when there is no room now.
///
/// # Errors
/// When nothing can be written there any more.
pub(crate) fn write_now(to: BorrowedFd<'_>, bytes: &[u8]) -> io::Result<Option<usize>> {
    let _writing = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
    if !has_room(to) {
        return Ok(None);
    }
    let piece = &bytes[..bytes.len().min(PIECE)];
    match rustix::io::retry_on_intr(|| rustix::io::write(to, piece)) {
        Ok(n) => Ok(Some(n)),
        // Whoever shares it has made it non-blocking, and was faster.
        Err(Errno::AGAIN) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn has_room(to: BorrowedFd<'_>) -> bool {
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    let mut ready = [PollFd::new(&to, PollFlags::OUT)];
    // What has failed is ready too: writing says how.
    rustix::io::retry_on_intr(|| poll(&mut ready, Some(&at_once))).is_ok_and(|ready| ready > 0)
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Read;
    use std::os::fd::AsFd;

    use rustix::pipe::{PipeFlags, pipe_with};

    use super::*;

    #[test]
    fn a_pipe_is_filled_and_never_waited_for() {
        let (reader, writer) = pipe_with(PipeFlags::CLOEXEC).expect("a pipe");
        let bytes: Vec<u8> = (0..=255).cycle().take(1 << 20).collect();
        let mut written = 0;
        while let Some(n) = write_now(writer.as_fd(), &bytes[written..]).expect("a reader") {
            written += n;
        }
        assert!(written > 0 && written < bytes.len(), "{written}");
        let mut read = vec![0; written];
        File::from(reader).read_exact(&mut read).expect("what was written");
        assert_eq!(read, bytes[..written]);
        // The reader is gone with the file.
        let error = write_now(writer.as_fd(), b"more").expect_err("nobody reads");
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    }
}
