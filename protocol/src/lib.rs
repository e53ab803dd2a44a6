//! The c10k wire protocol: both ends of one connection, as state machines.
//!
//! There are no sockets, no clocks and no threads in this crate, and `#![no_std]` keeps it so. A
//! [`Session`] is the server's end: it tells its driver, one [`Step`] at a time, whether to read,
//! to write, to run a [`Job`] or to close. An [`Exchange`] is the client's end: it builds requests
//! and checks every reply. The driver decides where a job runs and how to wait, and that choice is
//! the concurrency model.
//!
//! `docs/protocol.md` defines the grammar, the limits and the errors.
//!
//! Layout:
//! - [`session`]: the server's end, and the only place where its state changes
//! - [`exchange`]: the client's end, and [`recipe`]: its requests
//! - [`app`]: the meaning of a request in each application; [`context`]: the data that all
//!   connections share
//! - [`draw`]: numbers that differ between requests
//! - [`greeting`]: the optional first line of a server
//! - [`http`]: HTTP/1.1 on either end
//! - [`moment`]: dates and times, and the clock
//! - [`job`]: work as data, so that a model can decide where it runs
//! - [`state`]: sessions of several requests, and where their state is kept
//! - `buffer`: the two buffers of a connection, which are empty while it is idle; a spare pair
//! - [`witness`]: an observer of a session
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod app;
mod buffer;
pub mod context;
pub mod draw;
pub mod exchange;
pub mod greeting;
pub mod http;
pub mod job;
pub mod moment;
pub mod recipe;
pub mod session;
pub mod state;
pub mod witness;

pub use app::{App, Journal, Ran};
pub use buffer::Spare;
pub use context::Context;
pub use draw::Draw;
pub use exchange::{Exchange, Reply};
pub use greeting::Greeting;
pub use http::{Ask, AskError};
pub use job::{Done, Job, Work};
pub use moment::{Clock, Date, Moment};
pub use recipe::{Drawn, Recipe, RecipeError, Request};
pub use session::{Outside, Session, Step, Tally};
pub use state::{Home, SessionTally, Sessions};
pub use witness::Witness;

use core::num::NonZeroU32;

/// The longest line, its line feed included, in bytes. A longer one is answered with
/// `ERR too-long` and the connection is closed, because framing is lost.
pub const FRAME_BYTES_MAX: usize = 64 * 1024;

/// The longest message in [`Framing::Raw`], in bytes: what one read may return.
pub const RAW_BYTES_MAX: usize = 16 * 1024;

/// Answers are collected into one write until they hold this many bytes; then they are written
/// before the next request is looked at, so that a connection's memory stays bounded.
pub const OUTBOX_BYTES_MARK: usize = 64 * 1024;

/// How a stream of bytes is cut into messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// A request is a line and a reply is a line, ended by a line feed; a carriage return before
    /// it is dropped, so that telnet works. Any chunking of the same bytes means the same.
    Line,
    /// A message is whatever one read returned, and replies have no terminator. This is what
    /// classroom clients that never delimit their messages expect; chunking changes the meaning.
    Raw,
    /// HTTP/1.1: a request is a head and a body, and so is a reply. Any chunking of the same bytes
    /// means the same.
    Http,
}

impl Framing {
    /// Every framing with its name on the command line.
    pub const ALL: [(&'static str, Self); 3] =
        [("line", Self::Line), ("raw", Self::Raw), ("http", Self::Http)];

    /// The name on the command line and in results.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Line => "line",
            Self::Raw => "raw",
            Self::Http => "http",
        }
    }
}

/// What a server offers on every one of its connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Service {
    /// What a request means.
    pub app: App,
    /// How the stream is divided into requests.
    pub framing: Framing,
    /// Close after this many replies on one connection; `None` serves until the client leaves.
    pub close_after: Option<NonZeroU32>,
}

impl Service {
    /// The `bench` application over lines, kept open: the default everywhere.
    pub const BENCH: Self = Self { app: App::Bench, framing: Framing::Line, close_after: None };
}
