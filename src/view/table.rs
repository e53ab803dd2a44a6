//! Output for a terminal.

mod capacity;
mod check;
mod connections;
mod contenders;
mod fit;
mod load;
mod marks;
mod models;
mod parts;
mod plans;
mod recovery;
pub(crate) mod reference;
mod sessions;
mod soak;
mod steps;
pub(crate) mod syscalls;
mod tails;
mod turnaround;

use std::fmt::Write as _;
use std::io::IsTerminal;

use anyhow::Result;
use comfy_table::{CellAlignment, ContentArrangement, LineStyle, Table, presets};

use crate::analysis::metric::{self, TRIALS_MIN};
use crate::analysis::timers;
use crate::base::print;
use crate::base::units::{counted, show_cpus};
use crate::document::{Cell, Crossover, Standings, Summary};
use crate::view::columns::{self, Against};
use crate::view::excluded;
use crate::view::page::answer;
use crate::workload::arrivals;
pub use capacity::capacity;
pub(crate) use capacity::verdict;
pub use check::check;
pub(crate) use contenders::{excused, warmed};
use fit::Columns as Fit;
pub(crate) use fit::flowed;
pub use load::load;
pub(crate) use marks::verdict as checks;
pub use marks::{marks, numbered};
pub use models::{broken, models};
pub use plans::plans;
pub use recovery::recovery;
pub use soak::soak;
pub(crate) use soak::soak_answer;
pub(crate) use tails::are_pooled;

/// Writes to standard output, with long lines broken between words for the terminal.
///
/// # Errors
/// As [`print()`].
pub fn show(text: &str) -> Result<()> {
    print(&flowed(text, terminal_width()))
}

/// A run: the answer, and one table with caveats for each workload.
#[must_use]
pub fn summary(summary: &Summary) -> String {
    let mut text = format!("{}\n", summary.run.question);
    for line in answer::answer_sentences(summary) {
        push(&mut text, &line);
    }
    let cells: Vec<&Cell> = summary.cells.iter().collect();
    let (messages, marks) = marks(&cells);
    for workload in summary.workloads() {
        let own = cells.iter().zip(&marks).filter(|(cell, _)| cell.workload == workload);
        let own: Vec<(&Cell, &str)> = own.map(|(cell, marks)| (*cell, marks.as_str())).collect();
        let standings = summary.standings_of(workload);
        push(&mut text, &workload_table(&own, standings));
        let cells = summary.cells_of(workload);
        text.push_str(&turnaround::lines(&cells));
        if let Some(standings) = standings.filter(|_| !answer::is_by_workload(summary)) {
            text.push_str(&standings.sentence);
            text.push('\n');
        }
        if let Some(recovery) = recovery(&cells) {
            text.push_str(&recovery);
            text.push('\n');
        }
    }
    if let Some(blind) = blind(&cells) {
        push(&mut text, &blind);
    }
    if !messages.is_empty() {
        push(&mut text, &notes(&messages));
    }
    if !summary.excluded.is_empty() {
        push(&mut text, excluded::text(&summary.excluded).trim_end());
    }
    if !summary.run.contenders.is_empty() {
        push(&mut text, &contenders::text(&summary.run.contenders));
    }
    let ranked = |found: &&Crossover| {
        summary.verdicts.iter().any(|standings| standings.metric == found.metric)
    };
    let changes =
        summary.crossovers.iter().filter(ranked).filter_map(|found| found.sentence.as_ref());
    for sentence in changes {
        let _ = write!(text, "\n{sentence}");
    }
    push(&mut text, &closing(summary));
    flowed(&text, terminal_width())
}

/// What the tables of closed loops cannot show, and which tables these are.
fn blind(cells: &[&Cell]) -> Option<String> {
    let mut names: Vec<&str> = Vec::new();
    let mut said = None;
    for cell in cells {
        let Some(blind) = arrivals::blind_to(&cell.arrivals) else { continue };
        said = Some(blind);
        if !names.contains(&cell.workload.as_str()) {
            names.push(&cell.workload);
        }
    }
    said.map(|said| format!("{}: {said}", names.join(", ")))
}

/// The numbered notes.
fn notes(messages: &[String]) -> String {
    let numbered = messages.iter().enumerate();
    let lines: Vec<String> =
        numbered.map(|(at, message)| format!("  [{}] {message}", at + 1)).collect();
    lines.join("\n")
}

fn push(text: &mut String, part: &str) {
    text.push('\n');
    text.push_str(part);
    text.push('\n');
}

/// The table of one workload with its caveats, for a command that prints the rest itself.
#[must_use]
pub(crate) fn alone(cells: &[&Cell], standings: Option<&Standings>) -> String {
    let (messages, marks) = marks(cells);
    let own: Vec<(&Cell, &str)> =
        cells.iter().zip(&marks).map(|(cell, marks)| (*cell, marks.as_str())).collect();
    let mut text = workload_table(&own, standings);
    if !messages.is_empty() {
        push(&mut text, &notes(&messages));
    }
    text
}

/// The heading of a workload's table: the load, and the number of trials of each model.
#[must_use]
pub fn heading(cells: &[&Cell]) -> String {
    let Some(first) = cells.first() else { return String::new() };
    let arrivals = arrivals::describe(&first.arrivals);
    let trials = || cells.iter().map(|cell| cell.trials.len());
    let (least, most) = (trials().min().unwrap_or(0), trials().max().unwrap_or(0));
    let trials = match (least, most) {
        (least, most) if least == most => counted(most, "trial"),
        (least, most) => format!("{least} to {most} trials"),
    };
    let connections = counted(first.connections, "connection");
    format!("{}: {arrivals}, {connections}, {trials}", first.workload)
}

/// Tables are no wider than this, even in a pipe. Exports and the page have all columns.
pub(crate) const WIDTH: usize = 100;

fn workload_table(cells: &[(&Cell, &str)], standings: Option<&Standings>) -> String {
    let own: Vec<&Cell> = cells.iter().map(|(cell, _)| *cell).collect();
    let (columns, left_out) = columns::shown_columns(&own, standings.as_slice());
    let ranked = standings.is_some();
    let names = columns.iter().map(|column| column.name);
    let names: Vec<&str> = [columns::MODEL]
        .into_iter()
        .chain(names)
        .chain(ranked.then_some(columns::AGAINST))
        .chain([columns::CHECKS])
        .collect();
    let row = |(cell, marks): &(&Cell, &str)| {
        let numbers = columns.iter().map(|column| column.text(cell));
        let against = ranked.then(|| Against::of(cell, standings, &[]).short());
        // The column of checks may wrap, and does so at spaces.
        let checks = marks::verdict(cell, &marks.replace("][", "] ["));
        [cell.name()].into_iter().chain(numbers).chain(against).chain([checks]).collect()
    };
    let rows: Vec<Vec<String>> = cells.iter().map(row).collect();
    let give_way = columns::give_way(&columns, standings);
    let (table, gone) = Fit { names: &names, give_way: &give_way }.fitted(&rows, Some(width()));
    let mut text = heading(&own);
    if let Some(metric) = standings.and_then(|standings| metric::named(&standings.metric)) {
        let _ = write!(text, "; ranked by {}", metric.words);
    }
    let _ = write!(text, "\n{table}");
    if !gone.is_empty() {
        let gone = gone.join(", ");
        let _ = write!(text, "\n  columns that do not fit: {gone} (see the page or an export)");
    }
    for name in left_out {
        let _ = write!(text, "\n  {}", columns::left_out(name));
    }
    if let Some(note) = timers::note(&own) {
        let _ = write!(text, "\n  {note}");
    }
    text.push_str(&syscalls::lines(&own));
    text
}

/// The sentences about the run as a whole.
#[must_use]
pub fn closing(summary: &Summary) -> String {
    let checked: u64 = summary.cells.iter().map(|cell| cell.replies_checked).sum();
    let wrong: u64 = summary.cells.iter().map(|cell| cell.replies_wrong).sum();
    let run = &summary.run;
    let mut text = format!("{checked} replies checked, {wrong} wrong");
    for note in &run.notes {
        let _ = write!(text, "\n{note}");
    }
    let trials = match &run.rounds {
        Some(_) => counted(run.trials_done, "valid trial"),
        None => format!("{} of {} trials", run.trials_done, run.trials_planned),
    };
    let _ = write!(
        text,
        "\n{trials}; {} on {} ({}), server on {}, generator on {}",
        summary.host.kernel,
        summary.host.cpu_model,
        counted(summary.host.cpus, "processor"),
        show_processors(&run.server_cpus),
        show_processors(&run.client_cpus),
    );
    let is_varied = |cell: &Cell| cell.factors.iter().any(|one| one.name == "server-processors");
    if let Some(rule) = run.placement.as_ref().filter(|_| summary.cells.iter().any(is_varied)) {
        let _ = write!(text, "\nProcessors of servers follow server-processors: {rule}");
    }
    if are_pooled(&summary.cells) {
        text.push_str(
            "\nLatency quantiles are pooled over all trials; comparisons use each trial's own.",
        );
    }
    for line in reference::lines(summary) {
        let _ = write!(text, "\n{line}");
    }
    let trials = || summary.cells.iter().map(|cell| cell.trials.len());
    let (least, most) = (trials().min().unwrap_or(0), trials().max().unwrap_or(0));
    if most < TRIALS_MIN && run.rounds.is_none() {
        let trials = if least == most { most.to_string() } else { format!("{least} to {most}") };
        let _ = write!(
            text,
            "\nA quick look: fewer than five trials ({trials} here) support no verdict about which model is better. \
             Figures are medians with the range of the trials."
        );
    }
    text
}

pub(crate) fn show_processors(cpus: &[usize]) -> String {
    if cpus.is_empty() {
        return "any processor".into();
    }
    format!("processor {}", show_cpus(cpus))
}

/// How wide a table may be.
fn width() -> usize {
    terminal_width().unwrap_or(WIDTH).min(WIDTH)
}

/// The width of the terminal on standard output; absent where there is no terminal.
fn terminal_width() -> Option<usize> {
    Table::new().width().filter(|_| is_terminal()).map(usize::from)
}

/// Whether standard output is a terminal. In tests it never is, so tables are the same wherever a
/// test runs.
fn is_terminal() -> bool {
    !cfg!(test) && std::io::stdout().is_terminal()
}

/// A table whose columns from `numbers` on are aligned to the right.
pub(crate) fn table(header: &[&str], numbers: usize) -> Table {
    let mut table = Table::new();
    let style = presets::UTF8_HORIZONTAL_ONLY.row_separator(LineStyle::none());
    table.load_style(style).set_header(header.to_vec());
    // As wide as its content where the output is not a terminal.
    let arrangement =
        if is_terminal() { ContentArrangement::Dynamic } else { ContentArrangement::Disabled };
    table.set_content_arrangement(arrangement);
    for column in table.column_iter_mut().skip(numbers) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

#[cfg(test)]
mod tests;
