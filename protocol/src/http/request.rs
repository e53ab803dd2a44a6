//! The head of a request: its meaning, and where the request ends.

use crate::http::{HEADERS_MAX, length, words};
use crate::state;

/// Why a request was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// The status.
    pub(crate) status: u16,
    /// The word after `ERR`, as in the other framings.
    pub(crate) code: &'static str,
    /// For people.
    pub(crate) text: &'static str,
    /// The methods that the path has, where the request's is none of them.
    pub(crate) allow: Option<&'static str>,
    /// Nobody knows where the next request begins: the connection is closed.
    pub(crate) lost: bool,
}

impl Refusal {
    /// After which the connection is closed.
    pub(crate) const fn lost(status: u16, code: &'static str, text: &'static str) -> Self {
        Self { status, code, text, allow: None, lost: true }
    }

    /// After which the next request is answered.
    pub(crate) const fn mild(status: u16, code: &'static str, text: &'static str) -> Self {
        Self { status, code, text, allow: None, lost: false }
    }
}

impl From<state::Refusal> for Refusal {
    fn from(refusal: state::Refusal) -> Self {
        Self::mild(refusal.status(), refusal.code(), refusal.text())
    }
}

/// The code of what is not HTTP/1.1 as this server takes it.
const BAD: &str = "bad-request";

pub(crate) const HEAD_TOO_LONG: Refusal =
    Refusal::lost(431, "too-long", "a request holds 65536 bytes at most, and 64 header fields");
pub(crate) const BODY_TOO_LONG: Refusal =
    Refusal::lost(413, "too-long", "a request holds 65536 bytes at most, its body included");
const MALFORMED: Refusal = Refusal::lost(400, BAD, "this is not an HTTP/1.1 request");
const VERSION: Refusal = Refusal::lost(505, BAD, "the versions are HTTP/1.1 and HTTP/1.0");
const HOST: Refusal = Refusal::lost(400, BAD, "a request in HTTP/1.1 has one Host field");
const LENGTHS: Refusal =
    Refusal::lost(400, BAD, "Content-Length is one whole number, and without Transfer-Encoding");
const CHUNKED: Refusal =
    Refusal::lost(411, BAD, "send the body with its Content-Length and not in chunks");
const CODING: Refusal = Refusal::lost(501, BAD, "Transfer-Encoding is not supported");

/// What a method is to this server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    Get,
    /// As GET, and the reply has no body.
    Head,
    Post,
    /// One of the standard's that no path here has.
    Known,
    Unknown,
}

/// The head of a request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Head<'a> {
    pub(crate) verb: Verb,
    pub(crate) target: &'a str,
    /// Bytes of body that follow.
    pub(crate) body: u64,
    /// Whether the client waits for a word before it sends the body.
    pub(crate) expects_word: bool,
    pub(crate) manner: Manner,
}

/// How a request is to be answered, apart from what it asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Manner {
    /// The reply has no body, and says how long it would be.
    pub head_only: bool,
    /// The reply is the last.
    pub close: bool,
    /// The client must be told that the connection stays open.
    pub says_keep: bool,
}

impl Manner {
    /// What this whole head of a request asks for, its empty line included; `None` where it is none.
    #[must_use]
    pub fn from_head(head: &[u8]) -> Option<Self> {
        Head::parse(head).ok().map(|head| head.manner)
    }
}

/// Header fields that decide where a request ends and what follows.
#[derive(Default)]
struct Fields {
    hosts: u32,
    length: Option<u64>,
    coding: Option<bool>,
    close: bool,
    keep: bool,
    expects_word: bool,
}

impl<'a> Head<'a> {
    /// Takes a whole head apart, its empty line included.
    pub(crate) fn parse(head: &'a [u8]) -> Result<Self, Refusal> {
        let mut headers = [const { core::mem::MaybeUninit::uninit() }; HEADERS_MAX];
        let mut request = httparse::Request::new(&mut []);
        match request.parse_with_uninit_headers(head, &mut headers) {
            Ok(httparse::Status::Complete(len)) if len == head.len() => {}
            Ok(_) => return Err(MALFORMED),
            Err(httparse::Error::TooManyHeaders) => return Err(HEAD_TOO_LONG),
            Err(httparse::Error::Version) => return Err(VERSION),
            Err(_) => return Err(MALFORMED),
        }
        let (Some(method), Some(target), Some(minor)) =
            (request.method, request.path, request.version)
        else {
            return Err(MALFORMED);
        };
        let fields = Fields::from_headers(request.headers)?;
        let modern = minor == 1;
        if modern && fields.hosts != 1 {
            return Err(HOST);
        }
        match (fields.coding, fields.length) {
            (None, _) => {}
            // Two readers of this would cut it at two places.
            (Some(_), Some(_)) => return Err(LENGTHS),
            (Some(_), None) if !modern => return Err(LENGTHS),
            (Some(true), None) => return Err(CHUNKED),
            (Some(false), None) => return Err(CODING),
        }
        let verb = verb(method);
        let close = fields.close || (!modern && !fields.keep);
        Ok(Self {
            verb,
            target,
            body: fields.length.unwrap_or(0),
            expects_word: fields.expects_word && modern,
            manner: Manner { head_only: verb == Verb::Head, close, says_keep: !modern && !close },
        })
    }
}

impl Fields {
    fn from_headers(headers: &[httparse::Header<'_>]) -> Result<Self, Refusal> {
        let mut fields = Self::default();
        for httparse::Header { name, value } in headers {
            let is = |other: &str| name.eq_ignore_ascii_case(other);
            if is("host") {
                fields.hosts += 1;
            } else if is("content-length") {
                // Twice the same is allowed to refuse too, and simpler.
                let first = fields.length.is_none();
                fields.length = Some(length(value).filter(|_| first).ok_or(LENGTHS)?);
            } else if is("transfer-encoding") {
                let chunked = fields.coding.is_none() && value.eq_ignore_ascii_case(b"chunked");
                fields.coding = Some(chunked);
            } else if is("connection") {
                fields.close |= words(value).any(|word| word.eq_ignore_ascii_case(b"close"));
                fields.keep |= words(value).any(|word| word.eq_ignore_ascii_case(b"keep-alive"));
            } else if is("expect") {
                fields.expects_word |= value.eq_ignore_ascii_case(b"100-continue");
            }
        }
        Ok(fields)
    }
}

fn verb(method: &str) -> Verb {
    match method {
        "GET" => Verb::Get,
        "HEAD" => Verb::Head,
        "POST" => Verb::Post,
        "PUT" | "DELETE" | "CONNECT" | "OPTIONS" | "TRACE" | "PATCH" => Verb::Known,
        _ => Verb::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(head: &str) -> Result<Head<'_>, u16> {
        Head::parse(head.as_bytes()).map_err(|refusal| refusal.status)
    }

    #[test]
    fn a_connection_stays_open_as_its_version_says() {
        for (version, connection, close, says_keep) in [
            ("1.1", "", false, false),
            ("1.1", "Connection: close\r\n", true, false),
            ("1.1", "Connection: Upgrade, CLOSE\r\n", true, false),
            ("1.1", "Connection: keep-alive\r\nConnection: close\r\n", true, false),
            ("1.0", "", true, false),
            ("1.0", "Connection: Keep-Alive\r\n", false, true),
            ("1.0", "Connection: keep-alive, close\r\n", true, false),
        ] {
            let head = alloc::format!("GET / HTTP/{version}\r\nHost: x\r\n{connection}\r\n");
            let Manner { close: closes, says_keep: says, .. } = parse(&head).expect("fine").manner;
            assert_eq!((closes, says), (close, says_keep), "{head:?}");
        }
    }

    #[test]
    fn where_two_readers_could_disagree_the_request_is_refused() {
        for (fields, status) in [
            ("Content-Length: 1\r\nContent-Length: 2\r\n", 400),
            ("Content-Length: 1\r\nContent-Length: 1\r\n", 400),
            ("Content-Length: 1, 1\r\n", 400),
            ("Content-Length: +1\r\n", 400),
            ("Content-Length:\r\n", 400),
            ("Content-Length : 1\r\n", 400),
            ("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n", 400),
            ("Transfer-Encoding: chunked\r\nContent-Length: 1\r\n", 400),
            ("Transfer-Encoding: identity\r\nContent-Length: 1\r\n", 400),
            ("Transfer-Encoding: chunked\r\n", 411),
            ("Transfer-Encoding: gzip, chunked\r\n", 501),
            ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", 501),
            ("Transfer-Encoding: xchunked\r\n", 501),
            (" folded: 1\r\n", 400),
            ("a: b\r\n c\r\n", 400),
            ("Host: y\r\n", 400),
            ("a\0b: c\r\n", 400),
        ] {
            let head = alloc::format!("POST /echo HTTP/1.1\r\nHost: x\r\n{fields}\r\n");
            assert_eq!(parse(&head).err(), Some(status), "{head:?}");
        }
        assert_eq!(parse("GET / HTTP/1.1\r\n\r\n").err(), Some(400), "no Host");
        assert_eq!(parse("GET / HTTP/2.0\r\nHost: x\r\n\r\n").err(), Some(505));
        assert_eq!(parse("GET /\r\n\r\n").err(), Some(400));
        let old = "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n";
        assert_eq!(parse(old).err(), Some(400));
        let many = alloc::format!("GET / HTTP/1.1\r\nHost: x\r\n{}\r\n", "a: b\r\n".repeat(64));
        assert_eq!(parse(&many).err(), Some(431));
    }
}
