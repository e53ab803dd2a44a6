//! Io_uring, multishot: one thread, an event loop around completions of operations that go on.
//!
//! Waits in: io_uring_enter(2), as its neighbour. One accept serves all clients and one receive all
//! requests of a client; the kernel says each time whether it goes on.
//! Scheduler: the loop, one turn for each client with completions; a long computation delays
//! everybody. Bytes arrive whether they are wanted or not, so a client that sends more than is
//! answered must be stopped by cancelling its receive.
//! Runs out of: its one core; then provided buffers, when more clients send at a time than there
//! are; then descriptors and memory. An idle client holds no buffer.
//! Compare: `io_uring.rs` (an operation for each step, and a buffer for each wait).

use std::io;
use std::mem;
use std::time::Instant;

use io_uring::opcode;
use protocol::{Framing, RAW_BYTES_MAX, Step};
use rustix::io::Errno;

use super::io_uring::{NEEDED, broken};
use super::{Family, Model};
use crate::connection::drive::{Blocked, finished};
use crate::connection::{Ending, LINGER, LINGER_BYTES_MAX, Phase};
use crate::net::Server;
use crate::proactor::ring::{self, Buffers, Completion, Op, Ring};
use crate::proactor::{Handler, Handlers};
use crate::stopping;

pub(crate) const MODEL: Model = Model {
    name: "io-uring-multishot",
    family: Family::Proactor,
    summary: "io_uring(7) with multishot operations and provided buffers",
    probe,
    run,
    ..Model::PLAIN
};

/// Bytes of all provided buffers together. One client may fill them all before this thread sees any
/// of it, so they are also what a client can make the server keep.
const POOL_BYTES: usize = 1024 * 1024;
/// Bytes of one. Most requests fit, and in line framing one that does not comes in pieces.
const BUFFER_BYTES: usize = 2 * 1024;
/// What a client may have sent that is not taken yet. More than that stops its receive.
const KEPT_BYTES_MAX: usize = 16 * 1024;

/// What has come in from a client.
#[derive(Debug, Default)]
struct Input {
    /// A receive goes on.
    receiving: bool,
    /// It is being stopped.
    cancelled: bool,
    /// The kernel has the session's reply in its hands.
    sending: bool,
    /// The peer, or our own stopping, has ended it.
    ended: bool,
    /// Bytes that came while the session wanted none, and how many of them it has taken since.
    kept: Vec<u8>,
    taken: usize,
}

impl Input {
    /// Whether more has been kept than may be, so that the receive is to be stopped; once.
    fn must_stop(&mut self) -> bool {
        let too_much = self.kept.len() - self.taken > KEPT_BYTES_MAX;
        let stop = too_much && self.receiving && !self.cancelled;
        self.cancelled |= stop;
        stop
    }
}

fn probe() -> Result<(), String> {
    // No opcode tells of multishot receives; this one came with the same Linux.
    let needed = [
        NEEDED,
        &[(opcode::AsyncCancel::CODE, "cancelling"), (opcode::SendZc::CODE, "multishot receives")],
    ]
    .concat();
    ring::probe(&needed, |ring| match Buffers::new(ring, 1, BUFFER_BYTES) {
        Ok(_) => Ok(()),
        Err(error) => Err(format!("io_uring takes no provided buffers: {error}")),
    })
}

fn run(server: &'static Server) -> io::Result<()> {
    // As in io_uring.rs.
    server.set_clients_nonblocking();
    let each = match server.config.service.framing {
        Framing::Line | Framing::Http => BUFFER_BYTES,
        // A message is what one receive returned.
        Framing::Raw => RAW_BYTES_MAX,
    };
    let count = u16::try_from(POOL_BYTES / each).expect("a small pool");
    let mut ring = Ring::new()?;
    let mut buffers = Buffers::new(&ring, count, each)?;
    let mut handlers = Handlers::<Input>::new(server, server.listener());
    let mut completions = Vec::new();
    server.ready()?;
    while !handlers.is_over() {
        // Differs from io_uring.rs: the kernel goes on by itself, until something fails.
        handlers.listen(&mut ring, 1, Ring::accept_all);
        ring.submit_and_wait(handlers.timeout(), &mut completions)?;
        let now = Instant::now();
        for completion in completions.drain(..) {
            match completion.op {
                Op::Accept => handlers.accepted(completion, now),
                Op::Arrival => handlers.arrived(),
                Op::Recv => {
                    if let Some(handler) = handlers.completed(&completion) {
                        received(handler, &completion, buffers.bytes(&completion), now);
                        if handler.input.must_stop() {
                            ring.cancel(Op::Recv, handler.place);
                        }
                    }
                    buffers.give_back(&completion);
                }
                Op::Send => {
                    if let Some(handler) = handlers.completed(&completion) {
                        sent(handler, &completion, now);
                    }
                }
                Op::Cancel => {}
            }
        }
        handlers.expire(now);
        for _ in 0..handlers.turns() {
            if let Some(handler) = handlers.next_turn() {
                let (place, blocked) = (handler.place, turn(handler, &mut ring, &buffers, now));
                handlers.waits(place, &blocked, now);
            }
        }
    }
    Ok(())
}

/// Takes in what has arrived, or keeps it.
fn received(handler: &mut Handler<Input>, completion: &Completion, bytes: &[u8], now: Instant) {
    let input = &mut handler.input;
    if !completion.more {
        (input.receiving, input.cancelled) = (false, false);
    }
    match completion.result {
        Ok(0) => input.ended = true,
        Ok(_) => {}
        // No buffer was left, or we have stopped it: a turn starts it again. By then all buffers
        // whose completions have been seen are back.
        Err(Errno::NOBUFS | Errno::CANCELED | Errno::INTR | Errno::AGAIN) => return,
        Err(_) => return handler.doom(broken(&handler.conn.phase)),
    }
    match &mut handler.conn.phase {
        Phase::Lingering(left) if !input.ended && bytes.len() < *left => *left -= bytes.len(),
        Phase::Lingering(_) => handler.doom(Ending::Finished),
        Phase::Serving if !input.sending && input.kept.is_empty() => {
            let taken = take_in(handler, bytes, now);
            handler.input.kept.extend_from_slice(&bytes[taken..]);
        }
        _ => input.kept.extend_from_slice(bytes),
    }
}

fn sent(handler: &mut Handler<Input>, completion: &Completion, now: Instant) {
    handler.input.sending = false;
    let before = handler.conn.client.standing();
    match completion.result {
        Ok(bytes) => handler.conn.client.session.sent(bytes as usize),
        Err(Errno::INTR | Errno::AGAIN) => return,
        Err(_) => return handler.doom(Ending::Reset),
    }
    if !handler.conn.client.trickled_since(before) {
        handler.progressed_at = now;
    }
}

/// Has the client take its next step: starts an operation, or computes.
fn turn(handler: &mut Handler<Input>, ring: &mut Ring, buffers: &Buffers, now: Instant) -> Blocked {
    match handler.conn.phase {
        Phase::Lingering(_) => return receive(handler, ring, buffers),
        // Differs from io_uring.rs: something has arrived that is not wanted yet.
        _ if handler.input.sending => return Blocked::OnWrite,
        Phase::Waiting(_) | Phase::Working => return Blocked::OnRead,
        Phase::Serving => {}
    }
    loop {
        let (session, stream) = (&mut handler.conn.client.session, &handler.conn.stream);
        match session.step() {
            Step::Read(_) if !handler.input.kept.is_empty() => take_in_kept(handler, now),
            Step::Read(_) if handler.input.ended => {
                if stopping::is_stopping() {
                    session.wind_down();
                }
                session.received(0);
            }
            Step::Read(_) => {
                session.rest();
                return receive(handler, ring, buffers);
            }
            Step::Write(bytes) => {
                #[expect(unsafe_code, reason = "the kernel reads the session's buffer")]
                // SAFETY: a session's slice stays where it is until the session is asked again or
                // dropped. While `sending` is set it is asked nothing, and `Handlers` keeps it
                // until the completion.
                unsafe {
                    ring.send(handler.place, stream, bytes);
                }
                handler.input.sending = true;
                handler.started();
                return Blocked::OnWrite;
            }
            // One job is a turn, as its reply is an operation.
            Step::Run(job) => {
                let done = job.compute();
                handler.progressed_at = Instant::now();
                if !job.wait().is_zero() {
                    handler.conn.phase = Phase::Waiting(done);
                    return Blocked::OnJob(job.wait());
                }
                finished(session, &done);
            }
            Step::Close => {
                if session.input_ended() {
                    return Blocked::Over(Ending::Finished);
                }
                handler.input.kept = Vec::new();
                handler.conn.half_close();
                handler.conn.phase = Phase::Lingering(LINGER_BYTES_MAX);
                return Blocked::OnClose(LINGER);
            }
        }
    }
}

/// Has the kernel receive, unless it does, or there is nothing more to come.
fn receive(handler: &mut Handler<Input>, ring: &mut Ring, buffers: &Buffers) -> Blocked {
    if handler.input.ended {
        return Blocked::Over(Ending::Finished);
    }
    if !handler.input.receiving {
        handler.input.receiving = true;
        ring.recv_all(handler.place, &handler.conn, buffers);
        handler.started();
    }
    Blocked::OnRead
}

/// Gives a session what it asks for, and returns how much that was.
fn take_in(handler: &mut Handler<Input>, bytes: &[u8], now: Instant) -> usize {
    let before = handler.conn.client.standing();
    let (session, mut taken) = (&mut handler.conn.client.session, 0);
    // It may want less than has arrived, as it asks for room for a line and not for a buffer.
    while taken < bytes.len()
        && let Step::Read(space) = session.step()
    {
        let n = space.len().min(bytes.len() - taken);
        space[..n].copy_from_slice(&bytes[taken..taken + n]);
        session.received(n);
        taken += n;
    }
    if !handler.conn.client.trickled_since(before) {
        handler.progressed_at = now;
    }
    taken
}

/// Gives a session what was kept for it.
fn take_in_kept(handler: &mut Handler<Input>, now: Instant) {
    let kept = mem::take(&mut handler.input.kept);
    handler.input.taken += take_in(handler, &kept[handler.input.taken..], now);
    if handler.input.taken < kept.len() {
        handler.input.kept = kept;
    } else {
        handler.input.taken = 0;
    }
}
