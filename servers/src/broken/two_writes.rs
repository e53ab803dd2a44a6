//! A reply in two small writes, with Nagle's algorithm.
//!
//! Wrong: the second write waits in the kernel until the first is acknowledged (RFC 896). The
//! client delays its acknowledgement, because it has nothing to send before it has the whole reply
//! (RFC 1122, 4.2.3.2). Each waits for the other until the client's timer ends it: after 40 ms on
//! Linux.
//! How it happens: the code writes a header, then a body, and TCP_NODELAY is not set.
//! Gauge: the median jumps to 40 ms while the processor idles.
//! Compare: `models/thread_per_client.rs`: one write for each reply, and TCP_NODELAY.

use rustix::net::sockopt::set_tcp_nodelay;

use super::{Broken, Manner, thread_per_client, to_end};
use crate::connection::send;
use crate::models::{Family, Model};

pub(super) const BROKEN: Broken = Broken {
    model: Model {
        name: "two-writes",
        family: Family::Thread,
        summary: "it writes header and body separately, without TCP_NODELAY",
        run: |server| {
            thread_per_client(server, |conn| {
                // The kernel's default, which the shared core has changed.
                let _ = set_tcp_nodelay(&conn.stream, false);
                to_end(conn, &MANNER);
            })
        },
        ..Model::PLAIN
    },
    gauge: "latency.service: the median is the kernel's delayed acknowledgement, 40 ms",
    right: "thread-per-client",
};

const HEADER: usize = "OK ".len();

const MANNER: Manner = Manner {
    write: |stream, bytes| {
        let (header, body) = bytes.split_at(bytes.len().min(HEADER));
        let sent = send(stream, header)?;
        Ok(if body.is_empty() { sent } else { sent + send(stream, body)? })
    },
    ..Manner::RIGHT
};
