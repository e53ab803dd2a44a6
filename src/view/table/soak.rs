//! A soak on a terminal.

use std::fmt::Write as _;

use super::{fit, width};
use crate::base::listed;
use crate::base::units::{as_f64, show_count};
use crate::document::{SoakAnswer, SoakReport, SoakVerdict};

const COLUMNS: [&str; 6] = ["server", "connections", "requests", "failed", "verdict", "growth"];
/// The columns that can be left out, in this order.
const GIVE_WAY: [&str; 2] = ["requests", "connections"];

/// The answer; every server of the soak with its load, its verdict and the growth of its resources;
/// then why some are not steady.
#[must_use]
pub fn soak(report: &SoakReport) -> String {
    let rows: Vec<_> = report.verdicts.iter().map(row).collect();
    let columns = fit::Columns { names: &COLUMNS, give_way: &GIVE_WAY };
    let (rows, _) = columns.fitted(&rows, Some(width()));
    let mut text = format!(
        "{}\n{rows}\ngrowth: at rest, per 10,000 connections; the median of slopes (Theil, Sen)\n",
        answer(&report.verdicts)
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

/// What the soak has found, in two sentences.
fn answer(verdicts: &[SoakVerdict]) -> String {
    let named = |answer: SoakAnswer| -> Vec<&str> {
        let own = verdicts.iter().filter(|verdict| verdict.answer == answer);
        own.map(|verdict| verdict.subject.name.as_str()).collect()
    };
    let mut parts = Vec::new();
    for (answer, one, many) in [
        (SoakAnswer::Drifts, "holds more with each connection", "hold more with each connection"),
        (SoakAnswer::FellShort, "fell short", "fell short"),
        (SoakAnswer::NotJudged, "cannot be judged", "cannot be judged"),
    ] {
        let names = named(answer);
        if !names.is_empty() {
            parts.push(format!("{} {}", listed(&names), if names.len() == 1 { one } else { many }));
        }
    }
    let steady = named(SoakAnswer::Steady);
    match (&steady[..], verdicts.len()) {
        ([one], 1) => parts.push(format!("{one} holds no more after its connections than before")),
        (_, 1) => {}
        (all, n) if all.len() == n => {
            parts.push(format!("All {n} servers hold no more after their connections than before"));
        }
        (some, n) => parts.push(format!(
            "{} of {n} servers hold no more after their connections than before",
            some.len()
        )),
    }
    let sum = |of: fn(&SoakVerdict) -> u64| verdicts.iter().map(of).sum::<u64>();
    let failed = match (sum(|verdict| verdict.failures), sum(|verdict| verdict.requests)) {
        (_, 0) => "No request was sent".into(),
        (0, all) => format!("No request failed, of {}", show_count(as_f64(all))),
        (some, all) => format!("{some} of {} requests failed", show_count(as_f64(all))),
    };
    format!("{}. {failed}.", parts.join("; "))
}

fn row(verdict: &SoakVerdict) -> Vec<String> {
    let count = |n: u64| show_count(as_f64(n));
    let SoakVerdict { subject, answer, connections, requests, failures, drifts, .. } = verdict;
    let grown = drifts.iter().map(|drift| growth(&drift.measure, drift.per_connection));
    let grown: Option<Vec<String>> = grown.collect();
    let grown = grown.map(|all| all.into_iter().filter(|one| !one.is_empty()).collect::<Vec<_>>());
    vec![
        subject.name.clone(),
        count(*connections),
        count(*requests),
        failures.to_string(),
        soak_answer(*answer).into(),
        match grown {
            None => "-".into(),
            Some(grown) if grown.is_empty() => "none".into(),
            Some(grown) => grown.join(", "),
        },
    ]
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

/// How much more of something there is after ten thousand connections: nothing if that rounds to
/// zero, `None` if it is unknown.
fn growth(measure: &str, per_connection: Option<f64>) -> Option<String> {
    let more = per_connection? * 10_000.0;
    let (size, text) = match measure {
        "memory_bytes" => (more / 1024.0 * 10.0, format!("memory {:+.1} KiB", more / 1024.0)),
        _ => (more * 100.0, format!("{measure} {more:+.2}")),
    };
    Some(if size.abs() < 0.5 { String::new() } else { text })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::soak::verdict;
    use crate::document::SoakSubject;

    fn judged(name: &str, answer: SoakAnswer) -> SoakVerdict {
        let subject = SoakSubject { kind: "model".into(), name: name.into() };
        SoakVerdict { answer, requests: 2_000, ..verdict(&subject, &[]) }
    }

    #[test]
    fn the_worst_is_said_first_and_what_was_not_judged_is_no_pass() {
        use SoakAnswer::{Drifts, NotJudged, Steady};
        let all = [judged("epoll", Steady), judged("poll", NotJudged), judged("leak", Drifts)];
        let many = "hold no more after their connections than before";
        let worst = "leak holds more with each connection; poll cannot be judged; 1 of 3 servers";
        assert_eq!(answer(&all), format!("{worst} {many}. No request failed, of 6.00k."));
        let both = [judged("epoll", Steady), judged("poll", Steady)];
        assert_eq!(answer(&both), format!("All 2 servers {many}. No request failed, of 4.00k."));
        let short = SoakVerdict { failures: 3, ..judged("mine", SoakAnswer::FellShort) };
        assert_eq!(answer(&[short]), "mine fell short. 3 of 2.00k requests failed.");
        let none = SoakVerdict { requests: 0, ..judged("mine", NotJudged) };
        assert_eq!(answer(&[none]), "mine cannot be judged. No request was sent.");
    }

    #[test]
    fn growth_is_said_of_what_grows() {
        assert_eq!(growth("threads", None), None);
        assert_eq!(growth("descriptors", Some(1e-4)).as_deref(), Some("descriptors +1.00"));
        assert_eq!(growth("memory_bytes", Some(16.0)).as_deref(), Some("memory +156.2 KiB"));
        assert_eq!(growth("processes", Some(1e-7)).as_deref(), Some(""));
        let mut one = judged("epoll", SoakAnswer::Steady);
        assert_eq!(row(&one).last().map(String::as_str), Some("-"));
        one.drifts.iter_mut().for_each(|drift| drift.per_connection = Some(0.0));
        assert_eq!(row(&one).last().map(String::as_str), Some("none"));
    }
}
