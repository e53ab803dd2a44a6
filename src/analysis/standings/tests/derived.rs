//! Results derived from several cells: noise, and recommendations.

use crate::analysis::metric::MARGIN;
use crate::analysis::standings::{Beside, noise, rank_workload};
use crate::analysis::synthetic::{closed, flag, normal, summary, twin};
use crate::document::{Cell, Estimate, Summary, Sureness};
use crate::statistics::Verdict;

const BEST: [f64; 5] = [100.0, 104.0, 98.0, 101.0, 99.0];

fn verdict(summary: &Summary, model: &str) -> Option<Verdict> {
    let mut others = summary.verdicts[0].others.iter();
    others.find(|standing| standing.model == model).expect("the model").verdict
}

#[test]
fn the_noise_is_that_of_a_model_against_itself_in_the_same_blocks() {
    let epoll = closed("epoll", &BEST);
    let again = twin(&epoll, &BEST.map(|value| value * 1.1));
    let summary = summary(vec![epoll, again, closed("fork", &BEST)]);
    let floor = &summary.noise[0];
    assert_eq!((floor.metric.as_str(), floor.model.as_str()), ("throughput_per_s", "epoll"));
    assert!((floor.ratio - 1.1).abs() < 1e-9, "{floor:?}");
    assert!((floor.smallest_detectable - 0.1).abs() < 1e-9, "{floor:?}");
    // Costs are the same in both, so nothing is too small to see.
    let cost = summary.noise.iter().find(|floor| floor.metric == "server_cpu_per_request_ns");
    assert!(cost.expect("told").smallest_detectable < 1e-9);
}

#[test]
fn a_twin_is_in_no_ranking() {
    let epoll = closed("epoll", &BEST);
    let again = twin(&epoll, &BEST.map(|value| value * 1.02));
    let summary = summary(vec![closed("fork", &BEST.map(|v| v / 2.0)), epoll, again]);
    let standings = &summary.verdicts[0];
    assert_eq!((standings.best.as_str(), standings.others.len()), ("epoll", 1));
    assert!(
        standings.sentence.starts_with("epoll serves the most: 100 replies/s. Surely worse"),
        "{}",
        standings.sentence
    );
    assert!(standings.sentence.contains("epoll measured twice: 1.02"), "{}", standings.sentence);
}

#[test]
fn what_differs_by_less_than_a_model_from_itself_cannot_be_told() {
    let epoll = closed("epoll", &BEST);
    let fork = closed("fork", &BEST.map(|value| value * 0.9));
    let quiet = twin(&epoll, &BEST.map(|value| value * 1.01));
    let loud = twin(&epoll, &BEST.map(|value| value * 0.8));
    let with = |twin| summary(vec![epoll.clone(), twin, fork.clone()]);
    assert_eq!(verdict(&with(quiet), "fork"), Some(Verdict::Worse));
    assert_eq!(verdict(&with(loud.clone()), "fork"), Some(Verdict::CannotTell));
    // Nor can it be told that two are alike within 5 % where one model differs by 25 % from itself.
    let mio = closed("mio", &BEST.map(|value| value * 0.99));
    let alike = summary(vec![epoll.clone(), loud, mio.clone()]);
    assert_eq!(verdict(&alike, "mio"), Some(Verdict::CannotTell));
    assert_eq!(verdict(&summary(vec![epoll, mio]), "mio"), Some(Verdict::Same));
}

/// A run in which all models are one: a spread that trials have, and a drift that a block shares.
fn equals(random: &mut fastrand::Rng, models: usize, spread: f64) -> Vec<Cell> {
    let drift: Vec<f64> = (0..5).map(|_| (spread * normal(random)).exp()).collect();
    let mut values = || {
        let each = drift.iter().map(|drift| 1e6 * drift * (spread * normal(random)).exp());
        each.collect::<Vec<f64>>()
    };
    let names = (0..models).map(|model| format!("m{model}"));
    let mut cells: Vec<Cell> = names.map(|name| closed(&name, &values())).collect();
    cells.push(twin(&cells[0], &values()));
    cells
}

fn differ(cells: &[Cell], margin: f64) -> bool {
    let all: Vec<&Cell> = cells.iter().collect();
    let ranked: Vec<&Cell> = cells.iter().filter(|cell| !cell.twin).collect();
    let floors = noise::noise_floors("echo", &all);
    let beside = Beside { noise: &floors, reference: None, looks: None, margin };
    let standings = rank_workload("echo", &ranked, &beside).expect("a best");
    let different = |v: Option<Verdict>| matches!(v, Some(Verdict::Better | Verdict::Worse));
    standings.others.iter().any(|other| different(other.verdict))
}

/// The honesty test: 2,000 runs of equal models, at any margin.
#[test]
fn of_equal_models_one_is_called_different_in_at_most_one_run_of_twenty() {
    let mut random = fastrand::Rng::with_seed(71);
    for (models, spread, margin) in
        [(2, 0.05, 0.0), (6, 0.1, 0.0), (6, 0.03, MARGIN), (12, 0.1, 0.0)]
    {
        let runs = 1_000;
        let false_ones =
            (0..runs).filter(|_| differ(&equals(&mut random, models, spread), margin)).count();
        assert!(false_ones * 20 <= runs, "{models} models: {false_ones} of {runs} runs");
    }
}

/// And it is not honest by never saying anything.
#[test]
fn a_model_that_is_half_as_fast_is_nearly_always_called_worse() {
    let mut random = fastrand::Rng::with_seed(72);
    let found = (0..200).filter(|_| {
        let mut cells = equals(&mut random, 5, 0.03);
        let slow: Vec<f64> = cells[4].throughput_per_s.values.iter().map(|v| v / 2.0).collect();
        cells[4].throughput_per_s = Estimate::from_values(&slow).expect("values");
        differ(&cells, MARGIN)
    });
    assert!(found.count() >= 190);
}

#[test]
fn the_group_that_cannot_be_told_from_the_best_is_recommended_by_its_costs() {
    let (mut epoll, mut mio) = (closed("epoll", &BEST), closed("mio", &BEST.map(|v| v * 0.99)));
    epoll.server_cpu_per_request_ns = Estimate::from_values(&[6e3; 5]);
    mio.pss_bytes = Estimate::from_values(&[8_388_608.0; 5]).expect("values");
    let summary = summary(vec![epoll, mio, closed("fork", &BEST.map(|v| v / 2.0))]);
    let found = &summary.recommendations[0];
    assert_eq!(found.group, ["epoll", "mio"]);
    assert_eq!(found.sureness, Sureness::Sure);
    assert_eq!(found.cheapest.as_deref(), Some("mio"));
    assert_eq!(found.leanest.as_deref(), Some("epoll"));
    assert_eq!(
        found.sentence,
        "Take any of epoll, mio: by throughput, they cannot be distinguished from epoll (100 replies/s). Of these \
         mio costs least (5.00 us CPU per request) and epoll holds least (4.00 MiB of memory)."
    );
    assert_eq!(
        found.how_sure,
        "Sure: over 5 trials, 1 of 2 other models are surely worse, 1 surely within 5 %, 0 undecided, 0 without a \
         verdict."
    );
}

#[test]
fn one_best_is_recommended_with_what_it_takes() {
    let summary = summary(vec![closed("epoll", &BEST), closed("fork", &BEST.map(|v| v / 2.0))]);
    let found = &summary.recommendations[0];
    assert_eq!(found.group, ["epoll"]);
    assert_eq!(
        found.sentence,
        "Take epoll: 100 replies/s. It takes 5.00 us CPU per request and 4.00 MiB of memory."
    );
    assert_eq!((&found.cheapest, &found.leanest), (&None, &None));
}

#[test]
fn three_trials_recommend_nobody_whatever_their_spreads_are() {
    let noisy = closed("prethreaded", &[10.0, 95.0, 500.0]);
    let cells = vec![closed("epoll", &[100.0, 110.0, 90.0]), noisy, closed("fork", &[50.0; 3])];
    let summary = summary(cells);
    let found = &summary.recommendations[0];
    assert_eq!((&found.group[..], found.sureness), (&["epoll".to_string()][..], Sureness::Hint));
    assert_eq!(found.unknown, ["prethreaded", "fork"]);
    assert_eq!(found.sentence, "No recommendation: epoll has the best median, 100 replies/s.");
    assert_eq!(found.how_sure, "A hint only: 3 trials support no verdict; 5 are needed.");
}

#[test]
fn what_is_not_known_is_named_and_in_no_group() {
    // Its spread holds that of the best, and everything else too.
    let wide = [60.0, 140.0, 70.0, 130.0, 90.0];
    let summary = summary(vec![
        closed("epoll", &BEST),
        closed("mio", &wide),
        closed("fork", &BEST.map(|v| v / 2.0)),
    ]);
    let found = &summary.recommendations[0];
    assert_eq!((found.sureness, &found.group[..]), (Sureness::Partly, &["epoll".to_string()][..]));
    assert_eq!(found.unknown, ["mio"]);
    assert!(found.how_sure.ends_with("Not known: mio."), "{}", found.how_sure);
    let hint = super::summary(vec![closed("epoll", &BEST), closed("mio", &wide)]);
    assert_eq!(hint.recommendations[0].sureness, Sureness::Hint);
}

#[test]
fn a_model_that_was_still_draining_its_warm_up_is_not_taken() {
    let mut draining = closed("thread-per-client", &BEST.map(|v| v * 2.0));
    flag(&mut draining, "warmed-up");
    let summary = summary(vec![draining, closed("epoll", &BEST), closed("fork", &BEST)]);
    let found = &summary.recommendations[0];
    assert_ne!(found.group[0], "thread-per-client");
    assert_eq!(found.unknown, ["thread-per-client"]);
    let sentence = &summary.verdicts[0].sentence;
    assert!(
        sentence.contains("No verdict: thread-per-client (warmed-up said something)"),
        "{sentence}"
    );
}

#[test]
fn at_a_fixed_rate_one_that_never_serves_some_clients_is_not_recommended() {
    let mut sequential = crate::analysis::synthetic::open("sequential", &[1e5; 5]);
    flag(&mut sequential, "never-served");
    let epoll = crate::analysis::synthetic::open("epoll", &[2e5; 5]);
    let summary = summary(vec![sequential, epoll]);
    assert_eq!(summary.recommendations[0].group, ["epoll"]);
    assert!(summary.verdicts[0].sentence.contains("sequential starves clients"));
}
