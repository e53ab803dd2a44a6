//! Who comes and goes, on standard error: a line is one write(2), and one that cannot be written now
//! is lost, since clients are served whether or not anybody reads.

use std::net::SocketAddr;

use super::output;

/// A client has been taken on.
pub(crate) fn came(peer: SocketAddr) {
    tell(&format!("client {peer}  connected\n"));
}

/// A client is gone.
pub(crate) fn left(peer: SocketAddr) {
    tell(&format!("client {peer}  disconnected\n"));
}

fn tell(line: &str) {
    let _ = output::write_now(rustix::stdio::stderr(), line.as_bytes());
}
