//! The processes and threads of a server while clients are connected.

use std::time::Duration;

use anyhow::{Context, Result};
use procfs::process::Process;
use serde::{Deserialize, Serialize};

use crate::command::lab::visitor::{self, Visitor};
use crate::host::accounts;

/// The servers. A pool gets two workers, so that the third client shows how it behaves.
const SERVERS: [(&str, &[&str]); 7] = [
    ("sequential", &[]),
    ("fork", &[]),
    ("prefork", &["--workers", "2"]),
    ("thread-per-client", &[]),
    ("thread-pool", &["--workers", "2"]),
    ("select", &[]),
    ("epoll", &[]),
];
const CLIENTS: usize = 3;
/// A client that is not greeted within this time waits. A greeting takes a thousandth of it.
const GREETING: Duration = Duration::from_millis(500);

/// A server with its clients.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tree {
    /// How it was started.
    pub(super) server: String,
    /// Clients that were connected.
    pub(super) clients: usize,
    /// Clients that had been greeted.
    pub(super) greeted: usize,
    /// The first process first, parents before their children.
    pub(super) processes: Vec<OfServer>,
}

/// A process of a server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OfServer {
    pub(super) pid: i32,
    pub(super) parent: i32,
    pub(super) name: String,
    /// The names of its threads, the first one left out.
    pub(super) threads: Vec<String>,
}

/// Each server with three clients.
pub(super) fn all() -> Result<Vec<Tree>> {
    SERVERS.iter().map(|(model, words)| one(model, words)).collect()
}

fn one(model: &str, words: &[&str]) -> Result<Tree> {
    let words: Vec<&str> = [&["--model", model, "--app", "clock"][..], words].concat();
    let server = visitor::serve(&words)?;
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        clients.push(Visitor::connect(server.address)?);
    }
    let mut greeted = 0;
    for client in &mut clients {
        greeted += usize::from(client.is_greeted_within(GREETING)?);
    }
    let processes = accounts::tree(server.pid());
    let processes = processes.iter().map(of_server).collect::<Result<Vec<_>>>()?;
    drop(clients);
    visitor::stop(server)?;
    let server = words.iter().filter(|word| !["--app", "clock", "--model"].contains(word));
    let server = server.copied().collect::<Vec<_>>().join(" ");
    Ok(Tree { server, clients: CLIENTS, greeted, processes })
}

fn of_server(process: &Process) -> Result<OfServer> {
    let stat =
        process.stat().context("a process of the server ended while the lab read its state")?;
    let mut threads: Vec<String> = Vec::new();
    for task in process.tasks()?.flatten().filter(|task| task.tid != process.pid()) {
        // A thread that has just ended does not count.
        threads.extend(task.stat().ok().map(|stat| stat.comm));
    }
    Ok(OfServer { pid: process.pid(), parent: stat.ppid, name: stat.comm, threads })
}

/// The tree as pstree(1) would draw it, threads in braces and counted.
pub(super) fn drawn(tree: &Tree) -> String {
    let root = tree.processes.first().map_or(0, |process| process.pid);
    let mut text = String::new();
    for process in &tree.processes {
        let indent = if process.pid == root { "" } else { "  `- " };
        text += &format!("{indent}{} (process {})\n", process.name, process.pid);
        let mut names: Vec<(&str, usize)> = Vec::new();
        for thread in &process.threads {
            match names.iter_mut().find(|(name, _)| name == thread) {
                Some((_, n)) => *n += 1,
                None => names.push((thread, 1)),
            }
        }
        let deeper = if process.pid == root { "" } else { "     " };
        for (name, n) in names {
            text += &format!("{deeper}  |- {n} x {{{name}}}\n");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_is_drawn_with_children_below_and_threads_counted() {
        let of = |pid, parent, threads: &[&str]| OfServer {
            pid,
            parent,
            name: "c10k".into(),
            threads: threads.iter().map(ToString::to_string).collect(),
        };
        let processes = vec![of(5, 1, &["client", "client"]), of(6, 5, &[])];
        let tree = Tree { server: "fork".into(), clients: 1, greeted: 1, processes };
        assert_eq!(drawn(&tree), "c10k (process 5)\n  |- 2 x {client}\n  `- c10k (process 6)\n");
    }
}
