//! Taking a connection that waits, as both servers do.

use std::io::{self, ErrorKind};
use std::net::{TcpListener, TcpStream};

/// The next one, ready for a loop; `None` when nobody waits.
///
/// # Errors
/// When the listener or the machine is at fault. Who left before being accepted is passed over.
pub(super) fn next(listener: &TcpListener) -> io::Result<Option<TcpStream>> {
    loop {
        match listener.accept() {
            Ok((stream, _)) => {
                stream.set_nonblocking(true)?;
                stream.set_nodelay(true)?;
                return Ok(Some(stream));
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
            Err(error) if error.kind() == ErrorKind::ConnectionAborted => {}
            Err(error) => return Err(error),
        }
    }
}
