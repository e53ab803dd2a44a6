//! The lab "states": the TCP states of connections at both ends, with either side closing first,
//! and the processes and threads of servers while clients are connected.

mod sentences;
mod tell;
mod tree;
mod watch;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::Result;
use serde::{Deserialize, Serialize};
use tree::Tree;
use watch::Change;

use super::lesson::{Lab, Lesson};
use super::visitor::{self, Clock, Visitor};
use crate::base::note;

const MODELS: [&str; 2] = ["sequential", "thread-per-client"];
const CLIENTS: usize = 2;

/// The lab.
pub(super) struct States;

/// All that was measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Measured {
    /// How long a client waits for its date.
    delay_s: f64,
    /// Between two looks at the sockets.
    look_s: f64,
    scenarios: Vec<Scenario>,
    trees: Vec<Tree>,
}

/// The side that closes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Side {
    Server,
    Client,
}

/// One server and its clients, in seconds since the first was about to connect.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Scenario {
    model: String,
    closes_first: Side,
    clients: Vec<ObservedClient>,
    /// The last look.
    watched_until_s: f64,
}

/// A client and both ends of its connection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ObservedClient {
    address: String,
    connected_s: f64,
    /// When its date came.
    answered_s: f64,
    /// The states of its own end, each from when it was first seen.
    own: Vec<Change>,
    /// The states of the server's end.
    server: Vec<Change>,
}

/// How long everything takes.
#[derive(Clone, Copy)]
struct Pace {
    delay: Duration,
    /// How long a side that is the second to close waits before it does.
    hold: Duration,
    /// How long TIME_WAIT is waited for.
    patience: Duration,
    look: Duration,
}

impl Pace {
    fn new(quick: bool) -> Self {
        let ms = Duration::from_millis;
        let look = ms(10);
        match quick {
            // Longer than the kernel keeps a connection in TIME_WAIT, and then some.
            false => Self { delay: ms(2_000), hold: ms(600), patience: ms(75_000), look },
            true => Self { delay: ms(300), hold: ms(150), patience: ms(200), look },
        }
    }
}

impl Lab for States {
    const NAME: &'static str = "states";
    const QUESTION: &'static str = "Which states does a TCP connection go through at both ends, which side keeps \
                                    TIME_WAIT, and which processes and threads does a server have while clients are \
                                    connected?";
    type Measured = Measured;

    fn measure(quick: bool, _dir: &Path) -> Result<Measured> {
        let pace = Pace::new(quick);
        let all = MODELS.iter().flat_map(|model| [(*model, Side::Server), (*model, Side::Client)]);
        note!(
            "{CLIENTS} clients against each of {}, with each side closing first",
            MODELS.join(" and ")
        );
        // All at the same time: they sleep, and TIME_WAIT is waited for once.
        let scenarios = thread::scope(|scope| {
            let run = |(model, side)| scope.spawn(move || scenario(model, side, pace));
            visitor::joined(all.map(run).collect())
        })?;
        note!("the processes and threads of servers with clients");
        Ok(Measured {
            delay_s: pace.delay.as_secs_f64(),
            look_s: pace.look.as_secs_f64(),
            scenarios,
            trees: tree::all()?,
        })
    }

    fn lesson(measured: &Measured) -> Lesson {
        tell::lesson(measured)
    }
}

/// Starts a server, sends it its clients, and looks at their sockets until the last is gone, or for as long
/// as that is waited for.
fn scenario(model: &str, closes_first: Side, pace: Pace) -> Result<Scenario> {
    let delay = humantime::format_duration(pace.delay).to_string();
    let server = visitor::serve(&["--model", model, "--app", "daytime", "--delay", &delay])?;
    let address = server.address;
    let (clock, are_done) = (Clock::start(), AtomicBool::new(false));
    let known: Mutex<Vec<SocketAddr>> = Mutex::default();
    let (visits, watched) = thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            watch::watch(address, &known, clock, &pace, || are_done.load(Ordering::Relaxed))
        });
        let come = |_| scope.spawn(|| visit(address, clock, pace, closes_first, &known));
        let visits = visitor::joined((0..CLIENTS).map(come).collect());
        are_done.store(true, Ordering::Relaxed);
        (visits, watcher.join().expect("the observer does not panic"))
    });
    visitor::stop(server)?;
    let (seen, watched_until_s) = watched?;
    let clients = visits?.into_iter().map(|visit: Visit| {
        let of = |is_own: bool| {
            let end = seen.iter().find(|end| end.client == visit.address && end.is_own == is_own);
            end.map(|end| end.changes.clone()).unwrap_or_default()
        };
        ObservedClient {
            own: of(true),
            server: of(false),
            address: visit.address.to_string(),
            connected_s: visit.connected_s,
            answered_s: visit.answered_s,
        }
    });
    let mut clients: Vec<ObservedClient> = clients.collect();
    clients.sort_by(|a, b| a.answered_s.total_cmp(&b.answered_s));
    Ok(Scenario { model: model.into(), closes_first, clients, watched_until_s })
}

/// The times of a client.
struct Visit {
    address: SocketAddr,
    connected_s: f64,
    answered_s: f64,
}

fn visit(
    to: SocketAddr,
    clock: Clock,
    pace: Pace,
    closes_first: Side,
    known: &Mutex<Vec<SocketAddr>>,
) -> Result<Visit> {
    let mut visitor = Visitor::connect(to)?;
    let connected_s = clock.now_s();
    let address = visitor.address()?;
    known.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(address);
    if closes_first == Side::Client {
        thread::sleep(pace.delay / 3);
        visitor.half_close()?;
    }
    visitor.reply()?;
    let answered_s = clock.now_s();
    visitor.read_all()?;
    if closes_first == Side::Server {
        thread::sleep(pace.hold);
    }
    Ok(Visit { address, connected_s, answered_s })
}

#[cfg(test)]
mod tests;
