//! The summary of a run: the results of each model under each workload, over all its trials.

#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::derived::{Ceiling, Crossover, NoiseFloor, Recommendation, Scaling};
use super::{
    Cell, Contender, ContenderWarmup, GeneratorBound, Host, Reference, RoundsRecord, SchemaId,
};
use crate::statistics::{Interval, Verdict};

/// A whole run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
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
    /// has no null baseline, and in documents of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<Reference>,
}

/// A model that was not measured under a workload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
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
    pub fn from_cells(run: RunRecord, host: Host, cells: Vec<Cell>) -> Self {
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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Standings {
    /// The workload's name in the plan.
    pub workload: String,
    /// The compared metric: `throughput_per_s` in a closed loop that the servers limit,
    /// `server_cpu_per_request_ns` if the generator or a wait in the requests is the limit. In an
    /// open loop, and if clients think, the first of `p99_ns`, `p90_ns` and `p50_ns` for which most
    /// models have enough samples.
    pub metric: String,
    /// The model with the best median among those with a valid figure; in a run by rounds, the
    /// model that is surely nearest to the best.
    pub best: String,
    /// A difference within this share does not matter.
    pub margin: f64,
    /// The other models, in the order of the cells.
    pub others: Vec<Standing>,
    /// A common limit of many models that is not their own; absent if there is no sign of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ceiling: Option<Ceiling>,
    /// Models that the generator limits, according to the null baseline; absent if there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generator_bound: Option<GeneratorBound>,
    /// All that in a sentence.
    pub sentence: String,
}

/// One model against the best.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
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
    /// Estimated total number of rounds that would decide it; absent if it is decided, and in a run
    /// with a fixed number of trials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rounds_needed: Option<u32>,
}

/// A run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
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
    /// Whether it was interrupted; `--resume` continues it.
    pub interrupted: bool,
    /// Processors of the servers; empty if they were not pinned.
    pub server_cpus: Vec<usize>,
    /// Processors of the load generator; empty if it was not pinned.
    pub client_cpus: Vec<usize>,
    /// The rule that chose them; absent in documents of earlier versions. Workloads that vary the
    /// number of processors follow it too: each trial's document has its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placement: Option<String>,
    /// How rates that depend on measurements were decided.
    pub notes: Vec<String>,
    /// Servers in other languages, if the plan has them: their descriptions and results.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contenders: Vec<Contender>,
    /// How it was judged, where it was made by rounds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rounds: Option<RoundsRecord>,
    /// The id of the comparison that it is one side of: each of its trials was made beside one of the other side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beside: Option<String>,
}

impl RunRecord {
    /// The warm-up of a contender under a workload, once it is found or while it is tried.
    #[must_use]
    pub fn warmup_of(&self, contender: &str, workload: &str) -> Option<&ContenderWarmup> {
        let own = self.contenders.iter().find(|one| one.name == contender)?;
        own.warmups.iter().find(|warmup| warmup.workload == workload)
    }
}
