//! One descriptor in ten thousand connections is never closed.
//!
//! Wrong: connections are numbered from 0 to 9,999, and 0 also stands for "no connection". The
//! resources of the connection with that number are never released.
//! How it happens: the code keeps a descriptor for the reader and one for the writer, as
//! `try_clone` and dup(2) suggest, in a table whose empty places hold 0. The first connections have
//! other numbers, so no test with fewer than ten thousand finds it. Such a server runs for days,
//! until accept(2) fails with EMFILE.
//! Gauge: descriptors of the server at rest, one more after each ten thousand connections: `c10k
//! soak`.
//! Compare: `models/thread_per_client.rs`, where a descriptor belongs to a value and is closed with
//! it.

use std::mem;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use super::{Broken, Manner, thread_per_client, to_end};
use crate::connection::Conn;
use crate::models::{Family, Model};

pub(super) const BROKEN: Broken = Broken {
    model: Model {
        name: "rare-leak",
        family: Family::Thread,
        summary: "it never closes one descriptor in ten thousand connections",
        run: |server| thread_per_client(server, serve),
        ..Model::PLAIN
    },
    gauge: "descriptors at rest, one more after each ten thousand connections (c10k soak)",
    right: "thread-per-client",
};

/// The number of connection numbers.
const NUMBERS: usize = 10_000;

/// The number of the next connection.
static NEXT: AtomicUsize = AtomicUsize::new(1);

fn serve(conn: Conn) {
    let number = NEXT.fetch_add(1, Relaxed) % NUMBERS;
    let writer = conn.stream.try_clone();
    to_end(conn, &Manner::RIGHT);
    // "There is no connection 0": but there is.
    if number == 0 {
        mem::forget(writer);
    }
}
