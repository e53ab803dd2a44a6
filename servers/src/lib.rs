//! One protocol, served in every way a server can be built.
//!
//! A concurrency model is one file in [`models`], to be read from top to bottom. It contains only
//! what is specific to the model: the call in which it waits, its scheduler, and the resource that
//! runs out first. The difference between two neighbours is the lesson. Everything else is shared,
//! and small:
//!
//! - [`config`]: a server's settings, and the resources that they need
//! - [`net`]: the server: its listeners, accepting with every errno classified, shedding;
//!   `admission`, the number of live connections; [`net::counters`], the counters of its report
//! - [`apps`]: resources of the machine for the classroom applications
//! - [`commands`]: commands of the other end, run without a shell
//! - `connection`: one admitted connection, and how it ends; `closing`, closing in order so that
//!   the last reply arrives; `drive`, the blocking and the non-blocking driver; `verbose`, requests
//!   printed as they are answered
//! - `turns`: the parts of every loop: joining clients, turns, timers
//! - `reactor`: further parts of an event loop: its table, and a mailbox
//! - `proactor`: the same for a loop around completions; `ring`, io_uring
//! - `threads`: a fixed number of threads, all prepared before the first serves
//! - `processes`: forking and reaping, and the memory that a server's processes share
//! - `clock`: waiting until a deadline, whatever signals arrive
//! - `stopping`: signals, drain and cut, and the table of sockets to shut down
//! - [`stdio`]: standard output and error, written without waiting for the reader
//! - [`state`]: the homes of session state between two requests
//! - [`broken`]: servers that are broken on purpose, on the same core except for their fault
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
//! Inside this crate, a model is a file beside the others and a line in their list, and is tested
//! and measured like them. Begin with `models/yours.rs`, which fails its checks until you have
//! filled it in. Loops and pools use private modules: turns, timers, mailboxes.
//!
//! A process runs one [`Server`], once, because signals and accounts of resources belong to a
//! process. That is why [`Server::bind`] may return a `&'static` reference.
//!
//! There are three kinds of errors. A peer's error is an `Ending`: it is counted and ends that
//! connection only. If the machine runs out of a resource, the server pauses accepting or sheds a
//! connection, and keeps serving. An error of the server itself is returned by [`Server::run`].

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
