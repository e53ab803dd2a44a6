//! A server's messages on a terminal.

use super::{Line, Ready, Stopped};
use crate::base::units::show_ns;

/// A line in words. Where a console attends, it says itself how the server is stopped.
pub(super) fn log_words(line: &Line<'_>, attended: bool) -> String {
    match line {
        Line::Ready(ready) => self::ready(ready, attended),
        Line::Stopped(stopped) => self::stopped(stopped),
    }
}

fn ready(ready: &Ready<'_>, attended: bool) -> String {
    let Ready { address, pid, model, settings, .. } = ready;
    let talk = match (settings.framing, settings.app) {
        ("http", _) => format!("curl http://{address}/mul/6/7"),
        ("raw", _) => "see docs/protocol.md for raw framing".into(),
        (_, "sink") => format!("anything to {address}, as with nc"),
        (_, "dispatch") => format!("c10k client {address} --run --allow COMMAND"),
        _ => format!("c10k client {address}"),
    };
    let stop = if attended { "" } else { "; Ctrl-C stops it" };
    format!(
        "{model} listens at {address} (process {pid}, {} in {} framing).\nTry {talk}{stop}.\n",
        settings.app, settings.framing
    )
}

fn stopped(stopped: &Stopped<'_>) -> String {
    let count = |name: &str| stopped.counters.get(name).and_then(|n| n.as_u64()).unwrap_or(0);
    let (accepted, requests) = (count("accepted"), count("requests"));
    let others = ["reset", "idle", "cut", "lost", "shed"].map(|name| (name, count(name)));
    let others: Vec<String> = others
        .into_iter()
        .filter(|(_, n)| *n > 0)
        .map(|(name, n)| format!(", {n} {name}"))
        .collect();
    format!(
        "{} has stopped after {}: {accepted} connections, {requests} requests{}.\n",
        stopped.model,
        show_ns(stopped.uptime_ns),
        others.concat()
    )
}
