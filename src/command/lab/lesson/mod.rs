//! The common parts of the small labs: a question, a prediction, the method and how to repeat it by
//! hand, figures, conclusions, caveats, and further questions. A lab measures and fills in a
//! lesson; this module shows it.

pub(super) mod drawing;
mod page;
mod written;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::base::{Exit, note, units, usage};
use crate::document::{LessonReport, SchemaId, store};
use crate::host::machine;
use crate::view::export::sheet::Sheet;
use crate::view::table;
use drawing::Drawing;

/// Options of every small lab.
#[derive(Debug, Args)]
pub struct LessonArgs {
    /// Take a few seconds instead of a minute or more, with shorter waits and fewer rounds
    #[arg(long)]
    pub quick: bool,
    /// Where to create the lab's folder
    #[arg(long, value_name = "DIR", default_value = "results", conflicts_with = "from")]
    pub out: PathBuf,
    /// Rebuild the page from the saved lab in this folder, without measuring
    #[arg(long, value_name = "DIR", conflicts_with = "quick")]
    pub from: Option<PathBuf>,
}

/// A small lab.
pub(super) trait Lab {
    /// Its name on the command line.
    const NAME: &'static str;
    /// Its question.
    const QUESTION: &'static str;
    /// Its measurements, as in `lab.json`.
    type Measured: Serialize + DeserializeOwned;

    /// Measures; `dir` is for measurements that write files of their own.
    fn measure(quick: bool, dir: &Path) -> Result<Self::Measured>;

    /// The lesson from the measurements. A pure function, so that a page can be written again.
    fn lesson(measured: &Self::Measured) -> Lesson;
}

/// All that a page and a report show of a lab.
#[derive(Debug, Default)]
pub(super) struct Lesson {
    /// The question and its reasons, a paragraph each.
    pub(super) question: Vec<String>,
    /// The predictions to make first.
    pub(super) predictions: Vec<Prediction>,
    /// The steps, in order.
    pub(super) done: Vec<Step>,
    /// The conclusions, the most important first; one sentence each.
    pub(super) sentences: Vec<String>,
    pub(super) figures: Vec<Figure>,
    pub(super) tables: Vec<Sheet>,
    /// Texts that are shown as on a terminal.
    pub(super) screens: Vec<Screen>,
    /// The caveats, a paragraph each.
    pub(super) fools: Vec<String>,
    /// Questions to answer from the results.
    pub(super) questions: Vec<String>,
}

/// A question to answer before anything is measured.
#[derive(Debug)]
pub(super) struct Prediction {
    pub(super) question: &'static str,
    /// The sentences that answer it.
    pub(super) answers: Vec<String>,
}

/// Something that was done.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) text: String,
    /// How to do it by hand, a line each.
    pub(super) commands: Vec<String>,
}

/// Text that keeps its lines.
#[derive(Debug)]
pub(super) struct Screen {
    pub(super) title: String,
    pub(super) shows: String,
    pub(super) text: String,
}

/// A drawing with its heading.
#[derive(Debug)]
pub(super) struct Figure {
    /// Where links lead, and the name of its file.
    pub(super) id: &'static str,
    pub(super) title: String,
    /// Its description, and how to read it.
    pub(super) shows: String,
    pub(super) drawing: Drawing,
}

/// Runs a lab, or writes its page again.
///
/// # Errors
/// When a server does not start, the folder has no such lab, or nothing can be written.
pub(super) fn run<L: Lab>(args: &LessonArgs) -> Result<Exit> {
    let (dir, report) = match &args.from {
        Some(dir) => (dir.clone(), again::<L>(dir)?),
        None => measure::<L>(args)?,
    };
    table::show(&format!("{}\n", report.sentences.join("\n")))?;
    note!("\nresults: {0}\npage:    {0}/lab.html", dir.display());
    Ok(Exit::Ok)
}

fn measure<L: Lab>(args: &LessonArgs) -> Result<(PathBuf, LessonReport)> {
    let started_at = units::now();
    // Measured in a folder beside the final one, so that a lab that fails leaves nothing behind.
    let cannot =
        || format!("cannot create a folder in {}: choose another with --out", args.out.display());
    fs::create_dir_all(&args.out).with_context(cannot)?;
    let dir =
        tempfile::Builder::new().prefix(".lab-").tempdir_in(&args.out).with_context(cannot)?;
    let measured = L::measure(args.quick, dir.path())?;
    let lesson = L::lesson(&measured);
    let report = LessonReport {
        schema: SchemaId::lesson(),
        lab: L::NAME.into(),
        question: L::QUESTION.into(),
        program_version: env!("CARGO_PKG_VERSION").into(),
        host: machine::host(),
        quick: args.quick,
        sentences: lesson.sentences.clone(),
        measured: serde_json::to_value(&measured)?,
        started_at,
    };
    write(&report, &lesson, dir.path())?;
    let name = format!("{}-{}", L::NAME, units::compact(&report.started_at));
    let made = settle(dir.keep(), &args.out, &name).with_context(cannot)?;
    Ok((made, report))
}

/// Gives a folder its name; another one where that is taken.
fn settle(from: PathBuf, out: &Path, name: &str) -> Result<PathBuf> {
    let names = (2..).map(|next| format!("{name}-{next}"));
    for name in [name.to_owned()].into_iter().chain(names) {
        let to = out.join(name);
        // Creating the folder first claims its name: the rename then replaces an empty folder.
        match fs::create_dir(&to) {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            made => {
                made?;
                fs::rename(&from, &to)?;
                return Ok(to);
            }
        }
    }
    unreachable!("names do not end")
}

/// The page of a lab that is there.
fn again<L: Lab>(dir: &Path) -> Result<LessonReport> {
    let before: LessonReport = store::read_json(&dir.join("lab.json"))
        .map_err(|error| usage(format!("--from: {error:#}")))?;
    ensure!(
        before.lab == L::NAME,
        usage(format!(
            "--from: {} is a result of the lab {}, not of {}",
            dir.display(),
            before.lab,
            L::NAME
        ))
    );
    let measured: L::Measured = serde_json::from_str(&before.measured.to_string())
        .map_err(|error| usage(format!("--from: lab.json is from another version: {error}")))?;
    let lesson = L::lesson(&measured);
    let report = LessonReport { sentences: lesson.sentences.clone(), ..before };
    write(&report, &lesson, dir)?;
    Ok(report)
}

/// Writes the lab's files into its folder.
fn write(report: &LessonReport, lesson: &Lesson, dir: &Path) -> Result<()> {
    store::write_json(&dir.join("lab.json"), report)?;
    store::write(&dir.join("lab.md"), written::markdown(report, lesson).as_bytes())?;
    store::write(&dir.join("lab.tex"), written::latex(report, lesson).as_bytes())?;
    for figure in &lesson.figures {
        let file = dir.join(format!("{}.svg", figure.id));
        store::write(&file, figure.drawing.alone().as_bytes())?;
    }
    store::write(&dir.join("lab.html"), page::html(report, lesson).as_bytes())
}

#[cfg(test)]
mod tests;
