//! `results.json` for Gradescope's autograders.

use serde::Serialize;

use super::{subject, told};
use crate::document::{CheckReport, CheckTest};

/// The content of `results.json`.
#[derive(Debug, Serialize)]
pub(crate) struct Results {
    /// The score, unless it is the sum of the tests' scores.
    #[serde(skip_serializing_if = "Option::is_none")]
    score: Option<f64>,
    output: String,
    output_format: &'static str,
    visibility: &'static str,
    tests: Vec<Test>,
}

#[derive(Debug, Serialize)]
struct Test {
    name: String,
    score: u32,
    max_score: u32,
    status: &'static str,
    output: String,
    tags: Vec<&'static str>,
}

/// The behaviours that were tried, each with its points. With `worth`, the score is that number
/// times the share of points that the server reached.
pub(crate) fn gradescope(report: &CheckReport, worth: Option<u32>) -> Results {
    let share = match report.max {
        0 => 0.0,
        max => f64::from(report.score) / f64::from(max),
    };
    let skipped = report.with("skipped").count();
    let output = format!(
        "{}\n{} of {} points; {skipped} behaviours do not apply to this server and were not tried.",
        subject(report),
        report.score,
        report.max
    );
    Results {
        // In hundredths, as Gradescope shows them.
        score: worth.map(|worth| (share * f64::from(worth) * 100.0).round() / 100.0),
        output,
        output_format: "text",
        visibility: "visible",
        tests: report.tests.iter().filter(|test| test.was_tried()).map(one).collect(),
    }
}

fn one(test: &CheckTest) -> Test {
    let passed = matches!(test.result.as_str(), "pass" | "by_nature");
    let output = match told(test) {
        told if told.is_empty() => test.why.clone(),
        told => format!("{}\n{told}", test.why),
    };
    Test {
        name: test.sentence(),
        score: test.points,
        max_score: test.max,
        status: if passed { "passed" } else { "failed" },
        output,
        tags: if test.result == "unstable" { vec!["unstable"] } else { vec![] },
    }
}
