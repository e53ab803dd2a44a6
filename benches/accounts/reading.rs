//! How long each part takes that a trial reads outside its measurement.

use std::hint::black_box;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use c10k::accounts::{self, Sample};
use c10k::machine::Ticks;
use c10k::sockets::{self, CONNECTED};
use serde::Serialize;

use crate::support::Spread;

/// How often each part is read.
const TIMES: usize = 11;
/// Addresses that the connections are spread over; one does not have enough ports.
const ADDRESSES: u8 = 8;

/// How long one part takes.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Part {
    pub(crate) part: &'static str,
    #[serde(skip)]
    took_ms: Vec<f64>,
    /// Of all readings; absent if there was none.
    #[serde(flatten)]
    pub(crate) ms: Option<Spread>,
}

impl Part {
    pub(crate) const fn named(part: &'static str) -> Self {
        Self { part, took_ms: Vec::new(), ms: None }
    }

    pub(crate) fn add(&mut self, took: Duration) {
        self.took_ms.push(took.as_secs_f64() * 1e3);
    }

    pub(crate) fn summed_up(mut self) -> Self {
        self.ms = Spread::from_values(self.took_ms.iter().copied());
        self
    }

    fn timed<T>(part: &'static str, read: impl Fn() -> T) -> Self {
        let mut timed = Self::named(part);
        for _ in 0..TIMES {
            let begin = Instant::now();
            black_box(read());
            timed.add(begin.elapsed());
        }
        timed.summed_up()
    }

    pub(crate) fn text(&self) -> String {
        let show = |ms: f64| format!("{ms:.3}");
        let spread = self.ms.map_or_else(|| "never read".into(), |ms| ms.show(show));
        format!("  {}: {spread} ms\n", self.part)
    }
}

/// Times all parts for a server that still has all its connections.
pub(crate) fn timed_parts(pid: i32, address: SocketAddr) -> Vec<Part> {
    let reading = Ticks::begin();
    vec![
        Part::timed("CPU, switches, faults, descriptors, TCP counters", || Sample::take(pid).ok()),
        Part::timed("sockets by netlink", || by_netlink(pid, address.port())),
        Part::timed("sockets by files", || by_files(pid, address.port())),
        Part::timed("memory", || accounts::memory(pid)),
        Part::timed("clock ticks and pressure of the machine", || {
            let mut ticks = reading.clone();
            ticks.watch(loadgen::Moment::Begins(loadgen::Phase::Drain));
            ticks
        }),
    ]
}

fn by_netlink(pid: i32, port: u16) -> Option<usize> {
    sockets::by_netlink(pid, port, &CONNECTED).ok().map(|found| found.len())
}

fn by_files(pid: i32, port: u16) -> Option<usize> {
    sockets::by_files(pid, port, &CONNECTED).ok().map(|found| found.len())
}

/// The time to find the sockets of one port beside many closed ones.
#[derive(Serialize)]
pub(crate) struct Beside {
    /// Connections in TIME_WAIT, by the kernel's count.
    pub(crate) time_waits: u64,
    pub(crate) parts: Vec<Part>,
}

/// Leaves this many connections in TIME_WAIT, each at its own port, and looks for the sockets of a
/// listener beside them.
pub(crate) fn beside(wanted: u64) -> Result<Beside> {
    let listener = TcpListener::bind("0.0.0.0:0").context("cannot listen")?;
    let port = listener.local_addr()?.port();
    for n in 0..wanted {
        let last = u8::try_from(n % u64::from(ADDRESSES))? + 1;
        let client = TcpStream::connect(SocketAddr::from(([127, 0, 0, last], port)));
        let client = client.context("cannot connect; if ports are used up, lower --time-wait")?;
        let (mut server, _) = listener.accept()?;
        // The end that closes first stays in TIME_WAIT: here the client, not the listener's port.
        drop(client);
        ensure!(std::io::Read::read(&mut server, &mut [0])? == 0, "another process has connected");
    }
    let us = rustix::process::getpid().as_raw_pid();
    let parts = vec![
        Part::timed("sockets by netlink", || by_netlink(us, port)),
        Part::timed("sockets by files", || by_files(us, port)),
    ];
    Ok(Beside { time_waits: sockets::time_waits(us), parts })
}
