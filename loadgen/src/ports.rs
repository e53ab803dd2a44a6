//! Whether there are enough local ports for all connections of a load, and which addresses add
//! more.
//!
//! A connection to one server is identified by its local address and port, so one local address
//! allows as many connections as there are ports. The side that closes a connection first keeps its
//! pair of addresses for a minute (TIME_WAIT), so short connections use up ports although few are
//! open. On loopback all of 127.0.0.0/8 is available, and each address adds its own ports.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use crate::{Arrivals, Load, LoadError, Target};

/// Assumed requests per second of a closed loop, if its need of ports depends on them.
const GUESSED_RATE_PER_S: f64 = 100_000.0;

/// How long the kernel keeps a pair of addresses after this side has closed first.
const TIME_WAIT: Duration = Duration::from_secs(60);

/// The same if the kernel may reuse it earlier for a new connection (tcp_tw_reuse).
const TIME_WAIT_REUSED: Duration = Duration::from_secs(1);

/// A reserve for ports that other processes hold, and because a search for the last free ports is slow.
const SPARE: f64 = 1.25;

/// The most addresses that [`loopback_sources`] returns.
pub const SOURCES_MAX: usize = 4_096;

/// The local ports of this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ports {
    /// Ports of each local address.
    pub of_each_address: usize,
    /// How long a port is held after this side has closed its connection.
    pub held_for: Duration,
}

impl Ports {
    /// The kernel's settings for connections to `target`, or its defaults if it does not report
    /// them.
    #[must_use]
    pub fn of_this_machine(target: &Target) -> Self {
        let Some(ip) = target.first().ip() else {
            // Connections to a socket in the file system have no ports.
            return Self { of_each_address: u32::MAX as usize, held_for: Duration::ZERO };
        };
        let read = |name: &str| {
            let text = std::fs::read_to_string(format!("/proc/sys/net/ipv4/{name}")).ok()?;
            text.split_whitespace()
                .map(|number| number.parse().ok())
                .collect::<Option<Vec<usize>>>()
        };
        let of_each_address = match read("ip_local_port_range").as_deref() {
            Some([low, high]) if low <= high => high - low + 1,
            _ => 28_232,
        };
        let reused = match read("tcp_tw_reuse").as_deref() {
            Some([0]) => false,
            Some([1]) => true,
            _ => ip.is_loopback(),
        };
        Self { of_each_address, held_for: if reused { TIME_WAIT_REUSED } else { TIME_WAIT } }
    }

    /// How many local addresses a load needs, at least 1.
    #[must_use]
    pub fn addresses_for(&self, load: &Load) -> usize {
        ceil(self.held_by(load) / count(self.of_each_address)).max(1)
    }

    /// Ports that a load holds at a time: one for each connection, and those of connections that it
    /// closed shortly before.
    fn held_by(&self, load: &Load) -> f64 {
        let standing = load.connections + load.conduct.beside();
        let held_for = (load.warmup + load.measure).min(self.held_for);
        let closed = closed_per_s(load) * held_for.as_secs_f64();
        if closed > 0.0 { (count(standing) + closed) * SPARE } else { count(standing) }
    }

    /// Refuses a load for which there are too few ports. The need of a closed loop is a guess, which is
    /// no reason to refuse it.
    pub(crate) fn check(&self, load: &Load) -> Result<(), LoadError> {
        let standing = count(load.connections + load.conduct.beside());
        let known = load.arrivals != Arrivals::Closed;
        let need = if known { self.held_by(load) } else { standing };
        let addresses = load.conduct.sources.len().max(1);
        let have = self.of_each_address * addresses;
        if need <= count(have) {
            return Ok(());
        }
        let (need, addresses_needed) = (ceil(need), self.addresses_for(load));
        Err(LoadError::Ports { need, have, addresses, addresses_needed })
    }
}

/// Connections that this load closes per second, if that is known in advance.
fn closed_per_s(load: &Load) -> f64 {
    // If the rate changes, its highest value.
    let rate = match &load.arrivals {
        Arrivals::Closed => think_bound(load).min(GUESSED_RATE_PER_S),
        Arrivals::Constant { rate_per_s } | Arrivals::Poisson { rate_per_s, .. } => *rate_per_s,
        Arrivals::Ramp { from_per_s, to_per_s, .. } => from_per_s.max(*to_per_s),
        Arrivals::Staircase { rates_per_s, .. } => rates_per_s.iter().copied().fold(0.0, f64::max),
        Arrivals::Replay { due_ns } => count(due_ns.len()) / load.measure.as_secs_f64().max(1e-9),
    };
    let used_up = load.conduct.requests_per_connection.map_or(0.0, |k| rate / k.get() as f64);
    let aged = load
        .conduct
        .lifetime
        .map_or(0.0, |lifetime| count(load.connections) / lifetime.as_secs_f64().max(1e-3));
    used_up + aged
}

/// The highest request rate of clients that think.
fn think_bound(load: &Load) -> f64 {
    load.conduct.think.map_or(f64::INFINITY, |think| {
        count(load.connections) / think.time.mean().as_secs_f64().max(1e-9)
    })
}

/// The first `n` addresses of 127.0.0.0/8, from 127.0.0.1 on, that a connection can be bound to; fewer
/// if there are not enough.
#[must_use]
pub fn loopback_sources(n: usize) -> Vec<IpAddr> {
    let first = Ipv4Addr::LOCALHOST.to_bits();
    (0..)
        .map(|i| IpAddr::V4(Ipv4Addr::from_bits(first + i)))
        .take(n.min(SOURCES_MAX) * 2)
        .filter(|address| can_be_bound(*address))
        .take(n)
        .collect()
}

/// Whether connections can come from this address, that is, whether this machine has it.
#[must_use]
pub fn can_be_bound(address: IpAddr) -> bool {
    std::net::UdpSocket::bind((address, 0)).is_ok()
}

#[expect(clippy::cast_precision_loss, reason = "counts of connections stay far below 2^53")]
fn count(n: usize) -> f64 {
    n as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a number that is too large becomes the largest, and none is negative"
)]
fn ceil(n: f64) -> usize {
    n.ceil() as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conduct::Conduct;
    use std::num::NonZeroU64;

    const PORTS: Ports = Ports { of_each_address: 1_000, held_for: Duration::from_secs(60) };

    fn load(connections: usize, rate_per_s: f64, k: u64) -> Load {
        let mut load = crate::example::load(connections, Arrivals::Constant { rate_per_s });
        load.measure = Duration::from_secs(10);
        load.conduct.requests_per_connection = NonZeroU64::new(k);
        load
    }

    #[test]
    fn connections_that_stay_need_a_port_each() {
        assert_eq!(PORTS.addresses_for(&load(1_000, 1e6, 0)), 1);
        assert_eq!(PORTS.addresses_for(&load(1_001, 1e6, 0)), 2);
        let mut beside = load(900, 1e6, 0);
        beside.conduct.idle = 101;
        assert_eq!(PORTS.addresses_for(&beside), 2);
    }

    #[test]
    fn connections_that_go_hold_their_ports_for_a_while() {
        // 10 s of 1,000 a second, and 50 that are open, with a quarter to spare.
        assert_eq!(PORTS.addresses_for(&load(50, 1_000.0, 1)), 13);
        assert_eq!(PORTS.addresses_for(&load(50, 1_000.0, 10)), 2);
        let reused = Ports { held_for: Duration::from_secs(1), ..PORTS };
        assert_eq!(reused.addresses_for(&load(50, 1_000.0, 1)), 2);
        let mut aging = load(50, 1_000.0, 0);
        aging.conduct.lifetime = Some(Duration::from_millis(10));
        assert_eq!(PORTS.addresses_for(&aging), 63);
    }

    #[test]
    fn a_load_without_ports_is_refused_with_what_it_needs() {
        let check = |load: &Load| PORTS.check(load);
        let many = load(50, 1_000.0, 1);
        let Err(LoadError::Ports { need, have, addresses, addresses_needed }) = check(&many) else {
            panic!("13 addresses are needed and there is one");
        };
        assert_eq!((need, have, addresses, addresses_needed), (12_563, 1_000, 1, 13));
        let sources = loopback_sources(13);
        let enough = Load { conduct: Conduct { sources, ..many.conduct.clone() }, ..many.clone() };
        assert!(check(&enough).is_ok());
        let guessed = Load { arrivals: Arrivals::Closed, ..many };
        assert!(check(&guessed).is_ok(), "a guess is no reason to refuse");
        assert!(check(&Load { connections: 1_001, ..guessed }).is_err(), "a fact is");
    }

    #[test]
    fn sources_are_different_addresses_that_can_be_bound() {
        let sources = loopback_sources(3);
        assert_eq!(sources[0], IpAddr::V4(Ipv4Addr::LOCALHOST));
        assert!(sources.len() == 3 && sources[1] != sources[2]);
        assert!(sources.iter().all(|source| source.is_loopback() && can_be_bound(*source)));
        assert!(!can_be_bound([192, 0, 2, 1].into()), "an address for documentation");
    }
}
