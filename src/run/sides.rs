//! Two sides measured in one run: each trial of one is next to a trial of the other, so a slow
//! spell of the machine affects both.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use anyhow::Result;

use super::{Made, Run, rounds};
use crate::base::Exit;
use crate::document::Summary;
use crate::plan::Plan;
use crate::statistics::looks::Look;

/// What is measured on a side: a plan, and the program whose servers it starts if that is not this one.
pub(crate) type Side = (Plan, Option<PathBuf>);

/// What both sides come to so far, and the looks at them: which cells, by workload and model, need no more trials.
pub(crate) type Decide<'a> = dyn FnMut([&Summary; 2], &[Look]) -> Vec<(String, String)> + 'a;

/// Measures both sides, base and new. Each has a folder as any run has, and their summaries name each other.
///
/// # Errors
/// As [`Run::begin`], and when a server does not start.
pub(crate) fn of_sides(sides: [Side; 2], out: &Path, decide: &mut Decide<'_>) -> Result<[Made; 2]> {
    let mut runs: Vec<Run> = Vec::new();
    for (plan, program) in sides {
        let mut run = Run::begin(plan, out)?;
        run.program = program;
        if let Some(first) = runs.first() {
            run.stop = Arc::clone(&first.stop);
        }
        let id = runs.first().map_or(&run.record.id, |first| &first.record.id).clone();
        run.record.beside = Some(id);
        run.write_summary(&run.sum_up()?)?;
        runs.push(run);
    }
    let begun = |run: &Run| Summary::from_cells(run.record.clone(), run.host.clone(), Vec::new());
    let begun: Vec<Summary> = runs.iter().map(begun).collect();
    let made = rounds::make(&mut runs, &mut |cells, looks| {
        let so_far = |side: usize| Summary { cells: cells[side].clone(), ..begun[side].clone() };
        decide([&so_far(0), &so_far(1)], looks)
    });
    let mut concluded = Vec::new();
    for run in &mut runs {
        run.record.interrupted = run.stop.load(Ordering::Relaxed) || made.is_err();
        let (summary, written) = run.conclude()?;
        written?;
        let exit = if run.record.interrupted { Exit::Interrupted } else { Exit::Ok };
        concluded.push(Made { dir: run.folder.path.clone(), summary, exit });
    }
    made?;
    Ok(concluded.try_into().unwrap_or_else(|_| unreachable!("a side for a side")))
}
