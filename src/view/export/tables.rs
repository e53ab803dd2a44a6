//! The tables of a summary and of a comparison.

use super::sheet::{Entry, Sheet, Text, ends};
use crate::base::units::counted;
use crate::document::{Cell, Factor, Standings, Summary, Validity};
use crate::statistics::{Interval, Verdict};
use crate::view::columns::{self, Against, Figure};
use crate::view::table;

/// The meaning of a column of latencies.
const POOLED: &str = "Latencies are pooled quantiles over the requests of all trials. Their range spans the \
                      quantiles of single trials. Verdicts compare single trials.";

/// With fewer trials no median has an interval, and no quantile has a spread beside it.
const INTERVAL_MIN: usize = 3;

/// The cells of one table: those of one workload, or all points of one sweep.
pub(super) fn groups(summary: &Summary) -> Vec<(&str, Vec<&Cell>)> {
    let mut groups: Vec<(&str, Vec<&Cell>)> = Vec::new();
    for cell in &summary.cells {
        let name = cell.series.as_deref().unwrap_or(&cell.workload);
        match groups.iter_mut().find(|(other, _)| *other == name) {
            Some((_, cells)) => cells.push(cell),
            None => groups.push((name, vec![cell])),
        }
    }
    groups
}

/// The names of the varied factors, in the order of the plan.
pub(super) fn factor_names<'a>(cells: &[&'a Cell]) -> Vec<&'a str> {
    let mut names: Vec<&str> = Vec::new();
    for factor in cells.iter().flat_map(|cell| &cell.factors) {
        if !names.contains(&factor.name.as_str()) {
            names.push(&factor.name);
        }
    }
    names
}

/// A factor of a cell.
pub(super) fn factor<'a>(cell: &'a Cell, name: &str) -> Option<&'a Factor> {
    cell.factors.iter().find(|factor| factor.name == name)
}

/// One table for each workload, or for each sweep.
pub(super) fn of_summary(summary: &Summary) -> Vec<Sheet> {
    groups(summary).iter().map(|(name, cells)| group(summary, name, cells)).collect()
}

fn group(summary: &Summary, series: &str, cells: &[&Cell]) -> Sheet {
    let title = match cells {
        [first, ..] if first.factors.is_empty() => table::heading(cells),
        _ => format!("{series}: {} varied", factor_names(cells).join(", ")),
    };
    let mut sheet = Sheet::new(&format!("{}-{series}", summary.run.id), title, cells.len());
    for varied in factor_names(cells) {
        let text = |cell: &&Cell| factor(cell, varied).map_or("-".into(), |f| f.text.clone());
        sheet.words(varied, cells.iter().map(text));
    }
    let marked = sheet.columns.len();
    let shown = |cell: &&Cell| match cell.validity {
        Validity::Invalid => format!("{} (invalid)", cell.name()),
        _ => cell.name(),
    };
    sheet.words(columns::MODEL, cells.iter().map(shown));
    let standings: Vec<&Standings> = summary
        .verdicts
        .iter()
        .filter(|own| cells.iter().any(|c| c.workload == own.workload))
        .collect();
    let (columns, left_out) = columns::shown_columns(cells, &standings);
    for column in columns {
        let entries: Vec<Entry> = cells.iter().map(|cell| entry(column.of(cell))).collect();
        sheet.numbers(column.name, column.quantity, &entries);
    }
    sheet.remarks.extend(left_out.into_iter().map(columns::left_out));
    if !standings.is_empty() {
        sheet.figures(columns::AGAINST, cells.iter().map(|cell| against(summary, cell)));
    }
    annotate(&mut sheet, summary, cells, marked);
    sheet
}

/// Marks, caption and remarks.
fn annotate(sheet: &mut Sheet, summary: &Summary, cells: &[&Cell], marked: usize) {
    let (messages, marks) = table::numbered(cells);
    sheet.notes = messages;
    for ((row, cell), marks) in sheet.rows.iter_mut().zip(cells).zip(marks) {
        row.marked = marked;
        row.invalid = cell.validity == Validity::Invalid;
        row.marks = marks;
    }
    sheet.caption.push("Medians over the trials; CPU and memory are the server's.".into());
    sheet.explain();
    if cells.iter().any(|cell| table::are_pooled(std::slice::from_ref(*cell))) {
        sheet.caption.push(POOLED.into());
    }
    let only = cells.first().filter(|first| cells.iter().all(|c| c.workload == first.workload));
    let standings = only.and_then(|cell| summary.standings_of(&cell.workload));
    sheet.remarks.extend(standings.map(|standings| standings.sentence.clone()));
    let is_here = |workload: &str| cells.iter().any(|cell| cell.workload == workload);
    for left in summary.excluded.iter().filter(|left| is_here(&left.workload)) {
        sheet.remarks.push(format!(
            "{} was not measured under {}: {}.",
            left.model,
            left.workload,
            left.reason.trim_end_matches('.')
        ));
    }
    let spells = summary.reference.iter().flat_map(|reference| &reference.spells);
    sheet.remarks.extend(spells.map(|spell| spell.sentence.clone()));
    let (run, host) = (&summary.run, &summary.host);
    sheet.caption.push(format!(
        "Plan {}, run {}, c10k {}, on {}, {}, {}; server on {}, generator on {}.",
        run.plan,
        run.id,
        run.program_version,
        host.kernel,
        host.cpu_model,
        counted(host.cpus, "processor"),
        table::show_processors(&run.server_cpus),
        table::show_processors(&run.client_cpus),
    ));
    if run.interrupted {
        sheet.caption.push(format!(
            "The run was interrupted: {} of {} trials.",
            run.trials_done, run.trials_planned
        ));
    }
    sheet.command = run.command.join(" ");
}

/// A figure with its interval; a quantile has the spread of the trials' own values instead.
fn entry(figure: Figure) -> Entry {
    let shown = match figure {
        Figure::Known(shown) => shown,
        Figure::TooFew => return Entry::TooFew,
        Figure::Absent => return Entry::None,
    };
    let around = Interval { low: shown.low, high: shown.high };
    let interval = (shown.values.len() >= INTERVAL_MIN).then_some(around);
    Entry::Known { value: shown.value, interval, at_least: shown.at_least }
}

/// How a cell stands against the best of its workload.
fn against(summary: &Summary, cell: &Cell) -> Text {
    match Against::of(cell, summary.standings_of(&cell.workload), &summary.noise) {
        Against::Ratio(ratio, interval, verdict) => with_verdict(ratio, Some(interval), verdict),
        other => other.text().into(),
    }
}

pub(super) fn with_verdict(
    ratio: f64,
    interval: Option<Interval>,
    verdict: Option<Verdict>,
) -> Text {
    let verdict = verdict.map_or(String::new(), |verdict| format!(", {}", verdict.words()));
    Text {
        value: format!("{ratio:.2}{verdict}"),
        around: interval.map_or(String::new(), |interval| ends(interval, 1.0, 2)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::standings;
    use crate::analysis::synthetic::{closed, flag, reference, summary};
    use crate::document::{Excluded, Syscalls};

    fn entry(sheet: &Sheet, row: usize, column: &str) -> String {
        let at = sheet.columns.iter().position(|c| c.name == column).expect("a column");
        sheet.rows[row].entries[at].to_string()
    }

    #[test]
    fn a_row_says_what_was_flagged_and_what_is_invalid() {
        let mut poll = closed("poll", &[10.0, 11.0, 12.0]);
        flag(&mut poll, "kept-up");
        let mut mio = closed("mio", &[9.0, 9.5, 10.0]);
        flag(&mut mio, "census");
        mio.validity = Validity::Invalid;
        mio.latency[3].at_least = true;
        mio.syscalls = Some(Syscalls {
            per_request: 2.1,
            by_name: Vec::new(),
            requests: 10,
            connections: 1,
            tool: "strace".into(),
        });
        let mut summary = summary(vec![closed("epoll", &[20.0, 21.0, 22.0]), poll, mio]);
        summary.excluded.push(Excluded {
            model: "fork".into(),
            workload: "echo".into(),
            reason: "it cannot".into(),
        });
        summary.reference = Some(reference(1e5, &[5e3, 5e3, 9e3], &[3e3; 3]));
        standings::derive(&mut summary);
        let sheets = of_summary(&summary);
        let [sheet] = &sheets[..] else { panic!("one workload") };
        assert!(
            sheet.remarks.iter().any(|remark| remark.starts_with("Block 3: the null baseline"))
        );
        assert_eq!(sheet.notes.len(), 2);
        let marks: Vec<_> = sheet.rows.iter().map(|row| row.marks.clone()).collect();
        assert_eq!(marks, [vec![], vec![0], vec![1]]);
        assert!(sheet.notes[1].contains("census") && sheet.rows[2].invalid);
        assert_eq!(entry(sheet, 2, "model"), "mio (invalid)");
        let calls = [0, 2].map(|row| entry(sheet, row, "calls/request"));
        assert_eq!(calls, ["-", "2.10"]);
        assert_eq!(entry(sheet, 2, "p99"), "≥ 400 (400–400)");
        // A figure that no cell has gets no column.
        assert!(sheet.columns.iter().all(|column| column.name != "p99.9"));
        let left_out = "p99.9 is left out: no model has enough samples.";
        assert!(sheet.remarks.iter().any(|remark| remark == left_out), "{:?}", sheet.remarks);
        assert_eq!(entry(sheet, 0, "x best"), "best");
        assert!(entry(sheet, 1, "x best").starts_with("0.5"));
        assert!(sheet.remarks.iter().any(|remark| remark.ends_with("it cannot.")));
        assert_eq!(sheet.command, "c10k run");
    }

    #[test]
    fn the_points_of_a_sweep_are_one_table_with_a_column_for_each_factor() {
        let point = |text: &str, twin: bool| {
            let mut cell = closed("epoll", &[1e3; 3]);
            cell.workload = format!("echo-idle{text}");
            cell.series = Some("echo".into());
            cell.twin = twin;
            cell.factors = vec![Factor {
                name: "idle-connections".into(),
                text: text.into(),
                number: text.parse().ok(),
            }];
            cell
        };
        let summary = summary(vec![point("0", false), point("0", true), point("1k", false)]);
        let sheets = of_summary(&summary);
        let [sheet] = &sheets[..] else { panic!("one sweep") };
        assert_eq!(sheet.columns[0].name, "idle-connections");
        let first =
            |row: usize| (entry(sheet, row, "idle-connections"), entry(sheet, row, "model"));
        assert_eq!(
            [first(0), first(1), first(2)],
            [("0", "epoll"), ("0", "epoll+twin"), ("1k", "epoll")]
                .map(|(idle, model)| (idle.to_string(), model.to_string()))
        );
        assert_eq!(entry(sheet, 1, "x best"), "1.00 (1.00 to 1.00) of itself");
        assert!(sheet.rows.iter().all(|row| row.marked == 1));
    }
}
