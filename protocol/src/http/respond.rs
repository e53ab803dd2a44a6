//! Writing HTTP replies.
//!
//! A reply has the status, `Content-Length` and `Content-Type`, and no superfluous field. It has no
//! `Date`: a server without a clock omits it (RFC 9110, 6.6.1), and this crate has no clock.

use alloc::vec::Vec;

use crate::http::request::{Manner, Refusal};

/// What a client that waits before it sends its body is told.
pub(crate) const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// The head of a reply that is in order, up to the length of its body.
const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: ";

/// More than a head takes.
pub(crate) const HEAD_BYTES: usize = 192;

/// Writes the head of a reply that is in order, with room for a body of so many bytes.
pub(crate) fn ok(len: usize, manner: Manner, out: &mut Vec<u8>) {
    out.reserve(HEAD_BYTES + if manner.head_only { 0 } else { len });
    out.extend_from_slice(OK);
    rest_of_head(len, manner, None, out);
}

/// Writes a whole refusal.
pub(crate) fn refuse(refusal: &Refusal, manner: Manner, out: &mut Vec<u8>) {
    let Refusal { status, code, text, allow, .. } = *refusal;
    let words = ["ERR ", code, " ", text];
    let len = words.iter().map(|word| word.len()).sum();
    out.reserve(HEAD_BYTES + len);
    out.extend_from_slice(b"HTTP/1.1 ");
    number(status.into(), out);
    out.push(b' ');
    out.extend_from_slice(reason(status).as_bytes());
    out.extend_from_slice(b"\r\nContent-Length: ");
    rest_of_head(len, manner, allow, out);
    if !manner.head_only {
        words.iter().for_each(|word| out.extend_from_slice(word.as_bytes()));
    }
}

fn rest_of_head(len: usize, manner: Manner, allow: Option<&str>, out: &mut Vec<u8>) {
    number(len as u64, out);
    out.extend_from_slice(b"\r\nContent-Type: text/plain\r\n");
    if let Some(methods) = allow {
        out.extend_from_slice(b"Allow: ");
        out.extend_from_slice(methods.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    if manner.close {
        out.extend_from_slice(b"Connection: close\r\n");
    } else if manner.says_keep {
        out.extend_from_slice(b"Connection: keep-alive\r\n");
    }
    out.extend_from_slice(b"\r\n");
}

/// A number in decimal, without the formatting machinery: every reply has one.
pub(crate) fn number(mut n: u64, out: &mut Vec<u8>) {
    let (mut digits, mut at) = ([0; 20], 20);
    loop {
        at -= 1;
        digits[at] = b"0123456789"[(n % 10) as usize];
        n /= 10;
        if n == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

fn reason(status: u16) -> &'static str {
    match status {
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        409 => "Conflict",
        410 => "Gone",
        411 => "Length Required",
        413 => "Content Too Large",
        431 => "Request Header Fields Too Large",
        501 => "Not Implemented",
        503 => "Service Unavailable",
        505 => "HTTP Version Not Supported",
        _ => "",
    }
}
