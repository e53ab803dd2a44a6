//! What parts say to each other: a line of JSON each.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, ErrorKind, Read as _, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A line is no longer: whoever says more is not one of us.
const LINE_MAX: u64 = 64 * 1024;

/// What a part says to part 0.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Said {
    /// Who it is and what load it makes.
    Hello { part: u64, of: u64, host: String, version: String, load: BTreeMap<String, Value> },
    /// It asks for the time.
    Time,
    /// Its connections are open.
    Ready,
    /// It makes no load, and why.
    Leaves { why: String },
}

/// What part 0 says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Answer {
    /// It belongs here.
    Welcome,
    /// The time, by the clock of part 0.
    Time { unix_ns: u64 },
    /// When the load begins, by the clock of part 0, and where each part runs.
    Start { unix_ns: u64, hosts: Vec<String> },
    /// There is no start, and why.
    Off { why: String },
}

/// One end of a conversation.
pub(super) struct Talk {
    reader: BufReader<TcpStream>,
    /// What has come of the next line.
    line: Vec<u8>,
}

/// What came of listening.
pub(super) enum Heard<T> {
    Said(T),
    /// Nothing within the time that the socket has for it.
    Nothing,
    /// The other end is gone, or is not one of us.
    End,
}

impl Talk {
    /// Listens for `patience` at a time.
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

/// Says it in one write.
pub(super) fn say(mut stream: &TcpStream, words: &impl Serialize) -> std::io::Result<()> {
    let mut line = serde_json::to_vec(words)?;
    line.push(b'\n');
    stream.write_all(&line)
}
