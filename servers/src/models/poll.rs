//! Poll: one thread, an event loop around poll(2).
//!
//! Waits in: ppoll(2), for all clients at once.
//! Scheduler: the loop, one turn for each ready client; a long computation delays all clients.
//! Runs out of: time, as clients grow in number. There is no limit of 1,024, but every call passes
//! the whole array to the kernel, and kernel and server both scan it. So idle clients cost as much
//! as busy ones.
//! Compare: `select.rs` (bit sets, with a limit); `epoll.rs` (the kernel keeps the list).
//! In C: `benches/yardstick/c/poll.c`.

use std::io;
use std::thread;
use std::time::{Duration, Instant};

use super::{Family, Model};
use crate::net::{ACCEPT_PAUSE, Server, number};
use crate::reactor::{Clients, Ready, Token, Turn, Want};

pub(crate) const MODEL: Model = Model {
    name: "poll",
    family: Family::Reactor,
    summary: "an event loop around poll(2)",
    run,
    ..Model::PLAIN
};

fn run(server: &'static Server) -> io::Result<()> {
    server.set_nonblocking()?;
    let listener = server.listener();
    let mut clients = Clients::new(server, 0);
    // Two parallel arrays: the entries for poll, and their clients. The listener always has entry
    // 0; the last entry replaces that of a client that leaves.
    let mut lines = vec![line(number(&listener), libc::POLLIN)];
    let mut tokens = vec![Token::LISTENER];
    if let Some(others) = clients.others()? {
        lines.push(line(number(&others), libc::POLLIN));
        tokens.push(Token::OTHERS);
    }
    // Which line a descriptor has.
    let mut places: Vec<usize> = Vec::new();
    server.ready()?;
    while !clients.is_over() {
        // poll(2) skips lines with a negative descriptor.
        lines[0].fd = if clients.wants_listener() { number(&listener) } else { -1 };
        let mut ready_lines = wait(&mut lines, clients.timeout())?;
        if lines[0].revents != 0 {
            clients.wake_listener();
            ready_lines -= 1;
        }
        for (line, token) in lines.iter().zip(&tokens).skip(1) {
            if ready_lines == 0 {
                break;
            }
            if line.revents != 0 {
                clients.wake(*token, ready(line.revents));
                ready_lines -= 1;
            }
        }
        let now = Instant::now();
        clients.expire(now);
        clients.accept(listener, now, |token, conn| {
            let fd = number(conn);
            places.resize(places.len().max(index(fd) + 1), 0);
            places[index(fd)] = lines.len();
            lines.push(line(fd, libc::POLLIN));
            tokens.push(token);
            true
        });
        for _ in 0..clients.turns() {
            let Some(Turn { descriptor, want, .. }) = clients.next_turn(now) else { break };
            let place = places[index(descriptor)];
            match want {
                Some(Want::Read) => lines[place] = line(descriptor, libc::POLLIN),
                Some(Want::Write) => lines[place] = line(descriptor, libc::POLLOUT),
                // POLLHUP and POLLERR come unasked: a client that resets while its job waits
                // is noticed.
                Some(Want::Nothing) => lines[place] = line(descriptor, 0),
                None => {
                    lines.swap_remove(place);
                    tokens.swap_remove(place);
                    if let Some(moved) = lines.get(place) {
                        places[index(moved.fd)] = place;
                    }
                }
            }
        }
    }
    Ok(())
}

fn line(fd: i32, events: i16) -> libc::pollfd {
    libc::pollfd { fd, events, revents: 0 }
}

fn ready(revents: i16) -> Ready {
    let any = |flags: i16| revents & flags != 0;
    let dead = any(libc::POLLHUP | libc::POLLERR | libc::POLLNVAL);
    let (readable, writable) = (any(libc::POLLIN) || dead, any(libc::POLLOUT) || dead);
    Ready { readable, writable, dead, ..Ready::default() }
}

/// ppoll(2), which takes nanoseconds where poll(2) takes milliseconds. Returns the number of
/// entries with events.
fn wait(lines: &mut [libc::pollfd], wanted: Option<Duration>) -> io::Result<usize> {
    let timeout = wanted.map(|timeout| libc::timespec {
        tv_sec: libc::time_t::try_from(timeout.as_secs()).unwrap_or(libc::time_t::MAX),
        tv_nsec: libc::c_long::from(timeout.subsec_nanos()),
    });
    let timeout = timeout.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
    let count = libc::nfds_t::try_from(lines.len()).expect("lines are counted in words");
    #[expect(unsafe_code, reason = "the array outlives the call, which safe wrappers cannot say")]
    // SAFETY: the array has `count` lines, the timeout is null or lives until the end of this
    // function, and a null mask changes no signals. A number that is not ours shows as POLLNVAL.
    let ready = unsafe { libc::ppoll(lines.as_mut_ptr(), count, timeout, std::ptr::null()) };
    match usize::try_from(ready) {
        Ok(ready) => Ok(ready),
        Err(_) => match io::Error::last_os_error() {
            error if error.kind() == io::ErrorKind::Interrupted => {
                lines.iter_mut().for_each(|line| line.revents = 0);
                Ok(0)
            }
            // More lines than descriptors: the limit has fallen. So all clients are looked at, now
            // and then; that the system calls do not block is what makes it right.
            error if error.raw_os_error() == Some(libc::EINVAL) => {
                thread::sleep(wanted.map_or(ACCEPT_PAUSE, |wanted| wanted.min(ACCEPT_PAUSE)));
                lines.iter_mut().for_each(|line| line.revents = line.events);
                Ok(lines.len())
            }
            error => Err(error),
        },
    }
}

fn index(fd: i32) -> usize {
    usize::try_from(fd).expect("descriptors are not negative")
}
