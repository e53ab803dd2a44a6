//! `c10k compare`: the changes from one saved run to another, and how sure they are.

mod args;
mod gate;
mod interleaved;
mod likeness;
mod reference;
mod rows;
mod text;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

pub use args::CompareArgs;

use crate::analysis::flags;
use crate::analysis::metric::{MEDIAN, MEMORY, Metric, SERVER_CPU, TAIL, THROUGHPUT};
use crate::base::{Exit, note, usage};
use crate::document::store;
use crate::document::{Cell, Comparison, RoundsRecord, SchemaId, Summary};
use crate::statistics::looks::Look;
use crate::view::{deliver, export};

const METRICS: [Metric; 5] = [THROUGHPUT, MEDIAN, TAIL, SERVER_CPU, MEMORY];

/// A saved run.
struct Run {
    dir: PathBuf,
    summary: Summary,
}

impl Run {
    /// Of a run's folder, or of the summary in it.
    fn read(path: &Path) -> Result<Self> {
        let file = if path.is_dir() { path.join("summary.json") } else { path.to_path_buf() };
        if !file.is_file() {
            return Err(usage(format!(
                "{} is not the folder of a run: give a folder that c10k run has written, as in \
                 results/quick-20260101T120000Z",
                path.display()
            )));
        }
        let mut summary: Summary = store::read_json(&file)?;
        let dir = file.parent().context("a file is in a folder")?.to_path_buf();
        if let Some(note) = flags::complete(&mut summary, &dir)? {
            note!("{note}");
        }
        Ok(Self { dir, summary })
    }

    /// Without twins, which tell the noise within a run and nothing between two.
    fn cells(&self) -> impl Iterator<Item = &Cell> {
        self.summary.cells.iter().filter(|cell| !cell.twin)
    }

    fn cell(&self, workload: &str, model: &str) -> Option<&Cell> {
        self.cells().find(|cell| cell.workload == workload && cell.model == model)
    }
}

/// Compares two runs, prints the comparison, and applies the gate on request.
///
/// # Errors
/// When one is not a run, or their settings differ without `--anyway`.
pub fn compare(args: &CompareArgs) -> Result<Exit> {
    if args.interleaved {
        return interleaved::compare(args);
    }
    let (base, new) = (Run::read(&args.base)?, Run::read(&args.new)?);
    let unlike = likeness::differences(&base, &new)?;
    if !unlike.is_empty() && !args.anyway {
        return Err(usage(format!(
            "these runs differ in their settings, so a difference would have more than one \
             cause:\n  {}\nuse the same settings for both, or --anyway",
            unlike.join("\n  ")
        )));
    }
    conclude(args, &comparison(&base, &new, args, unlike))
}

/// Prints a comparison, writes it, and returns the exit code.
fn conclude(args: &CompareArgs, comparison: &Comparison) -> Result<Exit> {
    match args.to {
        Some(format) => {
            let shown = export::compared(comparison, args.all, format, args.output.as_deref());
            args.json
                .as_ref()
                .map_or(Ok(()), |path| store::write_json(path, comparison))
                .and(shown)?;
        }
        None => deliver(comparison, args.json.as_deref(), &text::text(comparison, args.all))?,
    }
    let exit = if args.gate { gate::gate(comparison) } else { Exit::Ok };
    if let (Exit::Untrusted, Some(why)) = (exit, gate::open(comparison)) {
        note!("gate failed: {why}");
    }
    Ok(exit)
}

fn comparison(base: &Run, new: &Run, args: &CompareArgs, unlike: Vec<String>) -> Comparison {
    comparison_at(base, new, args, unlike, looks(&base.summary, &new.summary))
}

/// The same with the looks at the trials that there were, of two sides of one run.
fn comparison_at(
    base: &Run,
    new: &Run,
    args: &CompareArgs,
    unlike: Vec<String>,
    looks: Option<Vec<Look>>,
) -> Comparison {
    let only = |has: &Run, lacks: &Run| -> Vec<String> {
        let missing = has.cells().filter(|cell| rows::is_wanted(args, cell));
        let missing = missing.filter(|cell| lacks.cell(&cell.workload, &cell.model).is_none());
        let id = &has.summary.run.id;
        missing
            .map(|cell| format!("{} under {}: only in {id}", cell.model, cell.workload))
            .collect()
    };
    let reference = reference::change(&base.summary, &new.summary, looks.is_none());
    let sides =
        rows::Sides { base, new, margin: args.margin, reference: reference.as_ref(), looks };
    let metrics: Vec<Metric> = match &args.figures[..] {
        [] => METRICS.to_vec(),
        some => some.iter().map(|figure| figure.metric()).collect(),
    };
    let rows = metrics.iter().flat_map(|of| sides.rows(of, |cell| rows::is_wanted(args, cell)));
    Comparison {
        schema: SchemaId::comparison(),
        base: base.summary.run.id.clone(),
        new: new.summary.run.id.clone(),
        margin: args.margin,
        interleaved: sides.looks.is_some(),
        unlike,
        missing: [only(base, new), only(new, base)].concat(),
        rows: rows.collect(),
        reference,
    }
}

/// When the trials were looked at, of two sides of one run; `None` of two runs.
fn looks(base: &Summary, new: &Summary) -> Option<Vec<Look>> {
    let same = base.run.beside.is_some() && base.run.beside == new.run.beside;
    base.run.rounds.as_ref().filter(|_| same).map(RoundsRecord::looks)
}

#[cfg(test)]
#[path = "tests/rows.rs"]
mod rows_tests;
