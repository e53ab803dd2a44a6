//! A load generator whose numbers can be believed.
//!
//! [`run()`] opens connections to one server, sends it requests for a while, checks every reply
//! byte by byte and returns an [`Outcome`]: how many requests there were and what became of each
//! ([`Census`]), how long they took ([`Latency`]), and what the generator itself cost ([`Cost`]),
//! so that a run in which the generator was the bottleneck can be told from one in which it was
//! not.
//!
//! Two ways to load a server, told apart by [`Arrivals`]:
//! - **closed loop**: each connection sends its next request as soon as it has the reply to the
//!   last. It measures capacity. A slow server slows the clients down with it, so only *service
//!   times* are known (from the write to the last byte read) and no response times.
//! - **open loop**: requests become due by a [`Schedule`] that the server cannot delay. It
//!   measures *response times*: from the instant a request was due, whether or not a connection
//!   was free to send it, so that a stall is felt by all the requests that it kept waiting
//!   (Tene's "coordinated omission" is the failure to do so).
//!
//! Every request has three stamps: *due*, *sent* (just before its write) and *done* (just after
//! the read that completed its reply). The gap between due and sent is split in two: until a
//! connection was free (`conn_wait`: the server's doing) and from then on (`sched_lag`: the
//! generator's own lateness). A thread that stood still ([`Standstill`]) did not see a connection
//! become free, so that wait too is its own.
//!
//! A server may begin each connection with a *greeting* ([`Load::greeting`]). Nothing is sent on a
//! connection before its greeting is there, or the wait for a worker would be in the service time
//! of the first request. What the greetings told is in [`Greetings`].
//!
//! To embed it:
//!
//! ```
//! use std::io::{BufRead, BufReader, Write};
//! use std::net::TcpListener;
//! use std::sync::Arc;
//! use std::sync::atomic::AtomicBool;
//! use std::time::Duration;
//!
//! use loadgen::Load;
//! use protocol::{App, Framing, Recipe, Request};
//!
//! // Any server of the protocol: this one answers one client.
//! let listener = TcpListener::bind("127.0.0.1:0")?;
//! let address = listener.local_addr()?;
//! std::thread::spawn(move || {
//!     let (mut stream, _) = listener.accept().expect("a client");
//!     let lines = BufReader::new(stream.try_clone().expect("a descriptor")).lines();
//!     for line in lines.map_while(Result::ok) {
//!         let text = line.strip_prefix("ECHO ").expect("what is asked below");
//!         stream.write_all(format!("OK {text}\n").as_bytes()).expect("the client is there");
//!     }
//! });
//!
//! let recipe = Recipe::new(App::Bench, Framing::Line, Request::Echo { bytes: 64 })?;
//! let load = Load {
//!     measure: Duration::from_millis(100),
//!     ..Load::closed(address, Arc::new(recipe), 1)
//! };
//! let outcome = loadgen::run(&load, &AtomicBool::new(false), &mut |_| {})?;
//! assert_eq!(outcome.census.ok, outcome.census.offered);
//! println!("p99 {} ns", outcome.latency.service.value_at_quantile(0.99));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Layout:
//! - `load`, `progress`: what is asked for, and what the caller is told meanwhile
//! - `agreement`: when it begins, where several generators agree on that
//! - [`schedule`]: when requests are due; pure
//! - `run`: the calling thread: starts the others (`threads`), leads them through the phases
//!   (`stage`), puts together what they found (`found`)
//! - `worker`: one thread of load, from connecting to draining
//! - `target`: where the server listens
//! - `wire`: how a worker reaches the server, and how time passes
//! - `engine`: which way that is
//! - `pacing`: how a thread waits until a request is due
//! - `connection`, `in_flight`, `fifo`, `free`, `clock`: what a worker works with
//! - `conduct`, `think`: how connections behave, beside sending requests
//! - [`ports`]: whether there are local ports for them all
//! - `worker::misbehaving`: connections beside the load: idle ones, and clients that misbehave
//! - `recorder`: what a worker counts and times
//! - `gaps`: when a thread stood still, and what of the waiting was therefore its own
//! - `live`: what a watcher may see meanwhile
//! - `series`, `sent`, `clients`: what it keeps in order of time, of when it sent, of each connection
//! - `census`, `connect_failure`, `greetings`, `outcome`, `error`: what comes out
//! - `truth`: tests in virtual time: what is reported is what was so
//! - `limits`: how many descriptors the process may open
//!
//! It needs Linux 5.11 or newer, for timeouts of epoll in nanoseconds; [`Engine::IoUring`] needs
//! Linux 6.0. Unsafe code is in `wire/uring` only, whose operations name memory.

mod agreement;
mod census;
mod clients;
mod clock;
mod conduct;
mod connect_failure;
mod connection;
mod engine;
mod error;
mod fifo;
mod free;
mod gaps;
mod greetings;
mod in_flight;
mod limits;
mod live;
mod load;
mod outcome;
mod pacing;
pub mod ports;
mod progress;
mod recorder;
mod room;
mod run;
pub mod schedule;
mod sent;
mod series;
mod target;
mod think;
#[cfg(test)]
mod truth;
mod turnaround;
mod wire;
mod worker;

pub use agreement::{Agreement, StartAt};
pub use census::{Census, Failure};
pub use conduct::{Conduct, Misbehaviour, PIPELINE_MAX};
pub use connect_failure::ConnectFailure;
pub use engine::Engine;
pub use error::LoadError;
pub use gaps::Standstill;
pub use greetings::Greetings;
pub use hdrhistogram::Histogram;
pub use limits::descriptors_missing;
#[cfg(test)]
pub(crate) use load::example;
pub use load::{Arrivals, Load};
pub use outcome::{
    Batch, ConnectionTally, Cost, IdleTally, Interval, Latency, Outcome, Phases, Step,
};
pub use pacing::{Ground, Pacing};
pub use progress::{Live, Moment, Phase, Progress, Recent};
pub use room::{ROOM_MESSAGE_BYTES_MIN, RoomLoad, RoomOutcome, run_room};
pub use run::run;
pub use schedule::Schedule;
pub use sent::SentSample;
pub use series::{Series, Tally};
pub use target::{Address, Target};
pub use think::{Think, ThinkTime};
pub use turnaround::Turnaround;
pub use worker::misbehaving::Misbehaved;
