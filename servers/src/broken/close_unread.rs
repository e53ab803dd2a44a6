//! Closing with unread input.
//!
//! Wrong: close(2) on a socket with unread input sends a reset, and a reset destroys bytes that the
//! other end has not read yet: the last reply.
//! How it happens: the reply is written, so the work is done and `close()` is next. This works as
//! long as the client has sent nothing more.
//! Gauge: resets instead of ends, and last replies that arrive in part or not at all.
//! Compare: `models/thread_per_client.rs`, whose connections close their own half and linger.

use super::{Broken, Manner, thread_per_client, to_end};
use crate::connection::Ending;
use crate::models::{Family, Model};

pub(super) const BROKEN: Broken = Broken {
    model: Model {
        name: "close-unread",
        family: Family::Thread,
        summary: "it closes after its last reply with input still unread",
        run: |server| thread_per_client(server, |conn| to_end(conn, &MANNER)),
        ..Model::PLAIN
    },
    gauge: "resets and truncated last replies, with clients that sent more than was answered",
    right: "thread-per-client",
};

const MANNER: Manner = Manner { close: |conn| conn.end(Ending::Finished), ..Manner::RIGHT };
