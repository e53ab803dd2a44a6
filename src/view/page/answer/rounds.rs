//! The answer of a run by rounds: a sentence for each workload, what was not decided and what that would take, and
//! how far all of it can be relied on.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::analysis::metric::TRIALS_MIN;
use crate::base::units::{as_f64, show_ns, show_ns_f64};
use crate::document::{Cell, Ended, RequestRecord, RoundsRecord, Summary};

/// Picoseconds in a nanosecond.
const PS: f64 = 1e3;

pub(super) fn of(summary: &Summary) -> Vec<String> {
    let Some(rounds) = &summary.run.rounds else { return Vec::new() };
    let mut lines: Vec<String> =
        summary.workloads().iter().map(|workload| line(summary, workload)).collect();
    if lines.is_empty() {
        lines.push(format!(
            "No answer: no trial was left to count; {}.",
            spoiled(rounds, summary).unwrap_or_else(|| "none was made".into())
        ));
    }
    lines.extend(to_decide(summary, rounds));
    lines.push(reliability(summary, rounds));
    lines
}

/// What is said of one workload.
fn line(summary: &Summary, workload: &str) -> String {
    let cells = summary.ranked(workload);
    let what = cells.first().map_or_else(String::new, |cell| asked(cell, summary));
    let said = summary.standings_of(workload).map_or_else(
        || format!("no answer, as no model has {TRIALS_MIN} trials that count or serves all its clients."),
        |standings| standings.sentence.clone(),
    );
    format!("{workload}{what}: {said}")
}

/// What a request asks for, in a few words.
fn asked(cell: &Cell, summary: &Summary) -> String {
    match &cell.request {
        Some(RequestRecord::Echo { bytes }) => format!(" (an echo of {bytes} bytes)"),
        Some(RequestRecord::Work { wait_ns, .. }) if *wait_ns > 0 => {
            format!(" (requests that wait {})", show_ns(*wait_ns))
        }
        Some(RequestRecord::Work { rounds, .. }) => {
            let long = as_f64(*rounds) * as_f64(summary.host.work_round_ps) / PS;
            format!(" (requests that compute for {})", show_ns_f64(long))
        }
        _ => String::new(),
    }
}

/// What was not decided, and what it would take.
fn to_decide(summary: &Summary, rounds: &RoundsRecord) -> Option<String> {
    let others = || summary.verdicts.iter().flat_map(|of| &of.others);
    let needed = others().filter_map(|other| other.rounds_needed).max()?;
    let open = others().filter(|other| other.rounds_needed.is_some()).count();
    let each = rounds.took_ns / u64::from(rounds.made.max(1));
    let time = Duration::from_nanos(each.saturating_mul(u64::from(needed)));
    let minutes = (time.as_secs() / 60) + 1;
    let are = if open == 1 { "comparison is" } else { "comparisons are" };
    Some(format!(
        "{open} {are} not decided; some {needed} rounds might, in about {minutes} minutes: c10k run {} --repeat \
         {needed} --time {minutes}m",
        summary.run.plan
    ))
}

/// How much was measured, what was set aside, and how often such an answer is wrong.
fn reliability(summary: &Summary, rounds: &RoundsRecord) -> String {
    let looks: Vec<String> = rounds.looks.iter().map(|look| look.rounds.to_string()).collect();
    let ended = match rounds.ended {
        Some(Ended::Decided) => "everything was decided",
        Some(Ended::Rounds) => "all rounds were made",
        Some(Ended::Time) => "the time was over",
        None => "it was interrupted",
    };
    let mut text = format!(
        "{} rounds in {}, until {ended}. Each workload's comparisons hold together with a confidence of {:.0} %, \
         over all looks (after round {}).",
        rounds.made,
        humantime::format_duration(Duration::from_secs(rounds.took_ns / 1_000_000_000)),
        (1.0 - rounds.error) * 100.0,
        if looks.is_empty() { "none".into() } else { looks.join(", ") }
    );
    if let Some(spoiled) = spoiled(rounds, summary) {
        text += &format!(" {spoiled}.");
    }
    text
}

/// How many trials were set aside, and for what.
fn spoiled(rounds: &RoundsRecord, summary: &Summary) -> Option<String> {
    let checks: BTreeSet<&str> = summary
        .cells
        .iter()
        .flat_map(|cell| &cell.spoiled)
        .map(|trial| trial.check.as_str())
        .collect();
    let checks: Vec<&str> = checks.into_iter().collect();
    let by = if checks.is_empty() { String::new() } else { format!(" ({})", checks.join(", ")) };
    let were = if rounds.spoiled == 1 { "trial was" } else { "trials were" };
    (rounds.spoiled > 0).then(|| {
        format!("{} {were} spoiled from outside{by}, set aside and made again", rounds.spoiled)
    })
}
