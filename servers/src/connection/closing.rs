//! Closing in order when the server closes first: the last replies must arrive.
//!
//! A reset destroys replies that are on their way. Two things cause a reset: closing with unread
//! input, and input that arrives after both halves are closed. So the server reads and drops the
//! peer's input until the peer closes too or its time is over. While stopping, the server has
//! already shut its reading half down; it then closes the other half only when the peer has
//! acknowledged everything. A peer that does not read its replies is idle, as always, or is cut.

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::Shutdown;

use crate::connection::Ending;
use crate::stopping::{self, Stage};

/// How long a peer that has all its replies is given to close too.
const LINGER: Duration = Duration::from_secs(1);
/// What is read and dropped. A peer that sends more than this after its last reply is not waiting
/// for the end.
const DROPPED_BYTES_MAX: u32 = 1024 * 1024;
/// Reads of one look. Each takes all that has come.
const READS_PER_LOOK_MAX: usize = 4;
/// Nothing tells that everything is acknowledged, so that is looked at: soon, then less often.
const PAUSE_MS_MIN: u8 = 1;
const PAUSE_MS_MAX: u8 = 50;

/// A connection that we are closing. Small, as every connection has room for it.
#[derive(Debug)]
pub(crate) struct Closing {
    /// When it began, or when the peer last acknowledged anything.
    since: Instant,
    /// Bytes that may still be dropped.
    left: u32,
    /// Bytes that the peer had not acknowledged when that was last looked at; [`UNKNOWN`] before.
    unacknowledged: u32,
    /// Whether we have shut down our sending half.
    half_closed: bool,
    pause_ms: u8,
}

const UNKNOWN: u32 = u32::MAX;

/// What a connection that is being closed waits for.
#[derive(Debug)]
pub(crate) enum Next {
    /// Input, for so long at most; then look again.
    Input(Duration),
    /// Time; then look again.
    Time(Duration),
    /// Nothing: it is over, for this reason.
    Over(Ending),
}

impl Closing {
    /// Begins to close. Everything has been written.
    pub(crate) fn begin(stream: &OwnedFd) -> Self {
        // Stopping leaves it alone from now on. If it has not begun, it will not close our half for
        // reading, and the other half can be closed at once.
        stopping::forget(stream.as_raw_fd());
        let half_closed = !stopping::is_stopping();
        if half_closed {
            half_close(stream);
        }
        Self {
            since: Instant::now(),
            left: DROPPED_BYTES_MAX,
            unacknowledged: UNKNOWN,
            half_closed,
            pause_ms: PAUSE_MS_MIN,
        }
    }

    /// Drops arrived input and returns what to wait for. A peer that acknowledges nothing for
    /// `idle_timeout` is idle.
    pub(crate) fn look(&mut self, stream: &OwnedFd, idle_timeout: Duration) -> Next {
        if stopping::stage() == Stage::Cut {
            return Next::Over(Ending::Cut);
        }
        let Ok(found) = self.drop_input(stream) else { return Next::Over(self.failed(stream)) };
        // Where stopping has closed our half for reading, an end is no news from the peer.
        if found == Found::End && self.half_closed {
            return Next::Over(Ending::Finished);
        }
        let now = Instant::now();
        let time = (self.since + LINGER).saturating_duration_since(now);
        let lingers = self.half_closed && self.unacknowledged == UNKNOWN && self.left > 0;
        match found {
            _ if !lingers || time.is_zero() => self.deliver(stream, idle_timeout, now),
            // It sends while we read: an edge that was told already is not told again.
            Found::More => Next::Time(Duration::from_millis(PAUSE_MS_MIN.into())),
            Found::Nothing | Found::End => Next::Input(time),
        }
    }

    /// What to wait for first, where the caller reads and tells what it has dropped.
    pub(crate) fn first_wait(&self) -> Option<Duration> {
        self.half_closed.then_some(LINGER)
    }

    /// So many bytes have come and were dropped; 0 is the end of the peer's input. Returns how the
    /// connection ends, if that is its end.
    pub(crate) fn dropped(&mut self, bytes: usize) -> Option<Ending> {
        self.left = self.left.saturating_sub(saturated(bytes));
        (bytes == 0 && self.half_closed).then_some(Ending::Finished)
    }

    /// Bytes that may still be dropped.
    pub(crate) fn left(&self) -> usize {
        self.left as usize
    }

    /// How the connection ends, now that an operation has failed: a peer that has everything may
    /// close as it likes.
    pub(crate) fn failed(&self, stream: &OwnedFd) -> Ending {
        if self.is_delivered(unacknowledged(stream)) { Ending::Finished } else { Ending::Reset }
    }

    fn deliver(&mut self, stream: &OwnedFd, idle_timeout: Duration, now: Instant) -> Next {
        let waiting = unacknowledged(stream);
        if self.is_delivered(waiting) {
            if !self.half_closed {
                // In front of the reset that unread input may make of closing.
                half_close(stream);
            }
            return Next::Over(Ending::Finished);
        }
        match rustix::net::sockopt::socket_error(stream) {
            Ok(Ok(())) => {}
            Ok(Err(_)) | Err(_) => return Next::Over(Ending::Reset),
        }
        if waiting < self.unacknowledged {
            (self.unacknowledged, self.since) = (waiting, now);
        } else if now.saturating_duration_since(self.since) > idle_timeout {
            return Next::Over(Ending::Idle);
        }
        let pause = Duration::from_millis(self.pause_ms.into());
        self.pause_ms = PAUSE_MS_MAX.min(2 * self.pause_ms);
        Next::Time(pause)
    }

    fn is_delivered(&self, unacknowledged: u32) -> bool {
        // The end that we have said is acknowledged like a byte, and nobody waits for that.
        unacknowledged <= u32::from(self.half_closed)
    }

    /// Drops what has come.
    fn drop_input(&mut self, stream: &OwnedFd) -> io::Result<Found> {
        if self.left == 0 && has_hung_up(stream) {
            // It sends no more, and what is there would be a reset.
            self.left = u32::MAX;
        }
        for _ in 0..READS_PER_LOOK_MAX {
            if self.left == 0 {
                break;
            }
            match drop_input(stream, self.left()) {
                Ok(0) => return Ok(Found::End),
                Ok(n) => self.left = self.left.saturating_sub(saturated(n)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Ok(Found::Nothing);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Found::More)
    }
}

/// Closes in order, blocking the thread, and returns how that ended.
pub(crate) fn to_end(stream: &OwnedFd, idle_timeout: Duration) -> Ending {
    let mut closing = Closing::begin(stream);
    loop {
        match closing.look(stream, idle_timeout) {
            Next::Input(time) => stopping::wait(Some(stream.as_fd()), time),
            Next::Time(time) => stopping::wait(None, time),
            Next::Over(ending) => return ending,
        }
    }
}

/// What is left of a peer's input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    Nothing,
    End,
    /// There may be more.
    More,
}

/// Reads and drops at most this many bytes, without waiting. Returns their number.
fn drop_input(stream: &OwnedFd, most: usize) -> io::Result<usize> {
    let flags = libc::MSG_TRUNC | libc::MSG_DONTWAIT;
    #[expect(unsafe_code, reason = "rustix receives into memory only")]
    // SAFETY: with MSG_TRUNC the kernel drops what is received and writes nothing (tcp(7)).
    let dropped = unsafe { libc::recv(stream.as_raw_fd(), std::ptr::null_mut(), most, flags) };
    usize::try_from(dropped).map_err(|_| io::Error::last_os_error())
}

/// Shuts down our sending half.
fn half_close(stream: &OwnedFd) {
    // A peer that is gone already has nothing to be told.
    let _ = rustix::net::shutdown(stream, Shutdown::Write);
}

/// Whether the peer has closed its half or is gone.
fn has_hung_up(stream: &OwnedFd) -> bool {
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    let mut line = [PollFd::new(stream, PollFlags::empty())];
    matches!(poll(&mut line, Some(&at_once)), Ok(1..))
}

/// Bytes that were written and that the peer has not acknowledged; the end of our output is one.
fn unacknowledged(stream: &OwnedFd) -> u32 {
    let mut bytes: libc::c_int = 0;
    #[expect(unsafe_code, reason = "rustix has no SIOCOUTQ")]
    // SAFETY: the request, which has the number of TIOCOUTQ, writes an integer, which lives across
    // the call.
    let asked = unsafe { libc::ioctl(stream.as_raw_fd(), libc::TIOCOUTQ, &raw mut bytes) };
    // A kernel that does not say is not waited for.
    if asked == 0 { u32::try_from(bytes).unwrap_or(0) } else { 0 }
}

fn saturated(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}
