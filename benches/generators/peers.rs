//! The table of generators, `peers.toml`: how each is run, and how its output is read.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use crate::reading::Reading;
use crate::support::process;
use crate::work::{Job, Told, Work};

const TABLE: &str = include_str!("peers.toml");
/// More requests than any run makes, for generators that need a number.
const REQUESTS_MAX: u64 = 10_000_000;

/// A load generator.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    pub(crate) name: String,
    /// How to install it.
    pub(crate) get: String,
    /// What it does not check.
    pub(crate) unchecked: String,
    version: Option<String>,
    closed: Option<String>,
    open: Option<String>,
    connection_per_request: Option<String>,
    reading: Reading,
}

/// Whether a generator can take part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Presence {
    /// Its version.
    Here(String),
    /// Why it cannot.
    Absent(String),
}

/// The table as in the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    #[serde(default)]
    short: BTreeMap<String, String>,
    peer: Vec<Row>,
}

/// A row as in the file. The fields without a name here say how the output is read.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Row {
    name: String,
    get: String,
    #[serde(default)]
    unchecked: String,
    version: Option<String>,
    closed: Option<String>,
    open: Option<String>,
    connection_per_request: Option<String>,
    #[serde(flatten)]
    reading: toml::Table,
}

/// All generators, in the order of the table.
pub(crate) fn all() -> Result<Vec<Peer>> {
    read(TABLE).context("benches/generators/peers.toml")
}

/// Reads a table. A row whose commands or places are wrong is an error.
pub(crate) fn read(text: &str) -> Result<Vec<Peer>> {
    let Table { short, peer } = toml::from_str(text)?;
    let peers: Result<Vec<Peer>> = peer
        .into_iter()
        .map(|row| {
            let name = row.name.clone();
            Peer::of(row, &short).with_context(|| name)
        })
        .collect();
    let peers = peers?;
    for (at, peer) in peers.iter().enumerate() {
        ensure!(peers[..at].iter().all(|other| other.name != peer.name), "{} twice", peer.name);
    }
    Ok(peers)
}

impl Peer {
    fn of(row: Row, short: &BTreeMap<String, String>) -> Result<Self> {
        let Row { name, get, unchecked, version, closed, open, connection_per_request, reading } =
            row;
        let long = |command: Option<String>| {
            command.map(|mut command| {
                for (name, text) in short {
                    command = command.replace(&format!("{{{name}}}"), text);
                }
                command
            })
        };
        let reading: Reading = reading.try_into()?;
        let peer = Self {
            name,
            get,
            unchecked,
            version: long(version),
            closed: long(closed),
            open: long(open),
            connection_per_request: long(connection_per_request),
            reading,
        };
        let nowhere = Job {
            work: Work::Closed { connections: 1 },
            time: std::time::Duration::from_secs(1),
            at: ([127, 0, 0, 1], 1).into(),
            cpu: 0,
        };
        for command in peer.commands() {
            words(command, Some(&nowhere), Path::new("c"))?;
            ensure!(
                peer.reading.is_complete(),
                "the row does not say where the replies and their rate or time are"
            );
        }
        Ok(peer)
    }

    fn commands(&self) -> impl Iterator<Item = &str> {
        [&self.closed, &self.open, &self.connection_per_request]
            .into_iter()
            .flatten()
            .map(|it| &**it)
    }

    /// The command for this job, if the generator can do it; C programs are in `folder`.
    pub(crate) fn command(&self, job: &Job, folder: &Path) -> Result<Option<Command>> {
        let command = match job.work {
            Work::Closed { .. } => &self.closed,
            Work::Open { .. } => &self.open,
            Work::ConnectionPerRequest { .. } => &self.connection_per_request,
        };
        let words =
            command.as_ref().map(|command| words(command, Some(job), folder)).transpose()?;
        Ok(words.map(|words| command_of(&words)))
    }

    /// The figures in its output.
    pub(crate) fn read(&self, printed: &str) -> Result<Told> {
        let told = self.reading.read(printed);
        let told = told.with_context(|| format!("{} printed {printed}", self.name))?;
        ensure!(told.requests > 0, "{} got no reply: {printed}", self.name);
        Ok(told)
    }

    /// Its version, or why it cannot take part.
    pub(crate) fn presence(&self, folder: &Path) -> Result<Presence> {
        let Some(first) = self.commands().next() else {
            return Ok(Presence::Absent(format!(
                "the table does not say how to run it; to get it: {}",
                self.get
            )));
        };
        let asked = match &self.version {
            Some(version) => words(version, None, folder)?,
            // Without arguments it prints its usage, which shows that it is installed.
            None => words(first.split(' ').next().unwrap_or(first), None, folder)?,
        };
        let Ok(output) = command_of(&asked).output() else {
            return Ok(Presence::Absent(format!("not installed; to get it: {}", self.get)));
        };
        if self.version.is_none() {
            return Ok(Presence::Here(self.name.clone()));
        }
        let both = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&both);
        Ok(Presence::Here(text.lines().next().unwrap_or_default().trim().to_string()))
    }
}

fn command_of(words: &[String]) -> Command {
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]);
    command
}

/// The words of a command, with its names replaced by their values. Without a job, only programs have names.
fn words(command: &str, job: Option<&Job>, folder: &Path) -> Result<Vec<String>> {
    let mut names =
        vec![("c10k", process::C10K.to_string()), ("c", folder.to_string_lossy().into_owned())];
    if let Some(Job { work, time, at, cpu }) = job {
        let rate = match work {
            Work::Open { rate_per_s, .. } => *rate_per_s,
            _ => 0,
        };
        names.extend([
            ("url", format!("http://{at}/")),
            ("address", at.to_string()),
            ("port", at.port().to_string()),
            ("connections", work.connections().to_string()),
            ("rate", rate.to_string()),
            ("seconds", time.as_secs().max(1).to_string()),
            ("milliseconds", time.as_millis().to_string()),
            ("requests", REQUESTS_MAX.to_string()),
            ("cpu", cpu.to_string()),
        ]);
    }
    let words = shlex::split(command).with_context(|| format!("unbalanced quotes in {command}"))?;
    ensure!(!words.is_empty(), "a command is empty");
    let mut filled = Vec::with_capacity(words.len());
    for mut word in words {
        for (name, text) in &names {
            word = word.replace(&format!("{{{name}}}"), text);
        }
        if word.contains(['{', '}']) {
            bail!("unknown name in {word} of {command}");
        }
        filled.push(word);
    }
    Ok(filled)
}
