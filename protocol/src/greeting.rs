//! The greeting: an optional first line from the server, which says who serves this connection
//! and since when. With it a client on the same machine can tell waiting to be accepted from
//! waiting for a worker, and count how connections are spread over workers.

use alloc::vec::Vec;
use core::fmt;

/// What a greeting says. Times are nanoseconds of the machine's monotonic clock
/// (`CLOCK_MONOTONIC`), so they mean something to processes of the same machine only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Greeting {
    /// The worker that serves the connection, counted from 0.
    pub worker: u32,
    /// How many connections the server had accepted before this one.
    pub sequence: u64,
    /// When accept(2) returned it.
    pub accepted_ns: u64,
    /// When its worker took it.
    pub taken_ns: u64,
}

impl fmt::Display for Greeting {
    /// The line, without its line feed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { worker, sequence, accepted_ns, taken_ns } = self;
        write!(f, "HELLO {worker} {sequence} {accepted_ns} {taken_ns}")
    }
}

impl Greeting {
    /// Reads a line, without its line feed; `None` when it is not a greeting.
    #[must_use]
    pub fn parse(line: &[u8]) -> Option<Self> {
        let mut words = core::str::from_utf8(line).ok()?.strip_prefix("HELLO ")?.split(' ');
        let greeting = Self {
            worker: words.next()?.parse().ok()?,
            sequence: words.next()?.parse().ok()?,
            accepted_ns: words.next()?.parse().ok()?,
            taken_ns: words.next()?.parse().ok()?,
        };
        words.next().is_none().then_some(greeting)
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(alloc::format!("{self}\n").as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn what_is_written_is_read() {
        let greeting = Greeting { worker: 3, sequence: 17, accepted_ns: u64::MAX, taken_ns: 0 };
        assert_eq!(greeting.to_string(), "HELLO 3 17 18446744073709551615 0");
        assert_eq!(Greeting::parse(greeting.to_string().as_bytes()), Some(greeting));
    }

    #[test]
    fn anything_else_is_not_a_greeting() {
        let others = ["", "HELLO", "HELLO 1 2 3", "HELLO 1 2 3 4 5", "HELLO 1 2 3 x", "OK 1 2 3 4"];
        assert!(others.iter().all(|line| Greeting::parse(line.as_bytes()).is_none()));
    }
}
