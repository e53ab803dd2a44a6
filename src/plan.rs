//! Experiments as TOML, one question each. `plans/README.md` documents every key.

pub mod arrivals;
mod built_in;
mod check;
mod contenders;
mod draws;
mod durations;
#[cfg(test)]
mod fixture;
mod load;
mod matrix;
mod processors;
mod reference;
mod request;
mod rounds;
mod state;
mod subject;
mod twin;

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use protocol::{App, Framing};
use serde::{Deserialize, Serialize};
use toml::de::DeTable;

use crate::base::{did_you_mean_or, nearest, usage};
use crate::document::{Factor, RankBy};
use crate::workload::pacing::PacingArg;

pub use arrivals::ArrivalsPlan;
pub use built_in::BUILT_IN;
pub use contenders::ContendersPlan;
pub use reference::reference;
pub use request::RequestPlan;
pub use rounds::{RoundsPlan, Spoil};
pub use subject::{Candidate, External, Subject};

/// An experiment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Plan {
    /// Its name, which begins the run's id.
    pub name: String,
    /// What it asks, in a sentence.
    pub question: String,
    /// The models, by name; `all` stands for all of them.
    #[serde(default = "all_models")]
    pub models: Vec<String>,
    /// Servers that are not ours, measured beside the models.
    #[serde(default, rename = "external", skip_serializing_if = "Vec::is_empty")]
    pub externals: Vec<External>,
    /// Where servers in other languages are found, which are measured beside the models too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contenders: Option<ContendersPlan>,
    /// Who is measured twice in each block, so that there is something to compare with itself; left
    /// out, the first that serves its clients concurrently, `none` for nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub twin: Option<String>,
    /// Workloads under which that one is measured twice, by name or by that of a varied one; left
    /// out, all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub twin_workloads: Vec<String>,
    /// Who is not measured under which workloads.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exclude: Vec<Exclude>,
    /// Trials of each model under each workload; in a run by rounds the rounds at most.
    #[serde(default = "five")]
    pub trials: u32,
    /// Measures by rounds until everything is decided or the time is over; left out, all trials are made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rounds: Option<RoundsPlan>,
    /// What decides the order of trials and the spacing of arrivals.
    #[serde(default = "one")]
    pub seed: u64,
    /// Connections of every workload that does not say otherwise.
    pub connections: usize,
    /// Threads of the load generator.
    #[serde(default = "one_thread")]
    pub threads: usize,
    /// Load that is not recorded.
    #[serde(with = "durations::human")]
    pub warmup: Duration,
    /// Load that is.
    #[serde(with = "durations::human")]
    pub measure: Duration,
    /// Waiting for what is still open.
    #[serde(with = "durations::human")]
    pub drain: Duration,
    /// A request without a reply for so long has timed out.
    #[serde(with = "durations::human", default = "ten_seconds")]
    pub request_timeout: Duration,
    /// Processors of the servers; left out, the first of two or more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_cpus: Option<Vec<usize>>,
    /// Processors of the load generator; left out, the second of two or more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_cpus: Option<Vec<usize>>,
    /// Whether hardware threads of one core may be given out, where the plan does not name
    /// processors.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub share_cores: bool,
    /// How the load generator waits until a request of an open loop is due.
    #[serde(default, skip_serializing_if = "PacingArg::is_auto")]
    pub pacing: PacingArg,
    /// Whether the servers' system calls are counted too, in loads of their own after the trials.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub syscalls: bool,
    /// Whether each block has a trial of the generator against the null baseline; written `reference`, as in
    /// plans of earlier versions.
    #[serde(default = "yes", alias = "null-baseline")]
    pub reference: bool,
    /// What the servers are.
    #[serde(default)]
    pub server: ServerPlan,
    /// The workloads, in the order of the report.
    #[serde(rename = "workload")]
    pub workloads: Vec<Workload>,
}

/// Settings of the servers, the same for every model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct ServerPlan {
    /// The application.
    pub app: String,
    /// The framing.
    pub framing: String,
    /// Threads of pools and runtimes; left out, each model's own choice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workers: Option<usize>,
    /// Live connections at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_connections: Option<usize>,
    /// The kernel's queue of connections not yet accepted.
    pub backlog: u32,
    /// Where the state of sessions is kept; left out, in the requests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Bytes of history of each session.
    #[serde(skip_serializing_if = "is_zero")]
    pub history: usize,
    /// How a table of sessions is locked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state_lock: Option<String>,
    /// Sessions in the table at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sessions_max: Option<usize>,
    /// A session that is not used for so long expires.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_ttl: Option<String>,
    /// The external store.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state_store: Option<String>,
}

impl Default for ServerPlan {
    fn default() -> Self {
        Self {
            app: App::Bench.name().into(),
            framing: Framing::Line.name().into(),
            workers: None,
            max_connections: None,
            backlog: 4096,
            state: None,
            history: 0,
            state_lock: None,
            sessions_max: None,
            session_ttl: None,
            state_store: None,
        }
    }
}

/// Who is not measured under some workloads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exclude {
    /// Names of models, or of servers of others.
    pub models: Vec<String>,
    /// Names of workloads; that of a varied one means all its points.
    pub workloads: Vec<String>,
    /// Why, for whoever reads the results.
    pub reason: String,
}

/// What all clients do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Workload {
    /// Its name in files and tables.
    pub name: String,
    /// The workload that was varied, where this is a point of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub series: Option<String>,
    /// What was varied, and what it is here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub factors: Vec<Factor>,
    /// What every request asks for.
    pub request: RequestPlan,
    /// When requests are sent.
    pub arrivals: ArrivalsPlan,
    /// What models are ranked by; left out, what limits them decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rank_by: Option<RankBy>,
    /// Connections, if not the plan's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connections: Option<usize>,
    /// How many processors its servers may use; left out, as the plan says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_processors: Option<usize>,
    /// Whether connections begin with a greeting, which tells how long they waited for it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub greeting: bool,
    /// Requests that a connection carries before it is closed and opened again; 0 and left out, it
    /// stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests_per_connection: Option<u64>,
    /// Age at which a connection is closed and opened again, as text; left out, it stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection_lifetime: Option<String>,
    /// Requests in flight on a connection; left out, one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pipeline: Option<usize>,
    /// How long a client of a closed loop waits after a reply, as text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub think_time: Option<String>,
    /// Connections beside the load that say nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle_connections: Option<usize>,
    /// Shares of the connections that misbehave, as text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub misbehave: Option<String>,
    /// Settings of the servers, if not the plan's; what is left out is as there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<ServerPlan>,
}

impl Plan {
    /// Reads a plan.
    ///
    /// # Errors
    /// What is wrong with it, where, and what may have been meant.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read the plan {}", path.display()))
            .map_err(|error| usage(format!("{error:#}")))?;
        Self::parse(&text).map_err(|error| usage(format!("{}: {error:#}", path.display())))
    }

    /// Reads the text of a plan.
    ///
    /// # Errors
    /// As [`Plan::read`].
    pub fn parse(text: &str) -> Result<Self> {
        let with_hint = |mut error: toml::de::Error| {
            error.set_input(Some(text));
            let hint = suggestion(error.message()).unwrap_or_default();
            anyhow::anyhow!("{error}{hint}")
        };
        let mut table = DeTable::parse(text).map_err(with_hint)?;
        let origins = matrix::expand(table.get_mut(), text)?;
        let mut plan = Self::deserialize(toml::Deserializer::from(table)).map_err(with_hint)?;
        for (workload, origin) in plan.workloads.iter_mut().zip(origins) {
            let Some((series, factors)) = origin else { continue };
            (workload.series, workload.factors) = (Some(series), factors);
        }
        plan.resolve_shares()?;
        plan.check()?;
        Ok(plan)
    }

    /// As TOML again, with everything spelled out.
    ///
    /// # Errors
    /// When it has no TOML form, which is a fault of ours.
    pub fn to_toml(&self) -> Result<String> {
        toml::to_string_pretty(self).context("the plan cannot be written as TOML")
    }

    /// The workload of that name.
    #[must_use]
    pub fn workload(&self, name: &str) -> Option<&Workload> {
        self.workloads.iter().find(|workload| workload.name == name)
    }

    /// Connections of a workload.
    #[must_use]
    pub fn connections(&self, workload: &Workload) -> usize {
        workload.connections.unwrap_or(self.connections)
    }

    /// Keeps only these workloads, by name or by that of a varied one, and those that they take their
    /// rate from.
    ///
    /// # Errors
    /// When a name is not a workload's, with the nearest that is.
    pub fn keep_workloads(&mut self, names: &[String]) -> Result<()> {
        for name in names {
            if !self.workloads.iter().any(|workload| workload.is_called(name)) {
                let known: Vec<&str> = self.workloads.iter().map(|w| w.name.as_str()).collect();
                let hint = did_you_mean_or(name, "its workloads are", &known);
                anyhow::bail!("the plan {} has no workload '{name}'{hint}", self.name);
            }
        }
        let wanted = |w: &&Workload| names.iter().any(|name| w.is_called(name));
        let mut keep: Vec<String> = Vec::new();
        for workload in self.workloads.iter().filter(wanted) {
            keep.push(workload.name.clone());
            keep.extend(workload.arrivals.relative_to().map(String::from));
        }
        self.workloads.retain(|workload| keep.contains(&workload.name));
        self.forget_workloads();
        Ok(())
    }
}

/// Names end up in file names and in the id of a run.
fn is_file_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c))
}

/// From serde's "unknown field `x`, expected one of `a`, `b`": what was meant, perhaps.
fn suggestion(message: &str) -> Option<String> {
    let mut quoted = message.split('`').skip(1).step_by(2);
    let unknown = message.starts_with("unknown").then(|| quoted.next())??;
    nearest(unknown, quoted).map(|near| format!("did you mean `{near}`?\n"))
}

fn is_zero(n: &usize) -> bool {
    *n == 0
}

fn all_models() -> Vec<String> {
    vec!["all".into()]
}

fn yes() -> bool {
    true
}

fn five() -> u32 {
    5
}

fn one() -> u64 {
    1
}

fn one_thread() -> usize {
    1
}

fn ten_seconds() -> Duration {
    Duration::from_secs(10)
}

#[cfg(test)]
mod tests;
