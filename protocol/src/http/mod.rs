//! HTTP/1.1 (RFC 9112) at both ends: what [`Session`](crate::Session) and
//! [`Exchange`](crate::Exchange) read and write in [`Framing::Http`](crate::Framing::Http).
//!
//! `httparse` parses heads. This module interprets them strictly: a message whose end two readers
//! could see in different places is refused, and the connection is closed.
//!
//! Layout:
//! - `request`: the head of a request, and `route`: its meaning for the application
//! - `respond`: a server's replies
//! - [`ask`]: a client's requests to any server, and the expected replies
//! - `reader`: splits a stream into replies, and `chunked`: one coding of their bodies

pub mod ask;
pub(crate) mod chunked;
pub(crate) mod reader;
pub(crate) mod request;
pub(crate) mod respond;
pub(crate) mod route;

pub use ask::{Ask, AskError, Method};
pub use request::Manner;

/// Header fields of one message at most, in either direction.
pub(crate) const HEADERS_MAX: usize = 64;

/// The reply to a connection that was not admitted.
pub(crate) const BUSY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 70\r\n\
Content-Type: text/plain\r\nRetry-After: 1\r\nConnection: close\r\n\r\n\
ERR busy this server serves as many clients as it may; try again later";

/// Where the head of a message ends: after the first empty line. `from` is how much of `bytes` is
/// known not to hold it, as the last call returned it in `Err`.
///
/// # Errors
/// Where it has not come yet, with how much is known not to hold it.
pub fn end_of_head(bytes: &[u8], from: usize) -> Result<usize, usize> {
    let mut at = from;
    while let Some(found) = memchr::memchr(b'\n', &bytes[at..]) {
        let next = at + found + 1;
        match &bytes[next..] {
            [b'\n', ..] => return Ok(next + 1),
            [b'\r', b'\n', ..] => return Ok(next + 2),
            // Too short to tell: this line feed is to be looked at again.
            [] | [b'\r'] => return Err(next - 1),
            _ => at = next,
        }
    }
    Err(bytes.len())
}

/// The words of a list such as `keep-alive, Upgrade`.
pub(crate) fn words(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    list.split(|byte| *byte == b',').map(<[u8]>::trim_ascii)
}

/// What a `Content-Length` says: digits and nothing else.
pub(crate) fn length(value: &[u8]) -> Option<u64> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    // What no machine could hold is longer than anything that is allowed.
    Some(core::str::from_utf8(value).ok()?.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app;

    #[test]
    fn the_end_of_a_head_is_found_wherever_it_is_cut() {
        for head in ["a\r\nb: c\r\n\r\n", "a\nb: c\n\n", "a\r\n\n", "a\n\r\n"] {
            let bytes = [head.as_bytes(), b"\r\n\r\nbody"].concat();
            let (mut from, mut found) = (0, None);
            for end in 0..=bytes.len() {
                match end_of_head(&bytes[..end], from) {
                    Ok(at) => {
                        found = Some((at, end));
                        break;
                    }
                    Err(known) => from = known,
                }
            }
            assert_eq!(found, Some((head.len(), head.len())), "{head:?}");
        }
    }

    #[test]
    fn the_busy_reply_says_how_long_it_is() {
        let text = core::str::from_utf8(BUSY).expect("text");
        let (head, body) = text.split_once("\r\n\r\n").expect("a head and a body");
        assert!(head.contains(&alloc::format!("Content-Length: {}\r\n", body.len())));
        assert_eq!(body.as_bytes(), app::BUSY.trim_ascii_end(), "the words of the other framings");
    }

    #[test]
    fn a_length_is_digits() {
        assert_eq!(length(b"0"), Some(0));
        assert_eq!(length(b"0070"), Some(70));
        assert_eq!(length(b"99999999999999999999"), Some(u64::MAX));
        for bad in ["", "+1", "-1", "1 ", "1,1", "0x1", "1_0"] {
            assert_eq!(length(bad.as_bytes()), None, "{bad:?}");
        }
    }
}
