//! The report of a check, on a terminal.

use std::fmt::Write as _;

use super::table;
use crate::document::{CheckReport, CheckTest};

/// A check: each tried behaviour with its result, the failures, and why the rest was not tried;
/// with `all` also the names of the rest.
#[must_use]
pub fn check(report: &CheckReport, all: bool) -> String {
    let mut rows = table(&["result", "points", "behaviour"], 3);
    for test in report.tests.iter().filter(|test| test.was_tried() || all) {
        let (result, points) = match test.result.as_str() {
            "pass" => ("pass", format!("{} of {}", test.points, test.max)),
            "fail" => ("FAIL", format!("0 of {}", test.max)),
            "unstable" => ("UNSTABLE", format!("0 of {}", test.max)),
            "skipped" => ("skipped", "-".into()),
            _ => ("pass", "-".into()),
        };
        rows.add_row([result, &points, &test.name]);
    }
    let count = |result: &str| report.with(result).count();
    let (passed, skipped) = (count("pass") + count("by_nature"), count("skipped"));
    let unstable = match count("unstable") {
        0 => String::new(),
        n => format!(", {n} unstable"),
    };
    let speaks = match &report.subject.path {
        Some(path) => format!("HTTP, path {path}"),
        None => format!("application {}, framing {}", report.subject.app, report.subject.framing),
    };
    let mut text = format!("{} {}\n{speaks}\n{rows}\n", report.subject.kind, report.subject.name);
    for test in report.with("fail").chain(report.with("unstable")) {
        to_mend(&mut text, test);
    }
    notes(&mut text, report);
    let _ = write!(
        text,
        "\n{passed} passed, {} failed{unstable}, {skipped} not tried\nscore {} of {}\n",
        count("fail"),
        report.score,
        report.max
    );
    text
}

fn to_mend(text: &mut String, test: &CheckTest) {
    let reason = test.reason.as_deref().unwrap_or_default();
    let _ = write!(text, "\n{}\n  {}\n", test.name, folded(&test.why));
    if test.result == "unstable" {
        let (failures, tries) = (test.failures, test.tries);
        let _ = writeln!(text, "  the same server failed {failures} of {tries} times: a race?");
    }
    let _ = writeln!(text, "  {reason}");
}

fn notes(text: &mut String, report: &CheckReport) {
    let subject = &report.subject;
    let tried = || report.tests.iter().filter(|test| test.was_tried());
    if tried().count() > 1 && tried().all(|test| test.result == "fail") && subject.path.is_none() {
        let _ = write!(
            text,
            "\nno behaviour passed: does the server speak this protocol (--app {}, --framing {})?\n",
            subject.app, subject.framing
        );
    }
    if subject.one_at_a_time && subject.kind != "model" {
        text.push_str("\nthe server serves one client at a time, so each misbehaving client was tried alone\n");
    }
    if report.with("by_nature").next().is_some() {
        text.push_str(
            "\nno points: the server serves one client at a time by design, so others wait\n",
        );
    }
    let skipped = report.reasons_skipped();
    if !skipped.is_empty() {
        text.push_str("\nnot tried (--all lists them):\n");
    }
    for (reason, count) in skipped {
        let _ = writeln!(text, "  {count:>2}  {reason}");
    }
}

/// A sentence in lines that fit a terminal of 80 columns with their indent.
fn folded(sentence: &str) -> String {
    const WIDTH: usize = 76;
    let mut lines = vec![String::new()];
    for word in sentence.split(' ') {
        let line = lines.last_mut().expect("never empty");
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > WIDTH {
            lines.push(word.into());
        } else {
            line.push_str(if line.is_empty() { "" } else { " " });
            line.push_str(word);
        }
    }
    lines.join("\n  ")
}
