//! Edge-triggered, with a single read for each edge.
//!
//! Wrong: an edge reports that something has arrived since the last one. Bytes that remain after
//! one read are not reported again. A request longer than the read, or the second of a burst, stays
//! in the socket until the client sends more, but the client waits for its reply.
//! How it happens: somebody adds `EPOLLET` to a working level-triggered loop, to make it faster.
//! Gauge: requests without a reply on open, silent connections: `unfinished` and `timeouts` of the
//! census, as soon as a burst is longer than the read.
//! Compare: `models/epoll_edge.rs`, which reads until there is nothing left.

use std::collections::HashMap;
use std::io;

use protocol::Step;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};

use super::Broken;
use crate::connection::{Conn, Ending, recv, send};
use crate::models::epoll::{EVENTS_MAX, wait};
use crate::models::{Family, Model};
use crate::net::{Accepted, Server, number};
use crate::reactor::timers::CUT_TICK;
use crate::{connection::drive, stopping};

pub(super) const BROKEN: Broken = Broken {
    model: Model {
        name: "edge-read-once",
        family: Family::Reactor,
        summary: "it reads once for each edge of edge-triggered epoll(7)",
        run,
        ..Model::PLAIN
    },
    gauge: "census.unfinished and timeouts, with requests or bursts longer than one read",
    right: "epoll-edge",
};

fn run(server: &'static Server) -> io::Result<()> {
    server.set_nonblocking()?;
    let (epoll, listener) = (epoll::create(CreateFlags::CLOEXEC)?, server.listener());
    let name = |fd: i32| EventData::new_u64(u64::from(fd.unsigned_abs()));
    let mut conns: HashMap<u64, Conn> = HashMap::new();
    let mut events: Vec<Event> = Vec::with_capacity(EVENTS_MAX);
    let (edges, mut accepting) = (EventFlags::IN | EventFlags::OUT | EventFlags::ET, true);
    epoll::add(&epoll, listener, name(number(&listener)), EventFlags::IN)?;
    server.ready()?;
    while accepting || !conns.is_empty() {
        wait(&epoll, &mut events, stopping::is_stopping().then_some(CUT_TICK))?;
        for fd in events.iter().map(|event| event.data.u64()) {
            if let Some(conn) = conns.get_mut(&fd) {
                if let Some(ending) = turn(conn) {
                    conns.remove(&fd).into_iter().for_each(|conn| conn.end(ending));
                }
                continue;
            }
            match listener.accept() {
                Accepted::Conn(conn) => {
                    let name = name(number(&conn));
                    epoll::add(&epoll, &conn, name, edges)?;
                    conns.insert(name.u64(), conn);
                }
                Accepted::Stopped if accepting => {
                    accepting = false;
                    epoll::delete(&epoll, listener)?;
                }
                _ => {}
            }
        }
        if stopping::stage() == stopping::Stage::Cut {
            conns.drain().for_each(|(_, conn)| conn.end(Ending::Cut));
        }
    }
    Ok(())
}

/// What a client gets for an edge. Its jobs are done here and its end is abrupt: other faults.
fn turn(conn: &mut Conn) -> Option<Ending> {
    let mut has_read = false;
    loop {
        let (session, stream) = (&mut conn.client.session, &conn.stream);
        let io = match session.step() {
            // "The next edge will tell": but there is none.
            Step::Read(_) if has_read => return None,
            Step::Read(space) => {
                has_read = true;
                recv(stream, space).map(|n| drive::received(session, stream, n))
            }
            Step::Write(bytes) => send(stream, bytes).map(|n| session.sent(n)),
            Step::Outside(_) => unreachable!("broken servers run no commands"),
            Step::Run(job) => {
                let done = job.compute();
                stopping::sleep(job.wait());
                session.finished(&done);
                Ok(())
            }
            Step::Close => return Some(Ending::Finished),
        };
        match io {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
            Err(error) => return Some(drive::ending(&error)),
        }
    }
}
