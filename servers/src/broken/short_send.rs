//! A short send(2) that is not checked.
//!
//! Wrong: the socket is non-blocking, and send(2) takes only the bytes that fit into its buffer.
//! The server never sends the rest and continues with the next reply, so the stream is damaged from
//! there on.
//! How it happens: replies are short, clients read at once, and in every test `send()` returned the
//! whole length. The same happens with a completion whose result is not compared with the requested
//! length.
//! Gauge: missing bytes and damaged replies, if a client requests long replies and reads late.
//! Compare: `models/epoll.rs`, which keeps the rest and waits for space.

use rustix::net::{SendFlags, send};

use super::{Broken, Manner, thread_per_client, to_end};
use crate::models::{Family, Model};

pub(super) const BROKEN: Broken = Broken {
    model: Model {
        name: "short-send",
        family: Family::Thread,
        summary: "it drops bytes that did not fit into the socket's buffer",
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
