//! Delivery of a result: printed for the reader, and written to a file.

use std::io::ErrorKind;
use std::path::Path;

use anyhow::Result;
use serde::Serialize;

use super::table;
use crate::base;
use crate::document::store;

/// Delivers a result. If the file is `-`, JSON goes to standard output. Otherwise the text for
/// people is printed first, and then the file is written, if there is one. If the disk is full, the
/// text is still printed; if the reader has closed the pipe, the file is still written.
///
/// # Errors
/// When the text cannot be printed or the file cannot be written. The other one is delivered
/// anyway.
pub fn deliver(document: &impl Serialize, json: Option<&Path>, text: &str) -> Result<()> {
    if json == Some(Path::new("-")) {
        return read_enough(base::print(&String::from_utf8(store::json(document)?)?));
    }
    let shown = read_enough(table::show(text));
    json.map_or(Ok(()), |path| store::write_json(path, document)).and(shown)
}

/// A reader that closes the pipe has seen enough, as in `c10k load | head -1`: this changes no
/// result.
fn read_enough(shown: Result<()>) -> Result<()> {
    match shown {
        Err(error) if is_broken_pipe(&error) => Ok(()),
        shown => shown,
    }
}

/// Whether the reader has closed the pipe.
#[must_use]
pub fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<std::io::Error>().is_some_and(|e| e.kind() == ErrorKind::BrokenPipe)
}
