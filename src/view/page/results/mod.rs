//! The results of all committed runs, load by load: `docs/results.md`. It repeats standings and
//! recommendations, and judges nothing itself.

mod loads;
mod sentences;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use self::loads::{LOADS, Load};
pub(crate) use self::sentences::Said;
use super::load;
use crate::analysis::renewed;
use crate::base::usage;
use crate::document::{Cell, Host, Summary, store};
use crate::view::figures::{Column, columns, numbers, trials};
use crate::view::table::{WIDTH, flowed};

const HEAD: &str = "\
# Results by load

`c10k report --answers results > docs/results.md` writes this page, and a test compares both.
Each section is one load. It names the models that cannot be distinguished from the best,
then the models that are surely worse, and by how much. Brackets hold 95 % intervals. Each line
links to its data.
Take the figures of your own machine: `c10k advise` measures your load.
";

/// A run that is kept in a machine's folder.
struct Kept {
    dir: PathBuf,
    summary: Summary,
}

/// The page of all runs in the folders below `dir`, with links relative to a sibling of `dir`. It
/// skips runs in `dir` itself, which are new.
///
/// # Errors
/// When there is no run, or a run cannot be read.
pub(crate) fn page(dir: &Path) -> Result<String> {
    let kept = kept(dir)?;
    if kept.is_empty() {
        return Err(usage(format!(
            "{0} has no run in a folder of its machine: move runs to such a folder, as in {0}/20260101-laptop/",
            dir.display()
        )));
    }
    let mut lines = vec![HEAD.to_owned()];
    let mut links = Vec::new();
    for load in LOADS {
        lines.push(format!("## {}\n", load.title));
        match newest(&kept, load) {
            Some((run, workload)) => {
                let link = format!("[{}]: ../{}/summary.json", load.key, run.dir.display());
                lines.extend(measured(load, run, workload)?);
                links.push(link);
            }
            None => lines.push(format!("Not measured here. This measures it:\n`{}`", load.command)),
        }
        lines.push(String::new());
    }
    lines.push("## Where this was measured\n".into());
    lines.extend(places(&kept));
    lines.push(String::new());
    lines.extend(links);
    Ok(flowed(&lines.join("\n"), Some(WIDTH)) + "\n")
}

fn kept(dir: &Path) -> Result<Vec<Kept>> {
    let mut found = Vec::new();
    for machine in folders(dir)? {
        for run in folders(&machine)? {
            let file = run.join("summary.json");
            if file.is_file() {
                found.push(Kept { summary: store::read_json(&file)?, dir: run });
            }
        }
    }
    Ok(found)
}

fn folders(dir: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(dir).with_context(|| format!("cannot read {}", dir.display()))?;
    let paths = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    let mut folders: Vec<PathBuf> = paths.into_iter().filter(|path| path.is_dir()).collect();
    folders.sort();
    Ok(folders)
}

/// The newest run with the load.
fn newest<'a>(kept: &'a [Kept], load: &Load) -> Option<(&'a Kept, &'static str)> {
    let (plan, workload) = load.source?;
    let has =
        |run: &&Kept| run.summary.run.plan == plan && run.summary.workloads().contains(&workload);
    let newest = kept.iter().filter(has).max_by_key(|run| &run.summary.run.started_at);
    newest.map(|run| (run, workload))
}

/// The answer of a run for a load: the load in words, then a line for each sentence.
fn measured(load: &Load, run: &Kept, workload: &str) -> Result<Vec<String>> {
    let summary = renewed::workload(&run.summary, &run.dir, workload)?;
    let (asked, Said { best, losses, notes }) = said(&summary, &run.dir, workload, load.command)?;
    let mut lines = vec![format!("Load: {asked}.\n")];
    let said = std::iter::once(best).chain(losses).chain(notes);
    lines.extend(said.map(|sentence| format!("- {sentence} [data][{}]", load.key)));
    Ok(lines)
}

/// A workload's load in words, and its standings in sentences; `command` repeats the measurement if
/// something is undecided.
///
/// # Errors
/// When a trial exists but cannot be read.
pub(crate) fn said(
    summary: &Summary,
    dir: &Path,
    workload: &str,
    command: &str,
) -> Result<(String, Said)> {
    let cells: Vec<&Cell> = summary.ranked(workload);
    let drawn = cells.iter().map(|cell| trials::read(dir, cell)).collect::<Result<_>>()?;
    let columns: Vec<Column<'_>> = columns(&cells, drawn, &numbers(cells.iter().copied()));
    let asked = columns.first().map_or_else(String::new, |first| {
        load::in_words(first.cell, first.drawn.load.as_ref(), summary.host.work_round_ps)
    });
    Ok((asked, sentences::load_sentences(summary, workload, &columns, command)))
}

/// The machines, each with its runs.
fn places(kept: &[Kept]) -> Vec<String> {
    let mut places: Vec<(String, Vec<&str>)> = Vec::new();
    for run in kept {
        let Host { cpus, cpu_model, kernel, .. } = &run.summary.host;
        let machine = format!("{cpus} processors, {cpu_model}, {kernel}");
        match places.iter_mut().find(|(known, _)| *known == machine) {
            Some((_, runs)) => runs.push(&run.summary.run.id),
            None => places.push((machine, vec![&run.summary.run.id])),
        }
    }
    let line = |(machine, runs): (String, Vec<&str>)| format!("- {machine}: {}.", runs.join(", "));
    places.into_iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_load_is_a_workload_of_its_plan_or_says_how_it_is_measured() {
        let plans = crate::plan::BUILT_IN;
        for load in LOADS {
            assert!(load.command.starts_with("c10k "), "{}", load.key);
            let Some((plan, workload)) = load.source else { continue };
            let text = plans.iter().find(|(name, _)| *name == plan).expect("a built-in plan").1;
            let plan = crate::plan::Plan::built_in(plan).expect(text).expect(text);
            assert!(plan.workload(workload).is_some(), "{}: {workload}", load.key);
        }
    }
}
