//! The address of a client, packed: there may be ten thousand of them.

use core::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6};

/// An address in 24 bytes, where an `Option<SocketAddr>` takes 32. It keeps all that is displayed of
/// one: the flow label of IPv6 is not.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer {
    /// In IPv6, into which those of IPv4 are mapped.
    ip: Ipv6Addr,
    scope_id: u32,
    port: u16,
    kind: Kind,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Unknown,
    V4,
    V6,
}

impl From<Option<SocketAddr>> for Peer {
    fn from(peer: Option<SocketAddr>) -> Self {
        match peer {
            None => Self { ip: Ipv6Addr::UNSPECIFIED, scope_id: 0, port: 0, kind: Kind::Unknown },
            Some(SocketAddr::V4(peer)) => Self {
                ip: peer.ip().to_ipv6_mapped(),
                scope_id: 0,
                port: peer.port(),
                kind: Kind::V4,
            },
            Some(SocketAddr::V6(peer)) => Self {
                ip: *peer.ip(),
                scope_id: peer.scope_id(),
                port: peer.port(),
                kind: Kind::V6,
            },
        }
    }
}

impl From<Peer> for Option<SocketAddr> {
    fn from(Peer { ip, scope_id, port, kind }: Peer) -> Self {
        match kind {
            Kind::Unknown => None,
            Kind::V4 => ip.to_ipv4_mapped().map(|ip| SocketAddr::new(IpAddr::V4(ip), port)),
            Kind::V6 => Some(SocketAddrV6::new(ip, port, 0, scope_id).into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_comes_back_as_it_was() {
        for text in
            ["127.0.0.1:7", "[::1]:65535", "[::ffff:10.0.0.1]:80", "[fe80::1%3]:1", "[::]:0"]
        {
            let peer: SocketAddr = text.parse().unwrap();
            assert_eq!(Option::from(Peer::from(Some(peer))), Some(peer), "{text}");
        }
        assert_eq!(Option::<SocketAddr>::from(Peer::from(None)), None);
    }
}
