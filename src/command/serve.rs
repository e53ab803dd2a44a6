//! `c10k serve`: one server in the foreground.
//!
//! It prints one JSON line when it is ready and one when it has stopped, so scripts do not have to
//! guess either. On a terminal it prints both in words.

mod apps;
mod console;
mod words;

use std::io::{self, IsTerminal};
use std::time::Instant;

use anyhow::Result;
use protocol::{App, Framing, Home, Service};
use rustix::process::{Signal, set_parent_process_death_signal};
use serde::Serialize;
use servers::{Config, RingSettings, Server, StateConfig, WorkerTotals, broken, models};

use crate::base::units::ns;
use crate::base::{Exit, eprint_line, eprint_words, print_line, print_words, usage};
use crate::host::accounts::OwnUsage;
use crate::host::machine;
use crate::process::ServeArgs;
use apps::Told;

#[derive(Serialize)]
#[serde(untagged)]
enum Line<'a> {
    Ready(Box<Ready<'a>>),
    Stopped(Stopped<'a>),
}

#[derive(Serialize)]
struct Ready<'a> {
    event: &'a str,
    address: String,
    pid: u32,
    model: &'a str,
    settings: Settings<'a>,
}

#[derive(Serialize)]
struct Settings<'a> {
    app: &'a str,
    framing: &'a str,
    workers: usize,
    max_connections: usize,
    backlog: u32,
    close_after: Option<u32>,
    idle_timeout_ns: u64,
    drain_timeout_ns: u64,
    greeting: bool,
    once: bool,
    until_idle: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    ring: Option<Ring>,
    #[serde(flatten)]
    state: State<'a>,
    #[serde(flatten)]
    apps: Told<'a>,
    cpus: Vec<usize>,
}

/// How a model uses its io_uring.
#[derive(Serialize)]
struct Ring {
    batched: bool,
    multishot_accept: bool,
    receives: &'static str,
    registered: bool,
    deferred: bool,
    polled: bool,
}

impl Ring {
    fn of(settings: &RingSettings) -> Self {
        let RingSettings { batched, multishot_accept, receives, registered, deferred, polled } =
            *settings;
        // Where a thread of the kernel does its part there is none to defer.
        let (receives, deferred) = (receives.name(), deferred && !polled);
        Self { batched, multishot_accept, receives, registered, deferred, polled }
    }
}

/// The settings of session state; those that do not apply to its home are left out.
#[derive(Serialize)]
struct State<'a> {
    state: &'a str,
    history_bytes: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    state_lock: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sessions_max: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session_ttl_ns: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state_store: Option<&'a str>,
}

fn state(config: &StateConfig) -> State<'_> {
    let in_table = config.home == Home::Table;
    let expires = in_table || matches!(config.home, Home::Client | Home::External);
    State {
        state: config.home.name(),
        history_bytes: config.history,
        state_lock: in_table.then(|| config.lock.name()),
        sessions_max: in_table.then_some(config.sessions_max),
        session_ttl_ns: expires.then(|| ns(config.ttl)),
        // It may hold a password in front of its host.
        state_store: config.store.as_deref().map(|url| url.rsplit('@').next().unwrap_or(url)),
    }
}

#[derive(Serialize)]
struct Stopped<'a> {
    event: &'a str,
    model: &'a str,
    uptime_ns: u64,
    counters: serde_json::Map<String, serde_json::Value>,
    /// In the order of their numbers; empty where a connection belongs to no worker.
    workers: Vec<Worker>,
    resources: OwnUsage,
}

#[derive(Serialize)]
struct Worker {
    connections: u64,
    requests: u64,
}

/// Serves until a signal, then drains.
///
/// # Errors
/// When the server cannot start, with what to do about it, or failed by its own fault.
pub fn serve(args: &ServeArgs) -> Result<Exit> {
    if args.console {
        return console::attend(args);
    }
    let started = Instant::now();
    // Who serves one client of a server ends with that, and by itself.
    if args.stop_with_parent && !servers::serves_one_client() {
        set_parent_process_death_signal(Some(Signal::TERM))?;
    }
    if !args.cpus.is_empty() {
        machine::pin(&args.cpus).map_err(|error| usage(format!("{error:#}")))?;
    }
    let model = args.model().and_then(models::find);
    let broken = args.broken.as_deref().and_then(broken::find).map(|broken| &broken.model);
    let model = model.or(broken).expect("the command line admits one of these, by a known name");
    let server = Server::bind(model, config(args)?)
        .map_err(|error| if error.is_usage() { usage(error.to_string()) } else { error.into() })?;
    let announce: fn(&Server) -> io::Result<()> = match args.json {
        true => |server| say(server, &Line::Ready(Box::new(ready(server))), true),
        false => |server| say(server, &Line::Ready(Box::new(ready(server))), false),
    };
    let totals = server.run(announce)?;
    let counters = totals.named().map(|(name, n)| (name.to_string(), n.into())).collect();
    let stopped = Line::Stopped(Stopped {
        event: "stopped",
        model: model.name,
        uptime_ns: ns(started.elapsed()),
        counters,
        workers: server.worker_totals().into_iter().map(worker).collect(),
        resources: OwnUsage::now(),
    });
    say(server, &stopped, args.json)?;
    Ok(Exit::Ok)
}

/// The server's settings.
fn config(args: &ServeArgs) -> Result<Config> {
    let service = Service { app: args.app, framing: args.framing, close_after: args.close_after };
    Ok(Config {
        listen: args.listen,
        service,
        workers: args.workers,
        max_connections: args.max_connections,
        backlog: args.backlog,
        idle_timeout: args.idle_timeout,
        drain_timeout: args.drain_timeout,
        greeting: args.greeting,
        state: args.state.config()?,
        verbose: args.verbose,
        once: args.once,
        until_idle: args.until_idle,
        attended: args.attended,
        apps: args.apps.config(args.app)?,
    })
}

/// Says it on standard output, unless that belongs to what clients send: to people in words, to programs as JSON.
fn say(server: &Server, line: &Line<'_>, json: bool) -> io::Result<()> {
    let is_theirs = server.config.service.app == App::Sink;
    let on_terminal =
        if is_theirs { io::stderr().is_terminal() } else { io::stdout().is_terminal() };
    let said = match (on_terminal && !json, is_theirs) {
        (true, false) => print_words(&words::log_words(line, server.config.attended)),
        (true, true) => eprint_words(&words::log_words(line, server.config.attended)),
        (false, false) => print_line(line),
        (false, true) => eprint_line(line),
    };
    said.map_err(io::Error::other)
}

fn worker(totals: WorkerTotals) -> Worker {
    Worker { connections: totals.connections, requests: totals.requests }
}

fn ready(server: &Server) -> Ready<'_> {
    let Config { service, idle_timeout, drain_timeout, .. } = &server.config;
    Ready {
        event: "ready",
        address: server.address.to_string(),
        pid: std::process::id(),
        model: server.model.name,
        settings: Settings {
            app: App::name(service.app),
            framing: Framing::name(service.framing),
            workers: server.workers,
            max_connections: server.max_connections,
            backlog: server.backlog,
            close_after: service.close_after.map(Into::into),
            idle_timeout_ns: ns(*idle_timeout),
            drain_timeout_ns: ns(*drain_timeout),
            greeting: server.config.greeting,
            once: server.config.once,
            until_idle: server.config.until_idle,
            ring: server.model.ring.as_ref().map(Ring::of),
            state: state(&server.config.state),
            apps: Told::for_app(service.app, &server.config.apps),
            cpus: machine::cpus(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_server_of_the_library_is_that_of_the_command_line() {
        let args = ServeArgs::child(&["epoll"]).expect("a model");
        let plain = Config::plain(args.listen, Service::BENCH);
        let mut of_args = config(&args).expect("it fits");
        // Commands run in the environment that the command line has.
        of_args.apps.shell = plain.apps.shell.clone();
        assert_eq!(format!("{of_args:?}"), format!("{plain:?}"));
    }
}
