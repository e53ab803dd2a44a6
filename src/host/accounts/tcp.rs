//! TCP's counters, and the states of a port's sockets.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::net::{IpAddr, SocketAddr};

use crate::document::Tcp;
use crate::host::sockets::{self, Socket, TcpState, Way};

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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortStates {
    /// By the names that netstat(8) gives them; without listeners.
    pub states: BTreeMap<String, u64>,
    /// Connections that wait to be accepted, at all listeners of the port together.
    pub accept_queue: u64,
    /// How the kernel was asked.
    pub method: &'static str,
}

/// With more connections in TIME_WAIT than this the sockets of a port are not looked for in the kernel's
/// files: it writes out a line for each, a fifth of a second for thirty thousand, and the load waits with its
/// connections. By netlink they need no limit.
const CLOSED_MOST: u64 = 4_000;

/// The states of the sockets of this address and port in the network that a process is in, those of
/// the port alone where it is any address; `None` where the kernel does not say, or says it only with
/// more closed connections than a few thousand beside them.
#[must_use]
pub fn port_states(pid: i32, at: SocketAddr) -> Option<PortStates> {
    let states: Vec<TcpState> = sockets::CONNECTED.into_iter().chain([TcpState::Listen]).collect();
    let (found, way) = match sockets::by_netlink(pid, at.port(), &states) {
        Ok(found) => (found, Way::Netlink),
        Err(_) if sockets::time_waits(pid) > CLOSED_MOST => return None,
        Err(_) => (sockets::by_files(pid, at.port(), &states).ok()?, Way::Files),
    };
    Some(PortStates::from_sockets(&found, at.ip(), way))
}

impl PortStates {
    /// Of the sockets of a port, those at this address: a client on another address of this machine
    /// may have the same port. The kernel hands them out in parts, and where sockets come and go
    /// meanwhile it may repeat some.
    fn from_sockets(sockets: &[Socket], at: IpAddr, way: Way) -> Self {
        let (mut connections, mut listeners) = (HashSet::new(), HashSet::new());
        let mut found = Self { states: BTreeMap::new(), accept_queue: 0, method: way.name() };
        for socket in sockets {
            let local = socket.local.ip();
            let listens = socket.state == TcpState::Listen;
            // Whoever listens at any address has the connections of this one.
            let here = at.is_unspecified() || local == at || (listens && local.is_unspecified());
            if here && listens {
                // There may be one for each loop; the inode tells them apart.
                if listeners.insert(socket.inode) {
                    found.accept_queue += u64::from(socket.receive_queue);
                }
            } else if here && connections.insert((socket.local, socket.remote)) {
                *found.states.entry(state_name(&socket.state).to_string()).or_default() += 1;
            }
        }
        found
    }
}

/// A state as netstat(8) calls it.
#[must_use]
pub fn state_name(state: &TcpState) -> &'static str {
    match state {
        TcpState::Established => "ESTABLISHED",
        TcpState::SynSent => "SYN_SENT",
        TcpState::SynRecv | TcpState::NewSynRecv => "SYN_RECV",
        TcpState::FinWait1 => "FIN_WAIT1",
        TcpState::FinWait2 => "FIN_WAIT2",
        TcpState::TimeWait => "TIME_WAIT",
        TcpState::Close => "CLOSE",
        TcpState::CloseWait => "CLOSE_WAIT",
        TcpState::LastAck => "LAST_ACK",
        TcpState::Listen => "LISTEN",
        TcpState::Closing => "CLOSING",
    }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use proptest::prelude::*;

    use super::*;

    fn socket(local: &str, remote: &str, state: TcpState, n: u32) -> Socket {
        let [local, remote] = [local, remote].map(|end| end.parse().expect("an address"));
        Socket { local, remote, state, receive_queue: n, inode: u64::from(n) }
    }

    #[test]
    fn sockets_of_the_address_are_counted_by_state_and_nobody_elses() {
        let server = "127.0.0.1:8080";
        let mut sockets = vec![
            socket(server, "0.0.0.0:0", TcpState::Listen, 3),
            socket(server, "127.0.0.1:49153", TcpState::Established, 0),
            socket(server, "127.0.0.1:49154", TcpState::CloseWait, 0),
            socket(server, "127.0.0.1:49155", TcpState::Established, 0),
        ];
        let states = |sockets: &[Socket], at: &str| {
            PortStates::from_sockets(sockets, at.parse().expect("an address"), Way::Netlink)
        };
        let found = states(&sockets, "127.0.0.1");
        let expected = [("CLOSE_WAIT", 1), ("ESTABLISHED", 2)];
        let expected: BTreeMap<_, _> = expected.map(|(name, n)| (name.to_string(), n)).into();
        assert_eq!((&found.states, found.accept_queue), (&expected, 3));
        assert_eq!(states(&sockets, "0.0.0.0"), found);
        assert_eq!(
            states(&[&sockets[..]; 2].concat(), "127.0.0.1"),
            found,
            "listed twice, and there once"
        );
        for other in ["127.0.0.2", "::1"] {
            assert_eq!(states(&sockets, other), states(&[], other), "{other}");
        }
        // A second listener, for any address, shares the port; a client of another address may too.
        sockets.push(socket("[::]:8080", "[::]:0", TcpState::Listen, 4));
        sockets.push(socket("127.0.0.3:8080", "127.0.0.1:8080", TcpState::Established, 0));
        let found = states(&sockets, "127.0.0.1");
        assert_eq!((found.states, found.accept_queue), (expected, 7));
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
        let asked = sockets::by_netlink(pid, address.port(), &[TcpState::Listen]).is_ok();
        let way = if asked { Way::Netlink } else { Way::Files };
        assert_eq!(found.method, way.name());
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
            let text = String::from_utf8_lossy(&bytes);
            let _ = parse_counters(&text, &lines);
        }
    }
}

#[cfg(test)]
#[path = "tests/counters.rs"]
mod every_counter;
