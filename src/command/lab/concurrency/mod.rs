//! The lab "concurrency": three clients of a server that serves one client at a time, and of a
//! server with a thread for each.

mod tell;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use super::lesson::{Lab, Lesson};
use super::visitor::{self, Clock, Visitor, Waiting};
use crate::base::note;

/// The servers: one client at a time, and all at once.
const MODELS: [&str; 2] = ["sequential", "thread-per-client"];
const CLIENTS: u32 = 3;
const MESSAGES: u32 = 3;
/// The word that ends a visit.
const BYE: &str = "salir";

/// The lab.
pub(super) struct Concurrency;

/// All that was measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Measured {
    servers: Vec<Attended>,
}

/// One server and its clients.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Attended {
    model: String,
    visits: Vec<Visit>,
    /// How many connections waited in the listener's queue, whenever that changed; empty where it is not known.
    queue: Vec<Waiting>,
}

/// A client's visit, in seconds since the first was about to come.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Visit {
    address: String,
    connecting_s: f64,
    /// When `connect` returned: the kernels at both ends know of the connection.
    connected_s: f64,
    /// When the server's first line arrived: the client is being served.
    greeted_s: f64,
    messages: Vec<Message>,
    /// When the client was about to say good-bye: it was served until then at least.
    bye_s: f64,
    /// When the server's end of the connection was seen.
    left_s: f64,
    /// How long the client was there, by the server's last line.
    by_server_s: Option<f64>,
}

/// A message and its confirmation.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Message {
    sent_s: f64,
    answered_s: f64,
}

/// How clients come and how long they think.
#[derive(Clone, Copy)]
struct Pace {
    between_clients: Duration,
    think: Duration,
}

impl Pace {
    fn new(quick: bool) -> Self {
        let ms = Duration::from_millis;
        match quick {
            false => Self { between_clients: ms(400), think: ms(800) },
            true => Self { between_clients: ms(60), think: ms(100) },
        }
    }
}

impl Lab for Concurrency {
    const NAME: &'static str = "concurrency";
    const QUESTION: &'static str = "Three clients connect to one server at once: which are served, which wait, and \
                                    where do they wait?";
    type Measured = Measured;

    fn measure(quick: bool, _dir: &Path) -> Result<Measured> {
        let servers = MODELS.map(|model| attend(model, Pace::new(quick)));
        Ok(Measured { servers: servers.into_iter().collect::<Result<_>>()? })
    }

    fn lesson(measured: &Measured) -> Lesson {
        tell::lesson(measured)
    }
}

/// Starts a server, sends it its clients, and stops it.
fn attend(model: &str, pace: Pace) -> Result<Attended> {
    note!("{CLIENTS} clients against {model}");
    let server = visitor::serve(&["--model", model, "--app", "clock", "--bye", BYE])?;
    let (pid, address) = (server.pid(), server.address);
    let (clock, end) = (Clock::start(), AtomicBool::new(false));
    let (visits, queue) = thread::scope(|scope| {
        let queue = scope.spawn(|| visitor::watch_queue(pid, address.port(), clock, &end));
        let come = |client| scope.spawn(move || visit(address, clock, pace, client));
        let visits = visitor::joined((0..CLIENTS).map(come).collect());
        end.store(true, Ordering::Relaxed);
        (visits, queue.join().unwrap_or_default())
    });
    visitor::stop(server)?;
    Ok(Attended { model: model.into(), visits: visits?, queue })
}

/// One client: comes, sends its messages with some thought before each, says good-bye, and waits for the end.
fn visit(server: SocketAddr, clock: Clock, pace: Pace, client: u32) -> Result<Visit> {
    clock.sleep_until(pace.between_clients * client);
    let connecting_s = clock.now_s();
    let mut visitor = Visitor::connect(server)?;
    let connected_s = clock.now_s();
    visitor.reply()?;
    let greeted_s = clock.now_s();
    let mut messages = Vec::new();
    for n in 0..MESSAGES {
        thread::sleep(pace.think);
        let sent_s = clock.now_s();
        visitor.send(&format!("message {}", n + 1))?;
        visitor.reply()?;
        messages.push(Message { sent_s, answered_s: clock.now_s() });
    }
    thread::sleep(pace.think);
    let address = visitor.address()?.to_string();
    let bye_s = clock.now_s();
    visitor.send(BYE)?;
    let by_server_s = seconds_in(&visitor.reply()?);
    visitor.read_all()?;
    let left_s = clock.now_s();
    Ok(Visit {
        address,
        connecting_s,
        connected_s,
        greeted_s,
        messages,
        bye_s,
        left_s,
        by_server_s,
    })
}

/// The time in a line of `clock`: `…, for 3.217 s`.
fn seconds_in(line: &str) -> Option<f64> {
    let (_, time) = line.rsplit_once(", for ")?;
    time.strip_suffix(" s")?.parse().ok()
}

#[cfg(test)]
mod tests;
