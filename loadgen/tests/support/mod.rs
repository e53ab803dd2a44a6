//! Servers of a few lines each, right and wrong ones, and a load to send them.
#![allow(dead_code, reason = "each test binary uses some of it")]

use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::Duration;

use loadgen::{Arrivals, Engine, Load, Outcome, Schedule};
use protocol::{App, Framing, Recipe, Request};

/// A server's end of a connection.
pub(crate) struct Talk {
    pub(crate) stream: TcpStream,
    reader: BufReader<TcpStream>,
    /// Which connection of this server, from 0.
    pub(crate) number: usize,
}

impl Talk {
    pub(crate) fn new(stream: TcpStream, number: usize) -> Self {
        stream.set_nodelay(true).unwrap();
        let reader = BufReader::new(stream.try_clone().unwrap());
        Self { stream, reader, number }
    }

    /// The text of the next request, its verb and its line feed taken off; `None` when there is
    /// none.
    pub(crate) fn request(&mut self) -> Option<String> {
        let mut line = String::new();
        match self.reader.read_line(&mut line) {
            Ok(n) if n > 0 => Some(line.strip_prefix("ECHO ")?.trim_end().to_string()),
            _ => None,
        }
    }

    /// Reads the head of the next request over HTTP, and says whether there is one.
    pub(crate) fn http_request(&mut self) -> bool {
        let mut line = String::new();
        while let Ok(1..) = self.reader.read_line(&mut line) {
            if line.ends_with("\r\n\r\n") {
                return true;
            }
        }
        false
    }

    /// Sends the end of the stream, and waits for the client's.
    pub(crate) fn leave(mut self) {
        let _ = self.stream.shutdown(Shutdown::Write);
        while self.http_request() {}
    }

    /// Sends it as it is. The client may have gone, which is no concern of ours.
    pub(crate) fn say(&mut self, text: &str) {
        let _ = self.stream.write_all(text.as_bytes());
    }

    pub(crate) fn echo(&mut self, text: &str) {
        self.say(&format!("OK {text}\n"));
    }

    /// Answers rightly until the client leaves.
    pub(crate) fn echo_all(&mut self) {
        while let Some(text) = self.request() {
            self.echo(&text);
        }
    }

    /// Closes with a reset instead of a goodbye.
    pub(crate) fn reset(self) {
        let linger = Some(Duration::ZERO);
        rustix::net::sockopt::set_socket_linger(&self.stream, linger).unwrap();
    }

    /// Sends the reply and the end of the stream in one segment, so that nobody can see the one
    /// without the other.
    pub(crate) fn echo_and_leave(mut self, text: &str) {
        rustix::net::sockopt::set_tcp_nodelay(&self.stream, false).unwrap();
        rustix::net::sockopt::set_tcp_cork(&self.stream, true).unwrap();
        self.echo(text);
        let _ = self.stream.shutdown(Shutdown::Write);
        while self.request().is_some() {}
    }

    /// Reads and never answers.
    pub(crate) fn listen_only(&mut self) {
        while self.request().is_some() {}
    }
}

/// Serves each connection on a thread of its own, for as long as the process lives.
pub(crate) fn serve(each: impl Fn(Talk) + Send + Sync + 'static) -> SocketAddr {
    serve_on(TcpListener::bind("127.0.0.1:0").unwrap(), each)
}

pub(crate) fn serve_on(
    listener: TcpListener,
    each: impl Fn(Talk) + Send + Sync + 'static,
) -> SocketAddr {
    let address = listener.local_addr().unwrap();
    let each = Arc::new(each);
    thread::spawn(move || {
        for (number, stream) in listener.incoming().enumerate() {
            let (each, talk) = (Arc::clone(&each), Talk::new(stream.unwrap(), number));
            thread::spawn(move || each(talk));
        }
    });
    address
}

/// Serves one connection at a time.
pub(crate) fn serve_in_turn(each: impl Fn(Talk) + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for (number, stream) in listener.incoming().enumerate() {
            each(Talk::new(stream.unwrap(), number));
        }
    });
    address
}

pub(crate) fn echo_server() -> SocketAddr {
    serve(|mut talk| talk.echo_all())
}

pub(crate) fn recipe(bytes: usize) -> Arc<Recipe> {
    Arc::new(Recipe::new(App::Bench, Framing::Line, Request::Echo { bytes }).unwrap())
}

/// The engine under test: every test is compiled for each, see `io_uring.rs`.
pub(crate) fn engine() -> Engine {
    if env!("CARGO_CRATE_NAME") != "io_uring" {
        return Engine::Epoll;
    }
    Engine::IoUring.resolve().unwrap_or_else(|why| {
        let name = thread::current().name().unwrap_or("a test").to_string();
        eprintln!("{name}: skipped with io-uring, and run with epoll: {why}");
        Engine::Epoll
    })
}

/// A short closed-loop load over a few connections, to be changed where it matters. It has no
/// warm-up, so that the very first requests are counted, and are waited for in the drain: on a
/// machine however slow, each connection has at least one.
pub(crate) fn load(target: SocketAddr) -> Load {
    Load {
        engine: engine(),
        measure: Duration::from_millis(300),
        // Only a broken generator waits as long as these.
        drain: Duration::from_secs(30),
        request_timeout: Duration::from_secs(60),
        connect_timeout: Duration::from_secs(30),
        interval: Duration::from_millis(50),
        ..Load::closed(target, recipe(32), 3)
    }
}

/// Runs it to the end and checks what must hold whatever the server does.
pub(crate) fn run(load: &Load) -> Outcome {
    let outcome = loadgen::run(load, &AtomicBool::new(false), &mut |_| {}).unwrap();
    check(load, &outcome);
    outcome
}

pub(crate) fn check(load: &Load, outcome: &Outcome) {
    let Outcome { census, latency, intervals, connections, .. } = outcome;
    assert_eq!(outcome.engine, load.engine);
    assert!(census.reconciles(), "{census:?}");
    assert_eq!(outcome.saturated, 0);
    let connect_errors: u64 = outcome.connect_errors.values().sum();
    assert_eq!(connect_errors, connections.connect_failures, "each has its own name");
    assert_eq!(outcome.censored_ages.len(), census.unfinished + census.never_sent);
    assert_eq!(latency.service.len(), census.ok + census.timeouts);
    assert_eq!(latency.sched_lag.len(), census.sent);
    match &latency.response {
        Some(response) => {
            assert_eq!(response.len(), census.ok + census.timeouts);
            assert_eq!(latency.conn_wait.len(), census.sent);
        }
        None => assert_eq!(latency.conn_wait.len(), 0),
    }

    assert_eq!(outcome.greetings.is_some(), load.greeting);
    if let Some(greetings) = &outcome.greetings {
        assert!(greetings.reconciles(), "{greetings:?}");
        assert_eq!(greetings.latency.len(), greetings.received + greetings.timeouts);
        assert_eq!(greetings.censored_ages.len(), greetings.unfinished);
        let stamped = greetings.received - greetings.other_clock;
        assert_eq!(greetings.accept_delay.len(), stamped);
        assert_eq!(greetings.queue_delay.len(), stamped);
    }

    let failed = census.errors_total() + census.timeouts;
    assert_eq!(intervals.iter().map(|i| i.ok).sum::<u64>(), census.ok);
    assert_eq!(intervals.iter().map(|i| i.failed).sum::<u64>(), failed);
    let latencies: u64 = intervals.iter().map(|i| i.latency.len()).sum();
    assert_eq!(latencies, census.ok + census.timeouts);
    let widths: Duration = intervals.iter().map(|i| i.width).sum();
    assert_eq!(widths, outcome.phases.measure);

    if !outcome.steps.is_empty() {
        let sum = |of: fn(&loadgen::Step) -> u64| outcome.steps.iter().map(of).sum::<u64>();
        assert_eq!(sum(|step| step.offered), census.offered);
        assert_eq!(sum(|step| step.ok), census.ok);
        assert_eq!(sum(|step| step.failed), failed);
        assert_eq!(sum(|step| step.latency.len()), census.ok + census.timeouts);
        assert_eq!(sum(|step| step.censored_ages.len()), census.unfinished + census.never_sent);
        let widths: Duration = outcome.steps.iter().map(|step| step.width).sum();
        assert_eq!(widths, outcome.phases.measure);
    }

    assert_eq!(connections.asked, load.connections);
    assert!(connections.opened <= connections.asked);
    assert!(connections.ok_min <= connections.ok_max && connections.jain <= 1.0 + 1e-9);
    assert_eq!(outcome.cost.threads, load.threads);
    assert_eq!(connections.slowest.is_some(), connections.served > 0);
    if !outcome.interrupted {
        let in_series: u64 = outcome.series.tallies().iter().map(|slot| slot.count).sum();
        assert_eq!(in_series, census.ok + census.timeouts);
    }
    if !outcome.interrupted && load.requests.is_none() {
        assert_eq!((outcome.phases.warmup, outcome.phases.measure), (load.warmup, load.measure));
        if let Some(schedule) = Schedule::new(&load.arrivals, load.warmup) {
            assert_eq!(census.offered, due_in_measurement(&schedule, load));
        }
    }
}

/// How many requests a schedule has within the measurement.
fn due_in_measurement(schedule: &Schedule, load: &Load) -> u64 {
    let ns = |d: Duration| u64::try_from(d.as_nanos()).unwrap();
    let (begin, end) = (ns(load.warmup), ns(load.warmup + load.measure));
    schedule
        .all()
        .map(|arrival| arrival.due_ns)
        .take_while(|due| *due < end)
        .filter(|due| *due >= begin)
        .count() as u64
}

pub(crate) fn constant(rate_per_s: f64) -> Arrivals {
    Arrivals::Constant { rate_per_s }
}

pub(crate) fn ns(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap()
}

/// The lowest value that a histogram of three digits may hold for `duration`.
pub(crate) fn about(duration: Duration) -> u64 {
    ns(duration) / 1_000 * 998
}

/// How often connections of no use may have been reopened: ten times a second each.
pub(crate) fn backed_off_reconnects_max(outcome: &Outcome) -> u64 {
    let phases = &outcome.phases;
    let whole = phases.connect + phases.warmup + phases.measure + phases.drain;
    let each = u64::try_from(whole.as_millis()).unwrap() / 100 + 1;
    each * outcome.connections.asked as u64
}
