//! Standard output.

use std::io::Write;
use std::time::Duration;

use anyhow::{Result, anyhow};
use serde::Serialize;
use servers::stdio::Stream;

/// How long a server waits for somebody to read what it has to say.
const READ_WITHIN: Duration = Duration::from_secs(3);
/// The same at the end of the program.
const ERROR_READ_WITHIN: Duration = Duration::from_secs(1);

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

/// Writes a line of JSON to standard output, where whoever has started this program waits for it.
///
/// # Errors
/// When nobody reads it: it is closed, or stays full. Nothing else that is read from a pipe is worth
/// an error, but this line is.
pub(crate) fn print_line(line: &impl Serialize) -> Result<()> {
    say(&Stream::output(), line, "standard output")
}

/// Writes to standard output what a server says to people.
///
/// # Errors
/// As [`print_line`].
pub(crate) fn print_words(text: &str) -> Result<()> {
    write(&Stream::output(), text.as_bytes(), "standard output")
}

/// The same on standard error.
///
/// # Errors
/// As [`print_line`].
pub(crate) fn eprint_words(text: &str) -> Result<()> {
    write(&Stream::error(), text.as_bytes(), "standard error")
}

/// Writes a line of JSON to standard error.
///
/// # Errors
/// As [`print_line`].
pub(crate) fn eprint_line(line: &impl Serialize) -> Result<()> {
    say(&Stream::error(), line, "standard error")
}

fn say(stream: &Stream, line: &impl Serialize, name: &str) -> Result<()> {
    write(stream, &json_line(line)?, name)
}

fn write(stream: &Stream, bytes: &[u8], name: &str) -> Result<()> {
    // In words and without its cause, which `main` would take for a reader who has seen enough.
    stream
        .write_within(bytes, READ_WITHIN)
        .map_err(|error| anyhow!("cannot write to {name}: {error}"))
}

/// Writes an error to standard error, if anybody reads it.
pub(crate) fn print_error(text: &str) {
    // There is nobody else to tell, and the exit code says that there was one.
    let _ = Stream::error().write_within(format!("error: {text}\n").as_bytes(), ERROR_READ_WITHIN);
}

fn json_line(line: &impl Serialize) -> Result<Vec<u8>> {
    let mut text = serde_json::to_vec(line)?;
    text.push(b'\n');
    Ok(text)
}
