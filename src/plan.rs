//! Experiments as TOML, one question each. `plans/README.md` documents every key.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use protocol::{App, Framing, Recipe, Request, Work};
use serde::{Deserialize, Serialize};
use servers::{MODELS, Model, broken, models};

use crate::cli::usage;
use crate::pacing::PacingArg;

/// The plan that runs when none is named.
const QUICK: &str = include_str!("../plans/quick.toml");

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
    /// Trials of each model under each workload.
    #[serde(default = "five")]
    pub trials: u32,
    /// What decides the order of trials and the spacing of arrivals.
    #[serde(default = "one")]
    pub seed: u64,
    /// Connections of every workload that does not say otherwise.
    pub connections: usize,
    /// Threads of the load generator.
    #[serde(default = "one_thread")]
    pub threads: usize,
    /// Load that is not recorded.
    #[serde(with = "human_duration")]
    pub warmup: Duration,
    /// Load that is.
    #[serde(with = "human_duration")]
    pub measure: Duration,
    /// Waiting for what is still open.
    #[serde(with = "human_duration")]
    pub drain: Duration,
    /// A request without a reply for so long has timed out.
    #[serde(with = "human_duration", default = "ten_seconds")]
    pub request_timeout: Duration,
    /// Processors of the servers; left out, the first of two or more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_cpus: Option<Vec<usize>>,
    /// Processors of the load generator; left out, the second of two or more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_cpus: Option<Vec<usize>>,
    /// How the load generator waits until a request of an open loop is due.
    #[serde(default, skip_serializing_if = "PacingArg::is_auto")]
    pub pacing: PacingArg,
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
}

impl Default for ServerPlan {
    fn default() -> Self {
        Self {
            app: App::Bench.name().into(),
            framing: Framing::Line.name().into(),
            workers: None,
            max_connections: None,
            backlog: 4096,
        }
    }
}

/// What all clients do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Workload {
    /// Its name in files and tables.
    pub name: String,
    /// What every request asks for.
    pub request: RequestPlan,
    /// When requests are sent.
    pub arrivals: ArrivalsPlan,
    /// Connections, if not the plan's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connections: Option<usize>,
    /// Whether connections begin with a greeting, which tells how long they waited for it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub greeting: bool,
}

/// What every request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", rename_all_fields = "kebab-case")]
#[serde(deny_unknown_fields)]
pub enum RequestPlan {
    /// So many bytes of text returned.
    Echo {
        /// Bytes of text.
        bytes: usize,
    },
    /// Two whole numbers multiplied.
    Multiply {
        /// Decimal digits of each.
        digits: usize,
    },
    /// CPU burnt, a wait waited, a reply of a certain size.
    Work {
        /// Rounds of CPU work.
        rounds: u64,
        /// The wait.
        #[serde(with = "human_duration")]
        wait: Duration,
        /// Bytes of the reply.
        reply_bytes: usize,
    },
}

impl RequestPlan {
    /// As the protocol has it.
    #[must_use]
    pub fn request(self) -> Request {
        match self {
            Self::Echo { bytes } => Request::Echo { bytes },
            Self::Multiply { digits } => Request::Multiply { digits },
            Self::Work { rounds, wait, reply_bytes } => {
                Request::Work(Work { rounds, wait, reply_bytes })
            }
        }
    }
}

/// When requests are sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum ArrivalsPlan {
    /// Each connection sends when it has its reply.
    Closed,
    /// Open loop, evenly spaced.
    Constant(Rate),
    /// Open loop, exponentially spaced.
    Poisson(Rate),
}

impl ArrivalsPlan {
    /// The rate of an open loop.
    #[must_use]
    pub fn rate(&self) -> Option<&Rate> {
        match self {
            Self::Closed => None,
            Self::Constant(rate) | Self::Poisson(rate) => Some(rate),
        }
    }
}

/// The rate of an open loop: a number, or a share of what was measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// Requests per second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<f64>,
    /// Share of the throughput of the slowest model that serves all its clients...
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<f64>,
    /// ...under this closed-loop workload of the same plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<String>,
}

impl Plan {
    /// The quick comparison.
    ///
    /// # Panics
    /// Never: a test reads it.
    #[must_use]
    pub fn quick() -> Self {
        Self::parse(QUICK).expect("the built-in plan is in order")
    }

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

    fn parse(text: &str) -> Result<Self> {
        let plan: Self = toml::from_str(text).map_err(|error| {
            let hint = suggestion(error.message()).unwrap_or_default();
            anyhow::anyhow!("{error}{hint}")
        })?;
        plan.check()?;
        Ok(plan)
    }

    /// As TOML again, with everything spelled out.
    ///
    /// # Errors
    /// When it has no TOML form, which is a fault of ours.
    pub fn to_toml(&self) -> Result<String> {
        toml::to_string_pretty(self).context("the plan has no TOML form")
    }

    /// The models, in teaching order.
    ///
    /// # Errors
    /// When a name is not a model's, with the nearest that is.
    pub fn models(&self) -> Result<Vec<&'static Model>> {
        for name in self.models.iter().filter(|name| *name != "all") {
            anyhow::ensure!(
                broken::find(name).is_none(),
                "'{name}' is broken on purpose and is not measured: `c10k serve --broken {name}` \
                 serves it"
            );
            if models::find(name).is_none() {
                let names = MODELS.iter().map(|model| model.name);
                let hint = nearest(name, names).map(|near| format!("; did you mean {near}?"));
                let hint = hint.unwrap_or_default();
                anyhow::bail!("there is no model '{name}'{hint} `c10k models` lists them");
            }
        }
        let all = self.models.iter().any(|name| name == "all");
        let wanted = |model: &&Model| all || self.models.iter().any(|name| name == model.name);
        Ok(MODELS.iter().filter(wanted).collect())
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

    /// Application and framing.
    ///
    /// # Errors
    /// When a name is not one of theirs.
    pub fn service(&self) -> Result<(App, Framing)> {
        let in_server = |error: String| anyhow::anyhow!("[server]: {error}");
        let app = crate::cli::app(&self.server.app).map_err(in_server)?;
        Ok((app, crate::cli::framing(&self.server.framing).map_err(in_server)?))
    }

    /// Keeps only these workloads, and those that they take their rate from.
    ///
    /// # Errors
    /// When a name is not a workload's, with the nearest that is.
    pub fn keep_workloads(&mut self, names: &[String]) -> Result<()> {
        for name in names {
            if self.workload(name).is_none() {
                let known = self.workloads.iter().map(|workload| workload.name.as_str());
                let hint = nearest(name, known).map(|near| format!("; did you mean {near}?"));
                let hint = hint.unwrap_or_default();
                anyhow::bail!("the plan {} has no workload '{name}'{hint}", self.name);
            }
        }
        let mut keep = names.to_vec();
        for workload in self.workloads.iter().filter(|workload| names.contains(&workload.name)) {
            keep.extend(workload.arrivals.rate().and_then(|rate| rate.of.clone()));
        }
        self.workloads.retain(|workload| keep.contains(&workload.name));
        Ok(())
    }

    /// Checks what the types do not.
    ///
    /// # Errors
    /// What is wrong, and what would be right.
    pub fn check(&self) -> Result<()> {
        anyhow::ensure!(is_file_name(&self.name), "name: use letters, digits, - and _ only");
        anyhow::ensure!(self.trials >= 1, "trials: at least 1");
        anyhow::ensure!(self.threads >= 1, "threads: at least 1");
        anyhow::ensure!(!self.measure.is_zero(), "measure: longer than nothing");
        anyhow::ensure!(!self.models()?.is_empty(), "models: name at least one");
        anyhow::ensure!(!self.workloads.is_empty(), "there is no [[workload]]");
        let (app, framing) = self.service()?;
        for (at, workload) in self.workloads.iter().enumerate() {
            let name = &workload.name;
            let connections = self.connections(workload);
            anyhow::ensure!(is_file_name(name), "workload '{name}': letters, digits, - and _ only");
            anyhow::ensure!(
                self.workloads[..at].iter().all(|before| before.name != *name),
                "there are two workloads '{name}'"
            );
            anyhow::ensure!(
                connections >= self.threads,
                "workload '{name}': {connections} connections are fewer than {} threads",
                self.threads
            );
            anyhow::ensure!(
                !workload.greeting || framing == Framing::Line,
                "workload '{name}': greeting: a greeting is a line, and {} framing has none: leave \
                 it out, or set framing = \"line\" in [server]",
                framing.name()
            );
            Recipe::new(app, framing, workload.request.request())
                .with_context(|| format!("workload '{name}'"))?;
            if let Some(rate) = workload.arrivals.rate() {
                self.check_rate(rate).with_context(|| format!("workload '{name}'"))?;
            }
        }
        Ok(())
    }

    fn check_rate(&self, rate: &Rate) -> Result<()> {
        match rate {
            Rate { rate: Some(rate), share: None, of: None } => {
                anyhow::ensure!(*rate > 0.0 && rate.is_finite(), "rate: more than 0 per second");
            }
            Rate { rate: None, share: Some(share), of: Some(of) } => {
                anyhow::ensure!(*share > 0.0 && *share <= 2.0, "share: from 0 to 2, as in 0.5");
                let closed = |w: &Workload| w.arrivals == ArrivalsPlan::Closed;
                anyhow::ensure!(
                    self.workload(of).is_some_and(closed),
                    "of: '{of}' is not a closed-loop workload of this plan"
                );
            }
            _ => anyhow::bail!(
                "an open loop needs rate = 20000, or share = 0.5 and of = \"a closed workload\""
            ),
        }
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

/// The candidate that is most like `word`, if any is much like it.
fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    const ALIKE: f64 = 0.7;
    let scored = candidates.map(|candidate| (strsim::jaro_winkler(word, candidate), candidate));
    scored.filter(|(score, _)| *score > ALIKE).max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, c)| c)
}

fn all_models() -> Vec<String> {
    vec!["all".into()]
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

/// Durations as `500us` or `10s`.
mod human_duration {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(value: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&humantime::format_duration(*value))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        let text = String::deserialize(from)?;
        crate::units::parse_duration(&text).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_plan_of_the_repository_is_in_order() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("plans");
        let files = std::fs::read_dir(folder).expect("plans/").map(|entry| entry.expect("a file"));
        let plans =
            files.map(|file| file.path()).filter(|p| p.extension().is_some_and(|e| e == "toml"));
        let read: Vec<_> = plans.map(|path| Plan::read(&path).expect("in order").name).collect();
        assert!(read.contains(&"quick".to_string()));
    }

    #[test]
    fn a_plan_survives_writing_and_reading() {
        let plan = Plan::quick();
        assert_eq!(Plan::parse(&plan.to_toml().expect("written")).expect("read"), plan);
    }

    #[test]
    fn an_unknown_key_is_an_error_that_says_where_and_what_was_meant() {
        for (right, wrong, meant) in [
            ("connections =", "conections =", "connections"),
            ("reply-bytes =", "reply-byte =", "reply-bytes"),
            ("kind = \"poisson\"", "kind = \"poison\"", "poisson"),
            ("[[workload]]", "[[workloads]]", "workload"),
        ] {
            let error = Plan::parse(&QUICK.replacen(right, wrong, 1)).expect_err("a typo");
            let text = format!("{error:#}");
            assert!(text.contains(&format!("did you mean `{meant}`")), "{text}");
            assert!(text.contains("line "), "{text}");
        }
    }

    #[test]
    fn an_unknown_model_is_an_error_that_names_the_nearest() {
        let text = QUICK.replace("\"epoll\"", "\"epol\"");
        let error = format!("{:#}", Plan::parse(&text).expect_err("no such model"));
        assert!(error.contains("'epol'") && error.contains("did you mean epoll"), "{error}");
    }

    #[test]
    fn a_rate_needs_a_number_or_a_share_of_a_closed_workload() {
        for wrong in [
            "",
            ", rate = 0",
            ", share = 0.5",
            ", share = 0.5, of = \"cpu-open\"",
            ", rate = 5, share = 0.5, of = \"cpu\"",
        ] {
            let text = QUICK.replace(", share = 0.3, of = \"echo\"", wrong);
            assert!(Plan::parse(&text).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_greeting_needs_lines_and_survives_writing_and_reading() {
        let text = QUICK.replacen("name = \"echo\"", "name = \"echo\"\ngreeting = true", 1);
        let plan = Plan::parse(&text).expect("in order");
        assert_eq!(Plan::parse(&plan.to_toml().expect("written")).expect("read"), plan);
        let greeted: Vec<_> = plan.workloads.iter().map(|workload| workload.greeting).collect();
        assert!(greeted[0] && !greeted[1..].contains(&true), "{greeted:?}");
        let error = Plan::parse(&format!("{text}\n[server]\nframing = \"raw\"\n"));
        let error = format!("{:#}", error.expect_err("raw has no lines"));
        assert!(error.contains("'echo'") && error.contains("framing = \"line\""), "{error}");
    }

    #[test]
    fn keeping_an_open_workload_keeps_the_one_it_takes_its_rate_from() {
        let mut plan = Plan::quick();
        plan.keep_workloads(&["cpu-open".into()]).expect("it is there");
        let names: Vec<_> = plan.workloads.iter().map(|workload| workload.name.as_str()).collect();
        assert_eq!(names, ["cpu", "cpu-open"]);
        assert!(plan.keep_workloads(&["ecko".into()]).is_err());
    }
}
