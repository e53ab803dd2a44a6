//! A load generator with trustworthy numbers.
//!
//! [`run()`] opens connections to one server, sends it requests for a while, checks every reply
//! byte by byte and returns an [`Outcome`]: the number of requests by outcome ([`Census`]), their
//! latencies ([`Latency`]), and the cost of the generator itself ([`Cost`]), which shows whether
//! the generator was the bottleneck.
//!
//! There are two ways to load a server ([`Arrivals`]):
//! - **closed loop**: each connection sends its next request as soon as it has the reply to the
//!   last. It measures capacity. A slow server slows its clients down, so only *service times* are
//!   known (from the write to the last byte read), not response times.
//! - **open loop**: requests become due by a [`Schedule`] that the server cannot delay. It measures
//!   *response times*: from the instant a request was due, whether or not a connection was free to
//!   send it, so a stall appears in all the requests that it delayed. (Failing to record this is
//!   Tene's "coordinated omission".)
//!
//! Every request has three stamps: *due*, *sent* (just before its write) and *done* (just after the
//! read that completed its reply). The gap between due and sent has two parts: until a connection
//! was free (`conn_wait`, caused by the server) and from then on (`sched_lag`, the generator's own
//! lateness). A thread that stood still ([`Standstill`]) did not notice that a connection became
//! free, so this wait also counts as its own.
//!
//! A server may begin each connection with a *greeting* ([`Load::greeting`]). The generator sends
//! nothing on a connection before its greeting has arrived; otherwise the wait for a worker would
//! be part of the first request's service time. [`Greetings`] has the results.
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
//! - `load`, `progress`: the settings of a load, and progress reports
//! - `agreement`: the start of a load, if several generators agree on it
//! - [`schedule`]: when requests are due; pure
//! - `run`: the calling thread: starts the others (`threads`), leads them through the phases
//!   (`stage`), merges their results (`found`)
//! - `worker`: one thread of load, from connecting to draining
//! - `target`: the server's address
//! - `wire`: how a worker reaches the server, and how time passes
//! - `engine`: the choice of the wire
//! - `pacing`: how a thread waits until a request is due
//! - `connection`, `in_flight`, `fifo`, `free`, `clock`: the parts of a worker
//! - `conduct`, `think`: how connections behave, apart from sending requests
//! - [`ports`]: whether there are enough local ports
//! - `worker::misbehaving`: connections beside the load: idle ones, and clients that misbehave
//! - `recorder`: a worker's counters and histograms
//! - `gaps`: standstills of a thread, and the waits that they caused
//! - `live`: live figures for an observer
//! - `series`, `sent`, `clients`: latencies in order of time, send times, and replies of each
//!   connection
//! - `census`, `connect_failure`, `greetings`, `outcome`, `error`: the results
//! - `truth`: tests in virtual time: the report is the truth
//! - `limits`: the descriptor limit of the process
//!
//! It needs Linux 5.11 or newer, for timeouts of epoll in nanoseconds; [`Engine::IoUring`] needs
//! Linux 6.0. Unsafe code is only in `wire/uring`, whose operations refer to memory.

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
