//! Saved summaries, with all derived fields as this version computes them.

use std::path::Path;

use anyhow::Result;

use crate::analysis::{flags, pooled, standings};
use crate::document::Summary;

/// Gives a summary what it lacks, as earlier versions wrote it. Returns a sentence on each lack.
///
/// # Errors
/// When a trial is there and cannot be read.
pub(crate) fn renew(summary: &mut Summary, dir: &Path) -> Result<Vec<String>> {
    let notes = [flags::complete(summary, dir)?, pooled::again(summary, dir)?];
    standings::derive(summary);
    Ok(notes.into_iter().flatten().collect())
}

/// One workload of a saved run, renewed without the cost of the whole run.
///
/// # Errors
/// As [`renew`].
pub(crate) fn workload(summary: &Summary, dir: &Path, workload: &str) -> Result<Summary> {
    let mut one = summary.clone();
    one.cells.retain(|cell| cell.workload == workload);
    one.excluded.retain(|excluded| excluded.workload == workload);
    renew(&mut one, dir)?;
    Ok(one)
}
