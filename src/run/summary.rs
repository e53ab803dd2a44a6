//! Summing a run up from the trials in its folder, and deciding rates that depend on them.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use servers::Model;

use super::file_name;
use crate::document::{
    Cell, CellQuantile, Check, Estimate, Flag, Host, RunRecord, SchemaId, Status, Summary, Trial,
    Validity,
};
use crate::plan::{Plan, Rate, Workload};
use crate::units::{as_f64, show_count};
use crate::{standings, store};

/// The quantiles of the comparison.
const QUANTILES: [f64; 5] = [0.5, 0.9, 0.99, 0.999, 1.0];

/// Sums up what there is; a cell without a finished trial is left out.
pub(super) fn sum_up(
    dir: &Path,
    plan: &Plan,
    mut record: RunRecord,
    host: Host,
) -> Result<Summary> {
    let mut cells = Vec::new();
    record.trials_done = 0;
    for workload in &plan.workloads {
        for model in plan.models()? {
            let (files, trials) = read(dir, plan, workload, model)?;
            record.trials_done += trials.len();
            cells.extend(cell(workload, model, files, &trials));
        }
    }
    let mut summary = Summary {
        schema: SchemaId::summary(),
        run: record,
        host,
        cells,
        verdicts: Vec::new(),
        noise: Vec::new(),
        recommendations: Vec::new(),
        crossovers: Vec::new(),
        scaling: Vec::new(),
        excluded: Vec::new(),
    };
    standings::derive(&mut summary);
    Ok(summary)
}

/// Whether every reply that was checked was right, every census added up, and at least one
/// figure is what it seems.
pub(super) fn is_trustworthy(summary: &Summary) -> bool {
    let broken =
        |cell: &Cell| cell.replies_wrong > 0 || cell.flags.iter().any(|flag| flag.name == "census");
    !summary.cells.iter().any(broken)
        && summary.cells.iter().any(|cell| cell.validity != Validity::Invalid)
}

fn read(
    dir: &Path,
    plan: &Plan,
    workload: &Workload,
    model: &Model,
) -> Result<(Vec<String>, Vec<Trial>)> {
    let files = (0..plan.trials).map(|block| file_name(workload, model, block));
    let files: Vec<_> = files.filter(|file| dir.join(file).is_file()).collect();
    let trials =
        files.iter().map(|file| store::read_json(&dir.join(file))).collect::<Result<_>>()?;
    Ok((files, trials))
}

fn cell(workload: &Workload, model: &Model, files: Vec<String>, trials: &[Trial]) -> Option<Cell> {
    let first = trials.first()?;
    let each = |of: fn(&Trial) -> f64| Estimate::of(&trials.iter().map(of).collect::<Vec<_>>());
    // A figure that one trial lacks is not the median of the others.
    let every = |of: fn(&Trial) -> Option<f64>| {
        Estimate::of(&trials.iter().map(of).collect::<Option<Vec<_>>>()?)
    };
    Some(Cell {
        workload: workload.name.clone(),
        series: None,
        factors: Vec::new(),
        twin: false,
        model: model.name.into(),
        arrivals: first.load.arrivals.clone(),
        connections: first.load.connections,
        trials: files,
        throughput_per_s: each(|trial| trial.throughput_per_s)?,
        latency: QUANTILES.map(|q| quantile(trials, q)).to_vec(),
        server_cpu_per_request_ns: every(|trial| trial.server.as_ref()?.cpu_per_request_ns),
        client_cpu_per_request_ns: every(|trial| trial.client.cpu_per_request_ns),
        pss_bytes: each(|trial| {
            trial.server.as_ref().map_or(0.0, |server| as_f64(server.memory.pss_bytes))
        })?,
        replies_checked: trials.iter().map(|trial| trial.census.ok + trial.census.wrong()).sum(),
        replies_wrong: trials.iter().map(|trial| trial.census.wrong()).sum(),
        validity: validity(trials)?,
        flags: flags(trials),
    })
}

fn quantile(trials: &[Trial], q: f64) -> CellQuantile {
    let found: Vec<_> = trials.iter().filter_map(|t| t.latency.headline().quantile(q)).collect();
    let values: Option<Vec<_>> =
        found.iter().map(|quantile| quantile.admitted.then(|| as_f64(quantile.value))).collect();
    CellQuantile {
        q,
        value_ns: values.and_then(|values| Estimate::of(&values)),
        at_least: found.iter().any(|quantile| quantile.at_least),
    }
}

/// The validity of the median trial; of two in the middle, the worse.
fn validity(trials: &[Trial]) -> Option<Validity> {
    if trials.iter().any(|trial| trial.census.wrong() > 0 || !trial.census.reconciles) {
        return Some(Validity::Invalid);
    }
    let mut all: Vec<_> = trials.iter().map(|trial| trial.validity).collect();
    all.sort();
    all.get(all.len() / 2).copied()
}

/// Every check that did not pass in some trial, as it was in the worst.
fn flags(trials: &[Trial]) -> Vec<Flag> {
    let mut flags: BTreeMap<&str, Flag> = BTreeMap::new();
    for check in trials.iter().flat_map(|trial| &trial.checks) {
        if check.status == Status::Pass {
            continue;
        }
        let flag = Flag {
            name: check.name.clone(),
            trials: 1,
            status: check.status,
            excess: excess(check),
            message: check.message.clone(),
        };
        flags
            .entry(&check.name)
            .and_modify(|worst| {
                let trials = worst.trials + 1;
                if (flag.status, flag.excess) > (worst.status, worst.excess) {
                    *worst = flag.clone();
                }
                worst.trials = trials;
            })
            .or_insert(flag);
    }
    flags.into_values().collect()
}

/// How far beyond its limit, on whichever side that is. Where either is nothing there is no ratio,
/// and only the order of what is told suffers.
fn excess(check: &Check) -> f64 {
    let ratio = check.observed / check.limit;
    let ratio = if ratio.is_finite() && ratio > 0.0 { ratio } else { 1.0 };
    ratio.max(1.0 / ratio)
}

/// Rates that depend on measurements, decided once each.
#[derive(Debug, Default)]
pub(super) struct Rates {
    decided: BTreeMap<String, f64>,
}

impl Rates {
    /// Requests per second of an open loop. A share is of the slowest model that serves all its
    /// clients: one that serves a few of them is not slower but something else, and would set a
    /// rate at which the others are idle.
    pub(super) fn resolve(
        &mut self,
        rate: &Rate,
        dir: &Path,
        plan: &Plan,
        record: &mut RunRecord,
    ) -> Result<f64> {
        let (share, of) = match (rate.rate, rate.share, &rate.of) {
            (Some(rate), ..) => return Ok(rate),
            (None, Some(share), Some(of)) => (share, of),
            _ => unreachable!("a plan is checked before it runs"),
        };
        let key = format!("{share} of {of}");
        if let Some(rate) = self.decided.get(&key) {
            return Ok(*rate);
        }
        let closed = plan.workload(of).expect("a plan is checked before it runs");
        let mut rates: Vec<(f64, &str)> = Vec::new();
        let mut left_out = Vec::new();
        for model in plan.models()? {
            let (files, trials) = read(dir, plan, closed, model)?;
            let Some(cell) = cell(closed, model, files, &trials) else { continue };
            let even = !cell.flags.iter().any(|flag| flag.name == "fairness");
            if even && cell.throughput_per_s.median > 0.0 {
                rates.push((cell.throughput_per_s.median, model.name));
            } else {
                left_out.push(model.name);
            }
        }
        let slowest = rates.into_iter().min_by(|a, b| a.0.total_cmp(&b.0));
        let (slowest, name) = slowest.with_context(|| {
            format!("no model served all its clients under {of}: give a rate instead of a share")
        })?;
        let rate = slowest * share;
        let mut note = format!(
            "rate {}/s: {:.0} % of what {name} served under {of}, the slowest that served all \
             its clients",
            show_count(rate),
            share * 100.0
        );
        if !left_out.is_empty() {
            note = format!("{note} ({} did not)", left_out.join(", "));
        }
        if !record.notes.contains(&note) {
            record.notes.push(note);
        }
        self.decided.insert(key, rate);
        Ok(rate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::About;

    #[test]
    fn excess_is_the_same_on_either_side_of_a_limit() {
        let check = |observed, limit| Check {
            name: String::new(),
            about: About::Host,
            status: Status::Warn,
            observed,
            limit,
            message: String::new(),
        };
        assert!((excess(&check(0.5, 1.0)) - 2.0).abs() < 1e-12);
        assert!((excess(&check(2.0, 1.0)) - 2.0).abs() < 1e-12);
        assert!((excess(&check(3.0, 0.0)) - 1.0).abs() < 1e-12);
    }
}
