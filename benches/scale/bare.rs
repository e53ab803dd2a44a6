//! A minimal server: a process that accepts and holds connections and does nothing else. Both ends of
//! its connections cost the kernel the same. So half of their memory is that of the client's end,
//! which is subtracted from the memory of the models' connections.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::atomic::AtomicBool;
use std::thread;

use anyhow::{Context, Result, ensure};
use c10k::{print, units};
use rustix::process::{Signal, set_parent_process_death_signal};
use serde::Serialize;

use crate::holder::Held;
use crate::kernel::Counters;
use crate::support::process::ServerProcess;
use crate::support::raise_descriptor_limit;

/// What the kernel needs for connections without any server.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Bare {
    connections: usize,
    before: Counters,
    idle: Counters,
    served: Counters,
    /// One end of a connection that was never used.
    pub(crate) end_idle_bytes: f64,
    /// One end of a connection that has carried one request and its reply.
    pub(crate) end_served_bytes: f64,
}

/// Measures this many connections.
pub(crate) fn measure(connections: usize, server_cpu: usize, stop: &AtomicBool) -> Result<Bare> {
    let mut command = Command::new(std::env::current_exe()?);
    let server =
        ServerProcess::start(command.args(["--bare", &connections.to_string()]), server_cpu)?;
    let mut held = Held::new(server.address, connections, stop);
    let before = Counters::settled()?;
    held.grow(connections)?;
    ensure!(held.len() == connections, "only {} connections were accepted", held.len());
    let idle = Counters::settled()?;
    held.serve()?;
    ensure!(held.len() == connections, "not all connections were answered: {:?}", held.refusals);
    let served = Counters::settled()?;
    let end = |after: &Counters| {
        let both = after.slab_bytes.saturating_sub(before.slab_bytes);
        units::as_f64(both) / 2.0 / units::as_f64(connections as u64)
    };
    let (end_idle_bytes, end_served_bytes) = (end(&idle), end(&served));
    Ok(Bare { connections, before, idle, served, end_idle_bytes, end_served_bytes })
}

/// The other process: accepts this many connections, answers each once in the order of their arrival,
/// and holds them until it is killed.
pub(crate) fn serve(connections: usize) -> Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    raise_descriptor_limit();
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    print(&format!("{{\"event\":\"ready\",\"address\":\"{address}\"}}"))?;
    let mut streams = Vec::with_capacity(connections);
    while streams.len() < connections {
        streams.push(listener.accept()?.0);
    }
    for stream in &mut streams {
        answer(stream).context("cannot answer a connection")?;
    }
    loop {
        thread::park();
    }
}

fn answer(stream: &mut TcpStream) -> Result<()> {
    let mut line = String::new();
    BufReader::with_capacity(256, &*stream).read_line(&mut line)?;
    let text = line.strip_prefix("ECHO").context("the request is not an ECHO")?;
    Ok(stream.write_all(format!("OK{text}").as_bytes())?)
}
