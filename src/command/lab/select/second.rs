//! The second client, which sends while the first is silent; and more clients than `select` can
//! watch.

use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::{Resource, getrlimit, setrlimit};
use serde::{Deserialize, Serialize};

use crate::base::note;
use crate::command::lab::visitor::{self, Clock, Visitor};
use crate::host::sockets::{self, TcpState};

/// One client at a time, and all in one loop.
const MODELS: [&str; 2] = ["sequential", "select"];
const LINE: &str = "second";
/// More clients than `select` has descriptors for.
const MANY: usize = 1_100;
const LOOK: Duration = Duration::from_millis(2);

/// Two clients of a server, in seconds since the first was about to connect.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Second {
    pub(super) model: String,
    /// When the first client had its reply; it says nothing after that.
    pub(super) first_answered_s: f64,
    /// When it was about to leave.
    pub(super) first_leaves_s: f64,
    pub(super) connecting_s: f64,
    /// When the second client's connect returned; it sends its line at once.
    pub(super) connected_s: f64,
    pub(super) answered_s: f64,
    /// The most connections that were seen in the listener's queue.
    pub(super) queued: u32,
    /// The most bytes of the second client that the server's socket was seen to hold unread.
    pub(super) unread_bytes: u32,
}

/// Many clients at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Refusal {
    pub(super) tried: usize,
    pub(super) served: usize,
}

pub(super) fn of_both(quick: bool) -> Result<Vec<Second>> {
    let hold = Duration::from_millis(if quick { 300 } else { 2_000 });
    MODELS.iter().map(|model| of_one(model, hold)).collect()
}

fn of_one(model: &str, hold: Duration) -> Result<Second> {
    note!("two clients against {model}");
    let server = visitor::serve(&["--model", model, "--app", "echo"])?;
    let (pid, address) = (server.pid(), server.address);
    let (clock, end) = (Clock::start(), AtomicBool::new(false));
    let second: Mutex<Option<SocketAddr>> = Mutex::default();
    let (found, (queued, unread_bytes)) = thread::scope(|scope| {
        let watcher = scope.spawn(|| watch(pid, address, &second, &end));
        let first = scope.spawn(move || first(address, clock, hold));
        let later = scope.spawn(|| later(address, clock, hold, &second));
        let later = later.join().expect("a client does not panic");
        let first = first.join().expect("a client does not panic");
        end.store(true, Ordering::Relaxed);
        (first.and_then(|first| Ok((first, later?))), watcher.join().unwrap_or_default())
    });
    visitor::stop(server)?;
    let ((first_answered_s, first_leaves_s), [connecting_s, connected_s, answered_s]) = found?;
    Ok(Second {
        model: model.into(),
        first_answered_s,
        first_leaves_s,
        connecting_s,
        connected_s,
        answered_s,
        queued,
        unread_bytes,
    })
}

/// Sends one request and then nothing more. Returns when it was answered and when it was about to
/// leave.
fn first(server: SocketAddr, clock: Clock, hold: Duration) -> Result<(f64, f64)> {
    let mut visitor = Visitor::connect(server)?;
    visitor.send("first")?;
    visitor.reply()?;
    let answered_s = clock.now_s();
    clock.sleep_until(hold);
    Ok((answered_s, clock.now_s()))
}

/// Connects later and sends at once. Returns when it was about to connect, connected, and answered.
fn later(
    server: SocketAddr,
    clock: Clock,
    hold: Duration,
    known: &Mutex<Option<SocketAddr>>,
) -> Result<[f64; 3]> {
    clock.sleep_until(hold / 4);
    let connecting_s = clock.now_s();
    let mut visitor = Visitor::connect(server)?;
    let connected_s = clock.now_s();
    *known.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(visitor.address()?);
    visitor.send(LINE)?;
    visitor.reply()?;
    Ok([connecting_s, connected_s, clock.now_s()])
}

/// The most that was seen in the listener's queue, and unread from the second client.
fn watch(
    pid: i32,
    server: SocketAddr,
    second: &Mutex<Option<SocketAddr>>,
    end: &AtomicBool,
) -> (u32, u32) {
    let (mut queued, mut unread) = (0, 0);
    while !end.load(Ordering::Relaxed) {
        let second = *second.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let states = [TcpState::Listen, TcpState::Established];
        for socket in
            sockets::at_port(pid, server.port(), &states).map_or_else(|_| Vec::new(), |f| f.0)
        {
            if socket.state == TcpState::Listen {
                queued = queued.max(socket.receive_queue);
            } else if Some(socket.remote) == second {
                unread = unread.max(socket.receive_queue);
            }
        }
        thread::sleep(LOOK);
    }
    (queued, unread)
}

/// How many of many clients at once `select` serves; `None` where this process may not open enough.
pub(super) fn refusal() -> Result<Option<Refusal>> {
    if loadgen::descriptors_missing(MANY).is_some() {
        return Ok(None);
    }
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).context("the limit of file descriptors cannot be raised")?;
    note!("{MANY} clients at once against select");
    let server = visitor::serve(&["--model", "select", "--app", "echo"])?;
    let mut clients = Vec::new();
    let mut served = 0;
    for _ in 0..MANY {
        let mut client = Visitor::connect(server.address)?;
        // A client that is turned away may find the connection reset already.
        let reply = client.send(LINE).and_then(|()| client.line());
        served += usize::from(reply.is_ok_and(|reply| reply.as_deref() == Some(LINE)));
        clients.push(client);
    }
    drop(clients);
    visitor::stop(server)?;
    Ok(Some(Refusal { tried: MANY, served }))
}
