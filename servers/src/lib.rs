//! One protocol, served in every way a server can be built.
//!
//! A concurrency model is one file in [`models`], which reads top to bottom and holds what is
//! particular to it: what it waits in, who schedules it, what it runs out of. Two neighbours
//! differ by the lesson. What is not concurrency is shared, and small:
//!
//! - [`config`]: what a server is asked to be, and what the machine gives for it
//! - [`net`]: the server: its listeners, accepting with every errno classified, shedding;
//!   `admission`, how many connections are live; [`net::counters`], what happened, for the report
//! - [`apps`]: what the classroom applications need of the machine
//! - [`commands`]: commands of others, run without a shell: what may run, and how one runs
//! - `connection`: one admitted connection, and how it ends; `closing`, closing in order so that the
//!   last reply arrives; `drive`, the two drivers, blocking to the end and non-blocking until it
//!   would block; `verbose`, requests shown as they are answered
//! - `turns`: what every loop keeps: how clients join, whose turn it is, what is due
//! - `reactor`: what an event loop keeps beside that: its table, and a mailbox
//! - `proactor`: the same for a loop around completions; `ring`, io_uring
//! - `threads`: a fixed number of them, all prepared before the first serves
//! - `processes`: forking and reaping, and the memory that a server's processes share
//! - `clock`: waiting until a deadline, whatever signals come
//! - `stopping`: signals, drain and cut, and the table of what they shut down
//! - [`stdio`]: standard output and error, written without waiting for whoever reads them
//! - [`state`]: where the state of sessions is between two requests
//! - [`broken`]: servers that are wrong on purpose, on the same core wherever the fault is not
//!
//! To run one from code:
//!
//! ```
//! use std::io::{BufRead, BufReader, Write};
//! use std::net::{Ipv4Addr, TcpStream};
//!
//! use protocol::Service;
//! use rustix::process::{Signal, getpid, kill_process};
//! use servers::{Config, Server, models};
//!
//! let epoll = models::find("epoll").expect("it is in the list");
//! let config = Config::plain((Ipv4Addr::LOCALHOST, 0).into(), Service::BENCH);
//! let server = Server::bind(epoll, config)?;
//! // It serves until a signal; the closure is called once it does.
//! let totals = server.run(|server| {
//!     let address = server.address;
//!     std::thread::spawn(move || {
//!         let mut stream = TcpStream::connect(address).expect("it listens");
//!         stream.write_all(b"ECHO hello\n").expect("it reads");
//!         let mut reply = String::new();
//!         BufReader::new(stream).read_line(&mut reply).expect("it answers");
//!         assert_eq!(reply, "OK hello\n");
//!         kill_process(getpid(), Signal::TERM).expect("this process");
//!     });
//!     Ok(())
//! })?;
//! assert_eq!((totals.accepted, totals.requests), (1, 1));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! To write a model of your own, write how it waits; here each client has a thread:
//!
//! ```
//! use std::io::{BufRead, BufReader, Write};
//! use std::net::{Ipv4Addr, TcpStream};
//!
//! use protocol::Service;
//! use rustix::process::{Signal, getpid, kill_process};
//! use servers::{Config, Family, Model, Server};
//!
//! static MINE: Model =
//!     Model { name: "mine", family: Family::Thread, run: serve, ..Model::PLAIN };
//!
//! fn serve(server: &'static Server) -> std::io::Result<()> {
//!     // Whatever it needs before its first client is made above this line.
//!     server.ready()?;
//!     while let Some(conn) = server.next_client() {
//!         // Where there is no thread this client is lost, and counted so; the server goes on.
//!         let _ = std::thread::Builder::new().spawn(move || conn.serve());
//!     }
//!     server.wait_until_empty();
//!     Ok(())
//! }
//!
//! let config = Config::plain((Ipv4Addr::LOCALHOST, 0).into(), Service::BENCH);
//! let totals = Server::bind(&MINE, config)?.run(|server| {
//!     let address = server.address;
//!     std::thread::spawn(move || {
//!         // The second is served while the first is there.
//!         let clients = [(); 2].map(|()| TcpStream::connect(address).expect("it listens"));
//!         for mut stream in clients.iter().rev() {
//!             stream.write_all(b"MUL 6 7\n").expect("it reads");
//!             let mut reply = String::new();
//!             BufReader::new(stream).read_line(&mut reply).expect("it answers");
//!             assert_eq!(reply, "OK 42\n");
//!         }
//!         kill_process(getpid(), Signal::TERM).expect("this process");
//!     });
//!     Ok(())
//! })?;
//! assert_eq!((totals.accepted, totals.requests), (2, 2));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! In this crate it is one file beside the others and one line in their list, and is then tested and
//! measured like them: begin with `models/yours.rs`, which fails its checks until it is filled in.
//! Loops and pools use what is not public: turns, timers, mailboxes.
//!
//! A process runs one [`Server`], once: signals belong to a process, and so does the account of
//! what it used. That is why [`Server::bind`] may hand out a `&'static` reference.
//!
//! Errors have three homes. What a peer did wrong is an `Ending`, counted, and ends that
//! connection only. What the machine ran out of is a pause of accepting or a shed
//! connection: back off, keep serving. What we did wrong comes out of [`Server::run`].

pub mod apps;
pub mod broken;
mod clock;
pub mod commands;
pub mod config;
mod connection;
pub mod models;
pub mod net;
mod proactor;
mod processes;
mod reactor;
pub mod state;
pub mod stdio;
mod stopping;
mod sync;
mod threads;
mod turns;

pub use apps::{AppConfig, DispatchConfig, ShellConfig};
pub use broken::{BROKEN, Broken};
pub use config::{Config, RunError, StartError};
pub use connection::Conn;
pub use models::{EXERCISES, Family, MODELS, Model, Receives, RingSettings, VARIANTS, Workers};
pub use net::Server;
pub use net::counters::{Totals, WorkerTotals};
pub use processes::program::{arguments, serves_one_client};
pub use state::StateConfig;
pub use state::table::Lock;
pub use stopping::signals::reset_inherited_signals;
