//! A recv(2) taken for a message.
//!
//! Wrong: TCP is a stream of bytes. One read may return half a request, or two. This server answers
//! the result of each read as one request, and drops what follows the first line feed in it.
//! How it happens: `n = recv(...); handle(buffer, n)` works for years on one machine with short
//! requests, and fails with the first long request or real network.
//! Gauge: wrong and refused replies as soon as a request does not fit one read; fewer replies than
//! requests if two arrive together.
//! Compare: `models/thread_per_client.rs`, whose session assembles lines.

use super::{Broken, Manner, thread_per_client, to_end};
use crate::connection::recv;
use crate::models::{Family, Model};

pub(super) const BROKEN: Broken = Broken {
    model: Model {
        name: "recv-is-message",
        family: Family::Thread,
        summary: "it treats the result of each recv(2) as one whole request",
        run: |server| thread_per_client(server, |conn| to_end(conn, &MANNER)),
        ..Model::PLAIN
    },
    gauge: "census.errors with requests longer than one read, or sent in two pieces",
    right: "thread-per-client",
};

const MANNER: Manner = Manner {
    read: |stream, space| {
        let room = space.len() - 1;
        let n = recv(stream, &mut space[..room])?;
        if n == 0 {
            return Ok(0);
        }
        // "That was the request": it ends here, wherever here is.
        let message = space[..n].iter().position(|byte| *byte == b'\n').unwrap_or(n);
        space[message] = b'\n';
        Ok(message + 1)
    },
    ..Manner::RIGHT
};
