//! Saved runs of this machine that have measured the load.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::answer::Answer;
use super::asked::Asked;
use crate::analysis::renewed;
use crate::base::usage;
use crate::document::{Host, Summary, store};
use crate::plan::Plan;
use crate::run::PLAN;
use protocol::{App, Framing};

/// What a look at saved runs comes to.
#[derive(Default)]
pub(super) struct Found {
    /// The newest run that answers.
    pub(super) answer: Option<Answer>,
    /// Runs of other machines that have the load, each with how that machine differs.
    pub(super) elsewhere: Vec<String>,
    /// Runs of this machine that have the load, and cannot answer.
    pub(super) open: Vec<String>,
}

/// Looks through the runs below these folders, the newest first.
///
/// # Errors
/// When a run that may answer cannot be read.
pub(super) fn look(
    asked: &Asked,
    models: &[String],
    places: &[PathBuf],
    host: &Host,
) -> Result<Found> {
    let mut runs = runs(places);
    runs.sort_by(|(_, a), (_, b)| b.run.started_at.cmp(&a.run.started_at));
    let mut found = Found::default();
    for (dir, mut summary) in runs {
        // Cells of earlier versions do not say what was asked for: their trials do.
        if summary.cells.iter().any(|cell| cell.request.is_none()) {
            crate::analysis::flags::complete(&mut summary, &dir)?;
        }
        let Some(workload) = of_load(asked, models, &dir, &summary) else { continue };
        let differences = host.differences(&summary.host);
        if !differences.is_empty() {
            found.elsewhere.push(format!("{} ({})", dir.display(), differences.join("; ")));
            continue;
        }
        let one = renewed::workload(&summary, &dir, &workload)?;
        let answer = Answer::of(asked, one, dir, workload)?;
        if answer.is_judged() {
            found.answer = Some(answer);
            break;
        }
        found.open.push(answer.dir.display().to_string());
    }
    Ok(found)
}

/// The named run, or the runs in the named folder.
///
/// # Errors
/// When there is none.
pub(super) fn named(dir: &Path) -> Result<Vec<PathBuf>> {
    let places = vec![dir.to_path_buf()];
    if folders(&places).is_empty() {
        return Err(usage(format!(
            "{} contains no run: give the folder of a run, as in results/quick-20260101T120000Z, or a folder that \
             contains runs",
            dir.display()
        )));
    }
    Ok(places)
}

/// Every run that is one of these folders, or in them, or in a folder there.
fn runs(places: &[PathBuf]) -> Vec<(PathBuf, Summary)> {
    let folders = folders(places).into_iter();
    // A file that is not a summary of this version answers nothing.
    folders
        .filter_map(|dir| Some((dir.clone(), store::read_json(&dir.join("summary.json")).ok()?)))
        .collect()
}

fn folders(places: &[PathBuf]) -> BTreeSet<PathBuf> {
    let below = |dir: &PathBuf| -> Vec<PathBuf> {
        let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect()
    };
    let first: Vec<PathBuf> = places.iter().flat_map(below).collect();
    let second: Vec<PathBuf> = first.iter().flat_map(below).collect();
    let all = places.iter().cloned().chain(first).chain(second);
    // A run below the working folder has one name, by whichever way it is found.
    let all = all.map(|dir| dir.strip_prefix(".").map(Path::to_path_buf).unwrap_or(dir));
    all.filter(|dir| dir.join("summary.json").is_file()).collect()
}

/// The run's workload that matches the load, if every requested model was measured under it.
fn of_load(asked: &Asked, models: &[String], dir: &Path, summary: &Summary) -> Option<String> {
    let plan = Plan::read(&dir.join(PLAN)).ok()?;
    let round_ps = summary.host.work_round_ps;
    let has_all = |workload: &str| {
        let cells = summary.ranked(workload);
        models.iter().all(|model| cells.iter().any(|cell| cell.model == *model))
    };
    let is_one = |workload: &&str| {
        let cells = summary.ranked(workload);
        cells.len() > 1.min(models.len().saturating_sub(1))
            && cells.iter().all(|cell| asked.is_of(cell, round_ps))
            && has_all(workload)
            && is_usual(&plan, workload)
    };
    summary.workloads().into_iter().find(is_one).map(String::from)
}

/// Whether the servers of a workload were set as advice sets them.
fn is_usual(plan: &Plan, workload: &str) -> bool {
    let Some(workload) = plan.workload(workload) else { return false };
    let server = plan.server_of(workload);
    server.app == App::Bench.name()
        && server.framing == Framing::Line.name()
        && server.workers.is_none()
        && server.state.is_none()
        && !workload.greeting
}
