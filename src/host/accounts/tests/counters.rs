//! Every counter of TCP by its name, and its change since an earlier reading.

use super::*;

/// A file of the kernel's with these counters of a protocol, the first of which is 1 and so on.
fn file(protocol: &str, names: &[&str], step: usize) -> String {
    let values: Vec<String> = (1..=names.len()).map(|n| (n * step).to_string()).collect();
    format!("{protocol}: {}\n{protocol}: {}\n", names.join(" "), values.join(" "))
}

const EXTENDED: [&str; 11] = [
    "ListenOverflows",
    "ListenDrops",
    "TCPSynRetrans",
    "TCPTimeouts",
    "TCPAbortOnData",
    "TCPAbortOnClose",
    "TCPBacklogDrop",
    "TCPReqQFullDrop",
    "SyncookiesSent",
    "TW",
    "TCPTimeWaitOverflow",
];
const BASIC: [&str; 6] =
    ["RetransSegs", "PassiveOpens", "AttemptFails", "OutRsts", "EstabResets", "InErrs"];

fn read(times: usize) -> Tcp {
    parse_counters(&file("TcpExt", &EXTENDED, times), &file("Tcp", &BASIC, 100 * times))
}

fn expected(times: u64) -> Tcp {
    let some = |n: u64| Some(n * times);
    Tcp {
        listen_overflows: times,
        listen_drops: 2 * times,
        syn_retransmits: some(3),
        timeouts: some(4),
        aborts_on_data: some(5),
        aborts_on_close: some(6),
        backlog_drops: some(7),
        request_queue_drops: some(8),
        syn_cookies_sent: some(9),
        time_waits: some(10),
        time_wait_overflows: some(11),
        retransmits: 100 * times,
        passive_opens: some(200),
        attempts_failed: some(300),
        resets_sent: some(400),
        resets_established: some(500),
        segments_bad: some(600),
    }
}

#[test]
fn every_counter_is_found_by_its_own_name() {
    assert_eq!(read(1), expected(1));
}

#[test]
fn every_counter_is_told_since_the_earlier_reading() {
    assert_eq!(since(read(7), read(3)), expected(4));
    assert_eq!(since(read(3), read(3)), expected(0));
}
