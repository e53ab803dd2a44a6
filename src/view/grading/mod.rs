//! Reports of a check for grading: Gradescope, continuous integration, and people.

mod gradescope;
mod junit;
mod markdown;
#[cfg(test)]
mod tests;

pub(crate) use gradescope::gradescope;
pub(crate) use junit::junit;
pub(crate) use markdown::markdown;

use crate::document::{CheckReport, CheckTest};

/// The server that was checked, in one line.
fn subject(report: &CheckReport) -> String {
    let subject = &report.subject;
    let speaks = match &subject.path {
        Some(path) => format!("HTTP, path {path}"),
        None => format!("application {}, framing {}", subject.app, subject.framing),
    };
    format!("{} {}: {speaks}", subject.kind, subject.name)
}

/// The text about a behaviour that did not simply pass.
fn told(test: &CheckTest) -> String {
    let reason = test.reason.as_deref().unwrap_or_default();
    match test.result.as_str() {
        "unstable" => format!(
            "unstable: the same server failed {} of {} times; reason: {reason}",
            test.failures, test.tries
        ),
        "by_nature" => "the server serves one client at a time by design".into(),
        _ => reason.into(),
    }
}
