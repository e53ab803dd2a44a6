//! The results of one model under one workload, over all its trials.

#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    About, ArrivalsRecord, CellStep, CellTurnaround, ConductRecord, Factor, Pooled, RequestRecord,
    SpoiledTrial, Status, Syscalls, Validity,
};
use crate::statistics::{Interval, extremes, median};

/// One model under one workload.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Cell {
    /// The workload's name in the plan.
    pub workload: String,
    /// The workload that the plan varied, where this one is a point of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub series: Option<String>,
    /// The varied settings, and their values here.
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
    /// The content of requests; absent in documents of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<RequestRecord>,
    /// How the connections behaved, where it is not the usual.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conduct: Option<ConductRecord>,
    /// The metric by which the plan ranks models; absent if it follows from what limits them.
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
    /// Times to open connections, if they are closed and reopened on purpose. The headline latency
    /// excludes them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub connect: Vec<CellQuantile>,
    /// The steps of a staircase; empty for any other load.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<CellStep>,
    /// Server CPU time for each correct reply, in nanoseconds; absent without replies.
    pub server_cpu_per_request_ns: Option<Estimate>,
    /// Client CPU time for each correct reply, in nanoseconds; absent without replies.
    pub client_cpu_per_request_ns: Option<Estimate>,
    /// The server's system calls for each correct reply; absent where they were not counted.
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
    /// Flags, one for each check that failed in at least one trial.
    pub flags: Vec<Flag>,
    /// Trials that were spoiled from outside, kept apart and made again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub spoiled: Vec<SpoiledTrial>,
}

/// The model's name; `twin` is its second measurement in each block, an A/A control.
#[must_use]
pub fn name_of(model: &str, twin: bool) -> String {
    if twin { format!("{model}+twin") } else { model.into() }
}

/// What the models of a workload are ranked by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum RankBy {
    /// Right replies per second.
    Throughput,
    /// The farthest quantile of latency that most models have.
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

    /// The memory of its server; unknown for a server that c10k did not start.
    #[must_use]
    pub fn memory(&self) -> Option<&Estimate> {
        Some(&self.pss_bytes).filter(|memory| memory.median > 0.0)
    }

    /// The flag of a check that failed in some trial.
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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Flag {
    /// The check.
    pub name: String,
    /// In how many trials of the cell.
    pub trials: usize,
    /// What the worst of them was.
    pub status: Status,
    /// Its cause; absent in documents of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<About>,
    /// How far that was beyond the check's limit: their ratio, 1 or more.
    pub excess: f64,
    /// Its message.
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
    /// The number of trials in which it failed. Documents of earlier versions lack it: there, all
    /// trials count if the worst failed.
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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
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
    pub fn from_values(values: &[f64]) -> Option<Self> {
        let median = median(values)?;
        let (min, max) = extremes(values)?;
        Some(Self { median, min, max, values: values.to_vec(), interval: None })
    }
}

/// One quantile over several trials.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CellQuantile {
    /// From 0 to 1.
    pub q: f64,
    /// In nanoseconds; absent where a trial had too few samples to say.
    pub value_ns: Option<Estimate>,
    /// Whether some trial's value is a lower bound.
    pub at_least: bool,
    /// The quantile of all trials together; absent in summaries of earlier versions, and without
    /// samples.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pooled: Option<Pooled>,
}

impl CellQuantile {
    /// The one of these for this share.
    #[must_use]
    pub fn among(quantiles: &[Self], q: f64) -> Option<&Self> {
        quantiles.iter().find(|quantile| (quantile.q - q).abs() < 1e-9)
    }

    /// The estimate over trials, if all of them have it: a lower bound cannot be compared or
    /// divided by.
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
        let odd = Estimate::from_values(&[3.0, 1.0, 2.0]).expect("values");
        assert_eq!((odd.median, odd.min, odd.max), (2.0, 1.0, 3.0));
        assert_eq!(odd.values, [3.0, 1.0, 2.0]);
        assert!((Estimate::from_values(&[1.0, 2.0]).expect("values").median - 1.5).abs() < 1e-12);
        assert_eq!(Estimate::from_values(&[]), None);
    }
}
