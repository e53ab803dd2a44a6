//! A connection for each request: connect, send one request, receive the reply, close.
//!
//! The client closes first, with a reset (SO_LINGER of zero). So no end stays in TIME_WAIT, no port is
//! used up, and no closed connection disturbs a later measurement. The server sees an error instead of
//! the end of input, which costs it the same calls.

use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use c10k::accounts::cpu_now;
use c10k::units::{self, as_f64};
use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::fd::OwnedFd;
use rustix::net::{RecvFlags, SendFlags, recv, send};
use serde::Serialize;
use socket2::{Domain, Protocol, Socket, Type};

use crate::holder::PATIENCE;
use crate::subject::Subject;

/// Clients at a time: fewer than the workers of a pool, and fewer than the shortest listen queue holds.
pub(crate) const CLIENTS: usize = 32;
/// The warm-up lasts one part in this many of the measurement.
const WARMUP_SHARE: u32 = 4;
const REQUEST: &[u8] = b"ECHO one request, one connection\n";
const REPLY: &[u8] = b"OK one request, one connection\n";

/// What connections of one request cost.
#[derive(Debug, Serialize)]
pub(crate) struct Churn {
    clients: usize,
    connections: u64,
    /// Connections that ended without the right reply.
    pub(crate) failed: u64,
    elapsed_ns: u64,
    server_cpu_ns: u64,
    pub(crate) connections_per_s: f64,
    pub(crate) cpu_per_connection_ns: f64,
}

/// Measures a fresh server with its default settings.
pub(crate) fn measure(subject: &Subject<'_>) -> Result<Churn> {
    let server = subject.start_plain()?;
    let mut clients = Clients::open(server.address)?;
    clients.go_on(subject, subject.measure / WARMUP_SHARE)?;
    let (before, cpu_before, start) = (clients.counts, server_cpu(&server), Instant::now());
    clients.go_on(subject, subject.measure)?;
    let (cpu, elapsed) = (server_cpu(&server).saturating_sub(cpu_before), start.elapsed());
    let (done, failed) = (clients.counts.0 - before.0, clients.counts.1 - before.1);
    ensure!(done > 0 && !cpu.is_zero(), "no connection got its reply, {failed} failed");
    Ok(Churn {
        clients: CLIENTS,
        connections: done,
        failed,
        elapsed_ns: units::ns(elapsed),
        server_cpu_ns: units::ns(cpu),
        connections_per_s: as_f64(done) / elapsed.as_secs_f64(),
        cpu_per_connection_ns: as_f64(units::ns(cpu)) / as_f64(done),
    })
}

fn server_cpu(server: &crate::support::process::ServerProcess) -> Duration {
    cpu_now(server.process.pid())
}

/// Clients that each have one open connection, with its request sent.
struct Clients {
    address: SocketAddr,
    epoll: OwnedFd,
    streams: Vec<TcpStream>,
    /// Connections that got the right reply, and connections that did not.
    counts: (u64, u64),
}

impl Clients {
    fn open(address: SocketAddr) -> Result<Self> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let mut clients = Self { address, epoll, streams: Vec::new(), counts: (0, 0) };
        for number in 0..CLIENTS {
            let stream = clients.ask(number)?;
            clients.streams.push(stream);
        }
        Ok(clients)
    }

    /// Opens a connection and sends its request. Over loopback, connecting only waits for room in the
    /// server's queue, not for the server.
    fn ask(&self, number: usize) -> Result<TcpStream> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
        // This timeout also limits connecting.
        socket.set_write_timeout(Some(PATIENCE))?;
        socket.set_linger(Some(Duration::ZERO))?;
        socket.connect(&self.address.into()).context("cannot connect to the server")?;
        // A connection that has ended already shows when its reply is read.
        let _ = send(&socket, REQUEST, SendFlags::NOSIGNAL);
        epoll::add(&self.epoll, &socket, EventData::new_u64(number as u64), EventFlags::IN)?;
        Ok(socket.into())
    }

    fn go_on(&mut self, subject: &Subject<'_>, time: Duration) -> Result<()> {
        let until = Instant::now() + time;
        let patience = Timespec::try_from(PATIENCE)?;
        let mut events = Vec::with_capacity(CLIENTS);
        while Instant::now() < until {
            ensure!(!subject.is_stopped(), "interrupted");
            events.clear();
            match epoll::wait(&self.epoll, spare_capacity(&mut events), Some(&patience)) {
                Ok(0) => bail!("none of {CLIENTS} clients got a reply in {} s", PATIENCE.as_secs()),
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            for event in &events {
                let number = usize::try_from(event.data.u64())?;
                if is_right(&self.streams[number]) {
                    self.counts.0 += 1;
                } else {
                    self.counts.1 += 1;
                }
                // The assignment closes the old connection.
                self.streams[number] = self.ask(number)?;
            }
        }
        Ok(())
    }
}

/// Whether the reply is right. It is shorter than any segment, so it arrives whole.
fn is_right(stream: impl AsFd) -> bool {
    let mut reply = [0; 128];
    match recv(stream, &mut reply, RecvFlags::DONTWAIT) {
        Ok((n, _)) => &reply[..n] == REPLY,
        Err(_) => false,
    }
}
