//! `c10k export`: a result in the formats of other tools.
//!
//! - tables for documents: Markdown, LaTeX, AsciiDoc ([`sheet`] is what they have in common)
//! - numbers for other programs: tidy CSV, tables for pgfplots, and the JSON of services that
//!   follow benchmarks over time
//! - HdrHistogram's log and distribution of a trial

mod bench;
mod hdr;
pub(crate) mod markup;
mod pgfplots;
pub mod sheet;
mod source;
mod tables;
mod tidy;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};

use crate::base;
use crate::base::{Exit, usage};
use crate::document::store;
use crate::document::{Comparison, Trial};
pub use hdr::{Formats, csv, hgrm, hlog, recorded};
use source::{Run, Source};

/// `c10k export`.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// A run's folder or its summary, a trial, or a comparison
    pub result: PathBuf,
    /// Into which format
    #[arg(long, value_enum)]
    pub to: Option<Format>,
    /// Where to: a file, or a folder where the format has several; by default standard output
    #[arg(long, short, value_name = "FILE|DIR", requires = "to")]
    pub output: Option<PathBuf>,
    /// A trial into which formats
    #[command(flatten)]
    pub formats: Formats,
    /// Write the series of a trial as CSV to this file, or to standard output with -
    #[arg(long, value_name = "FILE|-")]
    pub csv: Option<PathBuf>,
}

/// A format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Tables in GitHub's Markdown
    #[value(alias = "markdown")]
    Md,
    /// Tables for LaTeX, with the packages booktabs and graphicx
    Latex,
    /// Tables in AsciiDoc
    Asciidoc,
    /// One line for each figure of each trial; of a trial its series
    Csv,
    /// A folder with tables of numbers, and a document that plots them
    Pgfplots,
    /// A folder with the two files that github-action-benchmark reads
    GithubActionBenchmark,
    /// Bencher's metric format
    Bencher,
    /// HdrHistogram's interval log; of a run a folder with one for each trial
    Hlog,
    /// HdrHistogram's percentile distribution; of a run a folder with one for each trial
    Hgrm,
}

impl Format {
    /// Whether it is several files.
    fn has_files(self, of: &Source) -> bool {
        match self {
            Self::Pgfplots | Self::GithubActionBenchmark => true,
            Self::Hlog | Self::Hgrm => matches!(of, Source::Run(_)),
            _ => false,
        }
    }

    /// As it is typed.
    fn name(self) -> String {
        self.to_possible_value().map_or(String::new(), |value| value.get_name().into())
    }
}

/// What is to be written: one text, or files in a folder.
enum Output {
    Text(Vec<u8>),
    Files(Vec<(String, Vec<u8>)>),
}

impl From<String> for Output {
    fn from(text: String) -> Self {
        Self::Text(text.into_bytes())
    }
}

/// Writes a saved result in other formats.
///
/// # Errors
/// When there is no such result, nothing was asked for, or a file cannot be written.
pub fn export(args: &ExportArgs) -> Result<Exit> {
    let Formats { hlog, hgrm } = &args.formats;
    let all = [hlog, hgrm, &args.csv];
    let asked = all.iter().any(|path| path.is_some());
    if !asked && args.to.is_none() {
        return Err(usage(
            "nothing was asked for: add --to md, or of a trial --hlog FILE, --hgrm FILE or \
             --csv FILE; c10k export --help lists the formats",
        ));
    }
    let to_stdout = |path: &Option<PathBuf>| path.as_deref() == Some(Path::new("-"));
    let mut on_stdout = all.iter().filter(|path| to_stdout(path)).count();
    on_stdout +=
        usize::from(args.to.is_some() && (args.output.is_none() || to_stdout(&args.output)));
    if on_stdout > 1 {
        return Err(usage("only one format can go to standard output: give the others a file"));
    }
    let source = Source::read(&args.result)?;
    if let Some(format) = args.to {
        if format.has_files(&source) {
            a_folder(format, args.output.as_deref())?;
        }
        write(of(&source, format)?, format, args.output.as_deref())?;
    }
    if asked {
        let Source::Trial(trial) = &source else {
            return Err(usage(format!(
                "--hlog, --hgrm and --csv are of a trial and this is a {}: use --to hlog -o DIR",
                source.kind()
            )));
        };
        args.formats.write(trial)?;
        if let Some(path) = &args.csv {
            put(path, csv(trial).as_bytes())?;
        }
    }
    Ok(Exit::Ok)
}

/// A result in a format.
fn of(source: &Source, format: Format) -> Result<Output> {
    Ok(match (source, format) {
        (Source::Trial(trial), Format::Csv) => csv(trial).into(),
        (Source::Trial(trial), Format::Hlog) => Output::Text(hlog(trial)?),
        (Source::Trial(trial), Format::Hgrm) => hgrm(trial)?.into(),
        (Source::Comparison(comparison), format) => of_comparison(comparison, true, format)?,
        (Source::Run(run), format) => of_run(run, format)?,
        (Source::Trial(_), format) => {
            return Err(usage(format!(
                "--to {} is of a run and this is a trial: give the folder of a run, or --to csv, \
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
        Format::Asciidoc => markup::asciidoc(&sheets()).into(),
        Format::Csv => tidy::csv(run)?.into(),
        Format::Pgfplots => {
            let files = pgfplots::files(run)?.into_iter();
            Output::Files(files.map(|(name, text)| (name, text.into_bytes())).collect())
        }
        Format::GithubActionBenchmark => {
            let (bigger, smaller) = bench::github(&run.summary);
            Output::Files(vec![
                ("bigger-is-better.json".into(), store::json(&bigger)?),
                ("smaller-is-better.json".into(), store::json(&smaller)?),
            ])
        }
        Format::Bencher => Output::Text(store::json(&bench::bencher(&run.summary))?),
        Format::Hlog => each_trial(run, "hlog", hlog)?,
        Format::Hgrm => each_trial(run, "hgrm", |trial| Ok(hgrm(trial)?.into_bytes()))?,
    })
}

/// One file for each trial, with its name and another ending.
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
/// When the format is none for comparisons, or the file cannot be written.
pub fn compared(
    comparison: &Comparison,
    all: bool,
    format: Format,
    output: Option<&Path>,
) -> Result<()> {
    write(of_comparison(comparison, all, format)?, format, output)
}

fn of_comparison(comparison: &Comparison, all: bool, format: Format) -> Result<Output> {
    let sheets = tables::of_comparison(comparison, all);
    Ok(match format {
        Format::Md => markup::markdown(&sheets).into(),
        Format::Latex => markup::latex(&sheets).into(),
        Format::Asciidoc => markup::asciidoc(&sheets).into(),
        Format::Csv => tidy::comparison(comparison, all)?.into(),
        other => {
            return Err(usage(format!(
                "--to {} is not of a comparison: use md, latex, asciidoc or csv",
                other.name()
            )));
        }
    })
}

fn write(output: Output, format: Format, to: Option<&Path>) -> Result<()> {
    match output {
        Output::Text(text) => put(to.unwrap_or(Path::new("-")), &text),
        Output::Files(files) => {
            let folder = a_folder(format, to)?;
            std::fs::create_dir_all(folder)
                .with_context(|| format!("cannot make the folder {}", folder.display()))?;
            files.iter().try_for_each(|(name, text)| store::write(&folder.join(name), text))
        }
    }
}

/// Where several files can go.
fn a_folder(format: Format, to: Option<&Path>) -> Result<&Path> {
    to.filter(|to| *to != Path::new("-") && !to.is_file()).ok_or_else(|| {
        usage(format!("--to {} writes several files: name a folder with -o DIR", format.name()))
    })
}

fn put(path: &Path, text: &[u8]) -> Result<()> {
    if path == Path::new("-") {
        return base::print(std::str::from_utf8(text)?);
    }
    store::write(path, text)
}

#[cfg(test)]
#[path = "tests/columns.rs"]
mod columns;
