//! One member of a room: its connection, and the messages that it has received so far.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

#[derive(Debug)]
pub(super) struct Member {
    pub(super) stream: TcpStream,
    /// As each of its messages begins.
    pub(super) name: Vec<u8>,
    /// Of a line, what has come.
    pub(super) part: Vec<u8>,
    /// Members that it was told of when they came, itself among them.
    pub(super) told_of: usize,
    /// Messages that it has heard.
    pub(super) heard: usize,
    /// What the kernel had no room for.
    unsent: Vec<u8>,
}

/// What came of listening.
#[derive(Debug)]
pub(super) enum Heard {
    /// Nothing is there.
    Nothing,
    /// So many bytes are in the buffer.
    Bytes(usize),
    /// The connection has ended.
    TheEnd,
}

impl Member {
    pub(super) fn connect(address: SocketAddr, timeout: Duration) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, timeout)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        let name = format!("[{}] ", stream.local_addr()?).into_bytes();
        Ok(Self { stream, name, part: Vec::new(), told_of: 0, heard: 0, unsent: Vec::new() })
    }

    /// Says this now, or as soon as there is room.
    pub(super) fn say(&mut self, line: &[u8]) {
        self.unsent.extend_from_slice(line);
        self.say_rest();
    }

    /// Says what had no room, as far as there is some. That the connection has ended is heard.
    pub(super) fn say_rest(&mut self) {
        if !self.unsent.is_empty()
            && let Ok(n) = self.stream.write(&self.unsent)
        {
            self.unsent.drain(..n);
        }
    }

    pub(super) fn has_unsent(&self) -> bool {
        !self.unsent.is_empty()
    }

    /// Reads what has come.
    pub(super) fn hear(&mut self, buffer: &mut [u8]) -> Heard {
        match self.stream.read(buffer) {
            Ok(0) => Heard::TheEnd,
            Ok(n) => Heard::Bytes(n),
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
                ) =>
            {
                Heard::Nothing
            }
            Err(_) => Heard::TheEnd,
        }
    }
}
