//! The answer of a run by rounds: a sentence for each workload, what is undecided and how many
//! rounds would decide it, and how reliable all of it is.

use std::time::Duration;

use crate::analysis::metric::TRIALS_MIN;
use crate::base::units::{as_f64, show_ns, show_ns_f64};
use crate::document::{Cell, RequestRecord, RoundsRecord, Summary};
use crate::plan::BUILT_IN;

/// Picoseconds in a nanosecond.
const PS: f64 = 1e3;

pub(super) fn rounds_answer(summary: &Summary) -> Vec<String> {
    let Some(rounds) = &summary.run.rounds else { return Vec::new() };
    let mut lines: Vec<String> =
        summary.workloads().iter().map(|workload| line(summary, workload)).collect();
    if lines.is_empty() {
        lines.push(format!(
            "No answer: there is no valid trial; {}.",
            spoiled(rounds).unwrap_or_else(|| "none was made".into())
        ));
    }
    lines.extend(to_decide(summary, rounds));
    lines.push(reliability(rounds));
    lines
}

/// The line about one workload.
fn line(summary: &Summary, workload: &str) -> String {
    let cells = summary.ranked(workload);
    let what = cells.first().map_or_else(String::new, |cell| asked(cell, summary));
    let said = summary.standings_of(workload).map_or_else(
        || {
            format!(
                "no answer, because no model has {TRIALS_MIN} valid trials or serves all its \
            clients."
            )
        },
        |standings| standings.sentence.clone(),
    );
    format!("{workload}{what}: {said}")
}

/// The work of a request, in a few words.
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

/// The undecided comparisons, and how many rounds would decide them.
fn to_decide(summary: &Summary, rounds: &RoundsRecord) -> Option<String> {
    let others = || summary.verdicts.iter().flat_map(|of| &of.others);
    let needed = others().filter_map(|other| other.rounds_needed).max()?;
    let open = others().filter(|other| other.rounds_needed.is_some()).count();
    let each = rounds.took_ns / u64::from(rounds.made.max(1));
    let time = Duration::from_nanos(each.saturating_mul(u64::from(needed)));
    let minutes = (time.as_secs() / 60) + 1;
    let are = if open == 1 { "comparison is" } else { "comparisons are" };
    // A plan that the program does not carry with it is kept in the run's folder.
    let name = &summary.run.plan;
    let is_built_in = BUILT_IN.iter().any(|(plan, _)| plan == name);
    let plan = if is_built_in { name.clone() } else { format!("{}/plan.toml", summary.run.id) };
    Some(format!(
        "{open} {are} undecided; about {needed} more rounds in {minutes} minutes might decide: \
         c10k run {plan} --repeat {needed} --time {minutes}m"
    ))
}

/// How much was measured, what was set aside, and how often such an answer is wrong.
fn reliability(rounds: &RoundsRecord) -> String {
    let looks: Vec<String> = rounds.looks.iter().map(|look| look.rounds.to_string()).collect();
    let ended = rounds.ended_words();
    let mut text = format!(
        "{} rounds in {}, until {ended}. The comparisons of each workload hold simultaneously with \
         {:.0} % confidence, over all interim looks (after round {}).",
        rounds.made,
        humantime::format_duration(Duration::from_secs(rounds.took_ns / 1_000_000_000)),
        (1.0 - rounds.error) * 100.0,
        if looks.is_empty() { "none".into() } else { looks.join(", ") }
    );
    if let Some(spoiled) = spoiled(rounds) {
        text += &format!(" {spoiled}.");
    }
    text
}

/// How many trials were set aside, and for what.
fn spoiled(rounds: &RoundsRecord) -> Option<String> {
    let all: usize = rounds.spoiled.values().sum();
    let by: Vec<String> =
        rounds.spoiled.iter().map(|(check, trials)| format!("{check}: {trials}")).collect();
    let were = if all == 1 { "trial was" } else { "trials were" };
    (all > 0).then(|| {
        format!("{all} {were} spoiled from outside ({}), set aside and repeated", by.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::synthetic::{bare, closed};
    use crate::document::{Estimate, LookRecord, RankBy};

    const ROUNDS: u32 = 15;

    /// At this cost in each round, in microseconds, with a spread.
    fn cell(model: &str, cost: f64, spread: f64) -> Cell {
        let mut cell = closed(model, &[9e3; ROUNDS as usize]);
        cell.rank_by = Some(RankBy::Cpu);
        cell.request = Some(RequestRecord::Work { rounds: 0, wait_ns: 5_000_000, reply_bytes: 64 });
        let turn = if model == "mio" { 5 } else { 7 };
        let wave = |at: u32| f64::from(at * turn % 11) / 10.0;
        let values = (0..ROUNDS).map(|at| 1e3 * cost * (1.0 + spread * wave(at)));
        cell.server_cpu_per_request_ns = Estimate::from_values(&values.collect::<Vec<_>>());
        cell
    }

    fn answer(cells: Vec<Cell>, spoiled: usize) -> Vec<String> {
        answer_of("quick", cells, spoiled)
    }

    fn answer_of(plan: &str, cells: Vec<Cell>, spoiled: usize) -> Vec<String> {
        let mut summary = bare(cells);
        summary.run.plan = plan.into();
        summary.run.id = "mine-1".into();
        summary.run.rounds = Some(RoundsRecord {
            planned: 24,
            made: ROUNDS,
            error: 0.05,
            looks: [12, ROUNDS].map(|rounds| LookRecord { rounds, error: 0.025 }).to_vec(),
            time_ns: 115_000_000_000,
            took_ns: 112_000_000_000,
            spoiled: (spoiled > 0).then(|| ("steal".to_string(), spoiled)).into_iter().collect(),
            ended: Some(crate::document::Ended::Time),
        });
        crate::analysis::standings::derive(&mut summary);
        rounds_answer(&summary)
    }

    #[test]
    fn the_first_line_is_the_answer_and_the_last_how_far_it_can_be_relied_on() {
        let said =
            answer(vec![cell("thread-per-client", 27.0, 0.05), cell("epoll", 11.7, 0.02)], 38);
        let start = "echo (requests that wait 5.00 ms): epoll costs the least CPU per request: 11.8 us. Surely \
                     worse than epoll: thread-per-client (2.3";
        assert!(said[0].starts_with(start), "{said:?}");
        let reliable = "15 rounds in 1m 52s, until the time limit was reached. The comparisons of each workload \
                        hold simultaneously with 95 % confidence, over all interim looks (after round 12, 15). 38 \
                        trials were spoiled from outside (steal: 38), set aside and repeated.";
        assert_eq!(&said[1..], [reliable]);
    }

    #[test]
    fn what_was_not_decided_says_what_it_would_take() {
        let said = answer(vec![cell("epoll", 11.7, 0.3), cell("mio", 12.9, 0.3)], 0);
        assert!(said[1].starts_with("1 comparison is undecided; about "), "{said:?}");
        assert!(said[1].contains(": c10k run quick --repeat "), "{said:?}");
        assert!(!said[2].contains("spoiled"), "{said:?}");
        let cells = vec![cell("epoll", 11.7, 0.3), cell("mio", 12.9, 0.3)];
        let said = answer_of("advise", cells, 0);
        assert!(said[1].contains(": c10k run mine-1/plan.toml --repeat "), "{said:?}");
    }

    #[test]
    fn without_a_trial_that_counts_there_is_no_answer_and_the_reason() {
        let said = answer(Vec::new(), 45);
        let start =
            "No answer: there is no valid trial; 45 trials were spoiled from outside (steal: 45)";
        assert!(said[0].starts_with(start), "{said:?}");
    }
}
