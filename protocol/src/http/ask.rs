//! A request to any HTTP server, and the expected reply.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::mem::MaybeUninit;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::http::{respond, words};

/// A request's method: as the standard names it, or any other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Method(String);

impl Method {
    /// A method by its name, in which case matters.
    ///
    /// # Errors
    /// When the name could not be sent, or its replies are none that could be checked.
    pub fn new(name: &str) -> Result<Self, AskError> {
        match name {
            "CONNECT" => Err(AskError::Connect),
            _ if is_token(name) => Ok(Self(name.into())),
            _ => Err(AskError::Method),
        }
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0
    }

    fn has_reply_without_body(&self) -> bool {
        self.0 == "HEAD"
    }

    /// Whether a request without a body says that it has none.
    fn has_body(&self) -> bool {
        matches!(&*self.0, "POST" | "PUT" | "PATCH")
    }
}

/// Why a request cannot be built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AskError {
    /// The method is not a word.
    Method,
    /// The method makes something else of the connection.
    Connect,
    /// The path has characters that cannot be sent as they are.
    Path,
    /// A header field is not `Name: value`.
    Header,
    /// A header field decides where the request ends, which is not the user's to say.
    Framing,
    /// The status is none.
    Status,
}

impl fmt::Display for AskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Method => "a method is one word, as in GET",
            Self::Connect => "CONNECT opens a tunnel, which has no replies: use another method",
            Self::Path => {
                "a path starts with / and has only ASCII characters and no spaces: write %20 for a \
                 space, as in /a%20b?c=d"
            }
            Self::Header => {
                "a header field has a name, a colon and a value, as in 'Accept: \
                text/html'"
            }
            Self::Framing => {
                "Content-Length, Transfer-Encoding and Expect cannot be set: they follow from the \
                 body"
            }
            Self::Status => "a final status is from 200 to 599",
        })
    }
}

impl core::error::Error for AskError {}

/// A request to any HTTP server, the same each time, and what its replies must be.
#[derive(Debug)]
pub struct Ask {
    request: Vec<u8>,
    head_only: bool,
    status: Option<u16>,
    body_bytes: Option<u64>,
    any_length: bool,
    /// The length of the first body, plus one; 0 before there was any. Shared by all connections.
    first: AtomicU64,
}

impl Ask {
    /// A request. Without a `Host` among its header fields, `host` is it.
    ///
    /// # Errors
    /// When it is not a valid request.
    pub fn new(
        method: &Method,
        path: &str,
        host: &str,
        headers: &[(String, String)],
        body: &[u8],
    ) -> Result<Self, AskError> {
        if !path.starts_with('/') || !path.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(AskError::Path);
        }
        let mut request = alloc::format!("{} {path} HTTP/1.1\r\n", method.name()).into_bytes();
        let mut field = |name: &str, value: &str| {
            for part in [name, ": ", value, "\r\n"] {
                request.extend_from_slice(part.as_bytes());
            }
        };
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            field("Host", host);
        }
        for (name, value) in headers {
            let framing = ["content-length", "transfer-encoding", "expect"];
            if framing.iter().any(|taken| name.eq_ignore_ascii_case(taken)) {
                return Err(AskError::Framing);
            }
            if !is_token(name) || !value.chars().all(|c| c == '\t' || !c.is_control()) {
                return Err(AskError::Header);
            }
            field(name, value);
        }
        if !body.is_empty() || method.has_body() {
            request.extend_from_slice(b"Content-Length: ");
            respond::number(body.len() as u64, &mut request);
            request.extend_from_slice(b"\r\n");
        }
        request.extend_from_slice(b"\r\n");
        request.extend_from_slice(body);
        Ok(Self {
            request,
            head_only: method.has_reply_without_body(),
            status: None,
            body_bytes: None,
            any_length: false,
            first: AtomicU64::new(0),
        })
    }

    /// Expects this status, and not any from 200 to 299.
    ///
    /// # Errors
    /// When no reply could have it.
    pub fn expect_status(self, status: u16) -> Result<Self, AskError> {
        let final_one = (200..600).contains(&status);
        if final_one { Ok(Self { status: Some(status), ..self }) } else { Err(AskError::Status) }
    }

    /// Expects bodies of this length.
    #[must_use]
    pub fn expect_bytes(self, bytes: u64) -> Self {
        Self { body_bytes: Some(bytes), ..self }
    }

    /// Takes bodies of any length, and not of one and the same.
    #[must_use]
    pub fn of_any_length(self) -> Self {
        Self { any_length: true, ..self }
    }

    /// The bytes to send.
    #[must_use]
    pub fn request(&self) -> &[u8] {
        &self.request
    }

    /// Whether replies have no body, whatever their heads say.
    pub(crate) fn head_only(&self) -> bool {
        self.head_only
    }

    pub(crate) fn is_right_status(&self, status: u16) -> bool {
        self.status.map_or((200..300).contains(&status), |right| status == right)
    }

    /// Whether a body has as many bytes as it must; in `Err` how many those are.
    pub(crate) fn judge(&self, bytes: u64) -> Result<(), u64> {
        let right = match self.body_bytes {
            Some(right) => right,
            None if self.any_length => return Ok(()),
            None => self.first_length(bytes),
        };
        if bytes == right { Ok(()) } else { Err(right) }
    }

    fn first_length(&self, bytes: u64) -> u64 {
        // Nothing else is read because of it, so no order is needed.
        let known = match self.first.load(Relaxed) {
            0 => self.first.compare_exchange(0, bytes + 1, Relaxed, Relaxed).unwrap_or_else(|n| n),
            known => known,
        };
        if known == 0 { bytes } else { known - 1 }
    }
}

/// What stands before, between and after the factors of a product that one of our servers is asked
/// for. Our servers take any host.
pub(crate) const GET_MUL: [&str; 3] = ["GET /mul/", "/", " HTTP/1.1\r\nHost: c10k\r\n\r\n"];

/// What stands before a text that one of our servers is to return.
pub(crate) fn post_echo(bytes: usize) -> Vec<u8> {
    alloc::format!("POST /echo HTTP/1.1\r\nHost: c10k\r\nContent-Length: {bytes}\r\n\r\n")
        .into_bytes()
}

/// What stands before a step of a session, between its three numbers, and before and after the length
/// of its reference.
pub(crate) const POST_ADD: [&str; 4] =
    ["POST /add/", "/", " HTTP/1.1\r\nHost: c10k\r\nContent-Length: ", "\r\n\r\n"];

/// What stands before and after the tag of work that one of our servers is to do.
pub(crate) fn get_work(rounds: u64, wait_us: u128, bytes: usize) -> [String; 2] {
    let [_, _, after] = GET_MUL;
    let query = alloc::format!("rounds={rounds}&wait_us={wait_us}&bytes={bytes}&tag=");
    [alloc::format!("GET /work?{query}"), after.into()]
}

fn is_token(name: &str) -> bool {
    let part = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !name.is_empty() && name.bytes().all(part)
}

/// The parsed head of a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Meaning {
    pub(crate) status: u16,
    pub(crate) body: Body,
    /// The connection ends after it.
    pub(crate) close: bool,
}

/// Where the body of a reply ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Body {
    /// After so many bytes.
    Bytes(u64),
    /// As its chunks say.
    Chunked,
    /// With the connection.
    UntilEnd,
}

impl Meaning {
    /// Takes the whole head of a reply apart, of any server: as many header fields as there are, and
    /// those that go on over several lines (RFC 9112, section 5.2).
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn parse(head: &[u8]) -> Result<Self, &'static str> {
        let mut few = [const { MaybeUninit::uninit() }; super::HEADERS_MAX];
        match Self::parse_in(head, &mut few) {
            Err(httparse::Error::TooManyHeaders) => {
                // There is not more than one on a line.
                let lines = head.iter().filter(|byte| **byte == b'\n').count();
                let mut many = alloc::vec![MaybeUninit::uninit(); lines];
                Self::parse_in(head, &mut many)
            }
            parsed => parsed,
        }
        .unwrap_or_else(|error| Err(explained(error)))
    }

    fn parse_in<'a>(
        head: &'a [u8],
        headers: &mut [MaybeUninit<httparse::Header<'a>>],
    ) -> Result<Result<Self, &'static str>, httparse::Error> {
        let mut reply = httparse::Response::new(&mut []);
        let parsed = httparse::ParserConfig::default()
            .allow_obsolete_multiline_headers_in_responses(true)
            .parse_response_with_uninit_headers(&mut reply, head, headers)?;
        if parsed != httparse::Status::Complete(head.len()) {
            return Ok(Err(BAD));
        }
        Ok(Self::from_reply(&reply))
    }

    fn from_reply(reply: &httparse::Response<'_, '_>) -> Result<Self, &'static str> {
        let (mut length, mut coding, mut close, mut keep) = (None, None, false, false);
        for httparse::Header { name, value } in &*reply.headers {
            if name.eq_ignore_ascii_case("content-length") {
                let said =
                    super::length(value).ok_or("a reply whose Content-Length is not a number")?;
                if length.replace(said).is_some_and(|before| before != said) {
                    return Err("a reply with two different Content-Lengths");
                }
            } else if name.eq_ignore_ascii_case("transfer-encoding") {
                // The last coding of the last field is the one that ends it.
                let last = words(value).last().unwrap_or_default();
                coding = Some(last.eq_ignore_ascii_case(b"chunked"));
            } else if name.eq_ignore_ascii_case("connection") {
                close |= words(value).any(|word| word.eq_ignore_ascii_case(b"close"));
                keep |= words(value).any(|word| word.eq_ignore_ascii_case(b"keep-alive"));
            }
        }
        let body = match (coding, length) {
            (Some(_), Some(_)) => {
                return Err("a reply with both a Content-Length and a Transfer-Encoding");
            }
            (Some(true), None) => Body::Chunked,
            (None, Some(bytes)) => Body::Bytes(bytes),
            (Some(false), None) | (None, None) => Body::UntilEnd,
        };
        let (status, old) = (reply.code.ok_or(BAD)?, reply.version == Some(0));
        Ok(Self { status, body, close: close || (old && !keep) })
    }
}

const BAD: &str = "not an HTTP/1 reply";

/// What is wrong with a head, in words.
fn explained(error: httparse::Error) -> &'static str {
    match error {
        httparse::Error::Version => "a reply of a version other than HTTP/1.0 and HTTP/1.1",
        httparse::Error::Status => "a reply without a three-digit status",
        httparse::Error::HeaderName | httparse::Error::Token => {
            "a reply with an invalid header field name"
        }
        httparse::Error::HeaderValue => "a reply with invalid characters in a header field's value",
        httparse::Error::NewLine => "a reply with a bare carriage return in its head",
        httparse::Error::TooManyHeaders => BAD,
    }
}
