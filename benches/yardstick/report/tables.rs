//! Tables for a terminal, one for each kind of figure.

use c10k::statistics::claim::{Answer, Claim};
use c10k::units::{show_bytes, show_count, show_ns_f64};
use comfy_table::{CellAlignment, LineStyle, Table, presets};

use super::{Aspect, Verdict};
use crate::counts::Per;
use crate::{Parts, Record};

/// The tables of the requested parts.
pub(super) fn report_tables(record: &Record, parts: Parts) -> Vec<String> {
    let mut tables = Vec::new();
    if parts.counts {
        tables.push(counts(record));
    }
    if parts.times {
        tables.push(times(record, Aspect::CpuPerRequestNs, show_ns_f64));
        let rate = |rate| format!("{}/s", show_count(rate));
        tables.push(times(record, Aspect::RequestsPerS, rate));
    }
    if parts.memory {
        tables.push(memory(record));
    }
    tables
}

/// A row for each subject, with both counts.
fn counts(record: &Record) -> String {
    let rows = of_aspect(record, Aspect::InstructionsPerRequest).map(|instructions| {
        let same = |verdict: &&Verdict| verdict.what == instructions.what;
        let calls = of_aspect(record, Aspect::SyscallsPerRequest).find(same);
        let counted = record.counts.iter().find(|counted| counted.subject == instructions.what);
        let clock = counted.map(|counted| {
            let theirs =
                counted.theirs.as_ref().map(|theirs| format!(" {:.0}", theirs.clock_reads));
            format!("{:.0}{}", counted.ours.clock_reads, theirs.unwrap_or_default())
        });
        let mark =
            if counted.is_some_and(|counted| counted.per == Per::IdleTurn) { " *" } else { "" };
        let mut row = vec![format!("{}{mark}", instructions.what)];
        row.extend(figures(instructions, |n| format!("{n:.0}")));
        row.push(clock.unwrap_or_else(none));
        row.extend(calls.into_iter().flat_map(|calls| figures(calls, |n| format!("{n:.2}"))));
        row
    });
    let theirs = record.against;
    let header =
        ["", "instr.", theirs, "ratio", "claim", "clock", "calls", theirs, "ratio", "claim"];
    let table = table(&header, rows, 1);
    let mut text = format!(
        "Instructions in user mode and system calls for each request, one under way at a time\n{table}\n\
         clock: how often ours and {theirs} read a clock, which is not in the instructions\n"
    );
    text.push_str(&match (&record.program, record.cc.as_deref()) {
        (Some(program), _) => format!("{theirs}: another build of this program, {program}"),
        (None, cc) => format!(
            "{theirs}: the program of the same shape in benches/yardstick/c, by {}",
            cc.unwrap_or("no compiler: there is no cc here")
        ),
    });
    if record.counts.iter().any(|counted| counted.per == Per::IdleTurn) {
        text.push_str("\n*: this model never sleeps; counts are per turn in which no client has sent anything");
    }
    text
}

/// Ours, theirs, the ratio, and the claim, with a mark if it does not hold. A subject that was not counted has no
/// figures; the summary above the tables names it.
fn figures(verdict: &Verdict, show: impl Fn(f64) -> String) -> [String; 4] {
    let claim = verdict.claim.map_or_else(none, |claim| {
        let mark = match verdict.answer {
            Some(Answer::Holds) | None => "",
            Some(_) => " NO",
        };
        format!("{}{mark}", limit(claim, 2))
    });
    [
        verdict.ours.map_or_else(none, |ours| show(ours.median)),
        verdict.theirs.map_or_else(none, |theirs| show(theirs.median)),
        verdict.ratio.map_or_else(none, |ratio| format!("{ratio:.3}")),
        claim,
    ]
}

fn times(record: &Record, aspect: Aspect, show: impl Fn(f64) -> String) -> String {
    let rows = of_aspect(record, aspect).map(|verdict| {
        let ratio = verdict.ratio.map_or_else(none, |ratio| match verdict.interval {
            Some(interval) => format!("{ratio:.3} [{:.3}, {:.3}]", interval.low, interval.high),
            None => format!("{ratio:.3}"),
        });
        vec![
            verdict.what.clone(),
            verdict.against.clone().unwrap_or_else(none),
            verdict.ours.map_or_else(none, |ours| show(ours.median)),
            verdict.theirs.map_or_else(none, |theirs| show(theirs.median)),
            ratio,
            verdict.claim.map_or_else(none, |claim| limit(claim, 2)),
            answer(verdict),
        ]
    });
    let header = ["", "C program", "ours", "C", "ratio", "claim", "answer"];
    let table = table(&header, rows, 2);
    format!(
        "{}, {} pairs\n{table}\nmedians; the ratio is taken within a pair and has the 95 % interval of \
         its median",
        aspect.words(),
        record.rounds
    )
}

fn memory(record: &Record) -> String {
    let rows = of_aspect(record, Aspect::BytesPerIdleConnection).map(|verdict| {
        vec![
            verdict.what.clone(),
            verdict.ours.map_or_else(none, |ours| ours.show(show_bytes)),
            verdict.claim.map_or_else(none, |claim| limit(claim, 0)),
            answer(verdict),
        ]
    });
    let header = ["", "bytes for each, [least, most]", "claim", "answer"];
    format!("Memory per idle connection\n{}", table(&header, rows, 1))
}

fn of_aspect(record: &Record, aspect: Aspect) -> impl Iterator<Item = &Verdict> {
    record.verdicts.iter().filter(move |verdict| verdict.aspect == aspect)
}

fn answer(verdict: &Verdict) -> String {
    match (verdict.claim, verdict.answer) {
        (None, _) => none(),
        (Some(_), Some(Answer::Holds)) => "holds".into(),
        (Some(_), Some(Answer::DoesNotHold)) => "does NOT hold".into(),
        (Some(_), Some(Answer::CannotBeTold { pairs: Some(pairs) })) => {
            format!("undecided here: about {pairs} pairs would decide it")
        }
        (Some(_), Some(Answer::CannotBeTold { pairs: None })) => {
            "undecided here: on the limit".into()
        }
        (Some(_), None) => "not judged".into(),
    }
}

fn limit(claim: Claim, digits: usize) -> String {
    match claim {
        Claim::AtMost(limit) => format!("<={limit:.digits$}"),
        Claim::AtLeast(limit) => format!(">={limit:.digits$}"),
    }
}

/// A table whose first `words` columns are aligned left, and the others right.
fn table(header: &[&str], rows: impl Iterator<Item = Vec<String>>, words: usize) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY.row_separator(LineStyle::none()));
    table.set_header(header).add_rows(rows);
    for column in table.column_iter_mut().skip(words) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn none() -> String {
    "-".into()
}
