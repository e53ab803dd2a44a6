//! The greeting: an optional first line from the server, which names the worker of the connection
//! and the times of accept and service. A client on the same machine can then separate the wait for
//! accept from the wait for a worker, and count the connections of each worker.

use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

/// How the line begins.
const VERB: &str = "HELLO ";

/// The content of a greeting. Times are nanoseconds of the machine's monotonic clock
/// (`CLOCK_MONOTONIC`), so they are valid only on the same machine.
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
        write!(f, "{VERB}{worker} {sequence} {accepted_ns} {taken_ns}")
    }
}

impl Greeting {
    /// Reads a line, without its line feed; `None` when it is not a greeting.
    #[must_use]
    pub fn parse(line: &[u8]) -> Option<Self> {
        let mut words = core::str::from_utf8(line).ok()?.strip_prefix(VERB)?.split(' ');
        let greeting = Self {
            worker: number(words.next()?)?,
            sequence: number(words.next()?)?,
            accepted_ns: number(words.next()?)?,
            taken_ns: number(words.next()?)?,
        };
        words.next().is_none().then_some(greeting)
    }

    /// Whether this may be how a line begins that is a greeting in the end. What may not is wrong
    /// at once: nobody has to wait for the rest of it.
    #[must_use]
    pub(crate) fn may_begin(bytes: &[u8]) -> bool {
        let Some(rest) = bytes.strip_prefix(VERB.as_bytes()) else {
            return VERB.as_bytes().starts_with(bytes);
        };
        // It may if some of the words that are missing make it one; a zero is as good as any.
        let mut line = bytes.to_vec();
        if rest.is_empty() || rest.ends_with(b" ") {
            line.push(b'0');
        }
        (0..4).any(|_| {
            let whole = Self::parse(&line).is_some();
            line.extend_from_slice(b" 0");
            whole
        })
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(alloc::format!("{self}\n").as_bytes());
    }
}

/// A whole number as it is written here, in one way only: digits, and no zero before others.
fn number<T: FromStr>(word: &str) -> Option<T> {
    let plain = word.bytes().all(|byte| byte.is_ascii_digit());
    let shortest = word == "0" || !word.starts_with('0');
    if plain && shortest { word.parse().ok() } else { None }
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
        for line in [
            "",
            "HELLO",
            "HELLO 1 2 3",
            "HELLO 1 2 3 4 5",
            "HELLO 1 2 3 x",
            "HELLO 1 2 3 4 ",
            "HELLO 1 2 3 4\r",
            "HELLO 1  2 3",
            "HELLO  1 2 3 4",
            "HELLO +1 2 3 4",
            "HELLO -1 2 3 4",
            "HELLO 01 2 3 4",
            "HELLO 4294967296 2 3 4",
            "HELLO 1 18446744073709551616 3 4",
            "hello 1 2 3 4",
            "OK 1 2 3 4",
        ] {
            assert_eq!(Greeting::parse(line.as_bytes()), None, "{line:?}");
        }
        assert_eq!(Greeting::parse(b"HELLO 1 2 3 \xff"), None);
    }

    #[test]
    fn what_may_begin_a_greeting_is_known_from_the_first_byte_on() {
        let line = "HELLO 4294967295 0 18446744073709551615 70";
        for at in 0..=line.len() {
            assert!(Greeting::may_begin(&line.as_bytes()[..at]), "{:?}", &line[..at]);
        }
        for wrong in ["G", "HELL ", "HELLO  ", "HELLO 00", "HELLO 4294967296", "HELLO 1 2 3 4 "] {
            assert!(!Greeting::may_begin(wrong.as_bytes()), "{wrong:?}");
        }
    }
}
