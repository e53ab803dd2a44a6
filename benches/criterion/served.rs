//! A model in a process of its own: this program again, with the model in an environment variable.

use std::env;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, Command, Stdio};

use protocol::Service;
use rustix::process::{Pid, Signal, kill_process, set_parent_process_death_signal};
use servers::{Config, Server, models};

/// The variable that names the model of a server process.
const VARIABLE: &str = "C10K_BENCH_SERVE";

/// A server that ends when it is dropped.
pub(crate) struct Served {
    process: Child,
    pub(crate) address: SocketAddr,
}

impl Served {
    /// Starts a model on a free port and waits until it serves.
    pub(crate) fn start(model: &str) -> Self {
        let program = env::current_exe().expect("this program");
        let mut process = Command::new(program)
            .env(VARIABLE, model)
            .stdout(Stdio::piped())
            .spawn()
            .expect("this program can start again");
        let mut line = String::new();
        let said = process.stdout.take().expect("piped");
        BufReader::new(said).read_line(&mut line).expect("the server prints its address");
        Self { process, address: line.trim().parse().expect("an address") }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // A signal that the server handles, so that the model's own processes end too.
        let _ = kill_process(Pid::from_child(&self.process), Signal::TERM);
        let _ = self.process.wait();
    }
}

/// Whether this process has to be a server.
pub(crate) fn is_asked_for() -> bool {
    env::var_os(VARIABLE).is_some()
}

/// Serves until the parent process stops it or ends.
pub(crate) fn serve() {
    set_parent_process_death_signal(Some(Signal::TERM)).expect("a signal");
    let name = env::var(VARIABLE).expect("a model");
    let model = models::find(&name).expect("a model of the list");
    let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let server = Server::bind(model, Config::plain(listen, Service::BENCH)).expect("a free port");
    server.run(|server| writeln!(io::stdout(), "{}", server.address)).expect("the server runs");
}
