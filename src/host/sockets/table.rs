//! Sockets from the kernel's files.

use std::collections::HashSet;

use anyhow::Result;
use procfs::net::{TcpNetEntry, TcpState};
use procfs::process::Process;

use super::{Socket, plain};

/// Sockets of the network that a process is in, with the port at their own end and one of the states.
pub(super) fn at_port(pid: i32, port: u16, states: &[TcpState]) -> Result<Vec<Socket>> {
    all(pid, |entry| entry.local_address.port() == port && states.contains(&entry.state))
}

/// Sockets of the network that a process is in that listen, at whatever port.
pub(super) fn listeners(pid: i32) -> Result<Vec<Socket>> {
    all(pid, |entry| entry.state == TcpState::Listen)
}

fn all(pid: i32, wanted: impl Fn(&TcpNetEntry) -> bool) -> Result<Vec<Socket>> {
    let process = Process::new(pid)?;
    // Missing where there is no version 6.
    let all = process.tcp()?.into_iter().chain(process.tcp6().unwrap_or_default());
    // The kernel walks its table in pieces: what moves meanwhile it may tell twice.
    let mut seen = HashSet::new();
    let is_new =
        |entry: &TcpNetEntry| seen.insert((entry.local_address, entry.remote_address, entry.inode));
    Ok(all.filter(|entry| wanted(entry)).filter(is_new).map(socket).collect())
}

fn socket(entry: TcpNetEntry) -> Socket {
    let TcpNetEntry { local_address: local, remote_address: remote, state, .. } = entry;
    Socket {
        local: plain(local.ip(), local.port()),
        remote: plain(remote.ip(), remote.port()),
        state,
        receive_queue: entry.rx_queue,
        inode: entry.inode,
    }
}

/// How many connections are closed and still remembered, by `net/sockstat`.
pub(super) fn time_waits(summary: &str) -> u64 {
    let tcp = summary.lines().find_map(|line| line.strip_prefix("TCP:")).unwrap_or_default();
    let mut words = tcp.split_whitespace().skip_while(|word| *word != "tw");
    words.nth(1).and_then(|n| n.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closed_connections_are_known_without_going_through_them() {
        let text =
            "sockets: used 92\nTCP: inuse 12 orphan 0 tw 2810 alloc 14 mem 3\nUDP: inuse 1 mem 0\n";
        assert_eq!(time_waits(text), 2810);
        assert_eq!(time_waits(""), 0);
    }
}
