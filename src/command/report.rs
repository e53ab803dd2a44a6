//! `c10k report`: the comparison of a saved run.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use crate::analysis::renewed;
use crate::base::{self, note, usage};
use crate::document::{Summary, store};
use crate::view::{page, table};

/// `c10k report`.
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// The run's folder
    pub dir: PathBuf,
    /// Also write the page to this file
    #[arg(long, value_name = "FILE")]
    pub page: Option<PathBuf>,
    /// Rebuild the page and figures.json in the run's folder, and add fields to its summary that an
    /// earlier version lacked
    #[arg(long)]
    pub write: bool,
    /// Print one page with the results of all runs below DIR, load by load, as docs/results.md
    #[arg(long, conflicts_with_all = ["page", "write"])]
    pub answers: bool,
}

/// Prints the comparison of a saved run. Summaries of earlier versions lack some derived fields;
/// these are computed from the summary's values and trials. The folder is not changed, except with
/// `--write`: then the summary gets the fields too, because a page shows nothing that is not in a
/// document.
///
/// # Errors
/// When there is no run in that folder, a trial in it cannot be read, or a file cannot be written.
pub fn report(args: &ReportArgs) -> Result<()> {
    let dir = args.dir.as_path();
    if args.answers {
        return base::print(&page::results::page(dir)?);
    }
    let path = dir.join("summary.json");
    if !path.is_file() {
        return Err(usage(format!(
            "{} holds no summary.json: give the folder of a run, as in \
             results/quick-20260101T120000Z",
            dir.display()
        )));
    }
    if let Some(file) = &args.page {
        store::can_be_written(file)?;
    }
    let written: Summary = store::read_json(&path)?;
    let mut summary = written.clone();
    renewed::renew(&mut summary, dir)?.iter().for_each(|note| note!("{note}"));
    if let Some(file) = &args.page {
        store::write(file, page::page(&summary, dir)?.as_bytes())?;
    }
    if args.write {
        if summary != written {
            store::write_lines(&path, &summary)?;
        }
        page::write(&summary, dir)?;
    }
    base::print(&table::summary(&summary))
}
