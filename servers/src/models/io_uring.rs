//! Io_uring: one thread, an event loop around completions. The loop starts operations, and the
//! kernel reports when they are done.
//!
//! Waits in: io_uring_enter(2), which submits the operations of this turn and returns the completed
//! ones: one system call for each turn, for any number of clients.
//! Scheduler: the loop, one turn for each completion; a long computation delays all clients.
//! Runs out of: its one core; then descriptors and memory. A waiting receive holds its buffer, so
//! an idle client costs a buffer of one kilobyte.
//! Compare: `epoll.rs` (the kernel reports when a call would not block, and the loop makes the
//! call); `io_uring_multishot.rs` (operations that repeat, and buffers that are assigned when bytes
//! arrive).
//! In C: `benches/yardstick/c/io_uring.c`.

use std::io;
use std::time::Instant;

use protocol::Step;
use rustix::io::Errno;

use super::{Family, Model};
use crate::apps::outside;
use crate::connection::closing::Closing;
use crate::connection::drive::{self, Blocked, finished};
use crate::connection::{Conn, Ending, Phase, queued};
use crate::net::Server;
use crate::proactor::ring::{self, Completion, Op, Ring, Settings};
use crate::proactor::{Handler, Handlers};
use crate::stopping;

pub(crate) const MODEL: Model = Model {
    name: "io-uring",
    family: Family::Proactor,
    summary: "an event loop around io_uring(7), one operation for each step",
    ring: Some(PLAIN),
    probe: || ring::probe(&PLAIN, |_| Ok(())),
    run,
    ..Model::PLAIN
};

const PLAIN: Settings = Settings::PLAIN;

/// The same model with one setting changed.
pub(crate) const UNBATCHED: Model = Model {
    name: "io-uring-unbatched",
    summary: "io-uring with a system call for each operation",
    ring: Some(Settings { batched: false, ..PLAIN }),
    ..MODEL
};

pub(crate) const MULTISHOT_ACCEPT: Model = Model {
    name: "io-uring-multishot-accept",
    summary: "io-uring with one accept for all clients",
    ring: Some(Settings { multishot_accept: true, ..PLAIN }),
    probe: || ring::probe(&Settings { multishot_accept: true, ..PLAIN }, |_| Ok(())),
    ..MODEL
};

pub(crate) const REGISTERED: Model = Model {
    name: "io-uring-registered",
    summary: "io-uring with clients' sockets in its own file table",
    ring: Some(Settings { registered: true, ..PLAIN }),
    probe: || ring::probe(&Settings { registered: true, ..PLAIN }, |_| Ok(())),
    ..MODEL
};

pub(crate) const INTERRUPTED: Model = Model {
    name: "io-uring-interrupted",
    summary: "io-uring without deferred task work: completions interrupt the loop",
    ring: Some(Settings { deferred: false, ..PLAIN }),
    ..MODEL
};

pub(crate) const POLLED: Model = Model {
    name: "io-uring-polled",
    summary: "io-uring with a kernel thread that polls for operations (SQPOLL)",
    // The kernel's thread looks for operations for a while before it sleeps.
    never_sleeps: true,
    ring: Some(Settings { polled: true, ..PLAIN }),
    probe: || ring::probe(&Settings { polled: true, ..PLAIN }, |_| Ok(())),
    ..MODEL
};

fn run(server: &'static Server) -> io::Result<()> {
    // Spares every socket the timeouts of its own. The ring's sockets block all the same, which
    // means that the kernel waits for them instead of saying that it would have to.
    server.set_clients_nonblocking();
    let mut ring = Ring::new(&server.model.ring.unwrap_or(PLAIN))?;
    let mut handlers = Handlers::<()>::new(server, server.listener());
    let mut completions = Vec::new();
    server.ready()?;
    while !handlers.is_over() {
        handlers.listen(&mut ring);
        ring.submit_and_wait(handlers.timeout(), &mut completions)?;
        let now = Instant::now();
        for completion in completions.drain(..) {
            match completion.op {
                Op::Accept => handlers.accepted(&mut ring, completion, now),
                Op::Arrival => handlers.arrived(),
                Op::Recv | Op::Send => {
                    if let Some(handler) = handlers.completed(&completion) {
                        completed(handler, &completion, now);
                    }
                }
                Op::Others => handlers.others_can_go_on(),
                Op::Cancel => {}
            }
        }
        handlers.expire(now);
        for _ in 0..handlers.turns() {
            if let Some(handler) = handlers.next_turn(&mut ring) {
                let (place, blocked) = (handler.place, turn(handler, &mut ring));
                handlers.waits(&mut ring, place, &blocked);
            }
        }
    }
    Ok(())
}

/// Handles the result of a completed operation.
fn completed(handler: &mut Handler<()>, completion: &Completion, now: Instant) {
    let bytes = match completion.result {
        Ok(bytes) => bytes as usize,
        // Its turn starts the operation again.
        Err(Errno::INTR | Errno::AGAIN) => return,
        Err(_) => return handler.doom(broken(&handler.conn)),
    };
    let before = handler.conn.client.standing();
    let session = &mut handler.conn.client.session;
    match (&mut handler.conn.phase, completion.op) {
        (Phase::Closing(closing), _) => {
            if let Some(ending) = closing.dropped(bytes) {
                handler.doom(ending);
            }
        }
        (_, Op::Send) => {
            session.sent(bytes);
            handler.member.progressed_at = now;
        }
        _ => {
            if bytes == 0 && stopping::is_stopping() {
                session.wind_down(|| 0);
            }
            drive::wake(session);
            session.received(bytes);
        }
    }
    if handler.conn.client.standing() != before {
        handler.member.progressed_at = now;
    }
}

/// Takes the client's next step: starts an operation, or computes.
fn turn(handler: &mut Handler<()>, ring: &mut Ring) -> Blocked {
    let place = handler.place;
    if let Phase::Closing(_) = handler.conn.phase {
        let blocked = drive::close(&mut handler.conn);
        return drop_input(handler, ring, blocked);
    }
    loop {
        let (session, stream) = (&mut handler.conn.client.session, &handler.conn.stream);
        match session.step() {
            Step::Read(_) => {
                // The memory of a burst is released, and the usual kilobyte is there again.
                drive::rest(session);
                drive::wake_to_read(session);
                if stopping::is_stopping() {
                    session.wind_down(|| queued(stream));
                }
                if let Step::Read(space) = session.step() {
                    #[expect(unsafe_code, reason = "the kernel fills the session's buffer")]
                    // SAFETY: a session's slice stays where it is until the session is asked
                    // again or dropped. A handler with an operation in flight gets no turn,
                    // `completed` is called when it is over, and `Handlers` keeps it until then.
                    unsafe {
                        ring.recv(place, stream, space);
                    }
                    handler.started();
                }
                return Blocked::OnRead;
            }
            Step::Write(bytes) => {
                #[expect(unsafe_code, reason = "the kernel reads the session's buffer")]
                // SAFETY: as above.
                unsafe {
                    ring.send(place, stream, bytes);
                }
                handler.started();
                return Blocked::OnWrite;
            }
            Step::Outside(_) => {
                handler.member.progressed_at = Instant::now();
                return outside::turn(&mut handler.conn).unwrap_or(Blocked::OnTurn);
            }
            // One job is a turn, as its reply is an operation.
            Step::Run(job) => {
                let done = job.compute();
                handler.member.progressed_at = Instant::now();
                if !job.wait().is_zero() {
                    handler.conn.phase = Phase::Waiting(done);
                    return Blocked::OnJob(job.wait());
                }
                finished(session, stream, &done);
            }
            Step::Close => {
                let blocked = begin_to_close(&mut handler.conn);
                return drop_input(handler, ring, blocked);
            }
        }
    }
}

/// Begins to close. While the close can still wait, the ring does the reading, and this function
/// reads nothing.
pub(super) fn begin_to_close(conn: &mut Conn) -> Blocked {
    if !conn.client.is_to_be_closed_in_steps() {
        return Blocked::Over(Ending::Finished);
    }
    let closing = Closing::begin(&conn.stream);
    let wait = closing.first_wait();
    conn.phase = Phase::Closing(closing);
    match wait {
        Some(time) => Blocked::OnClose { bytes: true, time },
        None => drive::close(conn),
    }
}

/// Starts to receive and drop input, if the close waits for its end and no receive is under way.
fn drop_input(handler: &mut Handler<()>, ring: &mut Ring, blocked: Blocked) -> Blocked {
    if let (Blocked::OnClose { bytes: true, .. }, Phase::Closing(closing)) =
        (&blocked, &handler.conn.phase)
        && handler.is_idle()
    {
        ring.recv_nowhere(handler.place, &handler.conn, closing.left());
        handler.started();
    }
    blocked
}

/// How a connection ended after a failed operation.
pub(super) fn broken(conn: &Conn) -> Ending {
    match &conn.phase {
        Phase::Closing(closing) => closing.failed(&conn.stream),
        _ => Ending::Reset,
    }
}
