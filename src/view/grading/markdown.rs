//! A summary for a pull request or a page: the score and the failures, with the rest folded.

use std::fmt::Write as _;

use super::{subject, told};
use crate::document::CheckReport;

/// Headings, a table, folded lists.
pub(crate) fn markdown(report: &CheckReport) -> String {
    let mut text =
        format!("## {} of {} points\n\n{}\n", report.score, report.max, code(&subject(report)));
    for (result, heading) in [("fail", "Failed"), ("unstable", "Unstable")] {
        if report.with(result).next().is_none() {
            continue;
        }
        let _ = write!(
            text,
            "\n### {heading}\n\n| behaviour | points | result |\n| --- | --- | --- |\n"
        );
        for test in report.with(result) {
            let (why, came) = (cell(&test.why), code(&told(test)));
            let _ = writeln!(text, "| {}: {why} | 0 of {} | {came} |", test.sentence(), test.max);
        }
    }
    let passed = report.with("pass").chain(report.with("by_nature"));
    let passed: Vec<_> = passed.map(|test| format!("- {}", test.sentence())).collect();
    fold(&mut text, &format!("{} passed", passed.len()), &passed);
    let skipped: Vec<_> = report
        .reasons_skipped()
        .into_iter()
        .map(|(reason, count)| format!("- {count}: {}", cell(reason)))
        .collect();
    fold(&mut text, &format!("{} not tried", report.with("skipped").count()), &skipped);
    text
}

fn fold(text: &mut String, summary: &str, lines: &[String]) {
    if !lines.is_empty() {
        let lines = lines.join("\n");
        let _ = write!(text, "\n<details><summary>{summary}</summary>\n\n{lines}\n\n</details>\n");
    }
}

/// The project's own text, for a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

/// A server's output as code, so that markup in it has no effect.
fn code(text: &str) -> String {
    let text = cell(text);
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    // A space keeps a backtick at either end apart from the fence; Markdown drops both spaces.
    let space = if longest > 0 { " " } else { "" };
    format!("{fence}{space}{text}{space}{fence}")
}
