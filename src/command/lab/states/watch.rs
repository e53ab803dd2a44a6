//! The watch: looks at both ends of connections and records each change of state.

use std::net::SocketAddr;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::Pace;
use crate::command::lab::visitor::Clock;
use crate::host::accounts::state_name;
use crate::host::sockets::{self, CONNECTED, TcpState};

/// How much longer than planned the watch may go on.
const LATEST_S: f64 = 5.0;

/// From when on an end was in a state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Change {
    pub(super) at_s: f64,
    /// Its name in netstat(8); `None` where the kernel has the socket no more.
    pub(super) state: Option<String>,
}

/// One end of a client's connection.
#[derive(Debug)]
pub(super) struct End {
    pub(super) client: SocketAddr,
    /// The client's own, or the server's.
    pub(super) is_own: bool,
    pub(super) changes: Vec<Change>,
}

/// The states of all ends, and the time of the last look. Goes on after the clients are done until
/// no end is left, at most for the patience of `pace`.
pub(super) fn watch(
    server: SocketAddr,
    known: &Mutex<Vec<SocketAddr>>,
    clock: Clock,
    pace: &Pace,
    are_done: impl Fn() -> bool,
) -> Result<(Vec<End>, f64)> {
    let mut ends: Vec<End> = Vec::new();
    let mut deadline_s = f64::INFINITY;
    loop {
        // Read before the look, so that the clients' last actions are seen.
        let done = are_done();
        let at_s = clock.now_s();
        let clients = known.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
        look(server, &clients, at_s, &mut ends)?;
        if done && deadline_s.is_infinite() {
            deadline_s = at_s + pace.patience.as_secs_f64();
        }
        let is_gone = |end: &End| end.changes.last().is_none_or(|change| change.state.is_none());
        let settled = ends.iter().all(|end| is_gone(end) || end.is("TIME_WAIT"));
        // An end that neither goes away nor reaches TIME_WAIT is reported as last seen.
        let is_over = (settled && at_s >= deadline_s) || at_s >= deadline_s + LATEST_S;
        if done && (ends.iter().all(is_gone) || is_over) {
            return Ok((ends, at_s));
        }
        // A state that may last for a minute needs no look every few milliseconds.
        thread::sleep(if done && settled {
            pace.look.max(Duration::from_millis(100))
        } else {
            pace.look
        });
    }
}

impl End {
    fn is(&self, state: &str) -> bool {
        self.changes.last().is_some_and(|change| change.state.as_deref() == Some(state))
    }

    fn note(&mut self, at_s: f64, state: Option<&TcpState>) {
        let state = state.map(|state| state_name(state).to_string());
        let last = self.changes.last();
        // An end that was never there has not gone.
        let is_new = last.map_or(state.is_some(), |last| last.state != state);
        if is_new {
            self.changes.push(Change { at_s, state });
        }
    }
}

fn look(server: SocketAddr, clients: &[SocketAddr], at_s: f64, ends: &mut Vec<End>) -> Result<()> {
    let pid = i32::try_from(std::process::id())?;
    let at = |port| {
        let found = sockets::at_port(pid, port, &CONNECTED);
        found.map(|(found, _)| found).context("the kernel does not report the states of sockets")
    };
    let at_server = at(server.port())?;
    for client in clients {
        let own = at(client.port())?;
        let own = own.iter().find(|s| s.local == *client && s.remote == server);
        let other = at_server.iter().find(|s| s.local == server && s.remote == *client);
        for (is_own, found) in [(true, own), (false, other)] {
            let is_it = |end: &&mut End| end.client == *client && end.is_own == is_own;
            let state = found.map(|socket| &socket.state);
            match ends.iter_mut().find(is_it) {
                Some(end) => end.note(at_s, state),
                None => {
                    let mut end = End { client: *client, is_own, changes: Vec::new() };
                    end.note(at_s, state);
                    ends.push(end);
                }
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_changes_are_noted_and_what_never_was_has_not_gone() {
        let mut end = End {
            client: SocketAddr::from(([127, 0, 0, 1], 9)),
            is_own: true,
            changes: Vec::new(),
        };
        let (open, closed) = (TcpState::Established, TcpState::TimeWait);
        for (at_s, state) in [
            (0.0, None),
            (0.1, Some(&open)),
            (0.2, Some(&open)),
            (0.3, Some(&closed)),
            (0.4, None),
            (0.5, None),
        ] {
            end.note(at_s, state);
        }
        let seen: Vec<_> = end.changes.iter().map(|c| (c.at_s, c.state.as_deref())).collect();
        assert_eq!(seen, [(0.1, Some("ESTABLISHED")), (0.3, Some("TIME_WAIT")), (0.4, None)]);
    }
}
