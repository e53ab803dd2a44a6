//! Signal-driven: the kernel queues a signal for each socket that becomes ready, and the loop takes
//! signals from the queue.
//!
//! Waits in: sigtimedwait(2), for the next signal; each signal names one descriptor.
//! Scheduler: the loop, in the order of the signals; a long computation delays all clients.
//! Runs out of: places in the queue, which all processes of a user share (RLIMIT_SIGPENDING). If it
//! is full, the kernel sends a plain SIGIO instead, and the loop must check every client.
//! Compare: `epoll_edge.rs` (the same events, many in one call, and none is lost). Method:
//! fcntl(2), F_SETSIG; Stevens, Fenner and Rudoff, UNIX Network Programming 1, section 6.2,
//! "Signal-Driven I/O Model".
//! In C: `benches/yardstick/c/signal_driven.c`.

use std::io;
use std::mem::{MaybeUninit, size_of};
use std::time::{Duration, Instant};

use rustix::thread::gettid;

use super::{Family, Model};
use crate::net::{Server, number};
use crate::reactor::{Clients, Ready, Token};
use crate::stopping;

pub(crate) const MODEL: Model = Model {
    name: "signal-driven",
    family: Family::Reactor,
    summary: "a queued real-time signal for each socket that becomes ready (F_SETSIG)",
    waits_outside: Err(
        "the kernel sends no such signal when a process ends, nor for a nested epoll",
    ),
    run,
    ..Model::PLAIN
};

/// The events assumed for a client after lost signals.
const ANYTHING: Ready = Ready {
    readable: true,
    writable: true,
    hung_up: false,
    urgent: false,
    dead: false,
    told_once: true,
};

/// Signals to take from the queue before the next turns.
const SIGNALS_PER_TURN_MAX: usize = 1024;

fn run(server: &'static Server) -> io::Result<()> {
    server.set_nonblocking()?;
    let listener = server.listener();
    let signals = block_signals()?;
    ask_for_signals(number(&listener))?;
    let mut clients = Clients::new(server, 0);
    // The client of each descriptor: a signal names only the descriptor.
    let mut owners: Vec<Token> = Vec::new();
    let mut newcomers = Vec::new();
    // A client may have connected before signals were enabled.
    clients.wake_listener();
    server.ready()?;
    while !clients.is_over() {
        for _ in 0..SIGNALS_PER_TURN_MAX {
            let busy = clients.turns() > 0;
            match next_signal(&signals, clients.timeout())? {
                News::Of(fd, _) if fd == number(&listener) => clients.wake_listener(),
                // A signal may be older than the client that has the descriptor now; the check is
                // then in vain.
                News::Of(fd, ready) => {
                    owners.get(index(fd)).map(|token| clients.wake(*token, ready));
                }
                News::Lost => {
                    clients.wake_listener();
                    clients.wake_all(Ready { urgent: true, ..ANYTHING });
                }
                News::Nothing => break,
            }
            if !busy {
                break;
            }
            // A client that keeps the loop busy has a signal for each segment that came: with one
            // turn for each of them, the others would wait.
        }
        if stopping::accepts_no_more() {
            // The kernel sends no signal for the server's own half-close of a connection.
            clients.wake_listener();
            clients.wake_all(ANYTHING);
        }
        let now = Instant::now();
        clients.expire(now);
        clients.accept(listener, now, |token, conn| {
            let fd = number(conn);
            owners.resize(owners.len().max(index(fd) + 1), Token::LISTENER);
            owners[index(fd)] = token;
            newcomers.push(token);
            ask_for_signals(fd).is_ok()
        });
        for token in &newcomers {
            // Its first bytes may have come before there were signals.
            clients.wake(*token, ANYTHING);
        }
        for _ in 0..clients.turns() {
            if clients.next_turn(now).is_none() {
                break;
            }
        }
        for token in newcomers.drain(..) {
            // So may the end of its input, which the read of those bytes has not shown.
            clients.wake(token, ANYTHING);
        }
    }
    Ok(())
}

/// The meaning of a signal.
enum News {
    /// An event of this descriptor.
    Of(i32, Ready),
    /// The queue was full, and signals were lost.
    Lost,
    /// None: the time is over, or the signal was not for the loop.
    Nothing,
}

/// The signal for sockets. The first real-time signal is left to others.
fn socket_signal() -> i32 {
    libc::SIGRTMIN() + 1
}

/// Blocks the signals of sockets, so they stay in the queue until the loop takes them.
fn block_signals() -> io::Result<libc::sigset_t> {
    let mut set = MaybeUninit::uninit();
    #[expect(unsafe_code, reason = "rustix has no stable signal masks")]
    // SAFETY: sigemptyset(3) initialises the set, and a null pointer asks for no old one.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        libc::sigaddset(set.as_mut_ptr(), socket_signal());
        libc::sigaddset(set.as_mut_ptr(), libc::SIGIO);
        match libc::pthread_sigmask(libc::SIG_BLOCK, set.as_ptr(), std::ptr::null_mut()) {
            0 => Ok(set.assume_init()),
            error => Err(io::Error::from_raw_os_error(error)),
        }
    }
}

/// Makes the kernel queue a signal for this thread at each event of a socket.
fn ask_for_signals(fd: i32) -> io::Result<()> {
    // include/uapi/asm-generic/fcntl.h
    const F_SETSIG: i32 = 10;
    const F_SETOWN_EX: i32 = 15;
    const F_OWNER_TID: i32 = 0;
    #[repr(C)]
    struct Owner {
        kind: i32,
        id: i32,
    }
    let owner = Owner { kind: F_OWNER_TID, id: gettid().as_raw_pid() };
    let checked = |result| if result == -1 { Err(io::Error::last_os_error()) } else { Ok(result) };
    #[expect(unsafe_code, reason = "rustix has no signals of descriptors")]
    // SAFETY: the descriptor is open, and the structure is the kernel's `f_owner_ex` and lives
    // across the call.
    unsafe {
        checked(libc::fcntl(fd, F_SETOWN_EX, &raw const owner))?;
        checked(libc::fcntl(fd, F_SETSIG, socket_signal()))?;
        let flags = checked(libc::fcntl(fd, libc::F_GETFL))?;
        checked(libc::fcntl(fd, libc::F_SETFL, flags | libc::O_ASYNC))?;
    }
    Ok(())
}

/// The data of a signal, sigaction(2): `siginfo_t` as for SIGIO.
#[repr(C)]
struct Info {
    signal: i32,
    error: i32,
    code: i32,
    /// As in poll(2).
    band: libc::c_long,
    fd: i32,
    rest: [i32; 25],
}

const _: () = assert!(size_of::<Info>() >= size_of::<libc::siginfo_t>());

/// Takes the next signal from the queue, or waits for one until the timeout.
fn next_signal(signals: &libc::sigset_t, timeout: Option<Duration>) -> io::Result<News> {
    let timeout = timeout.map(|timeout| libc::timespec {
        tv_sec: libc::time_t::try_from(timeout.as_secs()).unwrap_or(libc::time_t::MAX),
        tv_nsec: libc::c_long::from(timeout.subsec_nanos()),
    });
    let timeout = timeout.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
    let mut info = MaybeUninit::<Info>::zeroed();
    #[expect(unsafe_code, reason = "rustix has no stable way of waiting for a signal")]
    // SAFETY: the set was made by `block_signals`, the structure is at least as large as the
    // kernel's, zero is a value of it, and the timeout is null or lives until the end of this function.
    let (signal, info) = unsafe {
        (libc::sigtimedwait(signals, info.as_mut_ptr().cast(), timeout), info.assume_init())
    };
    match signal {
        -1 => match io::Error::last_os_error() {
            error if matches!(error.raw_os_error(), Some(libc::EAGAIN | libc::EINTR)) => {
                Ok(News::Nothing)
            }
            error => Err(error),
        },
        libc::SIGIO => Ok(News::Lost),
        // It comes from another process, not from the kernel, and is not about a socket.
        _ if info.code <= 0 => Ok(News::Nothing),
        _ => Ok(News::Of(info.fd, ready(info.band))),
    }
}

fn ready(band: libc::c_long) -> Ready {
    let any = |flags: i16| band & libc::c_long::from(flags) != 0;
    let dead = any(libc::POLLHUP | libc::POLLERR);
    let (readable, writable) = (any(libc::POLLIN) || dead, any(libc::POLLOUT) || dead);
    Ready { readable, writable, dead, told_once: true, ..Ready::default() }
}

fn index(fd: i32) -> usize {
    usize::try_from(fd).expect("descriptors are not negative")
}
