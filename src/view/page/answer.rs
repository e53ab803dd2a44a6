//! The answer of the whole run in a few sentences, with its certainty.

mod rounds;

use std::collections::BTreeMap;

use crate::analysis::metric::named;
use crate::base::listed;
use crate::base::units::counted;
use crate::document::{Cell, Crossover, Standing, Standings, Summary, Sureness, Validity};
use crate::statistics::Verdict;
use crate::view::figures::{self, sweep_notes};

/// A noise floor above this is given in words, because its digits mean nothing.
const TENFOLD: f64 = 9.0;
/// At most this many names are listed; more are counted.
const NAMES: usize = 5;

/// The answer; empty where no workload has a best.
pub(crate) fn answer_sentences(summary: &Summary) -> Vec<String> {
    if is_by_workload(summary) {
        return rounds::rounds_answer(summary);
    }
    if summary.recommendations.is_empty() {
        return Vec::new();
    }
    if summary.verdicts.iter().all(|standings| standings.others.is_empty()) {
        let text = "Each workload has a single model, so there is nothing to compare: its figures \
            are below.";
        return vec![text.into()];
    }
    let mut sentences = vec![who(summary)];
    sentences.extend(greatest(summary));
    sentences.extend(changes(summary));
    sentences.push(sureness(summary));
    sentences
}

/// Whether the answer is one sentence for each workload: in a run by rounds, which has few
/// workloads.
pub(crate) fn is_by_workload(summary: &Summary) -> bool {
    summary.run.rounds.is_some()
}

/// Why no model is called the best, and what to do about it.
pub(super) fn why_none(summary: &Summary) -> String {
    if summary.cells.is_empty() {
        return "There is no answer yet: no trial was measured.".into();
    }
    let count =
        |wanted: fn(&Cell) -> bool| summary.cells.iter().filter(|cell| wanted(cell)).count();
    let cells = summary.cells.len();
    let invalid = count(|cell| cell.validity == Validity::Invalid);
    let starve = count(|cell| cell.validity != Validity::Invalid && cell.starves());
    let mut text = format!(
        "There is no answer, because no model qualifies as the best. Of {cells} cells {invalid} \
         failed a check"
    );
    if starve > 0 {
        text += &format!(", {starve} more starve some clients");
    }
    if invalid + starve < cells {
        text += ", and the others have too few samples";
    }
    text + ". The numbered notes under the tables say what to fix."
}

/// The models that are among the best, and under how many workloads; without any verdict, those
/// with the best medians.
fn who(summary: &Summary) -> String {
    if is_hint(summary) {
        let best = summary
            .recommendations
            .iter()
            .filter_map(|found| Some(format!("{} under {}", found.group.first()?, found.workload)));
        let best: Vec<String> = best.collect();
        let best: Vec<&str> = best.iter().map(String::as_str).collect();
        return format!("No model is surely better than another. Best medians: {}.", names(&best));
    }
    let all = summary.recommendations.len();
    let mut times: BTreeMap<&str, usize> = BTreeMap::new();
    for recommendation in &summary.recommendations {
        for model in &recommendation.group {
            *times.entry(model).or_default() += 1;
        }
    }
    let most = times.values().max().copied().unwrap_or(0);
    let leaders: Vec<&str> =
        times.iter().filter(|(_, times)| **times == most).map(|(model, _)| *model).collect();
    let (are, models) = (if leaders.len() == 1 { "is" } else { "are" }, names(&leaders));
    let where_best = match (most, all) {
        (1, 1) => format!("under {}", summary.recommendations[0].workload),
        (most, all) if most == all => format!("under all {all} workloads"),
        (most, all) => format!("under {most} of {all} workloads, and no model under more"),
    };
    format!("{models} {are} the best, or cannot be distinguished from it, {where_best}.")
}

/// The largest certain difference.
fn greatest(summary: &Summary) -> Option<String> {
    let sure = summary.verdicts.iter().flat_map(|standings| {
        let worse = standings.others.iter().filter(|other| other.verdict == Some(Verdict::Worse));
        worse.map(move |other| (standings, other))
    });
    let away = |other: &Standing| other.ratio.map_or(1.0, |ratio| ratio.max(1.0 / ratio));
    let (standings, other) = sure.max_by(|a, b| away(a.1).total_cmp(&away(b.1)))?;
    let (ratio, interval) = other.ratio.zip(other.interval)?;
    let Standings { best, workload, .. } = standings;
    // A model that serves far less than the others is compared by that.
    let metric = other.metric.as_ref().unwrap_or(&standings.metric);
    Some(format!(
        "The largest sure difference is under {workload}: {} has {ratio:.2} times the {} of {best} (95 %: {:.2} to \
         {:.2}).",
        other.model,
        named(metric).map_or(metric.as_str(), |metric| metric.words),
        interval.low,
        interval.high
    ))
}

/// Whether the answer depends on a setting that was varied.
fn changes(summary: &Summary) -> Option<String> {
    let series = figures::series(summary);
    let certain: Vec<&Crossover> =
        series.iter().flat_map(|(_, panels)| sweep_notes::main(summary, panels)).collect();
    let first = certain.first()?.sentence.as_deref()?;
    Some(match certain.len() {
        1 => format!("It depends on the load: {first}"),
        n => format!("It depends on the load: {n} pairs surely change places. {first}"),
    })
}

/// The number of comparisons with each verdict, and the noise of the machine.
fn sureness(summary: &Summary) -> String {
    let others = || summary.verdicts.iter().flat_map(|standings| &standings.others);
    let count = |wanted: fn(&Option<Verdict>) -> bool| {
        others().filter(|other| wanted(&other.verdict)).count()
    };
    let mut text = if is_hint(summary) && count(Option::is_some) == 0 {
        let trials = summary.cells.iter().map(|cell| cell.trials.len()).max().unwrap_or(0);
        let trials = counted(trials, "trial");
        let compared = match others().count() {
            1 => "the comparison".to_string(),
            n => format!("any of the {n} comparisons"),
        };
        format!(
            "None of this is certain: {trials} each are too few for a verdict about {compared}."
        )
    } else {
        format!(
            "Of {} comparisons with the best of their workload, {} are surely worse, {} surely the \
             same, {} undecided and {} without a verdict.",
            others().count(),
            count(|verdict| *verdict == Some(Verdict::Worse)),
            count(|verdict| *verdict == Some(Verdict::Same)),
            count(|verdict| *verdict == Some(Verdict::CannotTell)),
            count(Option::is_none)
        )
    };
    let headline = |workload: &str, metric: &str| {
        summary.standings_of(workload).is_some_and(|standings| standings.metric == metric)
    };
    let floors = summary.noise.iter().filter(|floor| headline(&floor.workload, &floor.metric));
    let floor = floors.map(|floor| floor.smallest_detectable).max_by(f64::total_cmp);
    match floor {
        Some(floor) if floor > TENFOLD => {
            text += " In the A/A control, one model differed from itself by a factor of more than ten: no \
                     difference counts.";
        }
        Some(floor) => {
            text += &format!(
                " In the A/A control, one model differed from itself by up to {:.1} %; smaller differences do not \
                 count.",
                floor * 100.0
            );
        }
        None if summary.cells.iter().any(|cell| cell.twin) => {
            text += " The A/A control has too few trials, so the noise floor is unknown.";
        }
        None => text += " The run has no A/A control, so the noise floor is unknown.",
    }
    text
}

/// Whether nothing in the run is more than a hint.
fn is_hint(summary: &Summary) -> bool {
    summary.recommendations.iter().all(|found| found.sureness == Sureness::Hint)
}

fn names(models: &[&str]) -> String {
    let shown = &models[..models.len().min(NAMES)];
    match models.len() - shown.len() {
        0 => listed(shown),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::synthetic::{closed, open, set, summary, twin};
    use crate::document::RankBy;

    const BEST: [f64; 5] = [100.0, 104.0, 98.0, 101.0, 99.0];

    fn text(cells: Vec<Cell>) -> String {
        answer_sentences(&summary(cells)).join("\n")
    }

    #[test]
    fn who_is_best_where_and_the_greatest_difference_are_said() {
        let slow = closed("fork", &BEST.map(|value| value / 2.0));
        let mut tail = open("epoll", &[9e5; 5]);
        set(&mut tail, 0.99, &[9e5, 8e5, 9e5, 8e5, 9e5]);
        let text = text(vec![closed("epoll", &BEST), slow, tail, open("fork", &[1e5; 5])]);
        assert!(text.starts_with(
            "epoll and fork are the best, or cannot be distinguished from it, under 1 of 2"
        ));
        let expected =
            "sure difference is under echo-open: epoll has 8.59 times the p99 of fork (95 %";
        assert!(text.contains(expected), "{text}");
        assert!(
            text.contains("Of 2 comparisons with the best of their workload, 2 are surely worse")
        );
        assert!(text.contains("The run has no A/A control"), "{text}");
    }

    #[test]
    fn who_serves_far_less_is_compared_by_that_where_others_are_by_their_cost() {
        let mut best = closed("epoll", &BEST);
        best.rank_by = Some(RankBy::Cpu);
        let text = text(vec![best, closed("fork", &BEST.map(|value| value / 5.0))]);
        assert!(text.contains("fork has 0.20 times the throughput of epoll"), "{text}");
    }

    #[test]
    fn three_trials_are_said_to_say_nothing() {
        let text = text(vec![closed("epoll", &[2.0; 3]), closed("fork", &[1.0; 3])]);
        let said = "No model is surely better than another. Best medians: epoll under echo.";
        assert!(text.starts_with(said), "{text}");
        assert!(text.contains("None of this is certain: 3 trials each"), "{text}");
        assert!(!text.contains("largest sure difference"), "{text}");
    }

    #[test]
    fn one_model_is_compared_with_nobody_and_where_all_failed_that_is_the_answer() {
        let alone = closed("epoll", &[2.0; 3]);
        assert!(text(vec![alone.clone()]).contains("nothing to compare"));
        let failed = Cell { validity: Validity::Invalid, ..alone };
        let none = summary(vec![failed.clone(), Cell { model: "fork".into(), ..failed }]);
        assert_eq!(answer_sentences(&none), Vec::<String>::new());
        let why = why_none(&none);
        assert!(why.contains("Of 2 cells 2 failed a check. The numbered"), "{why}");
        assert!(why_none(&summary(Vec::new())).contains("no trial was measured"));
    }

    #[test]
    fn the_noise_is_in_the_answer_and_nothing_is_without_a_best() {
        let epoll = closed("epoll", &BEST);
        let again = twin(&epoll, &BEST.map(|value| value * 1.1));
        let text = text(vec![epoll, again, closed("fork", &BEST)]);
        assert!(text.contains("differed from itself by up to 10.0 %"), "{text}");
        let epoll = closed("epoll", &[2.0]);
        let again = twin(&epoll, &[2.1]);
        let text = answer_sentences(&summary(vec![epoll, again, closed("fork", &[1.0])])).join(" ");
        assert!(text.contains("The A/A control has too few trials"), "{text}");
        let mut invalid = closed("epoll", &BEST);
        invalid.validity = Validity::Invalid;
        assert!(answer_sentences(&summary(vec![invalid])).is_empty());
    }
}
