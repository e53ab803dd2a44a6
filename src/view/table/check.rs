//! What a check found.

use std::fmt::Write as _;

use super::table;
use crate::document::CheckReport;

/// A check: every behaviour with its result, then what is to be mended.
#[must_use]
pub fn check(report: &CheckReport) -> String {
    let mut rows = table(&["behaviour", "result", "points"], 2);
    let mut failures = String::new();
    for test in &report.tests {
        let reason = test.reason.as_deref().unwrap_or_default();
        let (result, points) = match test.result.as_str() {
            "pass" => ("pass".into(), test.points.to_string()),
            "fail" => ("FAIL".into(), format!("0 of {}", test.max)),
            "skipped" => (format!("skipped: {reason}"), "-".into()),
            _ => (reason.into(), "-".into()),
        };
        rows.add_row([test.name.clone(), result, points]);
        if test.result == "fail" {
            let _ = write!(failures, "\n{}\n  {}\n  {reason}\n", test.name, test.why);
        }
    }
    let subject = &report.subject;
    if subject.one_at_a_time && subject.kind != "model" {
        failures.push_str("\nit serves one client at a time, so bad ones were tried alone\n");
    }
    let count = |result: &str| report.tests.iter().filter(|t| t.result == result).count();
    format!(
        "{} {}, application {}, framing {}\n{rows}\n{failures}\n{} passed, {} failed, {} skipped\nscore {} of {}\n",
        subject.kind,
        subject.name,
        subject.app,
        subject.framing,
        count("pass") + count("by_nature"),
        count("fail"),
        count("skipped"),
        report.score,
        report.max
    )
}
