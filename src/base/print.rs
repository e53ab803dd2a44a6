//! Standard output and standard error.

use std::io::Write;
use std::time::Duration;

use anyhow::{Result, anyhow};
use serde::Serialize;
use servers::stdio::Stream;

/// How long a server waits for a reader of its output.
const READ_WITHIN: Duration = Duration::from_secs(3);
/// The same at the end of the program.
const ERROR_READ_WITHIN: Duration = Duration::from_secs(1);

/// Writes to standard output.
///
/// # Errors
/// When the reader is gone.
pub fn print(text: &str) -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    if !text.ends_with('\n') {
        stdout.write_all(b"\n")?;
    }
    Ok(stdout.flush()?)
}

/// Writes a line of JSON to standard output, for which the program that started this one waits.
///
/// # Errors
/// When the line has no reader: standard output is closed, or stays full. For other output a
/// missing reader is not an error, but for this line it is.
pub(crate) fn print_line(line: &impl Serialize) -> Result<()> {
    say(&Stream::output(), line, "standard output")
}

/// Writes a server's messages for people to standard output.
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

/// Writes a line about the work to standard error. That it has no reader ends nothing, whereas `eprintln!` panics.
macro_rules! note {
    ($($words:tt)*) => {
        $crate::base::print_note(format_args!($($words)*))
    };
}

pub(crate) use note;

/// What [`note`] does.
pub(crate) fn print_note(words: std::fmt::Arguments<'_>) {
    let _ = writeln!(std::io::stderr(), "{words}");
}

/// Writes an error to standard error, if it has a reader.
pub(crate) fn print_error(text: &str) {
    // The error cannot be reported elsewhere, and the exit code shows it.
    let _ = Stream::error().write_within(format!("error: {text}\n").as_bytes(), ERROR_READ_WITHIN);
}

fn json_line(line: &impl Serialize) -> Result<Vec<u8>> {
    let mut text = serde_json::to_vec(line)?;
    text.push(b'\n');
    Ok(text)
}
