//! JUnit XML, in the schema that Jenkins, GitLab and GitHub Actions read. The schema has no points, so they are
//! properties of a case.

use maud::{PreEscaped, html};

use super::{subject, told};
use crate::document::{CheckReport, CheckTest};

/// One suite, one case for each behaviour.
pub(crate) fn junit(report: &CheckReport) -> String {
    let count = |result: &str| report.with(result).count();
    let failures = count("fail") + count("unstable");
    let suite = html! {
        (PreEscaped("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"))
        testsuites {
            testsuite name=(text(&subject(report))) tests=(report.tests.len()) failures=(failures)
                errors="0" skipped=(count("skipped")) timestamp=(report.started_at) {
                @for test in &report.tests { (PreEscaped("\n")) (case(test)) }
                (PreEscaped("\n"))
            }
        }
    };
    suite.into_string() + "\n"
}

fn case(test: &CheckTest) -> maud::Markup {
    let told = text(&told(test));
    html! {
        testcase classname="c10k.check" name=(test.name) {
            properties {
                property name="score" value=(test.points) {}
                property name="max_score" value=(test.max) {}
            }
            @match test.result.as_str() {
                "fail" => { failure type="fail" message=(text(&test.why)) { (told) } }
                "unstable" => { failure type="unstable" message=(text(&test.why)) { (told) } }
                "skipped" => { skipped message=(told) {} }
                _ => {}
            }
        }
    }
}

/// Replaces the characters that XML cannot contain even when they are escaped.
fn text(raw: &str) -> String {
    let allowed = |c: char| !c.is_control() || matches!(c, '\t' | '\n' | '\r');
    raw.chars()
        .map(|c| if allowed(c) && !matches!(c, '\u{fffe}' | '\u{ffff}') { c } else { '?' })
        .collect()
}
