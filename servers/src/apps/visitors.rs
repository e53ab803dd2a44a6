//! Who comes and goes, in the server's log.

use std::net::SocketAddr;

use crate::net::Server;

/// A client has been taken on.
pub(crate) fn came(server: &Server, peer: SocketAddr) {
    server.log_line(&format!("client {peer}  connected\n"));
}

/// A client is gone.
pub(crate) fn left(server: &Server, peer: SocketAddr) {
    server.log_line(&format!("client {peer}  disconnected\n"));
}
