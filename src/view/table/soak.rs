//! A soak on a terminal.

use std::fmt::Write as _;

use super::table;
use crate::base::units::{as_f64, show_count};
use crate::document::{SoakAnswer, SoakReport, SoakVerdict};

/// Every server of the soak: its verdict, its load and the growth of its resources; then why some
/// are not steady.
#[must_use]
pub fn soak(report: &SoakReport) -> String {
    let columns = [
        "server",
        "verdict",
        "connections",
        "requests",
        "failed",
        "descriptors",
        "threads",
        "processes",
        "memory",
    ];
    let mut rows = table(&columns, 2);
    for verdict in &report.verdicts {
        let count = |n: u64| show_count(as_f64(n));
        let SoakVerdict { subject, answer, connections, requests, failures, .. } = verdict;
        let mut row = vec![
            subject.name.clone(),
            soak_answer(*answer).into(),
            count(*connections),
            count(*requests),
            failures.to_string(),
        ];
        row.extend(verdict.drifts.iter().map(|drift| growth(&drift.measure, drift.per_connection)));
        rows.add_row(row);
    }
    let mut text = format!(
        "{rows}\ngrowth at rest per 10,000 connections: the median of slopes (Theil, Sen)\n"
    );
    for verdict in &report.verdicts {
        for reason in &verdict.reasons {
            let _ = write!(text, "\n{}: {reason}", verdict.subject.name);
        }
    }
    for note in &report.left_out {
        let _ = write!(text, "\n{note}");
    }
    text.trim_end().to_string() + "\n"
}

/// The verdict of a soak on a server, in words.
pub(crate) fn soak_answer(answer: SoakAnswer) -> &'static str {
    match answer {
        SoakAnswer::Drifts => "DRIFTS",
        SoakAnswer::FellShort => "FELL SHORT",
        SoakAnswer::NotJudged => "not judged",
        SoakAnswer::Steady => "steady",
    }
}

fn growth(measure: &str, per_connection: Option<f64>) -> String {
    match (measure, per_connection) {
        (_, None) => "-".into(),
        ("memory_bytes", Some(bytes)) => format!("{:+.1} KiB", bytes * 10_000.0 / 1024.0),
        (_, Some(more)) => format!("{:+.2}", more * 10_000.0),
    }
}
