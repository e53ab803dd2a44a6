//! The lab "stateful": its run, what is shown beside it, and its files.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;

use super::points::{self, connection_words};
use super::redis::Redis;
use super::{analysis, killed, naive, page, sentences};
use crate::cli::{Exit, usage};
use crate::document::{Killed, LabReport, LabSessions, SchemaId, Summary, Trial};
use crate::store;

/// What the lab asks.
pub(super) const QUESTION: &str = "Is a stateless server faster than a stateful one? What do connecting, keeping a session, and where it is kept each cost?";

/// What runs.
const PLAN: &str = include_str!("../../plans/stateful.toml");
/// The model of the naive experiment: what a first server is like.
const NAIVE_MODEL: &str = "thread-per-client";
const NAIVE_REQUESTS: u32 = 500;
/// Who is killed; what is lost does not depend on the model.
const KILLED_MODEL: &str = "epoll";

/// `c10k lab stateful`.
#[derive(Debug, Args)]
pub struct StatefulArgs {
    /// Fewer cells and trials: a first look, with wide intervals
    #[arg(long)]
    pub quick: bool,
    /// Where the run's folder is made
    #[arg(long, value_name = "DIR", default_value = "results", conflicts_with = "from")]
    pub out: PathBuf,
    /// Only these models, by name, separated by commas
    #[arg(long, value_delimiter = ',', conflicts_with = "from")]
    pub models: Vec<String>,
    /// Measure nothing: write the page again from the run in this folder
    #[arg(long, value_name = "DIR", conflicts_with = "quick")]
    pub from: Option<PathBuf>,
}

/// Runs the lab, or writes its page again.
///
/// # Errors
/// When a server does not start, the run in the folder is none of this lab, or nothing can be
/// written.
pub(super) fn run(args: &StatefulArgs) -> Result<Exit> {
    let dir = args.from.as_ref().context("not yet")?;
    again(dir)?;
    Ok(Exit::Ok)
}

/// The page of a run that is there, with what was shown beside it.
fn again(dir: &Path) -> Result<()> {
    let summary: Summary = store::read_json(&dir.join("summary.json"))
        .map_err(|error| usage(format!("--from: {error:#}")))?;
    // A plan that was run with `c10k run` has no lab.json, and nothing beside.
    let before: Option<LabReport> = store::read_json(&dir.join("lab.json")).ok();
    let (naive, killed) = before.map(|lab| (lab.naive, lab.killed)).unwrap_or_default();
    let report = LabReport { naive, killed, ..report(&summary, dir)? };
    write(&report, dir)
}

/// What a summary says, without what is shown beside it.
fn report(summary: &Summary, dir: &Path) -> Result<LabReport> {
    let models = analysis::models(summary);
    if models.iter().all(|model| model.designs.is_empty()) {
        return Err(usage(format!(
            "the run {} has no cells in which the home of the state was varied, in two blocks or more: it is \
             no run of this lab",
            summary.run.id
        )));
    }
    let sessions = sessions(summary, dir)?;
    Ok(LabReport {
        schema: SchemaId::lab(),
        lab: "stateful".into(),
        question: QUESTION.into(),
        run: summary.run.id.clone(),
        started_at: summary.run.started_at.clone(),
        program_version: summary.run.program_version.clone(),
        host: summary.host.clone(),
        sentences: sentences::of(&models, &sessions),
        models,
        left_out: analysis::left_out(summary),
        sessions,
        naive: None,
        killed: Vec::new(),
    })
}

/// What became of the sessions of all trials, by home and connection.
fn sessions(summary: &Summary, dir: &Path) -> Result<Vec<LabSessions>> {
    let mut found: Vec<LabSessions> = Vec::new();
    for model in points::models(summary) {
        for point in points::of(summary, &model) {
            let connection = connection_words(point.place.connection);
            for file in &point.cell.trials {
                let trial: Trial = store::read_json(&dir.join(file))?;
                let _ = (trial, &connection, &mut found);
            }
        }
    }
    Ok(found)
}

/// Writes the lab's files into the run's folder.
fn write(report: &LabReport, dir: &Path) -> Result<()> {
    store::write_json(&dir.join("lab.json"), report)?;
    store::write(&dir.join("lab.md"), page::markdown(report).as_bytes())?;
    store::write(&dir.join("lab.tex"), page::latex(report).as_bytes())?;
    store::write(&dir.join("lab.html"), page::html(report)?.as_bytes())
}
