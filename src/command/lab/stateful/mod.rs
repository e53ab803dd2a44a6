//! The lab "stateful": its run, its demonstrations, and its files.

mod analysis;
mod apart;
mod design;
pub mod killed;
mod memory;
pub mod naive;
mod noise;
mod page;
mod points;
mod sentences;
mod tables;
mod written;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use points::connection_words;
use protocol::Home;
use serde::Deserialize;

use crate::base::{Exit, interrupted, note, usage};
use crate::document::store;
use crate::document::{Killed, LabReport, LabSessions, Naive, SchemaId, Summary, Trial};
use crate::process::redis::Redis;
use crate::process::this_program;
use crate::run;
use crate::view::{figures, table};
use crate::workload::state::StateArgs;

/// The question of the lab.
pub(super) const QUESTION: &str = "Is a stateless server faster than a stateful one? What do connecting, keeping a \
                                   session, and the place of its state each cost?";

const NO_STORE: &str =
    "State in an external store was not measured: redis-server is not installed.";
/// The model of the naive experiment: a typical first server.
const NAIVE_MODEL: &str = "thread-per-client";
const NAIVE_REQUESTS: u32 = 500;
/// The model that is killed; what is lost does not depend on it.
const KILLED_MODEL: &str = "epoll";
const KEY_BYTES: usize = 32;

/// `c10k lab stateful`.
#[derive(Debug, Args)]
pub struct StatefulArgs {
    /// Measure fewer cells and trials, for a first look with wide intervals
    #[arg(long)]
    pub quick: bool,
    /// Where to create the run's folder
    #[arg(long, value_name = "DIR", default_value = "results", conflicts_with = "from")]
    pub out: PathBuf,
    /// Only these models, by name, separated by commas
    #[arg(long, value_delimiter = ',', conflicts_with = "from")]
    pub models: Vec<String>,
    /// Rebuild the page from the saved run in this folder, without measuring
    #[arg(long, value_name = "DIR", conflicts_with = "quick")]
    pub from: Option<PathBuf>,
}

/// Runs the lab, or writes its page again.
///
/// # Errors
/// When a server does not start, the run in the folder is none of this lab, or nothing can be
/// written.
pub(super) fn run(args: &StatefulArgs) -> Result<Exit> {
    let (dir, exit) = match &args.from {
        Some(dir) => {
            again(dir)?;
            (dir.clone(), Exit::Ok)
        }
        None => measure(args)?,
    };
    let report: LabReport = store::read_json(&dir.join("lab.json"))?;
    // Sentences about a single model are on the page.
    let of_one = |said: &str| report.models.iter().any(|model| sentences::is_of(model, said));
    let said: Vec<&str> =
        report.sentences.iter().map(String::as_str).filter(|said| !of_one(said)).collect();
    table::show(&format!("{}\n", said.join("\n")))?;
    note!("\nresults: {0}\npage:    {0}/lab.html", dir.display());
    Ok(exit)
}

/// Runs the plan and the demonstrations, and writes the page.
fn measure(args: &StatefulArgs) -> Result<(PathBuf, Exit)> {
    let redis = if Redis::is_installed() { Some(Redis::start()?) } else { None };
    let plan = design::plan(args.quick, &args.models, redis.as_ref().map(Redis::url).as_deref())
        .map_err(|error| usage(format!("{error:#}")))?;
    note!("the naive experiment, and what a killed server loses");
    let program = this_program()?;
    let naive = naive::run(&program, NAIVE_MODEL, NAIVE_REQUESTS)?;
    let killed = kill_all(&program, redis.as_ref())?;
    let made = run::of_plan(plan, &args.out)?;
    if made.exit == Exit::Interrupted {
        return Err(interrupted(format!(
            "interrupted: continue with c10k run --resume {0}, then c10k lab stateful --from {0}",
            made.dir.display()
        )));
    }
    let mut report = report(&made.summary, &made.dir)?;
    if redis.is_none() {
        report.left_out.push(NO_STORE.into());
    }
    write(&LabReport { naive: Some(naive), killed, ..report }, &made.summary, &made.dir)?;
    Ok((made.dir, made.exit))
}

/// What each home loses when its server is killed.
fn kill_all(program: &Path, redis: Option<&Redis>) -> Result<Vec<Killed>> {
    let dir = tempfile::tempdir()?;
    let key = dir.path().join("key");
    // Any bytes do: the key keeps no one out, but the next server must accept the tokens.
    std::fs::write(&key, [b'k'; KEY_BYTES])?;
    let at = |state: Home| StateArgs { state, ..StateArgs::default() };
    let mut homes = vec![
        ("none", at(Home::None)),
        ("connection", at(Home::Connection)),
        ("table", at(Home::Table)),
        ("client", at(Home::Client)),
        ("client, key in a file", StateArgs { state_key: Some(key), ..at(Home::Client) }),
    ];
    if let Some(redis) = redis {
        let state_store = Some(redis.url());
        homes.push(("external", StateArgs { state_store, ..at(Home::External) }));
    }
    homes
        .iter()
        .map(|(home, state)| {
            killed::run(program, home, KILLED_MODEL, state)
                .with_context(|| format!("state home {home}"))
        })
        .collect()
}

/// The demonstrations beside a run. They have this form in documents of every version.
#[derive(Default, Deserialize)]
struct Beside {
    #[serde(default)]
    naive: Option<Naive>,
    #[serde(default)]
    killed: Vec<Killed>,
}

/// The page of a saved run, with its demonstrations.
fn again(dir: &Path) -> Result<()> {
    let summary: Summary = store::read_json(&dir.join("summary.json"))
        .map_err(|error| usage(format!("--from: {error:#}")))?;
    let before = dir.join("lab.json");
    // A plan that was run with `c10k run` has no lab.json, and no demonstrations.
    let Beside { naive, killed } =
        if before.exists() { store::read_json(&before)? } else { Beside::default() };
    let report = LabReport { naive, killed, ..report(&summary, dir)? };
    write(&report, &summary, dir)
}

/// The report from a summary, without the demonstrations.
fn report(summary: &Summary, dir: &Path) -> Result<LabReport> {
    let models = analysis::models(summary);
    if models.iter().all(|model| model.designs.is_empty()) {
        return Err(usage(format!(
            "the run {} is not a run of this lab: it needs cells with different homes of the state, in two blocks \
             or more",
            summary.run.id
        )));
    }
    let sessions = sessions(summary, dir)?;
    let noise = noise::lab_noise(summary);
    Ok(LabReport {
        schema: SchemaId::lab(),
        lab: "stateful".into(),
        question: QUESTION.into(),
        run: summary.run.id.clone(),
        started_at: summary.run.started_at.clone(),
        program_version: summary.run.program_version.clone(),
        host: summary.host.clone(),
        sentences: sentences::stateful_sentences(&models, &sessions, noise.as_ref()),
        models,
        left_out: analysis::left_out(summary),
        sessions,
        noise,
        reference: summary.reference.clone(),
        naive: None,
        killed: Vec::new(),
    })
}

/// The fates of the sessions of all trials, by home and connection.
fn sessions(summary: &Summary, dir: &Path) -> Result<Vec<LabSessions>> {
    let mut found: Vec<LabSessions> = Vec::new();
    for model in points::models(summary) {
        for point in points::points_of_model(summary, &model) {
            let connection = connection_words(point.place.connection);
            for file in &point.cell.trials {
                let trial: Trial = store::read_json(&dir.join(file))?;
                let Some(sessions) = trial.sessions else { continue };
                let (home, connection) = (&point.place.home, &connection);
                let is_it = |s: &&mut LabSessions| s.home == *home && s.connection == *connection;
                if let Some(known) = found.iter_mut().find(is_it) {
                    known.completed += sessions.completed;
                    known.lost += sessions.lost;
                    known.wrong += sessions.wrong;
                } else {
                    found.push(LabSessions {
                        home: home.clone(),
                        connection: connection.clone(),
                        completed: sessions.completed,
                        lost: sessions.lost,
                        wrong: sessions.wrong,
                    });
                }
            }
        }
    }
    found.sort_by_key(|s| (points::rank(&s.home), s.home.clone()));
    Ok(found)
}

/// Writes the lab's files into the run's folder.
fn write(report: &LabReport, summary: &Summary, dir: &Path) -> Result<()> {
    store::write_lines(&dir.join("lab.json"), report)?;
    figures::write_of(summary, dir)?;
    store::write(&dir.join("lab.md"), written::markdown(report).as_bytes())?;
    store::write(&dir.join("lab.tex"), written::latex(report).as_bytes())?;
    store::write(&dir.join("lab.html"), page::html(report)?.as_bytes())
}

#[cfg(test)]
mod tests;
