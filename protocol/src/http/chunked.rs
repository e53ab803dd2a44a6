//! The chunked transfer coding (RFC 9112, section 7.1), decoded as it comes: a chunk's data is
//! counted and dropped, its extensions and the trailer are passed over.

/// Where in a chunked body a decoder is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Chunked {
    at: At,
    /// Bytes of data so far.
    data: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// In the size of a chunk, which has some digits already.
    Size {
        size: u64,
        digits: bool,
    },
    /// Behind the size.
    Extension {
        size: u64,
    },
    /// Behind the carriage return that ends the line of the size.
    SizeEnd {
        size: u64,
    },
    /// In the data, with so many bytes to come.
    Data {
        left: u64,
    },
    /// Behind the data, before its carriage return and before its line feed.
    DataCr,
    DataLf,
    /// At the beginning of a line behind the last chunk.
    Trailer,
    /// In such a line.
    TrailerLine,
    /// Behind the carriage return of the empty line that ends it all.
    EmptyLine,
    Over,
}

impl Default for At {
    fn default() -> Self {
        Self::Size { size: 0, digits: false }
    }
}

/// The bytes are no chunked body: what is wrong with them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed(pub(crate) &'static str);

const TOO_LONG: Malformed = Malformed("a chunk size that is too large");

impl Chunked {
    /// Takes what has come, and returns how much of it belongs to the body.
    ///
    /// # Errors
    /// When it cannot be a chunked body any more.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> Result<usize, Malformed> {
        let mut taken = 0;
        while taken < bytes.len() && self.at != At::Over {
            if let At::Data { left } = self.at {
                let there = (bytes.len() - taken) as u64;
                let n = left.min(there);
                self.data = self.data.checked_add(n).ok_or(TOO_LONG)?;
                // Not more than there is, so it fits.
                taken += usize::try_from(n).map_err(|_| TOO_LONG)?;
                self.at = if n == left { At::DataCr } else { At::Data { left: left - n } };
            } else {
                self.at = self.after(bytes[taken])?;
                taken += 1;
            }
        }
        Ok(taken)
    }

    /// Whether the body is over.
    #[must_use]
    pub(crate) fn is_over(&self) -> bool {
        self.at == At::Over
    }

    /// Bytes of data so far.
    #[must_use]
    pub(crate) fn data(&self) -> u64 {
        self.data
    }

    fn after(&self, byte: u8) -> Result<At, Malformed> {
        Ok(match (self.at, byte) {
            (At::Size { size, .. }, b) if b.is_ascii_hexdigit() => {
                let digit = char::from(b).to_digit(16).ok_or(TOO_LONG)?;
                let size = size.checked_mul(16).ok_or(TOO_LONG)? + u64::from(digit);
                At::Size { size, digits: true }
            }
            (At::Size { size, digits: true }, b';' | b' ' | b'\t') => At::Extension { size },
            (At::Size { size, digits: true } | At::Extension { size }, b'\r') => {
                At::SizeEnd { size }
            }
            (At::Extension { size }, b) if b != b'\n' => At::Extension { size },
            (At::SizeEnd { size: 0 }, b'\n') => At::Trailer,
            (At::SizeEnd { size }, b'\n') => At::Data { left: size },
            (At::DataCr, b'\r') => At::DataLf,
            (At::DataLf, b'\n') => At::default(),
            (At::Trailer, b'\r') => At::EmptyLine,
            (At::EmptyLine, b'\n') => At::Over,
            (At::TrailerLine, b'\n') => At::Trailer,
            (At::Trailer | At::TrailerLine, b) if b != b'\n' => At::TrailerLine,
            (At::Size { digits: true, .. }, b'\n')
            | (At::Extension { .. } | At::SizeEnd { .. }, _) => {
                return Err(Malformed("a chunk whose size does not end with CR and LF"));
            }
            (At::Size { .. }, _) => {
                return Err(Malformed("a chunk size that is not hexadecimal"));
            }
            (At::DataCr | At::DataLf, _) => {
                return Err(Malformed("a chunk that is longer than its size"));
            }
            _ => return Err(Malformed("a body without an empty line after its last chunk")),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &[u8] =
        b"4\r\nWiki\r\n6;a=\"b\"\r\npedia \r\nb \r\nin\r\n\r\nchunk\r\n0\r\nT: x\r\nU:\r\n\r\n";

    /// Feeds the parts, and says how much was taken of them all.
    fn feed(decoder: &mut Chunked, parts: &[&[u8]]) -> Result<usize, Malformed> {
        let mut taken = 0;
        for part in parts {
            taken += decoder.take(part)?;
        }
        Ok(taken)
    }

    #[test]
    fn a_body_is_the_same_split_at_every_byte_and_byte_by_byte() {
        let next = b"HTTP/1.1 200 OK";
        let all = [BODY, next].concat();
        for at in 0..=all.len() {
            let mut decoder = Chunked::default();
            let (first, second) = all.split_at(at);
            assert_eq!(feed(&mut decoder, &[first, second]), Ok(BODY.len()), "split at {at}");
            assert!(decoder.is_over());
            assert_eq!(decoder.data(), 4 + 6 + 11);
        }
        let mut decoder = Chunked::default();
        for (at, byte) in BODY.iter().enumerate() {
            assert!(!decoder.is_over(), "over before byte {at}");
            assert_eq!(decoder.take(&[*byte]), Ok(1));
        }
        assert!(decoder.is_over());
    }

    #[test]
    fn sizes_are_those_that_httparse_reads() {
        for size in ["0", "1", "a", "A", "00ff", "12;x=y", "7 ", "3\t;q", "ffffffffffffffff"] {
            let line = alloc::format!("{size}\r\n");
            let mut decoder = Chunked::default();
            assert_eq!(decoder.take(line.as_bytes()), Ok(line.len()), "{size}");
            let ours = match decoder.at {
                At::Data { left } => left,
                At::Trailer => 0,
                at => panic!("{at:?} after {size}"),
            };
            let theirs = httparse::parse_chunk_size(line.as_bytes());
            assert_eq!(theirs, Ok(httparse::Status::Complete((line.len(), ours))), "{size}");
        }
    }

    #[test]
    fn what_is_no_chunk_is_refused() {
        for bad in [
            "\r\n",
            ";\r\n",
            "x\r\n",
            "-1\r\n",
            "1\n",
            "1\r\r",
            "1;\n",
            "10000000000000000\r\n",
            "1\r\nab",
            "1\r\na\n",
            "1\r\na\r\r",
            "0\r\n\n",
            "0\r\n\rx",
            " 1\r\n",
        ] {
            assert!(Chunked::default().take(bad.as_bytes()).is_err(), "{bad:?}");
        }
    }
}
