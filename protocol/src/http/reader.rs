//! Splits a stream into replies. A body is counted and dropped as it arrives, so a reply of any
//! length takes the memory of one read.

use alloc::vec::Vec;

use crate::http::ask::{Body, Meaning};
use crate::http::chunked::{Chunked, Malformed};
use crate::http::end_of_head;

/// What a client remembers of the reply that is coming, and of the head before it.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    at: At,
    /// The last head as it came, and what it meant: the next one is most often the same, and
    /// comparing costs a tenth of parsing.
    head: Vec<u8>,
    meaning: Option<Meaning>,
    /// How much of what has come is known to hold no end of a head.
    scanned: usize,
    /// The connection ends after the reply that came last.
    pub(crate) close: bool,
}

/// Where in a reply it is.
#[derive(Clone, Copy, Debug, Default)]
enum At {
    #[default]
    Head,
    /// In a body with so many bytes to come and so many in all.
    Bytes {
        left: u64,
        all: u64,
    },
    Chunks(Chunked),
    /// In a body that ends with the connection, so many bytes so far.
    UntilEnd {
        count: u64,
    },
}

/// The result of reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Read {
    /// More must come.
    More,
    /// A reply with this status and a body of this length.
    Reply { status: u16, body: u64 },
    /// No reply.
    Wrong(&'static str),
}

impl Reader {
    /// The head at the front: how long it is, and what it means; `None` when more must come.
    pub(crate) fn head(&mut self, bytes: &[u8]) -> Option<Result<(usize, Meaning), &'static str>> {
        if let Some(meaning) = self.meaning
            && bytes.starts_with(&self.head)
        {
            self.scanned = 0;
            return Some(Ok((self.head.len(), meaning)));
        }
        // Before its end is looked for, or an empty line in front would be forgiven where it comes together
        // with the head, and not where it comes alone.
        if !may_begin(bytes) {
            return Some(Err("not an HTTP/1 reply"));
        }
        match end_of_head(bytes, self.scanned.min(bytes.len())) {
            Ok(len) => {
                self.scanned = 0;
                let parsed = Meaning::parse(&bytes[..len]);
                self.meaning = parsed.ok();
                self.head.clear();
                self.head.extend_from_slice(&bytes[..len]);
                Some(parsed.map(|meaning| (len, meaning)))
            }
            Err(_) if bytes.len() >= crate::FRAME_BYTES_MAX => {
                Some(Err("the head of a reply is longer than 65536 bytes"))
            }
            Err(scanned) => {
                self.scanned = scanned;
                None
            }
        }
    }

    /// Whether the next byte begins a reply.
    pub(crate) fn is_between_replies(&self) -> bool {
        matches!(self.at, At::Head)
    }

    /// Consumes what it can of `bytes`; returns the number of bytes and the result.
    pub(crate) fn take(&mut self, bytes: &[u8], head_only: bool) -> (usize, Read) {
        let mut taken = 0;
        loop {
            let rest = &bytes[taken..];
            match &mut self.at {
                At::Head if rest.is_empty() => return (taken, Read::More),
                At::Head => match self.head(rest) {
                    None => return (taken, Read::More),
                    Some(Err(why)) => return (taken, Read::Wrong(why)),
                    Some(Ok((len, meaning))) => {
                        taken += len;
                        self.begin(meaning, head_only);
                        if (100..200).contains(&meaning.status) && meaning.status != 101 {
                            // Not the reply yet.
                            self.at = At::Head;
                            continue;
                        }
                    }
                },
                At::Bytes { left, all } => {
                    let n = (*left).min(rest.len() as u64);
                    *left -= n;
                    // Not more than there is, so it fits.
                    taken += usize::try_from(n).unwrap_or(rest.len());
                    if *left > 0 {
                        return (taken, Read::More);
                    }
                    let all = *all;
                    return (taken, self.reply(all));
                }
                At::Chunks(decoder) => {
                    let n = match decoder.take(rest) {
                        Ok(n) => n,
                        Err(Malformed(why)) => return (taken, Read::Wrong(why)),
                    };
                    taken += n;
                    let (over, data) = (decoder.is_over(), decoder.data());
                    return (taken, if over { self.reply(data) } else { Read::More });
                }
                At::UntilEnd { count } => {
                    *count += rest.len() as u64;
                    return (bytes.len(), Read::More);
                }
            }
        }
    }

    /// The connection has ended: the reply that this completes, if it does.
    pub(crate) fn end(&mut self) -> Option<Read> {
        match self.at {
            At::UntilEnd { count } => Some(self.reply(count)),
            _ => None,
        }
    }

    fn begin(&mut self, meaning: Meaning, head_only: bool) {
        let bodiless = head_only || matches!(meaning.status, 204 | 304);
        self.at = match meaning.body {
            _ if bodiless => At::Bytes { left: 0, all: 0 },
            Body::Bytes(bytes) => At::Bytes { left: bytes, all: bytes },
            Body::Chunked => At::Chunks(Chunked::default()),
            Body::UntilEnd => At::UntilEnd { count: 0 },
        };
        self.close = meaning.close || (!bodiless && meaning.body == Body::UntilEnd);
    }

    fn reply(&mut self, body: u64) -> Read {
        self.at = At::Head;
        let status = self.meaning.map_or(0, |meaning| meaning.status);
        Read::Reply { status, body }
    }
}

/// Whether a reply may begin like this: what cannot become one need not be waited for.
fn may_begin(bytes: &[u8]) -> bool {
    const START: &[u8] = b"HTTP/1.";
    bytes[..bytes.len().min(START.len())] == START[..bytes.len().min(START.len())]
}
