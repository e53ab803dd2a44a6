//! The kernel's limits on connections.

use super::{Root, Subject, warn_unless};
use crate::base::units::as_f64;
use crate::document::{Finding, Status};

/// `c10k serve` asks for a queue of this length.
const BACKLOG: u32 = 4_096;
/// How long a closed connection keeps its port, in seconds.
const TIME_WAIT_S: f64 = 60.0;

pub(super) fn probe(root: &Root) -> Vec<Finding> {
    [ports(root), somaxconn(root), syn_backlog(root), congestion_control(root)]
        .into_iter()
        .flatten()
        .collect()
}

fn ports(root: &Root) -> Option<Finding> {
    let (first, last) = root.port_range()?;
    let ports = (u64::from(last) + 1).saturating_sub(first.into());
    let reuse = root.tcp_tw_reuse().unwrap_or(0);
    let subject = Subject {
        name: "ports",
        limit: "20,000 or more, and tcp_tw_reuse 1 or 2",
        why: "the ports limit the connections to one server address; without reuse a closed \
            connection keeps its port for a minute, which limits new connections per second",
        mend: "sysctl -w net.ipv4.ip_local_port_range='1024 65535' net.ipv4.tcp_tw_reuse=2",
    };
    let mut value = format!("{first} to {last} ({ports}), tcp_tw_reuse {reuse}");
    if reuse == 0 {
        let rate = as_f64(ports) / TIME_WAIT_S;
        value = format!("{value}: {rate:.0} new connections per second");
    }
    Some(subject.found(warn_unless(ports >= 20_000 && reuse != 0), value))
}

fn somaxconn(root: &Root) -> Option<Finding> {
    let longest = root.somaxconn()?;
    let subject = Subject {
        name: "somaxconn",
        limit: "4096 (the servers' backlog) or more",
        why: "a full listen queue drops connection requests, which are retried after 1 s and 3 s",
        mend: "sysctl -w net.core.somaxconn=4096",
    };
    Some(subject.found(warn_unless(longest >= BACKLOG), longest.to_string()))
}

fn syn_backlog(root: &Root) -> Option<Finding> {
    let longest = root.number("proc/sys/net/ipv4/tcp_max_syn_backlog")?;
    let cookies = root.number("proc/sys/net/ipv4/tcp_syncookies").unwrap_or(0);
    let subject = Subject {
        name: "syn-backlog",
        limit: "512 (the generator's concurrent connects) or more",
        why: "further handshakes are dropped, or get SYN cookies, which lose TCP options",
        mend: "sysctl -w net.ipv4.tcp_max_syn_backlog=4096",
    };
    let value = format!("{longest}, cookies {}", if cookies == 0 { "off" } else { "on" });
    Some(subject.found(warn_unless(longest >= 512), value))
}

fn congestion_control(root: &Root) -> Option<Finding> {
    let name = root.congestion_control()?;
    let subject = Subject {
        name: "congestion-control",
        limit: "cubic or reno, the same on all machines that are compared",
        why: "pacing algorithms such as bbr delay large replies, over loopback too",
        mend: "sysctl -w net.ipv4.tcp_congestion_control=cubic",
    };
    let usual = matches!(name.as_str(), "cubic" | "reno");
    Some(subject.found(if usual { Status::Pass } else { Status::Warn }, name))
}
