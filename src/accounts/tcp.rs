//! What TCP counted, and in which states the sockets of a port are.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::net::{IpAddr, SocketAddr};

use crate::document::Tcp;

/// TCP's counters of the network that a process is in: `net/netstat` and `net/snmp` below `/proc/PID`, as
/// far as they are there.
#[must_use]
pub(super) fn counters(pid: i32) -> Tcp {
    let read = |file: &str| fs::read_to_string(format!("/proc/{pid}/net/{file}"));
    parse_counters(&read("netstat").unwrap_or_default(), &read("snmp").unwrap_or_default())
}

fn parse_counters(netstat: &str, snmp: &str) -> Tcp {
    let ext = |name: &str| counter(netstat, "TcpExt:", name);
    let tcp = |name: &str| counter(snmp, "Tcp:", name);
    Tcp {
        listen_overflows: ext("ListenOverflows").unwrap_or(0),
        listen_drops: ext("ListenDrops").unwrap_or(0),
        retransmits: tcp("RetransSegs").unwrap_or(0),
        syn_retransmits: ext("TCPSynRetrans"),
        timeouts: ext("TCPTimeouts"),
        passive_opens: tcp("PassiveOpens"),
        attempts_failed: tcp("AttemptFails"),
        resets_sent: tcp("OutRsts"),
        resets_established: tcp("EstabResets"),
        aborts_on_data: ext("TCPAbortOnData"),
        aborts_on_close: ext("TCPAbortOnClose"),
        segments_bad: tcp("InErrs"),
        backlog_drops: ext("TCPBacklogDrop"),
        request_queue_drops: ext("TCPReqQFullDrop"),
        syn_cookies_sent: ext("SyncookiesSent"),
        time_waits: ext("TW"),
        time_wait_overflows: ext("TCPTimeWaitOverflow"),
    }
}

/// These files have, for each protocol, a line of names and below it a line of values.
fn counter(text: &str, protocol: &str, name: &str) -> Option<u64> {
    let mut lines = text.lines().filter(|line| line.starts_with(protocol));
    let (names, values) = (lines.next()?, lines.next()?);
    let at = names.split(' ').position(|word| word == name)?;
    values.split(' ').nth(at)?.parse().ok()
}

/// The difference of two readings.
#[must_use]
pub(super) fn since(now: Tcp, earlier: Tcp) -> Tcp {
    let some = |now: Option<u64>, earlier: Option<u64>| Some(now?.saturating_sub(earlier?));
    Tcp {
        listen_overflows: now.listen_overflows.saturating_sub(earlier.listen_overflows),
        listen_drops: now.listen_drops.saturating_sub(earlier.listen_drops),
        retransmits: now.retransmits.saturating_sub(earlier.retransmits),
        syn_retransmits: some(now.syn_retransmits, earlier.syn_retransmits),
        timeouts: some(now.timeouts, earlier.timeouts),
        passive_opens: some(now.passive_opens, earlier.passive_opens),
        attempts_failed: some(now.attempts_failed, earlier.attempts_failed),
        resets_sent: some(now.resets_sent, earlier.resets_sent),
        resets_established: some(now.resets_established, earlier.resets_established),
        aborts_on_data: some(now.aborts_on_data, earlier.aborts_on_data),
        aborts_on_close: some(now.aborts_on_close, earlier.aborts_on_close),
        segments_bad: some(now.segments_bad, earlier.segments_bad),
        backlog_drops: some(now.backlog_drops, earlier.backlog_drops),
        request_queue_drops: some(now.request_queue_drops, earlier.request_queue_drops),
        syn_cookies_sent: some(now.syn_cookies_sent, earlier.syn_cookies_sent),
        time_waits: some(now.time_waits, earlier.time_waits),
        time_wait_overflows: some(now.time_wait_overflows, earlier.time_wait_overflows),
    }
}

/// The sockets of a port: how many there are of each state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PortStates {
    /// By the names that netstat(8) gives them; without listeners.
    pub states: BTreeMap<String, u64>,
    /// Connections that wait to be accepted, at all listeners of the port together.
    pub accept_queue: u64,
}

/// With more connections in TIME_WAIT than this the sockets of a port are not looked at: the kernel writes
/// out a line for each, a fifth of a second for thirty thousand, and the load waits with its connections.
const CLOSED_MOST: u64 = 4_000;

/// The states of the sockets of this address and port in the network that a process is in, those of
/// the port alone where it is any address; `None` where the kernel does not say, or has more
/// closed connections than a few thousand to write out beside them.
#[must_use]
pub fn port_states(pid: i32, at: SocketAddr) -> Option<PortStates> {
    let summary = fs::read_to_string(format!("/proc/{pid}/net/sockstat")).unwrap_or_default();
    if closed(&summary) > CLOSED_MOST {
        return None;
    }
    let mut found = PortStates::default();
    found.add(&fs::read(format!("/proc/{pid}/net/tcp")).ok()?, at);
    // Missing where there is no version 6.
    found.add(&fs::read(format!("/proc/{pid}/net/tcp6")).unwrap_or_default(), at);
    Some(found)
}

/// How many connections are closed and still remembered, by `/proc/net/sockstat`.
fn closed(summary: &str) -> u64 {
    let tcp = summary.lines().find_map(|line| line.strip_prefix("TCP:")).unwrap_or_default();
    let mut words = tcp.split_whitespace().skip_while(|word| *word != "tw");
    words.nth(1).and_then(|n| n.parse().ok()).unwrap_or(0)
}

/// An address as the kernel writes it there: words of the machine's order in hexadecimal. A client on
/// another address of this machine may have the same port.
fn as_kernel_writes(address: IpAddr) -> Option<String> {
    if address.is_unspecified() {
        return None;
    }
    let word = |bytes: &[u8]| match bytes {
        [a, b, c, d] => format!("{:08X}", u32::from_ne_bytes([*a, *b, *c, *d])),
        _ => String::new(),
    };
    Some(match address {
        IpAddr::V4(address) => word(&address.octets()),
        IpAddr::V6(address) => address.octets().chunks(4).map(word).collect(),
    })
}

impl PortStates {
    /// A line each: number, local address and port, remote ones, state, queues to send and to
    /// receive, of which a listener has its connections in the second. All but the first in hexadecimal.
    /// Where thousands of sockets are open this is a megabyte, so it is read as bytes, and of most
    /// lines only as far as the port. The kernel hands it out in pages, and where sockets come and go
    /// meanwhile it repeats some.
    fn add(&mut self, text: &[u8], at: SocketAddr) {
        let (address, mut seen) = (as_kernel_writes(at.ip()), HashSet::new());
        for line in text.split(|byte| *byte == b'\n').skip(1) {
            let mut words = line.split(|byte| *byte == b' ').filter(|word| !word.is_empty());
            let Some(local) = words.nth(1) else { continue };
            let other = |address: &String| !local.starts_with(address.as_bytes());
            if after_colon(local) != Some(u64::from(at.port()))
                || address.as_ref().is_some_and(other)
            {
                continue;
            }
            let (remote, state) = (words.next().unwrap_or_default(), words.next().and_then(hex));
            match STATES.iter().find(|(number, _)| Some(*number) == state) {
                Some((_, "LISTEN")) => {
                    let waiting = words.next().and_then(after_colon).unwrap_or(0);
                    // There may be one for each loop; the inode tells them apart.
                    if seen.insert(words.nth(4).unwrap_or_default()) {
                        self.accept_queue = self.accept_queue.saturating_add(waiting);
                    }
                }
                Some((_, name)) if seen.insert(remote) => {
                    *self.states.entry((*name).to_string()).or_default() += 1;
                }
                _ => {}
            }
        }
    }
}

/// As in the kernel's `include/net/tcp_states.h`.
const STATES: [(u64, &str); 12] = [
    (1, "ESTABLISHED"),
    (2, "SYN_SENT"),
    (3, "SYN_RECV"),
    (4, "FIN_WAIT1"),
    (5, "FIN_WAIT2"),
    (6, "TIME_WAIT"),
    (7, "CLOSE"),
    (8, "CLOSE_WAIT"),
    (9, "LAST_ACK"),
    (10, "LISTEN"),
    (11, "CLOSING"),
    (12, "SYN_RECV"),
];

fn after_colon(word: &[u8]) -> Option<u64> {
    hex(&word[word.iter().rposition(|byte| *byte == b':')? + 1..])
}

fn hex(digits: &[u8]) -> Option<u64> {
    u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use proptest::prelude::*;

    use super::*;

    const TABLE: &str = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt\n\
        \x20  0: 0100007F:1F90 00000000:0000 0A 00000000:00000003 00:00000000 00000000\n\
        \x20  1: 0100007F:1F90 0100007F:C001 01 00000000:00000000 00:00000000 00000000\n\
        \x20  2: 0100007F:1F90 0100007F:C002 08 00000001:00000000 00:00000000 00000000\n\
        \x20  3: 0100007F:C001 0100007F:1F90 01 00000000:00000000 00:00000000 00000000\n\
        \x20  4: 0100007F:1F90 0100007F:C003 01 00000000:00000000 00:00000000 00000000\n";

    fn states(text: &str, at: &str) -> PortStates {
        let mut found = PortStates::default();
        found.add(text.as_bytes(), at.parse().expect("an address"));
        found
    }

    #[test]
    fn closed_connections_are_known_without_going_through_them() {
        let text =
            "sockets: used 92\nTCP: inuse 12 orphan 0 tw 2810 alloc 14 mem 3\nUDP: inuse 1 mem 0\n";
        assert_eq!(closed(text), 2810);
        assert_eq!(closed(""), 0);
    }

    #[test]
    fn sockets_of_the_port_are_counted_by_state_and_nobody_elses() {
        let found = states(TABLE, "127.0.0.1:8080");
        let expected = [("CLOSE_WAIT", 1), ("ESTABLISHED", 2)];
        let expected = expected.map(|(name, n)| (name.to_string(), n)).into_iter().collect();
        assert_eq!(found, PortStates { states: expected, accept_queue: 3 });
        assert_eq!(states(TABLE, "0.0.0.0:8080"), found);
        assert_eq!(
            states(&TABLE.repeat(2), "127.0.0.1:8080"),
            found,
            "listed twice, and there once"
        );
        for other in ["127.0.0.1:80", "127.0.0.2:8080", "[::1]:8080"] {
            assert_eq!(states(TABLE, other), PortStates::default(), "{other}");
        }
    }

    #[test]
    fn connections_of_this_process_are_found_by_the_kernels_own_files() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("bound");
        let pid = i32::try_from(std::process::id()).expect("a pid");
        let clients = [(); 3].map(|()| TcpStream::connect(address).expect("it listens"));
        let _accepted = listener.accept().expect("connected");
        let found = port_states(pid, address).expect("the kernel says");
        assert_eq!(found.states.get("ESTABLISHED"), Some(&3), "{found:?}");
        assert_eq!(found.accept_queue, 2);
        drop(clients);
    }

    #[test]
    fn tcp_counters_are_found_by_name() {
        let text = "TcpExt: A ListenDrops TW\nTcpExt: 1 22 3\nIpExt: ListenDrops\nIpExt: 9\n";
        assert_eq!(counter(text, "TcpExt:", "ListenDrops"), Some(22));
        assert_eq!(counter(text, "TcpExt:", "Missing"), None);
        let found = parse_counters(text, "Tcp: RtoMin OutRsts\nTcp: 200 5\n");
        assert_eq!((found.listen_drops, found.time_waits), (22, Some(3)));
        assert_eq!((found.resets_sent, found.timeouts), (Some(5), None), "absent, and not 0");
        let later = Tcp { time_waits: Some(10), ..found };
        assert_eq!(since(later, found).time_waits, Some(7));
        assert_eq!(
            since(later, Tcp::default()).time_waits,
            None,
            "what was not read has no change"
        );
    }

    proptest! {
        #[test]
        fn garbage_has_no_states_and_does_not_stop_the_reader(
            bytes in prop::collection::vec(any::<u8>(), 0..400),
            lines in "([0-9A-F: ]{0,60}\n){0,8}",
        ) {
            for text in [&bytes[..], lines.as_bytes()] {
                let mut found = PortStates::default();
                found.add(text, SocketAddr::from(([0, 0, 0, 0], 0x1F90)));
                prop_assert!(found.states.values().sum::<u64>() <= text.len() as u64);
            }
            let text = String::from_utf8_lossy(&bytes);
            let _ = parse_counters(&text, &lines);
        }
    }
}
