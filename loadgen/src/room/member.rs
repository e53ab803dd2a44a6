//! One member of a room: its connection, and the messages that it has received so far.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

#[derive(Debug)]
pub(super) struct Member {
    pub(super) stream: TcpStream,
    /// The beginning of each of its messages.
    pub(super) name: Vec<u8>,
    /// The received part of a line.
    pub(super) part: Vec<u8>,
    /// Notices of joining members that it has received, its own included.
    pub(super) told_of: usize,
    /// Messages that it has received.
    pub(super) heard: usize,
    /// Bytes that the kernel had no room for.
    unsent: Vec<u8>,
}

/// The result of a read.
#[derive(Debug)]
pub(super) enum Heard {
    /// There is nothing to read.
    Nothing,
    /// This many bytes are in the buffer.
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

    /// Sends this now, or as soon as there is room.
    pub(super) fn say(&mut self, line: &[u8]) {
        self.unsent.extend_from_slice(line);
        self.say_rest();
    }

    /// Sends as much of the unsent bytes as there is room for. If the connection has ended, the next read
    /// finds out.
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

    /// Reads what has arrived.
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
