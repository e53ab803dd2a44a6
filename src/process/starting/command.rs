//! A command that starts somebody's server: given a port, waited for until it listens there.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, socket_with};
use rustix::process::Signal;

use super::Start;
use crate::host::accounts::Group;
use crate::process::parent::end_with_parent;
use crate::process::server::{Kind, RunningServer};
use crate::process::words::Words;
use crate::process::{until, watch};

/// How long a command may take until it listens. To start an interpreter on a busy machine takes
/// long, and says nothing about the server.
const STARTS_WITHIN: Duration = Duration::from_secs(30);
/// One that does not listen by then is looked at more closely: perhaps it listens elsewhere.
const STARTS_SOON: Duration = Duration::from_millis(500);

pub(super) fn start(words: &[String], start: Start<'_>) -> Result<(SocketAddr, Kind)> {
    let port = if start.port == 0 { free_port()? } else { start.port };
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let place = |w: &String| {
        w.replace("{port}", &port.to_string()).replace("{address}", &address.to_string())
    };
    let words: Vec<_> = words.iter().map(place).collect();
    let (program, arguments) = words.split_first().context("the command is empty")?;
    let mut command = Command::new(program);
    command.args(arguments).env("PORT", port.to_string()).process_group(0);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    // It may take no notice of a milder one.
    end_with_parent(&mut command, Signal::KILL);
    // In one account with all that it starts, and gone with them.
    let group = Group::around(&mut command);
    let mut child = command.spawn().with_context(|| {
        format!(
            "cannot start '{program}': check that it is installed and that its name or path is \
            right"
        )
    })?;
    let said = Words::collect_from(child.stderr.take().context("standard error is a pipe")?);
    let mut server = RunningServer {
        address,
        patience: start.patience,
        kind: Kind::Command { child, said, status: None, group },
        stopped: None,
    };
    listens(&mut server, &words.join(" "))?;
    Ok((server.address, std::mem::replace(&mut server.kind, Kind::Address)))
}

/// Waits until it listens at its port.
fn listens(server: &mut RunningServer, command: &str) -> Result<()> {
    let port = server.address.port();
    let started = Instant::now();
    let (mut ended, mut elsewhere) = (false, Vec::new());
    let listens = until("it listens", server.patience.max(STARTS_WITHIN), || {
        ended = server.has_ended();
        if ended || watch::is_listening(port) {
            return true;
        }
        if started.elapsed() >= STARTS_SOON {
            elsewhere = server.pid().map_or_else(|_| Vec::new(), watch::listening);
        }
        // One that listens somewhere has started; it may listen at its port a little later.
        !elsewhere.is_empty() && started.elapsed() >= server.patience
    });
    if server.went_into_the_background(ended, port) {
        bail!(
            "'{command}' ended, and a process it may have left in the background cannot be \
             observed: run it in the foreground (nginx: -g 'daemon off;')"
        );
    }
    let told = "the command must use {port} or read the environment variable PORT";
    if let Some(at) = elsewhere.first().filter(|_| !ended && !watch::is_listening(port)) {
        bail!("'{command}' listens at {at}, not on port {port}: {told}");
    }
    if ended || listens.is_err() {
        let last = server.last_words().unwrap_or_else(|| "it is still running".into());
        bail!("'{command}' does not listen on port {port}: {last}; {told}");
    }
    if let Some(at) = listens_where_no_client_comes(server) {
        bail!(
            "'{command}' listens at {at}, but clients connect to {}: make it listen at 127.0.0.1 \
             or at all addresses",
            server.address
        );
    }
    Ok(())
}

/// Where it listens, if that is not where its clients come to.
fn listens_where_no_client_comes(server: &RunningServer) -> Option<SocketAddr> {
    let at = watch::listening(server.pid().ok()?);
    let at: Vec<_> = at.into_iter().filter(|at| at.port() == server.address.port()).collect();
    let reached = at.iter().any(|at| at.ip().is_unspecified() || at.ip() == server.address.ip());
    at.first().copied().filter(|_| !reached)
}

/// A port at which nobody listens and that no socket will be given unasked: the kernel hands out
/// those of its range for clients and for port 0, so one of them could be taken at any moment.
fn free_port() -> Result<u16> {
    const TRIES: usize = 1000;
    let range = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    for _ in 0..TRIES {
        let port = fastrand::u16(unasked(&range));
        if is_free(port) {
            return Ok(port);
        }
    }
    bail!("no free port was found in {TRIES} tries")
}

/// The larger part of the ports that need no privilege, below or above the kernel's range.
fn unasked(range: &str) -> RangeInclusive<u16> {
    const LOWEST: u16 = 10_000;
    let mut bounds = range.split_whitespace().map_while(|bound| bound.parse::<u16>().ok());
    let (first, last) = (bounds.next().unwrap_or(32_768), bounds.next().unwrap_or(60_999));
    let (below, above) = (first.saturating_sub(LOWEST), u16::MAX - last);
    match below.max(above) {
        0..1000 => LOWEST..=u16::MAX,
        most if most == below => LOWEST..=first - 1,
        _ => last + 1..=u16::MAX,
    }
}

/// Whether a server without SO_REUSEADDR can listen there too.
fn is_free(port: u16) -> bool {
    let bound = socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None)
        .and_then(|socket| bind(&socket, &SocketAddr::from((Ipv4Addr::UNSPECIFIED, port))));
    bound.is_ok() && !watch::is_listening(port)
}

#[cfg(test)]
mod tests {
    use super::unasked;

    #[test]
    fn ports_are_outside_the_range_that_the_kernel_hands_out() {
        assert_eq!(unasked("32768\t60999\n"), 10_000..=32_767);
        assert_eq!(unasked("10500 40000"), 40_001..=65_535);
        assert_eq!(unasked("1024 65535"), 10_000..=65_535);
        assert_eq!(unasked(""), 10_000..=32_767);
    }
}
