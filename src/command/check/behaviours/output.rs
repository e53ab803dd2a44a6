//! A server's standard output and error without a reader.

use std::fs::File;
use std::io::{PipeReader, PipeWriter, Read, Write, pipe};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use anyhow::{Context, Result, anyhow, ensure};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::Signal;

use crate::command::check::client::CheckClient;
use crate::command::check::runner::counted;
use crate::command::check::{Behaviour, Case, Needs, Speaks};
use crate::process::child::ServerChild;

pub(super) const ALL: &[Behaviour] = &[
    Behaviour {
        name: "log_lines_that_nobody_reads_hold_up_nobody",
        why: "a pipe is full after 64 KiB, and a server that waits for the reader serves no client",
        points: 2,
        needs: Needs::Model,
        speaks: Speaks::Bench,
        run: full_log,
        ..Behaviour::PLAIN
    },
    Behaviour {
        name: "log_lines_that_nobody_can_read_hold_up_nobody",
        why: "a closed log must not stop the server",
        points: 1,
        needs: Needs::Model,
        speaks: Speaks::Bench,
        run: closed_log,
        ..Behaviour::PLAIN
    },
    Behaviour {
        name: "a_server_that_cannot_say_that_it_is_ready_ends",
        why: "the program that started the server waits for this line",
        points: 1,
        needs: Needs::Model,
        run: not_ready,
        ..Behaviour::PLAIN
    },
    Behaviour {
        name: "a_last_line_that_nobody_reads_is_an_error",
        why: "lost counters are an error, but the server must still end",
        points: 1,
        needs: Needs::Model,
        run: no_last_line,
        ..Behaviour::PLAIN
    },
];

/// The end of a line that stands for dropped lines.
const GAP: &str = " lines were dropped here";

/// A server that logs its requests to `stderr`, and a client of it.
fn shown_to(case: &Case<'_>, stderr: PipeWriter) -> Result<(ServerChild, CheckClient)> {
    let mut command = case.command(&["--verbose", "--drain-timeout", "20s"])?;
    command.stderr(stderr);
    let server = ServerChild::start(command)?;
    let client = CheckClient::connect(server.address, case.patience())?;
    Ok((server, client))
}

fn full_log(case: &mut Case<'_>) -> Result<()> {
    const UNREAD: u64 = 1000;
    let (mut reader, writer) = pipe()?;
    let (mut server, mut client) = shown_to(case, writer)?;
    let mut ask = |n| client.exchange(&case.speech.question(n)).context("while its log is full");
    (0..UNREAD).try_for_each(&mut ask)?;
    // A reader that comes back must read whole lines, and the number of those that are missing.
    let log = Arc::new(Mutex::new(Vec::new()));
    let read = Arc::clone(&log);
    let reading = thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(n @ 1..) = reader.read(&mut buffer) {
            read.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(&buffer[..n]);
        }
    });
    let text = || {
        let log = log.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&log).into_owned()
    };
    let mut asked = UNREAD;
    case.until("its log reports missing lines", || {
        asked += 1;
        ask(asked).is_err() || text().contains(GAP)
    })?;
    ask(0)?;
    asked += 1;
    server.signal(Signal::TERM);
    let stopped = server.stopped(case.patience())?;
    reading.join().map_err(|_| anyhow!("the reader has panicked"))?;
    let log = text();
    let (gaps, lines): (Vec<&str>, Vec<&str>) = log.lines().partition(|line| line.ends_with(GAP));
    let whole = |line: &&str| line.starts_with("client ") && line.ends_with(" s");
    ensure!(lines.iter().all(whole) && log.ends_with('\n'), "a log line is incomplete: {lines:?}");
    let number = |gap: &str| gap.split(' ').next().and_then(|word| word.parse::<u64>().ok());
    let told: u64 = gaps.iter().filter_map(|gap| number(gap)).sum();
    let dropped = asked - lines.len() as u64;
    ensure!(dropped > 0, "a pipe without a reader held {} lines", lines.len());
    counted(&stopped, "log_lines_dropped", dropped..=dropped)?;
    // The log does not report a last gap if no line comes after it.
    ensure!(
        (1..=dropped).contains(&told),
        "{dropped} lines were dropped, but the log reports {told}"
    );
    counted(&stopped, "requests", asked..=asked)
}

fn closed_log(case: &mut Case<'_>) -> Result<()> {
    const REQUESTS: u64 = 20;
    let (reader, writer) = pipe()?;
    let other = writer.try_clone()?;
    let (mut server, mut client) = shown_to(case, writer)?;
    drop(reader);
    has_no_reader(case, &other)?;
    let ask = |n| client.exchange(&case.speech.question(n)).context("while its log is closed");
    (0..REQUESTS).try_for_each(ask)?;
    server.signal(Signal::TERM);
    let stopped = server.stopped(case.patience())?;
    counted(&stopped, "log_lines_dropped", REQUESTS..=REQUESTS)
}

/// Waits until a pipe has no reader: a process that this program is starting elsewhere has a copy
/// of the reader for a moment.
fn has_no_reader(case: &Case<'_>, writer: &PipeWriter) -> Result<()> {
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    case.until("the pipe has no reader", || {
        let mut line = [PollFd::new(writer, PollFlags::empty())];
        poll(&mut line, Some(&at_once)).is_ok() && line[0].revents().contains(PollFlags::ERR)
    })
}

/// The two ends of a full pipe, from which nothing is read.
fn full_pipe() -> Result<(PipeReader, PipeWriter)> {
    let (reader, mut writer) = pipe()?;
    rustix::io::ioctl_fionbio(&writer, true)?;
    while writer.write(&[b'x'; 4096]).is_ok() {}
    while writer.write(b"x").is_ok() {}
    rustix::io::ioctl_fionbio(&writer, false)?;
    Ok((reader, writer))
}

fn not_ready(case: &mut Case<'_>) -> Result<()> {
    let (reader, closed) = pipe()?;
    drop(reader);
    has_no_reader(case, &closed)?;
    let (_unread, full) = full_pipe()?;
    let outputs: [(&str, Stdio); 3] = [
        ("a pipe that is closed", closed.into()),
        ("a full device", File::options().write(true).open("/dev/full")?.into()),
        ("a pipe that is full", full.into()),
    ];
    for (what, stdout) in outputs {
        let mut command = case.command(&[])?;
        command.stdout(stdout);
        ends_with_an_error(case, command, |_| Ok(()))
            .with_context(|| format!("its standard output is {what}"))?;
    }
    Ok(())
}

fn no_last_line(case: &mut Case<'_>) -> Result<()> {
    let case = &*case;
    for full in [false, true] {
        let (mut reader, writer) = pipe()?;
        let mut filler = writer.try_clone()?;
        let mut command = case.command(&["--drain-timeout", "20s"])?;
        command.stdout(writer);
        let told = || format!("its standard output is full (or closed): {full}");
        ends_with_an_error(case, command, move |child| {
            let (mut ready, mut byte) = (Vec::new(), [0]);
            while !ready.ends_with(b"\n") {
                reader.read_exact(&mut byte).context("the server is not ready")?;
                ready.extend(byte);
            }
            if full {
                rustix::io::ioctl_fionbio(&filler, true)?;
                while filler.write(b"x").is_ok() {}
                rustix::io::ioctl_fionbio(&filler, false)?;
            }
            let kept = if full {
                Some((reader, filler))
            } else {
                drop(reader);
                has_no_reader(case, &filler)?;
                None
            };
            let pid = rustix::process::Pid::from_child(child);
            rustix::process::kill_process(pid, Signal::TERM)?;
            Ok(kept)
        })
        .with_context(told)?;
    }
    Ok(())
}

/// Starts a server and waits until it ends by itself, which it must do with exit code 1 and an
/// error message. What `then` returns is kept until the end.
fn ends_with_an_error<T>(
    case: &Case<'_>,
    mut command: Command,
    then: impl FnOnce(&Child) -> Result<T>,
) -> Result<()> {
    let mut child = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn()?;
    // Its copy of standard output would keep a pipe open.
    drop(command);
    let mut status = None;
    let ended = then(&child).and_then(|_kept| {
        case.until("it ends", || {
            status = child.try_wait().ok().flatten();
            status.is_some()
        })
    });
    if ended.is_err() {
        let _ = child.kill();
        let _ = child.wait();
    }
    ended?;
    let mut words = String::new();
    child.stderr.take().context("standard error is piped")?.read_to_string(&mut words)?;
    let status = status.context("it has ended")?;
    ensure!(status.code() == Some(1), "the server ended with {status} and printed {words:?}");
    ensure!(words.starts_with("error: "), "the server ended with {status} and printed {words:?}");
    Ok(())
}
