//! TCP sockets by local port, from the kernel: by netlink (sock_diag(7)), which returns only the
//! sockets of the port; or from `/proc/PID/net/tcp`, which lists all sockets, if netlink is
//! refused.

mod diag;
mod table;

use std::fs;
use std::net::{IpAddr, SocketAddr};

use anyhow::{Result, ensure};
pub use procfs::net::TcpState;

/// One socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Socket {
    /// Its own end.
    pub local: SocketAddr,
    /// The other one; of no meaning for a listener.
    pub remote: SocketAddr,
    /// The state of its connection.
    pub state: TcpState,
    /// Bytes that were not read yet; for a listener connections that nobody has accepted yet.
    pub receive_queue: u32,
    /// Its number among all files of the kernel; 0 where no process has it open.
    pub inode: u64,
}

/// How the kernel was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// By netlink: it looks for the port itself.
    Netlink,
    /// By its files: it writes out every socket there is, and we look for the port.
    Files,
}

impl Way {
    /// In words, for the record.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Netlink => "netlink (sock_diag)",
            Self::Files => "/proc/PID/net/tcp and tcp6",
        }
    }
}

/// States that connections of an open socket or a closed one can be in, all but listening.
pub const CONNECTED: [TcpState; 11] = [
    TcpState::Established,
    TcpState::SynSent,
    TcpState::SynRecv,
    TcpState::FinWait1,
    TcpState::FinWait2,
    TcpState::TimeWait,
    TcpState::Close,
    TcpState::CloseWait,
    TcpState::LastAck,
    TcpState::Closing,
    TcpState::NewSynRecv,
];

/// The sockets with this local port and one of these states in the network that a process is in.
///
/// # Errors
/// When neither netlink nor a file tells.
pub fn at_port(pid: i32, port: u16, states: &[TcpState]) -> Result<(Vec<Socket>, Way)> {
    by_netlink(pid, port, states)
        .map(|found| (found, Way::Netlink))
        .or_else(|_| Ok((by_files(pid, port, states)?, Way::Files)))
}

/// The same by netlink only: the time it takes grows with the sockets of the port, and little with others.
///
/// # Errors
/// When it is refused, or the process is in another network than this one, which only its files show.
pub fn by_netlink(pid: i32, port: u16, states: &[TcpState]) -> Result<Vec<Socket>> {
    let network = |pid: &str| fs::read_link(format!("/proc/{pid}/ns/net"));
    ensure!(
        network(&pid.to_string())? == network("self")?,
        "the process is in another network namespace"
    );
    diag::at_port(port, states)
}

/// The same by files only: the time it takes grows with all sockets of the machine.
///
/// # Errors
/// When there are none, or the process is gone.
pub fn by_files(pid: i32, port: u16, states: &[TcpState]) -> Result<Vec<Socket>> {
    table::at_port(pid, port, states)
}

/// The sockets that listen in the network that a process is in, at whatever port and of whatever process.
///
/// # Errors
/// When the kernel has no such file, or the process is gone.
pub fn listeners(pid: i32) -> Result<Vec<Socket>> {
    table::listeners(pid)
}

/// Connections in TIME_WAIT in the network that a process is in, without going through them; 0 where the
/// kernel does not say.
#[must_use]
pub fn time_waits(pid: i32) -> u64 {
    table::time_waits(&fs::read_to_string(format!("/proc/{pid}/net/sockstat")).unwrap_or_default())
}

/// A socket of version 6 that speaks version 4 has the addresses of version 4, as its peer sees them.
fn plain(address: IpAddr, port: u16) -> SocketAddr {
    SocketAddr::new(address.to_canonical(), port)
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::AsRawFd;

    use super::*;

    /// Both ways, as far as this machine has them: netlink may be closed to us. Beside others who come and go the
    /// files may lack a socket, so they are read until they have as many, and a hundred times at most.
    fn both(port: u16, states: &[TcpState], count: usize) -> Vec<(Way, Vec<Socket>)> {
        let pid = i32::try_from(std::process::id()).expect("a pid");
        let asked = by_netlink(pid, port, states).ok().map(|found| (Way::Netlink, found));
        let mut read = Vec::new();
        for _ in 0..100 {
            read = by_files(pid, port, states).expect("the kernel has files");
            if read.len() == count {
                break;
            }
        }
        asked.into_iter().chain([(Way::Files, read)]).collect()
    }

    #[test]
    fn either_way_finds_the_same_sockets_of_the_port_and_state() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let at = listener.local_addr().expect("bound");
        let clients = [(); 3].map(|()| TcpStream::connect(at).expect("it listens"));
        let (server, _) = listener.accept().expect("connected");
        let link = fs::read_link(format!("/proc/self/fd/{}", server.as_raw_fd())).expect("ours");
        for (way, found) in both(at.port(), &[TcpState::Established], 3) {
            assert_eq!(found.len(), 3, "{way:?}: {found:?}");
            let ours = found.iter().find(|s| s.remote == server.peer_addr().expect("connected"));
            let ours = ours.expect("it is there");
            assert_eq!(link.to_string_lossy(), format!("socket:[{}]", ours.inode), "{way:?}");
            assert!(found.iter().all(|socket| socket.local == at), "{way:?}: {found:?}");
        }
        for (way, found) in both(at.port(), &[TcpState::Listen], 1) {
            let found: Vec<_> = found.iter().map(|s| (&s.state, s.receive_queue)).collect();
            assert_eq!(found, [(&TcpState::Listen, 2)], "{way:?}");
        }
        for (way, found) in both(at.port(), &[TcpState::CloseWait], 0) {
            assert_eq!(found, [], "{way:?}");
        }
        drop(clients);
    }

    #[test]
    fn more_sockets_than_one_answer_holds_are_all_found() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let at = listener.local_addr().expect("bound");
        let clients: Vec<_> = (0..400)
            .map(|_| (TcpStream::connect(at).expect("it listens"), listener.accept().expect("one")))
            .collect();
        for (way, found) in both(at.port(), &CONNECTED, clients.len()) {
            assert_eq!(found.len(), clients.len(), "{way:?}");
        }
    }

    #[test]
    fn a_listener_of_both_versions_has_clients_of_version_4() {
        // Where there is no version 6 there is nothing to find.
        let Ok(listener) = TcpListener::bind("[::]:0") else { return };
        let port = listener.local_addr().expect("bound").port();
        let Ok(client) = TcpStream::connect(("127.0.0.1", port)) else { return };
        for (way, found) in both(port, &CONNECTED, 1) {
            let remotes: Vec<_> = found.iter().map(|socket| socket.remote).collect();
            assert_eq!(remotes, [client.local_addr().expect("connected")], "{way:?}");
        }
    }

    #[test]
    fn a_process_that_is_gone_has_no_network() {
        let mut child = std::process::Command::new("true").spawn().expect("it runs");
        let pid = i32::try_from(child.id()).expect("a pid");
        child.wait().expect("it ends");
        assert!(at_port(pid, 80, &CONNECTED).is_err());
    }
}
