//! Server memory per idle connection.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde::Serialize;

use crate::support::process::ServerProcess;
use crate::support::{DESCRIPTORS_RESERVED, raise_descriptor_limit, settled};

/// The claim for the event loops, in bytes per connection.
pub(crate) const CLAIM_BYTES: f64 = 1024.0;
/// Memory hardly differs from one round to the next.
pub(crate) const ROUNDS_MAX: u32 = 3;

/// Models and their numbers of connections. A descriptor set of select(2) ends at 1,023.
pub(crate) const MODELS: [(&str, usize); 5] =
    [("select", 900), ("poll", 5_000), ("epoll", 5_000), ("mio", 5_000), ("tokio-current", 5_000)];
/// Connections opened at a time. One by one, poll(2) would scan all the others for each.
const BATCH: usize = 100;
/// A server that takes longer hangs.
const REPLY_TIMEOUT: Duration = Duration::from_secs(10);

/// Memory of one server without connections and with many.
#[derive(Debug, Serialize)]
pub(crate) struct Idle {
    pub(crate) model: &'static str,
    round: u32,
    connections: usize,
    /// Private memory not backed by a file, without connections.
    anonymous_before_bytes: u64,
    /// The same with all connections open, each having had one reply.
    anonymous_after_bytes: u64,
    pub(crate) per_connection_bytes: f64,
}

/// Measures every model once; those that need too many descriptors go to `skipped`.
pub(crate) fn round(
    cpu: usize,
    round: u32,
    measured: &mut Vec<Idle>,
    skipped: &mut Vec<String>,
) -> Result<()> {
    let limit = raise_descriptor_limit();
    for (model, connections) in MODELS {
        let need = connections + DESCRIPTORS_RESERVED;
        if need <= limit {
            measured.push(measure(cpu, round, model, connections)?);
        } else if round == 0 {
            skipped.push(format!(
                "memory of {model} with {connections} connections: skipped: it needs {need} \
                 descriptors and this process may open {limit}; raise the hard limit (ulimit -n)"
            ));
        }
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "bytes of memory stay below 2^53")]
fn measure(cpu: usize, round: u32, model: &'static str, connections: usize) -> Result<Idle> {
    let server = ServerProcess::start_model(model, cpu)?;
    let pid = server.process.pid();
    let before = settled(pid);
    let mut streams = Vec::with_capacity(connections);
    while streams.len() < connections {
        let n = BATCH.min(connections - streams.len());
        open(server.address, n, &mut streams)
            .with_context(|| format!("{model} after {} connections", streams.len()))?;
    }
    let after = settled(pid);
    for stream in &streams {
        // Closing with a reset leaves no port in TIME_WAIT, so the next model has all ports.
        let _ = socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO));
    }
    let grown = after.saturating_sub(before) as f64;
    Ok(Idle {
        model,
        round,
        connections,
        anonymous_before_bytes: before,
        anonymous_after_bytes: after,
        per_connection_bytes: grown / connections as f64,
    })
}

/// Opens `n` connections and exchanges one request on each.
fn open(address: SocketAddr, n: usize, streams: &mut Vec<TcpStream>) -> Result<()> {
    let first = streams.len();
    for _ in 0..n {
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(REPLY_TIMEOUT))?;
        streams.push(stream);
    }
    for stream in &mut streams[first..] {
        stream.write_all(b"ECHO hello\n")?;
    }
    for stream in &mut streams[first..] {
        let mut reply = [0; 9];
        stream.read_exact(&mut reply)?;
        ensure!(reply == *b"OK hello\n", "a wrong reply: {}", String::from_utf8_lossy(&reply));
    }
    Ok(())
}
