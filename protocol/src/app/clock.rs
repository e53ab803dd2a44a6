//! `clock`: tells each client when it connected and how long it has been connected.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::{self, Write};
use core::net::SocketAddr;
use core::time::Duration;

use super::end;
use super::peer::Peer;
use crate::Framing;
use crate::context::Context;
use crate::moment::Moment;

/// What a connection is told when the server stops while it waits for nothing.
const CLOSING: &str = "Bye: the server is closing";

/// One client's visit. Ten thousand of them are the common case, so it takes 48 bytes with all that
/// a memory allocator adds.
#[derive(Debug)]
pub(crate) struct Visit {
    pub(crate) peer: Peer,
    began: Moment,
}

impl Visit {
    /// A client has come, and is greeted.
    pub(crate) fn begin(
        context: &Context,
        peer: Option<SocketAddr>,
        framing: Framing,
        out: &mut Vec<u8>,
    ) -> Self {
        let began = context.clock.now();
        let date = context.clock.date(began.unix_s);
        say(framing, out, format_args!("Welcome: you are connected since {date}"));
        Self { peer: peer.into(), began }
    }

    /// Answers a message. Returns whether that was the last answer.
    pub(crate) fn answer(
        &self,
        context: &Context,
        framing: Framing,
        message: &[u8],
        out: &mut Vec<u8>,
    ) -> bool {
        let date = context.clock.date(self.began.unix_s);
        let here = Seconds(context.clock.now().since(self.began));
        let is_last = is_word(message, &context.bye);
        let (what, are) = if is_last { ("Bye", "were") } else { ("Received", "are") };
        say(framing, out, format_args!("{what}: you {are} connected since {date}, for {here}"));
        is_last
    }

    /// Says that the server stops.
    pub(crate) fn farewell(framing: Framing, out: &mut Vec<u8>) {
        say(framing, out, format_args!("{CLOSING}"));
    }
}

/// Whether a message is this word, in whatever letter case and with white space around it.
fn is_word(message: &[u8], word: &str) -> bool {
    let Ok(text) = core::str::from_utf8(message) else { return false };
    let text = text.trim();
    // Most messages are told apart by their length: lower case is a new string.
    text.len() <= 2 * word.len() + 4 && text.to_lowercase() == word.to_lowercase()
}

pub(super) fn say(framing: Framing, out: &mut Vec<u8>, text: fmt::Arguments<'_>) {
    let mut line = String::new();
    // A string takes everything.
    let _ = line.write_fmt(text);
    out.extend_from_slice(line.as_bytes());
    end(framing, out);
}

/// A duration as `3.217 s`.
struct Seconds(Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03} s", self.0.as_secs(), self.0.subsec_millis())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_counts_in_any_letter_case_and_with_space_around_it() {
        for said in ["salir", "SALIR", "Salir", " salir \r\n", "\tsAlIr"] {
            assert!(is_word(said.as_bytes(), "salir"), "{said:?}");
        }
        for said in ["", "sali", "salir!", "salir salir", "sal ir", "no salir", "salirr"] {
            assert!(!is_word(said.as_bytes(), "salir"), "{said:?}");
        }
        assert!(is_word("ADIÓS".as_bytes(), "adiós"), "letters of any alphabet");
        assert!(is_word("straẞe".as_bytes(), "Straße"));
        assert!(!is_word(b"sal\xffir", "salir"));
        assert!(!is_word(&[b'x'; 60_000], "salir"));
    }
}
