//! What the fuzz targets do with their bytes. It is compiled twice: by these tests, which play
//! the corpus and random inputs (`replay`), and by `fuzz/`, where libFuzzer chooses the bytes.
//!
//! Layout:
//! - [`script`]: from bytes to settings, sizes of reads and writes, and a stream
//! - [`play`]: a session that is checked at every step
//! - [`session`]: the server's end against the specification
//! - [`exchange`]: the client's end against a hostile server
//! - [`end_to_end`]: both ends joined
//! - [`http`]: either end in HTTP

pub(crate) mod end_to_end;
pub(crate) mod exchange;
pub(crate) mod http;
pub(crate) mod play;
pub(crate) mod script;
pub(crate) mod session;

/// A fuzz target: any bytes may come in, and a panic is a finding.
pub(crate) type Target = fn(&[u8]);

/// Every target with the name that it has in `fuzz/`.
pub(crate) const TARGETS: [(&str, Target); 5] = [
    ("session", session::session),
    ("framing", session::framing),
    ("exchange", exchange::exchange),
    ("end_to_end", end_to_end::end_to_end),
    ("http", http::http),
];
