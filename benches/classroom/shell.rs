//! Commands per second of a remote shell, compared with a loop in C that starts the same program.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use c10k::machine;
use c10k::statistics::claim::Claim;
use c10k::units::as_f64;

use crate::comparison::{Comparison, Unit};
use crate::setting::{Found, Setting};
use crate::support::process::{Process, ServerProcess, build_c};

/// Commands that run at a time, one for each client of ours, and as many in C.
const AT_A_TIME: usize = 4;
/// Does nothing, so that only starting and ending is measured.
const PROGRAM: &str = "true";
const AGAINST: &str = "spawn.c";
/// The model that serves the shell: an event loop, so that one process starts all commands, as in C.
const MODEL: &str = "epoll";
/// The claim: at least this share of what the loop in C does.
const SHARE_OF_C: f64 = 0.9;
const MEASURE: Duration = Duration::from_secs(2);
const MEASURE_QUICK: Duration = Duration::from_millis(200);
/// A shell that takes longer to reply hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// Measures our shell and the loop in C, in pairs.
pub(crate) fn measure(setting: &Setting, found: &mut Found) -> Result<()> {
    if !setting.wants(MODEL) {
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    build_c("classroom/c/spawn.c", folder.path());
    let program = folder.path().join("spawn");
    if !program.exists() {
        found
            .skipped
            .push(format!("shell: cannot build {AGAINST}: is a C compiler (cc) installed?"));
        return Ok(());
    }
    let time = if setting.quick { MEASURE_QUICK } else { MEASURE };
    let mut pairs = Vec::new();
    for round in 0..setting.rounds {
        eprintln!("classroom: shell, round {}", round + 1);
        let theirs = || in_c(&program, time, setting.server_cpu);
        pairs.push(if round.is_multiple_of(2) {
            let ours = ours(setting, time)?;
            (ours, theirs()?)
        } else {
            let theirs = theirs()?;
            (ours(setting, time)?, theirs)
        });
    }
    found.comparisons.push(Comparison {
        what: format!("shell, {MODEL}, {AT_A_TIME} at a time"),
        figure: "commands a second",
        against: AGAINST.into(),
        unit: Unit::Rate,
        claim: Some(Claim::AtLeast(SHARE_OF_C)),
        pairs,
    });
    Ok(())
}

/// Commands per second of the shell's clients, each of which sends its next command when the last one has ended.
fn ours(setting: &Setting, time: Duration) -> Result<f64> {
    let words = ["--app", "shell", "--allow", PROGRAM, "--status"].map(String::from);
    let server = ServerProcess::start_silent(MODEL, &words, setting.server_cpu)?;
    let all = machine::cpus();
    machine::pin(&[setting.client_cpu])?;
    // Threads inherit the processor of the thread that starts them.
    let done = thread::scope(|scope| {
        let clients: Vec<_> =
            (0..AT_A_TIME).map(|_| scope.spawn(|| client(server.address, time))).collect();
        let joined =
            clients.into_iter().map(|client| client.join().expect("a client does not panic"));
        joined.collect::<Result<Vec<_>>>()
    });
    machine::pin(&all)?;
    // The clients ran at the same time, so their rates add up.
    Ok(done?.into_iter().map(|(runs, elapsed)| as_f64(runs) / elapsed.as_secs_f64()).sum())
}

fn client(address: std::net::SocketAddr, time: Duration) -> Result<(u64, Duration)> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut replies = BufReader::new(stream.try_clone()?);
    let (started, mut runs, mut line) = (Instant::now(), 0, String::new());
    while started.elapsed() < time {
        stream.write_all(format!("{PROGRAM}\n").as_bytes())?;
        line.clear();
        replies.read_line(&mut line).context("no reply from the shell")?;
        ensure!(line == "END exit 0\n", "{PROGRAM} failed: {line}");
        runs += 1;
    }
    Ok((runs, started.elapsed()))
}

fn in_c(program: &std::path::Path, time: Duration, cpu: usize) -> Result<f64> {
    let mut command = Command::new(program);
    command.args([&AT_A_TIME.to_string(), &time.as_millis().to_string(), PROGRAM]);
    let end = Process::start(&mut command, cpu)?.event("end")?;
    let number = |name: &str| end[name].as_u64().with_context(|| format!("no {name}: {end}"));
    ensure!(number("runs")? > 0, "{AGAINST} ran no command");
    Ok(as_f64(number("runs")?) / as_f64(number("elapsed_ns")?) * 1e9)
}
