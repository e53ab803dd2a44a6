//! Starting to connect, for every wire with sockets.

use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;

use nix::getsockopt_impl;
use nix::sys::socket::sockopt::{GetStruct, IpBindAddressNoPort};
use nix::sys::socket::{getsockopt, setsockopt};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, connect, ipproto, socket_with,
    sockopt,
};

use crate::Address;

/// Where connections go, and where they come from.
pub(crate) struct Dial {
    target: Address,
    /// Used in turn; if there are none, the kernel chooses.
    sources: Vec<IpAddr>,
    /// The index of the next source.
    next: usize,
}

impl Dial {
    /// Connections to `target` from wherever the kernel chooses.
    pub(crate) fn new(target: &Address) -> Self {
        Self { target: target.clone(), sources: Vec::new(), next: 0 }
    }

    /// Changes the target.
    pub(crate) fn aim(&mut self, target: &Address) {
        if self.target != *target {
            self.target.clone_from(target);
        }
    }

    /// Uses these source addresses in turn, beginning with number `first`.
    pub(crate) fn come_from(&mut self, sources: &[IpAddr], first: usize) {
        self.sources = sources.to_vec();
        self.next = first % sources.len().max(1);
    }

    /// A non-blocking socket that is being connected, and the instant at which that began.
    pub(crate) fn begin(&mut self, now: impl Fn() -> u64) -> Result<(OwnedFd, u64), Errno> {
        // One address may be out of ports although the next one is not.
        let mut tries = self.sources.len().max(1);
        loop {
            tries -= 1;
            let source = self.sources.get(self.next).copied();
            self.next = (self.next + 1) % self.sources.len().max(1);
            let socket = stream(&self.target, source)?;
            // Making the socket is not part of opening the connection.
            let since = now();
            match connecting(socket, &self.target) {
                Err(Errno::ADDRNOTAVAIL) if tries > 0 => {}
                begun => return begun.map(|socket| (socket, since)),
            }
        }
    }
}

/// A non-blocking socket for a connection to `target`, over TCP bound to `source` if one is given.
pub(crate) fn stream(target: &Address, source: Option<IpAddr>) -> Result<OwnedFd, Errno> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let family = match target {
        Address::Unix(_) => {
            return socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None);
        }
        Address::Tcp(SocketAddr::V4(_)) => AddressFamily::INET,
        Address::Tcp(SocketAddr::V6(_)) => AddressFamily::INET6,
    };
    let socket = socket_with(family, SocketType::STREAM, flags, Some(ipproto::TCP))?;
    // A request is one write; delaying it until the last one is acknowledged gains nothing.
    sockopt::set_tcp_nodelay(&socket, true)?;
    if let Some(source) = source {
        // Without this option bind(2) reserves a port exclusively for this address, so a port in
        // TIME_WAIT or with another target cannot be used. With it connect(2) chooses the port, and only
        // the whole pair of addresses must be unique.
        setsockopt(&socket, IpBindAddressNoPort, &true)
            .map_err(|errno| Errno::from_raw_os_error(errno as i32))?;
        bind(&socket, &SocketAddr::new(source, 0))?;
    }
    Ok(socket)
}

/// The kernel's milliseconds are whole ticks of its clock and may be one tick too many. On usual kernels
/// a tick is at most this long.
const TICK_NS: u64 = 4_000_000;

/// The kernel's information on a TCP connection.
#[derive(Clone, Copy)]
struct TcpInfo;

getsockopt_impl!(
    TcpInfo,
    libc::IPPROTO_TCP,
    libc::TCP_INFO,
    libc::tcp_info,
    GetStruct<libc::tcp_info>
);

/// The minimum age, in nanoseconds, of the last input on a TCP connection; `None` for other sockets.
pub(crate) fn heard_for(socket: &OwnedFd) -> Option<u64> {
    let info = getsockopt(socket, TcpInfo).ok()?;
    let ns = u64::from(info.tcpi_last_data_recv) * 1_000_000;
    Some(ns.saturating_sub(TICK_NS))
}

/// Begins to connect a non-blocking socket.
pub(crate) fn connecting(socket: OwnedFd, target: &Address) -> Result<OwnedFd, Errno> {
    let begun = match target {
        Address::Tcp(address) => connect(&socket, address),
        Address::Unix(path) => {
            SocketAddrUnix::new(&**path).and_then(|address| connect(&socket, &address))
        }
    };
    match begun {
        // An interrupted connect(2) goes on, like one in progress.
        Ok(()) | Err(Errno::INPROGRESS | Errno::INTR) => Ok(socket),
        Err(errno) => Err(errno),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::net::getsockname;

    #[test]
    fn an_address_is_bound_before_and_its_port_is_chosen_when_connecting() {
        let source: IpAddr = [127, 0, 0, 2].into();
        let bound = stream(&Address::Tcp(([127, 0, 0, 1], 1).into()), Some(source)).unwrap();
        let local = SocketAddr::try_from(getsockname(&bound).unwrap()).unwrap();
        assert_eq!((local.ip(), local.port()), (source, 0));
    }

    #[test]
    fn sources_take_turns_from_where_they_were_told_to_begin() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let sources = [2, 3, 4].map(|last| IpAddr::from([127, 0, 0, last]));
        let mut dial = Dial::new(&Address::Tcp(listener.local_addr().unwrap()));
        dial.come_from(&sources, 4);
        for expected in [3, 4, 2, 3] {
            let (_socket, _) = dial.begin(|| 0).unwrap();
            let (_, peer) = listener.accept().unwrap();
            assert_eq!(peer.ip(), IpAddr::from([127, 0, 0, expected]));
        }
    }
}
