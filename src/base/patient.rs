//! A stream whose reads wait until a deadline, whatever signals arrive.
//!
//! A socket's timeout restarts when a call is repeated after a signal. Under constant signals, such
//! as those of a CPU limiter, it would never expire.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::ops::Deref;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags};
use rustix::time::Timespec;

/// A stream, and how long one read or write of it may wait.
#[derive(Debug)]
pub struct Patient {
    stream: TcpStream,
    patience: Duration,
}

impl Patient {
    /// The stream, which from now on waits no longer than that.
    ///
    /// # Errors
    /// When the socket does not allow it.
    pub(crate) fn new(stream: TcpStream, patience: Duration) -> io::Result<Self> {
        stream.set_read_timeout(Some(patience))?;
        stream.set_write_timeout(Some(patience))?;
        Ok(Self { stream, patience })
    }

    /// Goes on with what a signal has interrupted, until the deadline that was computed then.
    fn go_on(
        &self,
        what: PollFlags,
        mut attempt: impl FnMut() -> Result<usize, Errno>,
    ) -> io::Result<usize> {
        let deadline = Instant::now() + self.patience;
        loop {
            match attempt() {
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) if Instant::now() < deadline => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    let timeout = Timespec::try_from(left).unwrap_or_default();
                    // Whatever it says, the next attempt tells.
                    let _ = poll(&mut [PollFd::new(&self.stream, what)], Some(&timeout));
                }
                done => return Ok(done?),
            }
        }
    }
}

impl Deref for Patient {
    type Target = TcpStream;

    fn deref(&self) -> &TcpStream {
        &self.stream
    }
}

impl Read for Patient {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.stream.read(buffer) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {
                let mut receive =
                    || rustix::net::recv(&self.stream, &mut *buffer, RecvFlags::DONTWAIT);
                self.go_on(PollFlags::IN, || Ok(receive()?.0))
            }
            done => done,
        }
    }
}

impl Write for Patient {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.stream.write(bytes) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {
                let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
                self.go_on(PollFlags::OUT, || rustix::net::send(&self.stream, bytes, flags))
            }
            done => done,
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
    use std::sync::{Arc, mpsc};
    use std::thread;

    use super::*;

    #[test]
    fn signals_do_not_stretch_a_read() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        // A handler that does nothing but be there: without one there is nothing to interrupt for.
        let heard = Arc::new(AtomicBool::new(false));
        signal_hook::flag::register(signal_hook::consts::SIGURG, Arc::clone(&heard)).unwrap();
        let (sender, reader) = mpsc::channel();
        let (done, seen) = (Arc::new(AtomicBool::new(false)), Arc::clone(&heard));
        let still_reads = Arc::clone(&done);
        let pester = thread::spawn(move || {
            let reader = reader.recv().unwrap();
            // Far longer than the read may take, on any machine; it ends with the read.
            for _ in 0..1_000 {
                if still_reads.load(SeqCst) {
                    return true;
                }
                #[expect(unsafe_code, reason = "a signal for one thread")]
                // SAFETY: that thread waits for this one.
                unsafe {
                    libc::pthread_kill(reader, signal_hook::consts::SIGURG);
                }
                thread::sleep(Duration::from_millis(20));
            }
            false
        });
        #[expect(unsafe_code, reason = "its own name")]
        // SAFETY: it has no conditions.
        sender.send(unsafe { libc::pthread_self() }).unwrap();
        let mut patient = Patient::new(stream, Duration::from_millis(100)).unwrap();
        let silence = patient.read(&mut [0]).unwrap_err();
        done.store(true, SeqCst);
        assert_eq!(silence.kind(), ErrorKind::WouldBlock);
        assert!(pester.join().unwrap(), "the read has outlasted the signals");
        assert!(seen.load(SeqCst), "no signal came");
    }
}
