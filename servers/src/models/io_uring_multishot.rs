//! Io_uring, multishot: one thread, an event loop around completions of operations that repeat.
//!
//! Waits in: io_uring_enter(2), as in `io_uring.rs`. One accept serves all clients, and one receive
//! serves all requests of a client. Each completion says whether its operation continues.
//! Scheduler: the loop, one turn for each client with completions; a long computation delays all
//! clients. Bytes arrive whether they are wanted or not, so a client that sends more than the
//! server answers must be stopped by cancelling its receive.
//! Runs out of: its one core; then provided buffers, if more clients send at once than there are
//! buffers; then descriptors and memory. An idle client holds no buffer.
//! Compare: `io_uring.rs` (an operation for each step, and a buffer for each wait).
//! In C: `benches/yardstick/c/io_uring_multishot.c`.

use std::io;
use std::mem;
use std::time::Instant;

use protocol::{Framing, RAW_BYTES_MAX, Step};
use rustix::io::Errno;

use super::io_uring::{begin_to_close, broken};
use super::{Family, Model};
use crate::apps::outside;
use crate::connection::drive::{self, Blocked, finished};
use crate::connection::{Ending, Phase};
use crate::net::Server;
use crate::proactor::ring::{self, Buffers, Completion, Op, Receives, Ring, Settings};
use crate::proactor::{Handler, Handlers};
use crate::stopping;

pub(crate) const MODEL: Model = Model {
    name: "io-uring-multishot",
    family: Family::Proactor,
    summary: "io_uring(7) with multishot operations and provided buffers",
    ring: Some(MULTISHOT),
    probe: || probe(&MULTISHOT),
    run,
    ..Model::PLAIN
};

/// Buffers from the pool alone: each receive brings bytes once.
pub(crate) const PROVIDED: Model = Model {
    name: "io-uring-provided",
    summary: "io-uring with buffers that are taken when bytes arrive",
    ring: Some(BUFFERS),
    probe: || probe(&BUFFERS),
    ..MODEL
};

const MULTISHOT: Settings =
    Settings { multishot_accept: true, receives: Receives::Multishot, ..Settings::PLAIN };
const BUFFERS: Settings = Settings { receives: Receives::Provided, ..Settings::PLAIN };

/// Total size of all provided buffers. One client may fill them all before this thread sees any of
/// its bytes, so this is also the most that a client can make the server keep.
const POOL_BYTES: usize = 1024 * 1024;
/// Size of one buffer. Most requests fit; in line framing, a longer one arrives in pieces.
const BUFFER_BYTES: usize = 2 * 1024;
/// The most that a client may have sent and the session not taken. More stops its receive.
const KEPT_BYTES_MAX: usize = 16 * 1024;

/// The most that is taken from a client while stopping: more than a kernel keeps for a connection,
/// which is 6 MiB (tcp_rmem). A client may send without end.
const LATE_BYTES_MAX: usize = 8 * 1024 * 1024;

/// The input side of a client.
#[derive(Debug, Default)]
struct Input {
    /// A receive is under way.
    receiving: bool,
    /// The receive is being cancelled.
    cancelled: bool,
    /// The kernel is sending the session's reply.
    sending: bool,
    /// The receive has brought bytes.
    delivered: bool,
    /// The peer or the drain has ended the input.
    ended: bool,
    /// Bytes that arrived while stopping.
    late: usize,
    /// Bytes that arrived while the session wanted none, and how many of them it has taken since.
    kept: Vec<u8>,
    taken: usize,
}

impl Input {
    /// Whether to cancel the receive, because too much is kept or no more is wanted; true once.
    fn must_stop(&mut self) -> bool {
        let too_much = self.kept.len() - self.taken > KEPT_BYTES_MAX;
        self.stops_if(too_much || self.ended)
    }

    /// Whether to cancel and restart the receive; true once. It may miss the end of input that the
    /// drain has made: if bytes and an end arrive together, the kernel delivers the bytes and waits
    /// for something new.
    fn must_ask_anew(&mut self) -> bool {
        self.stops_if(self.delivered)
    }

    fn stops_if(&mut self, reason: bool) -> bool {
        let stops = reason && self.receiving && !self.cancelled;
        self.cancelled |= stops;
        stops
    }
}

fn probe(settings: &Settings) -> Result<(), String> {
    ring::probe(settings, |ring| match Buffers::new(ring, 1, BUFFER_BYTES) {
        Ok(_) => Ok(()),
        Err(error) => Err(format!("io_uring rejects provided buffers: {error}")),
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
    let mut ring = Ring::new(&server.model.ring.unwrap_or(MULTISHOT))?;
    let mut buffers = Buffers::new(&ring, count, each)?;
    let mut handlers = Handlers::<Input>::new(server, server.listener());
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
                Op::Others => handlers.others_can_go_on(),
                Op::Cancel => {}
            }
        }
        handlers.expire(now);
        for _ in 0..handlers.turns() {
            if let Some(handler) = handlers.next_turn(&mut ring) {
                let (place, blocked) = (handler.place, turn(handler, &mut ring, &buffers, now));
                handlers.waits(&mut ring, place, &blocked);
            }
        }
    }
    Ok(())
}

/// Passes arrived bytes to the session, or keeps them.
fn received(handler: &mut Handler<Input>, completion: &Completion, bytes: &[u8], now: Instant) {
    let input = &mut handler.input;
    if !completion.more {
        (input.receiving, input.cancelled) = (false, false);
    }
    match completion.result {
        Ok(0) => input.ended = true,
        Ok(_) => {
            input.delivered = true;
            if stopping::is_stopping() {
                input.late += bytes.len();
                input.ended |= input.late > LATE_BYTES_MAX;
            }
        }
        // There was no buffer left, or the receive was cancelled: a turn starts it again. By then
        // all buffers with handled completions are back.
        Err(Errno::NOBUFS | Errno::CANCELED | Errno::INTR | Errno::AGAIN) => return,
        Err(_) => return handler.doom(broken(&handler.conn)),
    }
    match &mut handler.conn.phase {
        Phase::Closing(closing) => {
            if let Some(ending) = closing.dropped(bytes.len()) {
                handler.doom(ending);
            }
        }
        Phase::Serving if !input.sending && input.kept.is_empty() => {
            let taken = take_in(handler, bytes, now);
            handler.input.kept.extend_from_slice(&bytes[taken..]);
        }
        _ => input.kept.extend_from_slice(bytes),
    }
}

fn sent(handler: &mut Handler<Input>, completion: &Completion, now: Instant) {
    handler.input.sending = false;
    match completion.result {
        Ok(bytes) => {
            handler.conn.client.session.sent(bytes as usize);
            handler.member.progressed_at = now;
        }
        Err(Errno::INTR | Errno::AGAIN) => {}
        Err(_) => handler.doom(Ending::Reset),
    }
}

/// Has the client take its next step: starts an operation, or computes.
fn turn(handler: &mut Handler<Input>, ring: &mut Ring, buffers: &Buffers, now: Instant) -> Blocked {
    match handler.conn.phase {
        Phase::Closing(_) => {
            let blocked = drive::close(&mut handler.conn);
            return drop_input(handler, ring, buffers, blocked);
        }
        // Differs from io_uring.rs: something has arrived that is not wanted yet.
        _ if handler.input.sending => return Blocked::OnWrite,
        Phase::Waiting(_) | Phase::Working => return Blocked::OnRead,
        Phase::Serving | Phase::Outside => {}
    }
    loop {
        let (session, stream) = (&mut handler.conn.client.session, &handler.conn.stream);
        match session.step() {
            Step::Read(_) if !handler.input.kept.is_empty() => take_in_kept(handler, now),
            Step::Read(_) if handler.input.ended => {
                if stopping::is_stopping() {
                    session.wind_down(|| 0);
                }
                session.received(0);
            }
            Step::Read(_) => {
                drive::rest(session);
                if stopping::is_stopping() && handler.input.must_ask_anew() {
                    ring.cancel(Op::Recv, handler.place);
                } else {
                    receive(handler, ring, buffers);
                }
                return Blocked::OnRead;
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
                handler.input.kept = Vec::new();
                let blocked = begin_to_close(&mut handler.conn);
                return drop_input(handler, ring, buffers, blocked);
            }
        }
    }
}

/// Starts a receive, unless one is under way.
fn receive(handler: &mut Handler<Input>, ring: &mut Ring, buffers: &Buffers) {
    if !handler.input.receiving {
        (handler.input.receiving, handler.input.delivered) = (true, false);
        ring.recv_provided(handler.place, &handler.conn, buffers);
        handler.started();
    }
}

/// Continues to receive while the close waits for the end of input; the bytes are dropped.
fn drop_input(
    handler: &mut Handler<Input>,
    ring: &mut Ring,
    buffers: &Buffers,
    blocked: Blocked,
) -> Blocked {
    if let Blocked::OnClose { bytes: true, .. } = blocked
        && !handler.input.ended
    {
        receive(handler, ring, buffers);
    }
    blocked
}

/// Gives a session the bytes that it wants, and returns their number.
fn take_in(handler: &mut Handler<Input>, bytes: &[u8], now: Instant) -> usize {
    let before = handler.conn.client.standing();
    let (session, mut taken) = (&mut handler.conn.client.session, 0);
    drive::wake(session);
    // It may want less than has arrived, as it asks for room for a line and not for a buffer.
    while taken < bytes.len()
        && let Step::Read(space) = session.step()
    {
        let n = space.len().min(bytes.len() - taken);
        space[..n].copy_from_slice(&bytes[taken..taken + n]);
        session.received(n);
        taken += n;
    }
    if handler.conn.client.standing() != before {
        handler.member.progressed_at = now;
    }
    taken
}

/// Gives a session its kept bytes.
fn take_in_kept(handler: &mut Handler<Input>, now: Instant) {
    let kept = mem::take(&mut handler.input.kept);
    handler.input.taken += take_in(handler, &kept[handler.input.taken..], now);
    if handler.input.taken < kept.len() {
        handler.input.kept = kept;
    } else {
        handler.input.taken = 0;
    }
}
