//! `c10k export`: a saved result in the formats of other tools.

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;

use crate::base::{Exit, usage};
use crate::view::export::source::Source;
use crate::view::export::{Format, Formats, a_folder, csv, put, render, write};

/// `c10k export`.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// A run's folder or its summary, a trial, or a comparison
    pub result: PathBuf,
    /// Target format
    #[arg(long, value_enum)]
    pub to: Option<Format>,
    /// Target file, or a folder for formats with several files [default: standard output]
    #[arg(long, short, value_name = "FILE|DIR", requires = "to")]
    pub output: Option<PathBuf>,
    /// Formats of a single trial
    #[command(flatten)]
    pub formats: Formats,
    /// Write the series of a trial as CSV to this file, or to standard output with -
    #[arg(long, value_name = "FILE|-")]
    pub csv: Option<PathBuf>,
}

/// Writes a saved result in other formats.
///
/// # Errors
/// When there is no such result, no format was given, or a file cannot be written.
pub fn export(args: &ExportArgs) -> Result<Exit> {
    let Formats { hlog, hgrm } = &args.formats;
    let all = [hlog, hgrm, &args.csv];
    let asked = all.iter().any(|path| path.is_some());
    if !asked && args.to.is_none() {
        return Err(usage(
            "no format given: add --to md, or for a trial --hlog FILE, --hgrm FILE or --csv FILE; \
             c10k export --help lists the formats",
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
        write(render(&source, format)?, format, args.output.as_deref())?;
    }
    if asked {
        let Source::Trial(trial) = &source else {
            return Err(usage(format!(
                "--hlog, --hgrm and --csv need a trial, and this is a {}: use --to hlog -o DIR",
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
