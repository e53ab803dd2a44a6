//! Standard output.

use std::io::Write;

use anyhow::Result;
use serde::Serialize;

/// Writes to standard output.
///
/// # Errors
/// When whoever reads it is gone.
pub fn print(text: &str) -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    if !text.ends_with('\n') {
        stdout.write_all(b"\n")?;
    }
    Ok(stdout.flush()?)
}

/// Writes a line of JSON to standard output.
///
/// # Errors
/// As [`print()`].
pub(crate) fn print_line(line: &impl Serialize) -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(&json_line(line)?)?;
    Ok(stdout.flush()?)
}

/// Writes a line of JSON to standard error.
///
/// # Errors
/// As [`print()`].
pub(crate) fn eprint_line(line: &impl Serialize) -> Result<()> {
    Ok(std::io::stderr().write_all(&json_line(line)?)?)
}

fn json_line(line: &impl Serialize) -> Result<Vec<u8>> {
    let mut text = serde_json::to_vec(line)?;
    text.push(b'\n');
    Ok(text)
}
