//! The two drivers: the blocking one serves a connection to its end, the non-blocking one until it
//! would block. A model chooses one and decides where it runs. io_uring and async runtimes have
//! drivers of their own, because they wait in another way.

use std::cell::RefCell;
use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use protocol::{Done, Job, Session, Spare, Step};

use crate::apps::outside;
#[cfg(doc)]
use crate::connection::Client;
use crate::connection::closing::{Closing, Next};
use crate::connection::{Conn, Ending, Phase, queued, recv, send};
use crate::stopping;

/// Reads per turn of a non-blocking connection, so that one fast client cannot starve the
/// others.
pub(crate) const READS_PER_TURN_MAX: usize = 4;
/// The same for what is done outside, a page at a time.
const OUTSIDE_PER_TURN_MAX: usize = 16;

thread_local! {
    /// The buffers of whoever has a turn on this thread. Idle connections have none, and without
    /// these every request would allocate two.
    static SPARE: RefCell<Spare> = const { RefCell::new(Spare::new()) };
}

/// Carries a connection to its end, blocking the worker that it is called in.
pub(crate) fn to_end(mut conn: Conn, worker: usize) {
    conn.client.taken_by(worker);
    let idle_timeout = conn.client.server().config.idle_timeout;
    // The last progress, where what arrived since was none or a request is here in part.
    let mut stalled_since: Option<Instant> = None;
    let mut before = conn.client.standing();
    loop {
        let (session, stream) = (&mut conn.client.session, &conn.stream);
        let io = match session.step() {
            Step::Read(space) => recv(stream, space).map(|n| {
                received(session, stream, n);
                false
            }),
            Step::Write(bytes) => send(stream, bytes).map(|n| {
                session.sent(n);
                true
            }),
            Step::Run(job) => {
                let done = job.compute();
                stopping::sleep(job.wait());
                finished(session, stream, &done);
                Ok(true)
            }
            Step::Outside(_) => outside::advance_blocking(&mut conn).map(|()| true),
            Step::Close => return conn.close_blocking(),
        };
        let moved = match io {
            Ok(moved) => moved,
            Err(error) => return conn.end(ending(&error)),
        };
        // The socket's own timeout starts anew with each byte; a peer that trickles is
        // stopped here. Only a request in pieces pays for the clock.
        let standing = conn.client.standing();
        if moved || standing != before {
            let (in_pieces, _) = standing;
            stalled_since = in_pieces.then(Instant::now);
        } else if stalled_since.get_or_insert_with(Instant::now).elapsed() > idle_timeout {
            return conn.end(Ending::Idle);
        }
        before = standing;
    }
}

/// What a connection waits for after its turn.
#[derive(Debug)]
pub(crate) enum Blocked {
    /// Bytes from its peer.
    OnRead,
    /// Its peer to take bytes.
    OnWrite,
    /// Time: the wait of a job. Call [`job_is_over`] after it.
    OnJob(Duration),
    /// What it has done outside. Watch that, and give it a turn.
    Outside,
    /// This job, which the model runs elsewhere. Call [`work_is_done`] with its answer.
    OnWork(Job),
    /// Nothing but its next turn.
    OnTurn,
    /// Time, at most so much, and bytes, if it says so: it is being closed.
    OnClose { bytes: bool, time: Duration },
    /// It is over, for this reason.
    Over(Ending),
}

/// Carries a connection until it would block or has had its turn. Returns what it waits for and
/// whether it got anywhere, which not all that arrives is: see [`Client::standing`].
///
/// Jobs are computed here, or, with `jobs_elsewhere`, handed out.
pub(crate) fn until_blocked(conn: &mut Conn, jobs_elsewhere: bool) -> (Blocked, bool) {
    let before = conn.client.standing();
    let mut moved = false;
    let blocked = match &mut conn.phase {
        Phase::Serving | Phase::Outside => {
            wake(&mut conn.client.session);
            serve(conn, jobs_elsewhere, &mut moved)
        }
        Phase::Waiting(_) | Phase::Working => {
            unreachable!("a connection gets no turn while its job runs")
        }
        Phase::Closing(_) => close(conn),
    };
    (blocked, moved || conn.client.standing() != before)
}

/// Has a session use this thread's spare buffers for its turn.
pub(crate) fn wake(session: &mut Session) {
    SPARE.with_borrow_mut(|spare| session.take_spare(spare));
}

/// The same for its input alone: for a model whose read is under way while the client waits.
pub(crate) fn wake_to_read(session: &mut Session) {
    SPARE.with_borrow_mut(|spare| session.take_spare_inbox(spare));
}

/// Takes the buffers of a session that goes to wait for its peer, for the next turn on this thread.
pub(crate) fn rest(session: &mut Session) {
    SPARE.with_borrow_mut(|spare| session.rest_into(spare));
}

/// Passes input to a session. Once the server is stopping, it may have caused an end of input
/// itself, even for a thread that was blocked in the read, and the session must know that.
#[inline]
pub(crate) fn received(session: &mut Session, stream: &OwnedFd, n: usize) {
    if stopping::is_stopping() {
        wind_down(session, stream, n);
    }
    session.received(n);
}

/// Has a session wind down that was not told yet of `read` bytes, and of what the kernel has.
#[cold]
fn wind_down(session: &mut Session, stream: &OwnedFd, read: usize) {
    session.wind_down(|| read + queued(stream));
}

/// Tells a session that its job is done. Once the server is stopping, the reply may have to
/// announce that it is the last.
pub(crate) fn finished(session: &mut Session, stream: &OwnedFd, done: &Done) {
    if stopping::is_stopping() {
        wind_down(session, stream, 0);
    }
    session.finished(done);
}

/// The wait of this connection's job is over; give it a turn.
pub(crate) fn job_is_over(conn: &mut Conn) {
    if let Phase::Waiting(done) = &conn.phase {
        finished(&mut conn.client.session, &conn.stream, done);
        conn.phase = Phase::Serving;
    }
}

/// The job of this connection has been run elsewhere, and a wait of so long is still to come.
/// After that call [`job_is_over`]; where it is zero, give the connection a turn.
pub(crate) fn work_is_done(conn: &mut Conn, done: Done, wait: Duration) {
    conn.phase = Phase::Waiting(done);
    if wait.is_zero() {
        job_is_over(conn);
    }
}

fn serve(conn: &mut Conn, jobs_elsewhere: bool, moved: &mut bool) -> Blocked {
    let (mut reads, mut jobs, mut outside) = (0, 0, 0);
    loop {
        let (session, stream) = (&mut conn.client.session, &conn.stream);
        let io = match session.step() {
            // A short read has emptied the socket: asking again would only cost an EAGAIN.
            Step::Read(_) if !conn.readable => {
                rest(session);
                return Blocked::OnRead;
            }
            Step::Read(_) if reads == READS_PER_TURN_MAX => return Blocked::OnTurn,
            Step::Read(space) => {
                let offered = space.len();
                recv(stream, space).map(|n| {
                    reads += 1;
                    conn.readable = n == offered || conn.unproven;
                    received(session, stream, n);
                })
            }
            Step::Write(bytes) => send(stream, bytes).map(|n| {
                *moved = true;
                session.sent(n);
            }),
            Step::Outside(_) if outside == OUTSIDE_PER_TURN_MAX => return Blocked::OnTurn,
            Step::Outside(_) => {
                outside += 1;
                if let Some(blocked) = outside::turn(conn) {
                    return blocked;
                }
                *moved = true;
                continue;
            }
            // One job is a turn: CPU is what the other clients are waiting for.
            Step::Run(_) if jobs == 1 => return Blocked::OnTurn,
            Step::Run(job) if jobs_elsewhere => {
                *moved = true;
                conn.phase = Phase::Working;
                return Blocked::OnWork(job);
            }
            Step::Run(job) => {
                jobs += 1;
                *moved = true;
                let done = job.compute();
                if !job.wait().is_zero() {
                    conn.phase = Phase::Waiting(done);
                    return Blocked::OnJob(job.wait());
                }
                finished(session, stream, &done);
                Ok(())
            }
            Step::Close => return begin_to_close(conn),
        };
        match io {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                if matches!(session.step(), Step::Write(_)) {
                    return Blocked::OnWrite;
                }
                (conn.readable, conn.unproven) = (false, false);
            }
            Err(error) => return Blocked::Over(ending(&error)),
        }
    }
}

/// Begins to close; everything has been written.
pub(crate) fn begin_to_close(conn: &mut Conn) -> Blocked {
    if !conn.client.is_to_be_closed_in_steps() {
        return Blocked::Over(Ending::Finished);
    }
    conn.phase = Phase::Closing(Closing::begin(&conn.stream));
    close(conn)
}

/// Closes as far as that goes now.
pub(crate) fn close(conn: &mut Conn) -> Blocked {
    let idle_timeout = conn.client.server().config.idle_timeout;
    let Phase::Closing(closing) = &mut conn.phase else {
        unreachable!("it is called for connections that are being closed")
    };
    match closing.look(&conn.stream, idle_timeout) {
        Next::Input(time) => Blocked::OnClose { bytes: true, time },
        Next::Time(time) => Blocked::OnClose { bytes: false, time },
        Next::Over(ending) => Blocked::Over(ending),
    }
}

/// What to call the end of a connection on which a system call failed like this.
pub(crate) fn ending(error: &io::Error) -> Ending {
    match error.kind() {
        // SO_RCVTIMEO or SO_SNDTIMEO ran out, on a socket that blocks.
        io::ErrorKind::WouldBlock => Ending::Idle,
        _ => Ending::Reset,
    }
}
