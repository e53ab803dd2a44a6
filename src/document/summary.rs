//! A run summed up: what each model did under each workload, over all its trials.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::derived::{Ceiling, Crossover, NoiseFloor, Recommendation, Scaling};
use super::{
    About, ArrivalsRecord, CellStep, CellTurnaround, ConductRecord, Factor, GeneratorBound, Host,
    Pooled, Reference, RequestRecord, RoundsRecord, SchemaId, SpoiledTrial, Status, Syscalls,
    Validity,
};
use crate::statistics::{Interval, Verdict, extremes, median};

/// A whole run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Summary {
    /// Which document this is.
    pub schema: SchemaId,
    /// The run.
    pub run: RunRecord,
    /// Where it ran.
    pub host: Host,
    /// One for each workload and model, workloads in the plan's order, models in teaching order.
    pub cells: Vec<Cell>,
    /// How the models stand against the best, one for each workload that has a best.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub verdicts: Vec<Standings>,
    /// How far apart one model is from itself, for each workload in which it was measured twice.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub noise: Vec<NoiseFloor>,
    /// Which model to take, one for each workload that has a best.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub recommendations: Vec<Recommendation>,
    /// Where models change places in a sweep.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub crossovers: Vec<Crossover>,
    /// How models scale in a sweep over connections or workers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scaling: Vec<Scaling>,
    /// Cells that were left out, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub excluded: Vec<Excluded>,
    /// The load generator against a server that does nothing, once in each block; absent where the plan
    /// has no reference, and in documents of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<Reference>,
}

/// A model that was not measured under a workload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Excluded {
    /// The model.
    pub model: String,
    /// The workload's name in the plan.
    pub workload: String,
    /// Why.
    pub reason: String,
}

impl Summary {
    /// Of these cells, without anything that follows from them.
    #[must_use]
    pub fn of(run: RunRecord, host: Host, cells: Vec<Cell>) -> Self {
        Self {
            schema: SchemaId::summary(),
            run,
            host,
            cells,
            verdicts: Vec::new(),
            noise: Vec::new(),
            recommendations: Vec::new(),
            crossovers: Vec::new(),
            scaling: Vec::new(),
            excluded: Vec::new(),
            reference: None,
        }
    }

    /// The workloads' names, in the order of the cells.
    #[must_use]
    pub fn workloads(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for cell in &self.cells {
            if !names.contains(&cell.workload.as_str()) {
                names.push(&cell.workload);
            }
        }
        names
    }

    /// The cells of a workload.
    #[must_use]
    pub fn cells_of(&self, workload: &str) -> Vec<&Cell> {
        self.cells.iter().filter(|cell| cell.workload == workload).collect()
    }

    /// The cells of a workload that stand for their model: those that only tell the noise are left
    /// out.
    #[must_use]
    pub fn ranked(&self, workload: &str) -> Vec<&Cell> {
        self.cells.iter().filter(|cell| cell.workload == workload && !cell.twin).collect()
    }

    /// How the models of a workload stand.
    #[must_use]
    pub fn standings_of(&self, workload: &str) -> Option<&Standings> {
        self.verdicts.iter().find(|standings| standings.workload == workload)
    }
}

/// How the models of one workload stand against the best of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Standings {
    /// The workload's name in the plan.
    pub workload: String,
    /// What is compared: `throughput_per_s` in a closed loop that the servers limit, and
    /// `server_cpu_per_request_ns` where the generator or a wait in the requests does; in an open loop, and where
    /// clients think, the first of `p99_ns`, `p90_ns` and `p50_ns` that most models have samples enough for.
    pub metric: String,
    /// The model with the best median, of those whose figure is what it seems; in a run by rounds the one that is
    /// surely nearest to the best.
    pub best: String,
    /// A difference within this share does not matter.
    pub margin: f64,
    /// The other models, in the order of the cells.
    pub others: Vec<Standing>,
    /// A limit that is none of the models' own, and that many of them were at; absent where there is
    /// no sign of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ceiling: Option<Ceiling>,
    /// Who is limited by the generator, by what it did against the null server; absent where nobody is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generator_bound: Option<GeneratorBound>,
    /// All that in a sentence.
    pub sentence: String,
}

/// One model against the best.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Standing {
    /// The model.
    pub model: String,
    /// What it is compared by, where that is not the workload's figure: a model that serves less than half of what
    /// others do is compared by that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metric: Option<String>,
    /// Its figure over that of the best, block by block: of geometric means, in a run by rounds Hodges and
    /// Lehmann's of the pairs. Absent where there is nothing to divide.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ratio: Option<f64>,
    /// Where that ratio may be, at 95 %; in a run by rounds for all pairs of models and all looks at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<Interval>,
    /// How likely such a ratio would be without a difference, adjusted for all pairs of models that could have
    /// been compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p_value: Option<f64>,
    /// What it comes to; absent where there are too few trials to say, or the cell is invalid.
    pub verdict: Option<Verdict>,
    /// Why there is no verdict.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why_none: Option<String>,
    /// How many rounds in all it would take to tell, by what is known of its spread; absent where it was told, and
    /// in a run of a fixed number of trials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rounds_needed: Option<u32>,
}

/// A run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RunRecord {
    /// Its id, and the name of its folder.
    pub id: String,
    /// The plan's name.
    pub plan: String,
    /// A digest of its `plan.toml`, so that the run is not resumed with another; absent in earlier
    /// versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan_digest: Option<String>,
    /// What the plan asks.
    pub question: String,
    /// When it started, RFC 3339, UTC.
    pub started_at: String,
    /// When this summary was written, RFC 3339, UTC.
    pub written_at: String,
    /// The command that made it.
    pub command: Vec<String>,
    /// The version of this program.
    pub program_version: String,
    /// What decides order and arrivals.
    pub seed: u64,
    /// Trials of the plan.
    pub trials_planned: usize,
    /// Trials made so far.
    pub trials_done: usize,
    /// Whether somebody ended it early; `--resume` goes on.
    pub interrupted: bool,
    /// Processors of the servers; empty if they were not pinned.
    pub server_cpus: Vec<usize>,
    /// Processors of the load generator; empty if it was not pinned.
    pub client_cpus: Vec<usize>,
    /// How rates that depend on measurements were decided.
    pub notes: Vec<String>,
    /// How it was judged, where it was made by rounds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rounds: Option<RoundsRecord>,
    /// The id of the comparison that it is one side of: each of its trials was made beside one of the other side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beside: Option<String>,
}

/// One model under one workload.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cell {
    /// The workload's name in the plan.
    pub workload: String,
    /// The workload that the plan varied, where this one is a point of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub series: Option<String>,
    /// What was varied, and what it is here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub factors: Vec<Factor>,
    /// The model.
    pub model: String,
    /// Whether it is the model's second measurement in each block, which tells the noise of the
    /// machine and is in no ranking.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub twin: bool,
    /// When requests were sent.
    pub arrivals: ArrivalsRecord,
    /// Connections.
    pub connections: usize,
    /// What every request asked for; absent in documents of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<RequestRecord>,
    /// How the connections behaved, where it is not the usual.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conduct: Option<ConductRecord>,
    /// What the plan says that models are ranked by; absent where what limits them decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rank_by: Option<RankBy>,
    /// Its trials' files, below the run's folder.
    pub trials: Vec<String>,
    /// Right replies per second.
    pub throughput_per_s: Estimate,
    /// Quantiles of the headline latency: response time in an open loop, service time in a
    /// closed one.
    pub latency: Vec<CellQuantile>,
    /// How long clients took in all; absent where connections carried any number of requests, or in
    /// some trial no client was done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turnaround: Option<CellTurnaround>,
    /// How long connections took to open, where they were closed and opened again on purpose: the
    /// headline latency has none of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub connect: Vec<CellQuantile>,
    /// The steps of a staircase; empty for any other load.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<CellStep>,
    /// Server CPU time for each right reply, in nanoseconds; absent without replies.
    pub server_cpu_per_request_ns: Option<Estimate>,
    /// Client CPU time for each right reply, in nanoseconds; absent without replies.
    pub client_cpu_per_request_ns: Option<Estimate>,
    /// The server's system calls for each right reply; absent where they were not counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub syscalls: Option<Syscalls>,
    /// The server's proportional set size.
    pub pss_bytes: Estimate,
    /// Replies that were checked.
    pub replies_checked: u64,
    /// Of these, wrong ones.
    pub replies_wrong: u64,
    /// The validity of its median trial, as its figures are medians; suspect where any trial is not valid, and
    /// invalid whatever the others say when a reply was wrong or a census did not add up.
    pub validity: Validity,
    /// What was flagged in at least one trial, one for each check.
    pub flags: Vec<Flag>,
    /// Trials that were spoiled from outside, kept apart and made again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub spoiled: Vec<SpoiledTrial>,
}

/// A model as it is named everywhere; `twin` is its second measurement in each block, an A/A control.
#[must_use]
pub fn name_of(model: &str, twin: bool) -> String {
    if twin { format!("{model}+twin") } else { model.into() }
}

/// What the models of a workload are ranked by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RankBy {
    /// Right replies per second.
    Throughput,
    /// The farthest quantile of latency that most models know.
    Latency,
    /// The server's CPU time for each request.
    Cpu,
}

impl Cell {
    /// What it is called: its model, told apart where that was measured twice.
    #[must_use]
    pub fn name(&self) -> String {
        name_of(&self.model, self.twin)
    }

    /// One quantile of the headline latency.
    #[must_use]
    pub fn quantile(&self, q: f64) -> Option<&CellQuantile> {
        CellQuantile::among(&self.latency, q)
    }

    /// One quantile of the headline latency, if all trials know it: a lower bound is no value to
    /// compare or to divide by.
    #[must_use]
    pub fn known_quantile(&self, q: f64) -> Option<&Estimate> {
        self.quantile(q)?.known()
    }

    /// What its server held, where anybody could look into that: it is not known of one that was there before.
    #[must_use]
    pub fn memory(&self) -> Option<&Estimate> {
        Some(&self.pss_bytes).filter(|memory| memory.median > 0.0)
    }

    /// What a check said that did not pass in some trial.
    #[must_use]
    pub fn flag(&self, name: &str) -> Option<&Flag> {
        self.flags.iter().find(|flag| flag.name == name)
    }

    /// Whether most of its trials served some clients and starved others. That is not faster or slower
    /// but something else.
    #[must_use]
    pub fn starves(&self) -> bool {
        let most = |name| self.flag(name).is_some_and(|flag| 2 * flag.trials > self.trials.len());
        ["fairness", "never-served"].into_iter().any(most)
    }

    /// Whether it is a closed loop.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.arrivals == ArrivalsRecord::Closed
    }
}

/// A check that did not pass in some trial of a cell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Flag {
    /// The check.
    pub name: String,
    /// In how many trials of the cell.
    pub trials: usize,
    /// What the worst of them was.
    pub status: Status,
    /// Whose doing it is; absent in documents of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<About>,
    /// How far that was beyond the check's limit: their ratio, 1 or more.
    pub excess: f64,
    /// What it said.
    pub message: String,
    /// Which of the cell's trials did not pass it, by their places in its list; empty in documents of
    /// earlier versions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub at: Vec<usize>,
    /// Which of these failed it, and did not only warn.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failed_at: Vec<usize>,
}

impl Flag {
    /// In how many trials it failed. Documents of earlier versions do not tell: there all count whose worst
    /// failed.
    #[must_use]
    pub fn failures(&self) -> usize {
        match (self.status, self.at.is_empty()) {
            (Status::Fail, true) => self.trials,
            _ => self.failed_at.len(),
        }
    }
}

/// A figure over several trials: their median and their spread, and from three trials on where the
/// true median may be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Estimate {
    /// The median of the trials.
    pub median: f64,
    /// The smallest of them.
    pub min: f64,
    /// The largest of them.
    pub max: f64,
    /// All of them, in the order of their blocks.
    pub values: Vec<f64>,
    /// Where the median may be, at 95 %: bootstrap, seeded by the run's seed. Too short for few trials,
    /// as it cannot reach beyond them; absent for fewer than three.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<Interval>,
}

impl Estimate {
    /// Of these values; `None` without any.
    #[must_use]
    pub fn of(values: &[f64]) -> Option<Self> {
        let median = median(values)?;
        let (min, max) = extremes(values)?;
        Some(Self { median, min, max, values: values.to_vec(), interval: None })
    }
}

/// One quantile over several trials.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CellQuantile {
    /// From 0 to 1.
    pub q: f64,
    /// In nanoseconds; absent where a trial had too few samples to say.
    pub value_ns: Option<Estimate>,
    /// Whether some trial's value is a lower bound.
    pub at_least: bool,
    /// The same of all trials together; absent in summaries of earlier versions, and without samples.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pooled: Option<Pooled>,
}

impl CellQuantile {
    /// The one of these for this share.
    #[must_use]
    pub fn among(quantiles: &[Self], q: f64) -> Option<&Self> {
        quantiles.iter().find(|quantile| (quantile.q - q).abs() < 1e-9)
    }

    /// The estimate over trials, if all of them know it: a lower bound is no value to compare or to divide
    /// by.
    #[must_use]
    pub fn known(&self) -> Option<&Estimate> {
        self.value_ns.as_ref().filter(|_| !self.at_least)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_estimate_is_the_median_and_the_spread() {
        let odd = Estimate::of(&[3.0, 1.0, 2.0]).expect("values");
        assert_eq!((odd.median, odd.min, odd.max), (2.0, 1.0, 3.0));
        assert_eq!(odd.values, [3.0, 1.0, 2.0]);
        assert!((Estimate::of(&[1.0, 2.0]).expect("values").median - 1.5).abs() < 1e-12);
        assert_eq!(Estimate::of(&[]), None);
    }
}
