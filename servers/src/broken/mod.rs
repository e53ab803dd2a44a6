//! Servers that are broken on purpose, each with the gauge that shows its fault.
//!
//! Their faults are typical of first servers. Each server answers a single polite client correctly,
//! so the fault goes unnoticed. Each file says what is wrong, how people come to write it, which
//! gauge shows it, and which model does it right. These servers are not models: no plan measures or
//! ranks them.
//!
//! To add one, add a file here and a line to [`BROKEN`].

mod accept_spin;
mod close_unread;
mod edge_read_once;
mod pool_of_four;
mod rare_leak;
mod recv_is_message;
mod short_backlog;
mod short_send;
mod sleeping_reactor;
mod two_writes;
mod unbounded_queue;
mod zombies;

use std::io;
use std::os::fd::OwnedFd;
use std::thread;

use protocol::Step;

use crate::connection::drive;
use crate::connection::{self, Conn};
use crate::models::Model;
use crate::net::Server;

/// A server that is broken on purpose.
#[derive(Debug)]
pub struct Broken {
    /// It is served like a model. Its summary says what is wrong.
    pub model: Model,
    /// What shows the fault.
    pub gauge: &'static str,
    /// The model that does it right.
    pub right: &'static str,
}

/// Every broken server: the easily seen faults first.
pub static BROKEN: &[Broken] = &[
    recv_is_message::BROKEN,
    short_send::BROKEN,
    close_unread::BROKEN,
    two_writes::BROKEN,
    pool_of_four::BROKEN,
    unbounded_queue::BROKEN,
    zombies::BROKEN,
    short_backlog::BROKEN,
    accept_spin::BROKEN,
    edge_read_once::BROKEN,
    sleeping_reactor::BROKEN,
    rare_leak::BROKEN,
];

/// The broken server of that name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Broken> {
    BROKEN.iter().find(|broken| broken.model.name == name)
}

/// How a thread treats its client, where that can be got wrong.
struct Manner {
    read: fn(&OwnedFd, &mut [u8]) -> io::Result<usize>,
    write: fn(&OwnedFd, &[u8]) -> io::Result<usize>,
    close: fn(Conn),
}

impl Manner {
    /// As it should be; each broken server names what it does instead.
    const RIGHT: Self =
        Self { read: connection::recv, write: connection::send, close: Conn::close_blocking };
}

/// A thread for each client, as in `models/thread_per_client.rs`.
fn thread_per_client(server: &'static Server, serve: fn(Conn)) -> io::Result<()> {
    server.ready()?;
    while let Some(conn) = server.next_client() {
        let _ = thread::Builder::new().spawn(move || serve(conn));
    }
    server.wait_until_empty();
    Ok(())
}

/// The blocking driver of `drive.rs`, but in a manner of its own.
fn to_end(mut conn: Conn, manner: &Manner) {
    loop {
        let (session, stream) = (&mut conn.client.session, &conn.stream);
        let io = match session.step() {
            Step::Read(space) => {
                (manner.read)(stream, space).map(|n| drive::received(session, stream, n))
            }
            Step::Write(bytes) => (manner.write)(stream, bytes).map(|n| session.sent(n)),
            Step::Outside(_) => unreachable!("broken servers run no commands"),
            Step::Run(job) => {
                let done = job.compute();
                crate::stopping::sleep(job.wait());
                session.finished(&done);
                Ok(())
            }
            Step::Close => return (manner.close)(conn),
        };
        if let Err(error) = io {
            return conn.end(drive::ending(&error));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models;

    #[test]
    fn names_are_their_own_and_what_is_right_is_a_model() {
        for broken in BROKEN {
            let name = broken.model.name;
            assert!(models::find(name).is_none(), "{name} is a model too");
            assert!(models::find(broken.right).is_some(), "{name}: {} is none", broken.right);
            assert!(std::ptr::eq(find(name).expect("listed"), broken), "{name} is there twice");
        }
    }
}
