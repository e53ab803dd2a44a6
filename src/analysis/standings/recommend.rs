//! Which model to take for a load like a workload: those that cannot be told from the best, and among
//! them the one that costs least.

use super::words;
use crate::analysis::metric::{MEMORY, Metric, SERVER_CPU, TRIALS_MIN, named};
use crate::document::{Cell, Recommendation, Standings, Sureness, Validity};
use crate::statistics::Verdict;

/// So many names are read; more are counted.
const NAMES: usize = 6;

/// What to take under one workload, by its standings.
pub(super) fn of(standings: &Standings, cells: &[&Cell]) -> Option<Recommendation> {
    let best = *cells.iter().find(|cell| cell.model == standings.best)?;
    let metric = named(&standings.metric)?;
    let trials = (metric.of)(best)?.values.len();
    let group = group(&metric, standings, best, trials, cells);
    let cheapest = least(&SERVER_CPU, &group);
    let leanest = least(&MEMORY, &group);
    let sureness = sureness(standings, trials);
    Some(Recommendation {
        workload: standings.workload.clone(),
        sentence: sentence(&metric, best, &group, cheapest, leanest),
        how_sure: how_sure(sureness, standings, best, trials, &group),
        group: group.iter().map(|cell| cell.model.clone()).collect(),
        cheapest: cheapest.map(|cell| cell.model.clone()),
        leanest: leanest.map(|cell| cell.model.clone()),
        sureness,
    })
}

/// The best and those that cannot be told from it; with few trials those whose spread meets its own.
fn group<'a>(
    metric: &Metric,
    standings: &Standings,
    best: &'a Cell,
    trials: usize,
    cells: &[&'a Cell],
) -> Vec<&'a Cell> {
    let mut group = vec![best];
    let alike = |cell: &&Cell| {
        let own = standings.others.iter().find(|standing| standing.model == cell.model);
        let verdict = own.and_then(|standing| standing.verdict);
        matches!(verdict, Some(Verdict::Same | Verdict::CannotTell))
    };
    let sound = |cell: &&Cell| !cell.starves() && cell.validity != Validity::Invalid;
    if trials >= TRIALS_MIN {
        group.extend(cells.iter().copied().filter(alike).filter(sound));
    } else if let Some(figure) = (metric.of)(best) {
        group.extend(words::overlapping(metric, best, figure, cells).into_iter().filter(sound));
    }
    group
}

/// The cell with the lowest median; `None` where some have none, or nothing is to be chosen.
fn least<'a>(metric: &Metric, group: &[&'a Cell]) -> Option<&'a Cell> {
    let known: Option<Vec<_>> =
        group.iter().map(|cell| Some((*cell, (metric.of)(cell)?.median))).collect();
    let least = known?.into_iter().min_by(|a, b| a.1.total_cmp(&b.1));
    least.map(|(cell, _)| cell).filter(|_| group.len() > 1)
}

fn sureness(standings: &Standings, trials: usize) -> Sureness {
    let verdicts = || standings.others.iter().map(|standing| standing.verdict);
    let judged = |verdict: Option<Verdict>| {
        matches!(verdict, Some(Verdict::Worse | Verdict::Same | Verdict::Better))
    };
    if trials < TRIALS_MIN || !verdicts().any(judged) {
        Sureness::Hint
    } else if verdicts().all(judged) {
        Sureness::Sure
    } else {
        Sureness::Partly
    }
}

fn sentence(
    metric: &Metric,
    best: &Cell,
    group: &[&Cell],
    cheapest: Option<&Cell>,
    leanest: Option<&Cell>,
) -> String {
    let value = |metric: &Metric, cell: &Cell| {
        (metric.of)(cell).map_or_else(String::new, |estimate| (metric.phrase)(estimate.median))
    };
    if group.len() == 1 {
        let costs = [SERVER_CPU, MEMORY].map(|metric| value(&metric, best));
        let costs: Vec<_> = costs.into_iter().filter(|text| !text.is_empty()).collect();
        return format!(
            "Take {}: {}. It takes {}.",
            best.model,
            value(metric, best),
            costs.join(" and ")
        );
    }
    let mut text = format!(
        "Take any of {}: by {} none can be told from the best median, that of {} ({}).",
        names(group),
        metric.words,
        best.model,
        value(metric, best)
    );
    let least = |words: &str, metric: &Metric, cell: &Cell| {
        format!("{} {words} ({})", cell.model, value(metric, cell))
    };
    let cheap = cheapest.map(|cell| least("costs least", &SERVER_CPU, cell));
    let lean = leanest.map(|cell| match cheapest {
        Some(cheap) if cheap.model == cell.model => {
            format!("holds least ({})", value(&MEMORY, cell))
        }
        _ => least("holds least", &MEMORY, cell),
    });
    let both: Vec<String> = cheap.into_iter().chain(lean).collect();
    if !both.is_empty() {
        text += &format!(" Of these {}.", both.join(" and "));
    }
    text
}

fn names(group: &[&Cell]) -> String {
    let shown: Vec<&str> = group.iter().take(NAMES).map(|cell| cell.model.as_str()).collect();
    match group.len().saturating_sub(NAMES) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

fn how_sure(
    sureness: Sureness,
    standings: &Standings,
    best: &Cell,
    trials: usize,
    group: &[&Cell],
) -> String {
    let count = |wanted: &[Option<Verdict>]| {
        standings.others.iter().filter(|standing| wanted.contains(&standing.verdict)).count()
    };
    let mut text = match sureness {
        Sureness::Hint if trials < TRIALS_MIN => {
            let support = if trials == 1 { "trial supports" } else { "trials support" };
            format!(
                "A hint only: {trials} {support} no verdict, and the group is of those whose spread \
                 meets that of the best."
            )
        }
        Sureness::Hint => "A hint only: no other model is surely worse.".into(),
        Sureness::Sure | Sureness::Partly => {
            let sure = if sureness == Sureness::Sure { "Sure" } else { "Partly sure" };
            format!(
                "{sure}: over {trials} trials {} of {} other models are surely worse, {} surely \
                 within {:.0} %, {} cannot be told.",
                count(&[Some(Verdict::Worse)]),
                standings.others.len(),
                count(&[Some(Verdict::Same)]),
                standings.margin * 100.0,
                count(&[Some(Verdict::CannotTell)]),
            )
        }
    };
    let unknown = count(&[None]);
    if unknown > 0 && trials >= TRIALS_MIN {
        text += &format!(" {unknown} without a verdict.");
    }
    let limited = group.iter().filter(|cell| cell.flag("generator-cpu").is_some()).count();
    if best.is_closed() && limited > 0 {
        text += &format!(
            " Under {limited} of these the load generator was at its limit, so CPU per request tells \
             more than throughput."
        );
    }
    text
}
