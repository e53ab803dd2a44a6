//! Shared by the end-to-end tests. Servers and clients are those of `c10k check`.
#![allow(dead_code, reason = "every test binary uses its own part of this")]

pub(crate) mod page;
pub(crate) mod recorder;
pub(crate) mod sweep;
pub(crate) mod terminal;

use std::net::TcpListener;
use std::process::Command;
use std::time::Duration;

use c10k::check::Speech;
use c10k::check::server::RunningServer;
use c10k::check::starting::{Start, Subject};

/// Ends a test that hangs.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// The path of the program under test.
pub(crate) const C10K: &str = env!("CARGO_BIN_EXE_c10k");

/// The program under test.
pub(crate) fn c10k() -> Command {
    Command::new(C10K)
}

/// A port at which nobody listens now.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

/// A model that runs on a free port; it is stopped when the test ends in any way.
pub(crate) fn server(model: &str) -> RunningServer {
    server_that_speaks(model, Speech::BENCH)
}

/// The same with another application or framing.
pub(crate) fn server_that_speaks(model: &str, speech: Speech) -> RunningServer {
    let model = servers::models::find(model).expect("a model");
    let subject = Subject::Model { model, program: C10K.into() };
    subject.start(Start::plain(speech, DEADLINE)).expect("it starts")
}

/// Waits for a condition.
pub(crate) fn until(what: &str, condition: impl FnMut() -> bool) {
    c10k::check::client::until(what, DEADLINE, condition).unwrap_or_else(|e| panic!("{e}"));
}
