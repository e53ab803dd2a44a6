//! A short send(2) that nobody looks at.
//!
//! Wrong: the socket does not block, and send(2) takes what fits into its buffer. The rest is never
//! sent, and the stream goes on with the next reply: from there on nothing means what it says.
//! How it happens: replies are short, clients read at once, and `send()` has returned the whole
//! length in every test. The same with a completion that is not compared with what was asked for.
//! Gauge: bytes missing, damaged replies, when a client asks for much and reads late.
//! Compare: `models/epoll.rs`, which keeps the rest and waits until there is room.

use rustix::net::{SendFlags, send};

use super::{Broken, Manner, thread_per_client, to_end};
use crate::models::{Family, Model};

pub(super) const BROKEN: Broken = Broken {
    model: Model {
        name: "short-send",
        family: Family::Thread,
        summary: "it drops what did not fit into the socket's buffer",
        run: |server| thread_per_client(server, |conn| to_end(conn, &MANNER)),
        ..Model::PLAIN
    },
    gauge: "missing bytes and damaged replies, with many long replies to a slow reader",
    right: "epoll",
};

const MANNER: Manner = Manner {
    write: |stream, bytes| {
        // As on a socket that does not block. What it returns would tell how much was taken.
        let _ = send(stream, bytes, SendFlags::NOSIGNAL | SendFlags::DONTWAIT);
        Ok(bytes.len())
    },
    ..Manner::RIGHT
};
