//! Log lines for clients that connect and leave.

use std::net::SocketAddr;

use protocol::App;

use crate::net::Server;

/// A client has been taken on.
pub(crate) fn came(server: &Server, peer: SocketAddr) {
    tell(server, &format!("client {peer}  connected\n"));
}

/// A client is gone.
pub(crate) fn left(server: &Server, peer: SocketAddr) {
    tell(server, &format!("client {peer}  disconnected\n"));
}

fn tell(server: &Server, line: &str) {
    // A room tells its members itself, and has thousands of them.
    if server.config.service.app != App::Chat || server.config.verbose {
        server.log_line(line);
    }
}
