//! Memory of the sessions of `clock`, which keep the time when they began, compared with those of `bench`, which keep
//! nothing.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use c10k::statistics::claim::Claim;
use c10k::units::as_f64;
use servers::{Family, Model};

use crate::comparison::{Comparison, Unit};
use crate::setting::{Found, Setting};
use crate::support::process::ServerProcess;
use crate::support::{DESCRIPTORS_RESERVED, raise_descriptor_limit, settled};

const SESSIONS: usize = 10_000;
const SESSIONS_QUICK: usize = 40;
/// The claim: a session of `clock` takes at most this many bytes more.
const MORE_BYTES: f64 = 64.0;
/// Sessions opened at a time. One by one, poll(2) would scan all the others for each.
const BATCH: usize = 100;
/// A server that takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// An application: what the client sends, and how the last line of the reply begins.
struct App {
    name: &'static str,
    sends: &'static str,
    /// Lines that the server sends, the greeting included.
    lines: usize,
    last: &'static str,
}

const CLOCK: App = App { name: "clock", sends: "hello\n", lines: 2, last: "Received: " };
const BENCH: App = App { name: "bench", sends: "ECHO hello\n", lines: 1, last: "OK hello" };

/// Measures every event loop, in pairs.
pub(crate) fn measure(setting: &Setting, found: &mut Found) -> Result<()> {
    let (limit, all) = (raise_descriptor_limit(), setting.so_many(SESSIONS, SESSIONS_QUICK));
    let room = limit.saturating_sub(DESCRIPTORS_RESERVED);
    for model in servers::MODELS.iter().filter(|model| is_loop(model) && setting.wants(model.name))
    {
        if let Err(why) = (model.probe)() {
            found.skipped.push(format!("clock: {}: it cannot run here: {why}", model.name));
            continue;
        }
        let sessions = all.min(model.holds_at_most.unwrap_or(usize::MAX));
        if sessions > room {
            found.skipped.push(format!(
                "clock: {}: {sessions} sessions need more descriptors than the {limit} that this process may open \
                 (ulimit -n)",
                model.name
            ));
            continue;
        }
        let each = |app: &App| {
            of_each(setting, model, app, sessions).with_context(|| {
                format!("{sessions} sessions of {} under {}", app.name, model.name)
            })
        };
        let mut pairs = Vec::new();
        for round in 0..setting.rounds {
            eprintln!("classroom: clock: {}, round {}", model.name, round + 1);
            pairs.push(if round.is_multiple_of(2) {
                let clock = each(&CLOCK)?;
                (clock, each(&BENCH)?)
            } else {
                let bench = each(&BENCH)?;
                (each(&CLOCK)?, bench)
            });
        }
        found.comparisons.push(Comparison {
            what: format!("clock, {}, {sessions} sessions", model.name),
            figure: "memory of each",
            against: BENCH.name.into(),
            unit: Unit::Bytes,
            claim: Some(Claim::AtMost(MORE_BYTES)),
            pairs,
        });
    }
    Ok(())
}

/// Whether a model is an event loop, by readiness or by completion.
fn is_loop(model: &Model) -> bool {
    matches!(model.family, Family::Reactor | Family::Proactor)
}

/// Private memory per session, after one exchange in each.
fn of_each(setting: &Setting, model: &Model, app: &App, sessions: usize) -> Result<f64> {
    let words = ["--app", app.name, "--idle-timeout", "1h"].map(String::from);
    let server = ServerProcess::start_silent(model.name, &words, setting.server_cpu)?;
    let pid = server.process.pid();
    let before = settled(pid);
    let mut streams = Vec::with_capacity(sessions);
    while streams.len() < sessions {
        let n = BATCH.min(sessions - streams.len());
        open(server.address, n, app, &mut streams)?;
    }
    let after = settled(pid);
    for stream in &streams {
        // Closing with a reset leaves no port in TIME_WAIT, so the next server has all ports.
        let _ = socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO));
    }
    Ok((as_f64(after) - as_f64(before)) / as_f64(sessions as u64))
}

/// Opens `n` sessions and makes one exchange in each.
fn open(address: SocketAddr, n: usize, app: &App, streams: &mut Vec<TcpStream>) -> Result<()> {
    let first = streams.len();
    for _ in 0..n {
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        streams.push(stream);
    }
    for stream in &mut streams[first..] {
        stream.write_all(app.sends.as_bytes())?;
    }
    for stream in &streams[first..] {
        // Dropping the reader loses nothing, because the server sends no more than these lines.
        let mut lines = BufReader::new(stream).lines();
        let last = (0..app.lines).map(|_| lines.next()).last().flatten();
        let last = last.context("the server closed the connection")??;
        ensure!(last.starts_with(app.last), "a wrong reply: {last}");
    }
    Ok(())
}
