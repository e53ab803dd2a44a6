//! Summarising a run from the trials in its folder, and deciding rates that depend on them.

mod parts;

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};

use super::slots::{excluded, file_name};
use super::spoiled;
use crate::analysis::{flags, pooled, standings};
use crate::base::units::{as_f64, show_count};
use crate::document::store;
use crate::document::{
    Cell, CellTurnaround, Estimate, Host, RunRecord, Summary, Trial, Turnaround, Validity,
};
use crate::plan::{Candidate, Plan, Workload};

/// Sums up what there is; a cell without a finished trial is left out.
pub(super) fn sum_up(
    dir: &Path,
    plan: &Plan,
    mut record: RunRecord,
    host: Host,
) -> Result<Summary> {
    let mut cells = Vec::new();
    record.trials_done = 0;
    let mut spoiled = spoiled::all(dir);
    if let Some(rounds) = &mut record.rounds {
        rounds.spoiled.clear();
        for trial in spoiled.values().flatten() {
            *rounds.spoiled.entry(trial.check.clone()).or_default() += 1;
        }
    }
    for workload in &plan.workloads {
        for candidate in plan.candidates()? {
            let (files, trials) = read(dir, plan, workload, candidate)?;
            record.trials_done += trials.len();
            if let Some(mut cell) = cell(workload, candidate, files, &trials) {
                pooled::fill(&mut cell, &trials)?;
                let name = format!("{}.{candidate}", workload.name);
                cell.spoiled = spoiled.remove(&name).unwrap_or_default();
                cells.push(cell);
            }
        }
    }
    let reference = super::reference::sum_up(dir, plan)?;
    record.trials_done += reference.as_ref().map_or(0, |reference| reference.trials.len());
    let mut summary = Summary {
        excluded: excluded(plan)?,
        reference,
        ..Summary::from_cells(record, host, cells)
    };
    standings::derive(&mut summary);
    Ok(summary)
}

/// Whether every reply that was checked was right, every census added up, and each cell is what it seems.
/// Without a cell there is nothing to trust.
pub(crate) fn is_trustworthy(summary: &Summary) -> bool {
    let broken = |cell: &Cell| {
        cell.validity == Validity::Invalid
            || cell.replies_wrong > 0
            || cell.flag("census").is_some()
    };
    !summary.cells.is_empty() && !summary.cells.iter().any(broken)
}

fn read(
    dir: &Path,
    plan: &Plan,
    workload: &Workload,
    candidate: Candidate<'_>,
) -> Result<(Vec<String>, Vec<Trial>)> {
    let files = (0..plan.trials).map(|block| file_name(workload, candidate, block));
    let files: Vec<_> = files.filter(|file| store::is_there(&dir.join(file))).collect();
    let trials =
        files.iter().map(|file| store::read_json(&dir.join(file))).collect::<Result<_>>()?;
    Ok((files, trials))
}

pub(super) fn cell(
    workload: &Workload,
    candidate: Candidate<'_>,
    files: Vec<String>,
    trials: &[Trial],
) -> Option<Cell> {
    let first = trials.first()?;
    let each =
        |of: fn(&Trial) -> f64| Estimate::from_values(&trials.iter().map(of).collect::<Vec<_>>());
    // A figure that one trial lacks is not the median of the others.
    let every = |of: fn(&Trial) -> Option<f64>| {
        Estimate::from_values(&trials.iter().map(of).collect::<Option<Vec<_>>>()?)
    };
    Some(Cell {
        workload: workload.name.clone(),
        series: workload.series.clone(),
        factors: workload.factors.clone(),
        twin: candidate.twin,
        model: candidate.subject.name().into(),
        arrivals: first.load.arrivals.clone(),
        connections: first.load.connections,
        request: Some(first.load.request.clone()),
        conduct: first.load.conduct.clone(),
        rank_by: workload.rank_by,
        trials: files,
        throughput_per_s: each(|trial| trial.throughput_per_s)?,
        latency: pooled::of_each(&trials.iter().map(|t| t.latency.headline()).collect::<Vec<_>>()),
        turnaround: turnaround(trials),
        connect: parts::connect(trials),
        steps: parts::steps(trials),
        server_cpu_per_request_ns: every(|trial| trial.server.as_ref()?.cpu_per_request_ns),
        client_cpu_per_request_ns: every(|trial| trial.client.cpu_per_request_ns),
        syscalls: None,
        pss_bytes: each(|trial| {
            trial.server.as_ref().map_or(0.0, |server| as_f64(server.memory.pss_bytes))
        })?,
        replies_checked: trials.iter().map(|trial| trial.census.ok + trial.census.wrong()).sum(),
        replies_wrong: trials.iter().map(|trial| trial.census.wrong()).sum(),
        validity: flags::validity(trials)?,
        flags: flags::flag_trials(trials),
        spoiled: Vec::new(),
    })
}

/// How long clients took in all, where some were done in every trial.
fn turnaround(trials: &[Trial]) -> Option<CellTurnaround> {
    let all: Vec<_> = trials.iter().map(|t| t.turnaround.as_ref()).collect::<Option<_>>()?;
    // Without any client that was done there is no mean.
    if all.iter().any(|found| found.times.count == 0) {
        return None;
    }
    let each = |of: fn(&Turnaround) -> f64| {
        Estimate::from_values(&all.iter().map(|found| of(found)).collect::<Vec<_>>())
    };
    Some(CellTurnaround {
        mean_ns: each(|found| found.times.mean)?,
        total_ns: each(|found| as_f64(found.total_ns))?,
        quantiles: pooled::of_each(&all.iter().map(|found| &found.times).collect::<Vec<_>>()),
    })
}

/// Throughputs that rates depend on, decided once each.
#[derive(Debug, Default)]
pub(super) struct Bases {
    decided: BTreeMap<String, (f64, String)>,
}

impl Bases {
    /// Replies per second that the shares of a workload's rates are of; whatever where it has none.
    pub(super) fn rate_base(
        &mut self,
        workload: &Workload,
        dir: &Path,
        plan: &Plan,
        record: &mut RunRecord,
    ) -> Result<f64> {
        let Some(of) = workload.arrivals.relative_to() else { return Ok(1.0) };
        if !self.decided.contains_key(of) {
            self.decided.insert(of.into(), slowest(of, dir, plan)?);
        }
        let (base, said) = &self.decided[of];
        for share in workload.arrivals.shares() {
            let rate = show_count(share * base);
            let note = format!("rate {rate}/s: {:.0} % of what {said}", share * 100.0);
            if !record.notes.contains(&note) {
                record.notes.push(note);
            }
        }
        Ok(*base)
    }
}

/// The throughput of the slowest model that serves all its clients, and a sentence on it: one that
/// serves a few of them is not slower but something else, and would set a rate at which the others
/// are idle.
fn slowest(of: &str, dir: &Path, plan: &Plan) -> Result<(f64, String)> {
    let closed = plan.workload(of).expect("a plan is checked before it runs");
    let mut rates: Vec<(f64, &str)> = Vec::new();
    let mut left_out = Vec::new();
    for candidate in plan.candidates()?.into_iter().filter(|candidate| !candidate.twin) {
        let (files, trials) = read(dir, plan, closed, candidate)?;
        let Some(cell) = cell(closed, candidate, files, &trials) else { continue };
        if cell.flag("fairness").is_none() && cell.throughput_per_s.median > 0.0 {
            rates.push((cell.throughput_per_s.median, candidate.subject.name()));
        } else {
            left_out.push(candidate.subject.name());
        }
    }
    let slowest = rates.into_iter().min_by(|a, b| a.0.total_cmp(&b.0));
    let (slowest, name) = slowest.with_context(|| {
        format!("no model served all its clients under {of}: give a rate instead of a share")
    })?;
    let mut said = format!("{name} served under {of}, the slowest that served all its clients");
    if !left_out.is_empty() {
        said = format!("{said} ({} did not)", left_out.join(", "));
    }
    Ok((slowest, said))
}
