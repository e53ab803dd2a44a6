//! Exports: a result in the formats of other tools.
//!
//! - tables for documents: Markdown and LaTeX, both made from a [`sheet`]
//! - numbers for other programs: tidy CSV, and the JSON of services that follow benchmarks over
//!   time
//! - HdrHistogram's log and distribution of a trial

mod bench;
mod changes;
mod hdr;
pub(crate) mod markup;
pub mod sheet;
pub(crate) mod source;
mod tables;
mod tidy;

use std::path::Path;

use anyhow::{Context, Result};
use clap::ValueEnum;

use crate::analysis::renewed;
use crate::base;
use crate::base::usage;
use crate::document::store;
use crate::document::{Comparison, Trial};
use crate::view::figures;
pub use hdr::{Formats, csv, hgrm, hlog, recorded};
use source::{Run, Source};

/// A format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Tables in GitHub's Markdown
    #[value(alias = "markdown")]
    Md,
    /// Tables for LaTeX, with the packages booktabs and graphicx
    Latex,
    /// One line for each figure of each trial; for a single trial, its series
    Csv,
    /// A folder with the two files that github-action-benchmark reads
    GithubActionBenchmark,
    /// Bencher's metric format
    Bencher,
    /// What the figures of a run show, for scripts that draw them
    Figures,
    /// HdrHistogram's interval log; for a run, a folder with one for each trial
    Hlog,
    /// HdrHistogram's percentile distribution; for a run, a folder with one for each trial
    Hgrm,
}

impl Format {
    /// Whether the format writes several files.
    pub(crate) fn has_files(self, of: &Source) -> bool {
        match self {
            Self::GithubActionBenchmark => true,
            Self::Hlog | Self::Hgrm => matches!(of, Source::Run(_)),
            _ => false,
        }
    }

    /// Its name on the command line.
    fn name(self) -> String {
        self.to_possible_value().map_or(String::new(), |value| value.get_name().into())
    }
}

/// What to write: one text, or files in a folder.
pub(crate) enum Output {
    Text(Vec<u8>),
    Files(Vec<(String, Vec<u8>)>),
}

impl From<String> for Output {
    fn from(text: String) -> Self {
        Self::Text(text.into_bytes())
    }
}

/// Renders a result in a format.
pub(crate) fn render(source: &Source, format: Format) -> Result<Output> {
    Ok(match (source, format) {
        (Source::Trial(trial), Format::Csv) => csv(trial).into(),
        (Source::Trial(trial), Format::Hlog) => Output::Text(hlog(trial)?),
        (Source::Trial(trial), Format::Hgrm) => hgrm(trial)?.into(),
        (Source::Comparison(comparison), format) => of_comparison(comparison, true, format)?,
        (Source::Run(run), format) => of_run(run, format)?,
        (Source::Trial(_), format) => {
            return Err(usage(format!(
                "--to {} needs a run, and this is a trial: give the folder of a run, or --to csv, \
                 hlog or hgrm",
                format.name()
            )));
        }
    })
}

fn of_run(run: &Run, format: Format) -> Result<Output> {
    let sheets = || tables::of_summary(&run.summary);
    Ok(match format {
        Format::Md => markup::markdown(&sheets()).into(),
        Format::Latex => markup::latex(&sheets()).into(),
        Format::Csv => tidy::csv(run)?.into(),
        Format::GithubActionBenchmark => {
            let (bigger, smaller) = bench::github(&run.summary);
            Output::Files(vec![
                ("bigger-is-better.json".into(), store::json(&bigger)?),
                ("smaller-is-better.json".into(), store::json(&smaller)?),
            ])
        }
        Format::Bencher => Output::Text(store::json(&bench::bencher(&run.summary))?),
        Format::Figures => {
            // As on the page, which adds what a summary of an earlier version lacks.
            let mut summary = run.summary.clone();
            renewed::renew(&mut summary, &run.dir)?;
            Output::Text(store::lines(&figures::read(&summary, &run.dir)?.1)?)
        }
        Format::Hlog => each_trial(run, "hlog", hlog)?,
        Format::Hgrm => each_trial(run, "hgrm", |trial| Ok(hgrm(trial)?.into_bytes()))?,
    })
}

/// One file for each trial, named after it, with this extension.
fn each_trial(run: &Run, ending: &str, of: impl Fn(&Trial) -> Result<Vec<u8>>) -> Result<Output> {
    let mut files = Vec::new();
    for cell in &run.summary.cells {
        for (file, trial) in run.trials(cell)? {
            let name = Path::new(file).file_stem().context("a trial has a name")?;
            let text = of(&trial).with_context(|| file.to_string())?;
            files.push((format!("{}.{ending}", name.to_string_lossy()), text));
        }
    }
    Ok(Output::Files(files))
}

/// Writes a comparison in a format; `c10k compare` does it too.
///
/// # Errors
/// When the format does not support comparisons, or the file cannot be written.
pub fn compared(
    comparison: &Comparison,
    all: bool,
    format: Format,
    output: Option<&Path>,
) -> Result<()> {
    write(of_comparison(comparison, all, format)?, format, output)
}

fn of_comparison(comparison: &Comparison, all: bool, format: Format) -> Result<Output> {
    let sheets = changes::of_comparison(comparison, all);
    Ok(match format {
        Format::Md => markup::markdown(&sheets).into(),
        Format::Latex => markup::latex(&sheets).into(),
        Format::Csv => tidy::comparison(comparison, all)?.into(),
        other => {
            return Err(usage(format!(
                "--to {} does not work for a comparison: use md, latex or csv",
                other.name()
            )));
        }
    })
}

pub(crate) fn write(output: Output, format: Format, to: Option<&Path>) -> Result<()> {
    match output {
        Output::Text(text) => put(to.unwrap_or(Path::new("-")), &text),
        Output::Files(files) => {
            let folder = a_folder(format, to)?;
            std::fs::create_dir_all(folder)
                .with_context(|| format!("cannot create the folder {}", folder.display()))?;
            files.iter().try_for_each(|(name, text)| store::write(&folder.join(name), text))
        }
    }
}

/// The folder for the files of a format that writes several.
pub(crate) fn a_folder(format: Format, to: Option<&Path>) -> Result<&Path> {
    to.filter(|to| *to != Path::new("-") && !to.is_file()).ok_or_else(|| {
        usage(format!("--to {} writes several files: name a folder with -o DIR", format.name()))
    })
}

/// Writes to a file, or to standard output if the path is `-`.
///
/// # Errors
/// When the text cannot be written.
pub(crate) fn put(path: &Path, text: &[u8]) -> Result<()> {
    if path == Path::new("-") {
        return base::print(std::str::from_utf8(text)?);
    }
    store::write(path, text)
}

#[cfg(test)]
#[path = "tests/columns.rs"]
mod columns;
