//! The messages between parts: one line of JSON each.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, ErrorKind, Read as _, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Maximum length of a line; a longer one does not come from a part.
const LINE_MAX: u64 = 64 * 1024;

/// A message from a part to part 0.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Said {
    /// The part's identity and its load.
    Hello { part: u64, of: u64, host: String, version: String, load: BTreeMap<String, Value> },
    /// It requests the time.
    Time,
    /// Its connections are open.
    Ready,
    /// It makes no load, and why.
    Leaves { why: String },
}

/// A message from part 0.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Answer {
    /// The part is accepted.
    Welcome,
    /// The time, by the clock of part 0.
    Time { unix_ns: u64 },
    /// When the load begins, by the clock of part 0, and where each part runs.
    Start { unix_ns: u64, hosts: Vec<String> },
    /// There is no start, with the reason.
    Off { why: String },
}

/// One end of a conversation.
pub(super) struct Talk {
    reader: BufReader<TcpStream>,
    /// The received beginning of the next line.
    line: Vec<u8>,
}

/// The result of waiting for a message.
pub(super) enum Heard<T> {
    Said(T),
    /// Nothing within the time that the socket has for it.
    Nothing,
    /// The other end is gone, or is not a part.
    End,
}

impl Talk {
    /// Waits for `patience` at a time.
    pub(super) fn new(stream: TcpStream, patience: Duration) -> std::io::Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(patience))?;
        Ok(Self { reader: BufReader::new(stream), line: Vec::new() })
    }

    pub(super) fn hear<T: DeserializeOwned>(&mut self) -> Heard<T> {
        let room = LINE_MAX.saturating_sub(self.line.len() as u64);
        match self.reader.by_ref().take(room).read_until(b'\n', &mut self.line) {
            Ok(_) if self.line.ends_with(b"\n") => {
                let said = serde_json::from_slice(&self.line);
                self.line.clear();
                said.map_or(Heard::End, Heard::Said)
            }
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
                ) =>
            {
                Heard::Nothing
            }
            _ => Heard::End,
        }
    }

    pub(super) fn say(&self, words: &impl Serialize) -> std::io::Result<()> {
        say(self.reader.get_ref(), words)
    }
}

/// Sends it in one write.
pub(super) fn say(mut stream: &TcpStream, words: &impl Serialize) -> std::io::Result<()> {
    let mut line = serde_json::to_vec(words)?;
    line.push(b'\n');
    stream.write_all(&line)
}
