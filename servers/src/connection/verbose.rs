//! `--verbose`: prints every request to standard error.
//!
//! Each line is one write(2), so lines of several threads and processes do not mix. The time is the
//! server's own: from the return of the read that brought the last byte of the request to the
//! return of the write that took the last byte of the reply. The line is written after that, so it
//! delays the next request, not this one. If standard error is full, because its reader is slow or
//! missing, lines are dropped and counted, and clients are served.

use std::fmt::Write;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use protocol::Witness;

use crate::net::Server;
use crate::stdio::Stream;

/// What of a request or a reply is shown: as much as tells what it was. A line then stays below
/// what a pipe takes whole (PIPE_BUF, 4096), with every byte of it escaped.
const SHOWN_BYTES_MAX: usize = 200;

/// Standard error, and what it had no room for.
#[derive(Debug)]
pub(crate) struct Log {
    stream: Stream,
    /// Lines dropped since the last one that was written.
    dropped: AtomicU64,
}

impl Log {
    pub(crate) fn new() -> Self {
        Self { stream: Stream::error(), dropped: AtomicU64::new(0) }
    }

    /// Writes a line, and before it how many are missing. Returns whether there was room for it.
    pub(crate) fn write(&self, line: &str) -> bool {
        let dropped = self.dropped.swap(0, Relaxed);
        let told = dropped == 0 || self.is_written(&format!("{dropped} lines were dropped here\n"));
        let written = told && self.is_written(line);
        let untold = if told { 0 } else { dropped };
        if !written {
            self.dropped.fetch_add(untold + 1, Relaxed);
        }
        written
    }

    fn is_written(&self, line: &str) -> bool {
        self.stream.write_now(line.as_bytes()).is_ok()
    }
}

/// Tells of one client's requests.
#[derive(Debug)]
struct Teller {
    server: &'static Server,
    peer: SocketAddr,
    arrived_at: Instant,
    /// A line for each reply that has not left yet, without its time.
    lines: Vec<String>,
}

/// Who is at the other end of a socket; `None` when that is gone.
pub(crate) fn peer(stream: &OwnedFd) -> Option<SocketAddr> {
    rustix::net::getpeername(stream).ok()??.try_into().ok()
}

/// Tells of the requests of this client of the server.
pub(crate) fn witness(server: &'static Server, peer: SocketAddr) -> Box<dyn Witness> {
    Box::new(Teller { server, peer, arrived_at: Instant::now(), lines: Vec::new() })
}

impl Witness for Teller {
    fn arrived(&mut self) {
        self.arrived_at = Instant::now();
    }

    fn answered(&mut self, request: &[u8], reply: &[u8]) {
        self.lines.push(line(self.peer, request, reply));
    }

    fn written(&mut self) {
        let took = self.arrived_at.elapsed();
        for mut line in self.lines.drain(..) {
            add_time(&mut line, took);
            self.server.log_line(&line);
        }
    }
}

fn line(peer: SocketAddr, request: &[u8], reply: &[u8]) -> String {
    format!("client {peer}  request {}  reply {}", shown(request), shown(reply))
}

fn add_time(line: &mut String, took: Duration) {
    let _ = writeln!(line, "  response time {:.9} s", took.as_secs_f64());
}

/// Text on one line and of limited length, the line's own end left out.
fn shown(bytes: &[u8]) -> String {
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
    let cut = &bytes[..bytes.len().min(SHOWN_BYTES_MAX)];
    let more = bytes.len() - cut.len();
    let text = cut.escape_ascii().to_string();
    if more > 0 { format!("{text}... ({more} more bytes)") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_who_asked_what_and_how_long_the_reply_took() {
        let mut line = line("127.0.0.1:9".parse().expect("an address"), b"22 9", b"198");
        add_time(&mut line, Duration::from_micros(12));
        let expected = "client 127.0.0.1:9  request 22 9  reply 198  response time 0.000012000 s\n";
        assert_eq!(line, expected);
    }

    #[test]
    fn a_line_is_one_line_and_short_whatever_was_sent() {
        assert_eq!(shown(b"a\tb\r\n"), "a\\tb");
        let long = shown(&[0; 60_000]);
        assert!(long.len() < 1_000 && long.ends_with("... (59800 more bytes)"), "{long}");
        assert!(!shown(b"a\nb\rc").contains(['\n', '\r']));
    }
}
