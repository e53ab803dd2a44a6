//! Recommendations: the models that cannot be distinguished from the best, and the cheapest of
//! them.

use super::words;
use crate::analysis::metric::{MEMORY, Metric, SERVER_CPU, TRIALS_MIN, named};
use crate::document::{Cell, Recommendation, Standings, Sureness};
use crate::statistics::Verdict;

/// At most this many names are listed; further ones are counted.
const NAMES: usize = 6;

/// The recommendation for one workload, from its standings. An undecided model is never in the
/// group, because its noise would recommend it.
pub(super) fn recommendation(standings: &Standings, cells: &[&Cell]) -> Option<Recommendation> {
    let best = *cells.iter().find(|cell| cell.model == standings.best)?;
    let metric = named(&standings.metric)?;
    let trials = best.trials.len();
    let near = words::near(&metric, &standings.others);
    let is_near = |cell: &&&Cell| near.iter().any(|other| other.model == cell.model);
    let group: Vec<&Cell> =
        std::iter::once(best).chain(cells.iter().filter(is_near).copied()).collect();
    let unknown = words::unknown(&metric, &standings.others);
    let unknown: Vec<String> = unknown.iter().map(|other| other.model.clone()).collect();
    let cheapest = least(&SERVER_CPU, &group);
    let leanest = least(&MEMORY, &group);
    let sureness = sureness(standings, cells);
    Some(Recommendation {
        workload: standings.workload.clone(),
        sentence: match words::rivals(&metric, best, cells, &standings.others).first() {
            Some(rival) if sureness == Sureness::Hint => nothing_known(&metric, rival),
            _ => sentence(&metric, best, &group, (cheapest, leanest), sureness),
        },
        how_sure: how_sure(sureness, standings, trials, &unknown),
        group: group.iter().map(|cell| cell.model.clone()).collect(),
        unknown,
        cheapest: cheapest.map(|cell| cell.model.clone()),
        leanest: leanest.map(|cell| cell.model.clone()),
        sureness,
    })
}

/// The cell with the lowest median; `None` where some have none, or nothing is to be chosen.
fn least<'a>(metric: &Metric, group: &[&'a Cell]) -> Option<&'a Cell> {
    let known: Option<Vec<_>> =
        group.iter().map(|cell| Some((*cell, (metric.of)(cell)?.median))).collect();
    let least = known?.into_iter().min_by(|a, b| a.1.total_cmp(&b.1));
    least.map(|(cell, _)| cell).filter(|_| group.len() > 1)
}

/// Whether every other model that serves all its clients is surely worse or surely as good, or some are, or
/// none.
fn sureness(standings: &Standings, cells: &[&Cell]) -> Sureness {
    let starves = |model: &str| cells.iter().any(|cell| cell.model == model && cell.starves());
    let verdicts = || {
        let others = standings.others.iter().filter(|standing| !starves(&standing.model));
        others.map(|standing| standing.verdict)
    };
    let judged = |verdict: Option<Verdict>| {
        matches!(verdict, Some(Verdict::Worse | Verdict::Same | Verdict::Better))
    };
    if !verdicts().any(judged) {
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
    (cheapest, leanest): (Option<&Cell>, Option<&Cell>),
    sureness: Sureness,
) -> String {
    let value = |metric: &Metric, cell: &Cell| {
        metric.shown(cell).map_or_else(String::new, |shown| (metric.phrase)(shown.value))
    };
    if group.len() == 1 {
        if sureness == Sureness::Hint {
            return nothing_known(metric, best);
        }
        let costs = [SERVER_CPU, MEMORY].map(|own| (!own.is(metric)).then(|| value(&own, best)));
        let costs: Vec<_> = costs.into_iter().flatten().filter(|text| !text.is_empty()).collect();
        return format!(
            "Take {}: {}. It takes {}.",
            best.model,
            value(metric, best),
            costs.join(" and ")
        );
    }
    let mut text = format!(
        "Take any of {}: by {}, they cannot be distinguished from {} ({}).",
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

fn nothing_known(metric: &Metric, best: &Cell) -> String {
    let value = metric.shown(best).map_or_else(String::new, |shown| (metric.phrase)(shown.value));
    format!("No recommendation: {} has the best median, {value}.", best.model)
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
    trials: usize,
    unknown: &[String],
) -> String {
    let count = |wanted: &[Option<Verdict>]| {
        standings.others.iter().filter(|standing| wanted.contains(&standing.verdict)).count()
    };
    let mut text = match sureness {
        Sureness::Hint if trials < TRIALS_MIN => {
            let support = if trials == 1 { "trial supports" } else { "trials support" };
            format!("A hint only: {trials} {support} no verdict; {TRIALS_MIN} are needed.")
        }
        Sureness::Hint => "A hint only: no other model is surely worse.".into(),
        Sureness::Sure | Sureness::Partly => {
            let sure = if sureness == Sureness::Sure { "Sure" } else { "Partly sure" };
            format!(
                "{sure}: over {trials} trials, {} of {} other models are surely worse, {} surely within {:.0} %, {} \
                 undecided, {} without a verdict.",
                count(&[Some(Verdict::Worse)]),
                standings.others.len(),
                count(&[Some(Verdict::Same)]),
                standings.margin * 100.0,
                count(&[Some(Verdict::CannotTell)]),
                count(&[None]),
            )
        }
    };
    if !unknown.is_empty() && trials >= TRIALS_MIN {
        text += &format!(" Not known: {}.", unknown.join(", "));
    }
    text
}
