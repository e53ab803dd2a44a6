//! The report and the exit code.

use std::process::ExitCode;

use c10k::statistics::Interval;
use c10k::statistics::claim::{Answer, Claim};
use c10k::units::{show_bytes, show_count, show_ns_f64};
use comfy_table::{CellAlignment, LineStyle, Table, presets};

use crate::Record;
use crate::comparison::{Unit, Verdict};
use crate::support::Spread;

/// Success if every claim was judged and holds, failure if one does not hold, otherwise 4. A quick run that comes this
/// far is a success.
pub(crate) fn exit_code(record: &Record) -> ExitCode {
    if record.quick {
        return ExitCode::SUCCESS;
    }
    let mut code = if record.skipped.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(4) };
    for verdict in record.verdicts.iter().filter(|verdict| verdict.claim.is_some()) {
        match verdict.answer {
            Some(Answer::Holds) => {}
            Some(Answer::DoesNotHold) => return ExitCode::FAILURE,
            Some(Answer::CannotBeTold { .. }) | None => code = ExitCode::from(4),
        }
    }
    code
}

const HEADER: [&str; 7] = ["what", "figure", "ours", "beside", "theirs", "compared", "claim"];

/// The summary, the table, the conditions, and what was not measured.
pub(crate) fn text(record: &Record) -> String {
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY.row_separator(LineStyle::none()));
    table.set_header(HEADER).add_rows(record.verdicts.iter().map(row));
    for column in [2, 4, 5] {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let mut text = vec![
        sentence(record),
        table.to_string(),
        format!(
            "{} pairs of each; compared: the median over the pairs of ours over theirs, for memory of ours minus \
             theirs, and [its 95 % interval]",
            record.rounds
        ),
        record.conditions.text(),
    ];
    text.extend(record.skipped.iter().map(|why| format!("not measured: {why}")));
    text.join("\n")
}

fn sentence(record: &Record) -> String {
    if record.quick {
        return format!(
            "{} comparisons could be made, and all replies were right. This quick run judges no claim.",
            record.verdicts.len()
        );
    }
    let claimed: Vec<&Verdict> =
        record.verdicts.iter().filter(|verdict| verdict.claim.is_some()).collect();
    let those = |is: fn(Option<Answer>) -> bool| {
        claimed.iter().filter(|verdict| is(verdict.answer)).count()
    };
    format!(
        "{} of {} claims hold; {} do not, and {} are undecided here.",
        those(|answer| answer == Some(Answer::Holds)),
        claimed.len(),
        those(|answer| answer == Some(Answer::DoesNotHold)),
        those(|answer| matches!(answer, Some(Answer::CannotBeTold { .. }) | None)),
    )
}

fn row(verdict: &Verdict) -> Vec<String> {
    let unit = verdict.unit;
    let spread = |of: Option<Spread>| of.map_or("-".into(), |of| show(unit, of.median));
    let mut over = verdict.compared.map_or("-".into(), |value| compared(unit, value));
    if let Some(Interval { low, high }) = verdict.interval {
        over += &format!(" [{}, {}]", compared(unit, low), compared(unit, high));
    }
    let limit = match verdict.claim {
        None => "none".to_string(),
        Some(Claim::AtMost(limit)) => format!("at most {}", compared(unit, limit)),
        Some(Claim::AtLeast(limit)) => format!("at least {}", compared(unit, limit)),
    };
    let answer = match verdict.answer {
        None => String::new(),
        Some(Answer::Holds) => ": holds".into(),
        Some(Answer::DoesNotHold) => ": does not hold".into(),
        Some(Answer::CannotBeTold { pairs: Some(pairs) }) => {
            format!(": undecided, about {pairs} pairs would decide it")
        }
        Some(Answer::CannotBeTold { pairs: None }) => ": undecided".into(),
    };
    vec![
        verdict.what.clone(),
        verdict.figure.into(),
        spread(verdict.ours),
        verdict.against.clone(),
        spread(verdict.theirs),
        over,
        limit + &answer,
    ]
}

fn show(unit: Unit, value: f64) -> String {
    match unit {
        Unit::Rate => show_count(value),
        Unit::Time => show_ns_f64(value),
        Unit::Bytes if value < 0.0 => format!("-{}", show_bytes(-value)),
        Unit::Bytes => show_bytes(value),
    }
}

fn compared(unit: Unit, value: f64) -> String {
    if unit == Unit::Bytes { format!("{value:+.0} B") } else { format!("{value:.3}") }
}
