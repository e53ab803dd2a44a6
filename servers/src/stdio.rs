//! Standard output and standard error, written without waiting for the reader.
//!
//! A pipe without a reader is full after 64 KiB, and Ctrl-S stops a terminal. A write then waits
//! forever, but a server must neither stop serving nor fail to end because of that. The descriptors
//! cannot be made non-blocking, because that would affect every program that shares them. So they
//! are opened a second time.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FileType, Mode, OFlags, fstat, open};
use rustix::io::{Errno, retry_on_intr};
use rustix::net::SendFlags;

use crate::clock;

/// What a pipe that has any room has room for, pipe(7).
const PIPE_BUF: usize = 4096;

/// Held from the look to the write, so that two threads do not fill the same room.
static WRITING: Mutex<()> = Mutex::new(());

/// One of the two.
#[derive(Debug)]
pub struct Stream {
    shared: BorrowedFd<'static>,
    way: Way,
}

/// How it is written without waiting.
#[derive(Debug)]
enum Way {
    /// As it is: a file has no reader to wait for.
    Plain,
    Socket,
    /// By a description of our own that does not block.
    Reopened(OwnedFd),
    /// After asking whether there is room. Another process may fill it in between.
    Asked,
}

impl Stream {
    /// Standard output.
    #[must_use]
    pub fn output() -> Self {
        Self::reopened(rustix::stdio::stdout())
    }

    /// Standard error.
    #[must_use]
    pub fn error() -> Self {
        Self::reopened(rustix::stdio::stderr())
    }

    fn reopened(shared: BorrowedFd<'static>) -> Self {
        let way = match fstat(shared).map(|stat| FileType::from_raw_mode(stat.st_mode)) {
            Ok(FileType::Socket) => Way::Socket,
            Ok(FileType::Fifo | FileType::CharacterDevice) => {
                let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
                let path = format!("/proc/self/fd/{}", shared.as_raw_fd());
                // It may belong to another user, or have no reader.
                open(path, flags, Mode::empty()).map_or(Way::Asked, Way::Reopened)
            }
            _ => Way::Plain,
        };
        Self { shared, way }
    }

    /// Writes some of the bytes, or none: a full stream is [`io::ErrorKind::WouldBlock`]. A pipe takes
    /// up to 4096 bytes all or not at all.
    ///
    /// # Errors
    /// When it is full, or nobody can read it any more.
    pub fn write_now(&self, bytes: &[u8]) -> io::Result<usize> {
        let written = retry_on_intr(|| match &self.way {
            Way::Plain => rustix::io::write(self.shared, bytes),
            Way::Socket => {
                let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
                rustix::net::send(self.shared, bytes, flags)
            }
            Way::Reopened(own) => rustix::io::write(own, bytes),
            Way::Asked => {
                let _writing = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
                write_if_ready(self.shared, bytes)
            }
        });
        Ok(written?)
    }

    /// Writes all of it, for which there is so much time.
    ///
    /// # Errors
    /// When it stays full, or nobody can read it any more.
    pub fn write_within(&self, mut bytes: &[u8], time: Duration) -> io::Result<()> {
        let deadline = Instant::now() + time;
        while !bytes.is_empty() {
            match self.write_now(bytes) {
                Ok(written) => bytes = &bytes[written..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    clock::wait_until_ready(&self.shared, PollFlags::OUT, Some(deadline));
                    if Instant::now() >= deadline {
                        let why = format!("it is full and has not been read for {time:?}");
                        return Err(io::Error::new(io::ErrorKind::TimedOut, why));
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Writes to standard error if that has room. Signal handlers may.
pub(crate) fn complain(bytes: &[u8]) {
    // Nobody may read it, and nobody is waited for.
    let _ = write_if_ready(rustix::stdio::stderr(), bytes);
}

fn write_if_ready(fd: BorrowedFd<'_>, bytes: &[u8]) -> Result<usize, Errno> {
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    match poll(&mut [PollFd::new(&fd, PollFlags::OUT)], Some(&at_once))? {
        0 => Err(Errno::AGAIN),
        // Room, or an error that the write tells.
        _ => rustix::io::write(fd, &bytes[..bytes.len().min(PIPE_BUF)]),
    }
}

#[cfg(all(test, not(c10k_loom)))]
mod tests {
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixDatagram;

    use rustix::fs::fcntl_getfl;
    use rustix::pipe::pipe;

    use super::*;

    fn leaked(fd: impl Into<OwnedFd>) -> BorrowedFd<'static> {
        let leaked: &'static OwnedFd = Box::leak(Box::new(fd.into()));
        leaked.as_fd()
    }

    fn is_full_at_last(stream: &Stream) {
        let line = [b'x'; 1000];
        let full = loop {
            match stream.write_now(&line) {
                Ok(written) => assert_eq!(written, line.len(), "all or nothing"),
                Err(error) => break error,
            }
        };
        assert_eq!(full.kind(), io::ErrorKind::WouldBlock);
        let late = stream.write_within(&line, Duration::from_millis(1)).expect_err("it stays full");
        assert_eq!(late.kind(), io::ErrorKind::TimedOut);
    }

    #[test]
    fn a_full_pipe_is_not_waited_for_and_stays_as_others_have_it() {
        let (_reader, writer) = pipe().unwrap();
        let stream = Stream::reopened(leaked(writer));
        assert!(matches!(stream.way, Way::Reopened(_)));
        is_full_at_last(&stream);
        assert!(!fcntl_getfl(stream.shared).unwrap().contains(OFlags::NONBLOCK));
    }

    #[test]
    fn a_full_pipe_that_cannot_be_opened_again_is_not_waited_for() {
        let (_reader, writer) = pipe().unwrap();
        is_full_at_last(&Stream { shared: leaked(writer), way: Way::Asked });
    }

    #[test]
    fn a_full_socket_is_not_waited_for() {
        let (_reader, writer) = UnixDatagram::pair().unwrap();
        let stream = Stream::reopened(leaked(writer));
        assert!(matches!(stream.way, Way::Socket));
        is_full_at_last(&stream);
    }

    #[test]
    fn whatever_is_read_in_the_end_is_written_whole() {
        let (reader, writer) = pipe().unwrap();
        let stream = Stream::reopened(leaked(writer));
        let text: Vec<u8> = (0..200_000_u32).flat_map(u32::to_le_bytes).collect();
        let reading = std::thread::spawn(move || {
            let mut read = Vec::new();
            let mut buffer = [0; 4096];
            while read.len() < 800_000 {
                let n = rustix::io::read(&reader, &mut buffer).unwrap();
                read.extend_from_slice(&buffer[..n]);
            }
            read
        });
        stream.write_within(&text, Duration::from_secs(30)).unwrap();
        assert!(reading.join().unwrap() == text);
    }

    #[test]
    fn a_file_is_written_as_it_is_and_a_broken_pipe_is_an_error() {
        let file = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let full = Stream::reopened(leaked(file)).write_now(b"x").unwrap_err();
        assert_eq!(full.kind(), io::ErrorKind::StorageFull);
        let (reader, writer) = pipe().unwrap();
        drop(reader);
        let broken = Stream::reopened(leaked(writer)).write_within(b"x", Duration::from_secs(30));
        assert_eq!(broken.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }
}
