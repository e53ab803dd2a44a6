//! Standings compared with figures that were computed elsewhere, and exclusions.

use super::*;
use crate::analysis::standings::noise;
use crate::analysis::synthetic::{bare, twin};
use crate::document::{Cell, Summary, Validity};

/// `scipy.stats.ttest_rel` of their logarithms: p is 0.017994534.
const PAIRS: ([f64; 5], [f64; 5]) = ([10.0, 12.0, 11.0, 13.0, 12.5], [9.0, 11.5, 10.0, 11.0, 12.0]);
const P: f64 = 0.017_994_534;

fn standing<'a>(summary: &'a Summary, model: &str) -> &'a Standing {
    let mut others = summary.verdicts[0].others.iter();
    others.find(|standing| standing.model == model).expect("the model")
}

#[test]
fn a_p_value_stands_for_half_as_many_pairs_as_there_are_models() {
    let p = |summary: &Summary, model: &str| standing(summary, model).p_value.expect("a p-value");
    let (best, other) = (closed("epoll", &PAIRS.0), closed("fork", &PAIRS.1));
    let two = summary(vec![best.clone(), other.clone()]);
    assert!((p(&two, "fork") - P).abs() < 1e-7, "{}", p(&two, "fork"));
    let ratio = standing(&two, "fork").ratio.expect("a ratio");
    assert!((ratio - 1.0 / 1.094_416_427).abs() < 1e-8, "{ratio}");
    // One that is not judged is no test of the family, though it might have been the best.
    let mut invalid = closed("poll", &PAIRS.1.map(|value| value * 0.5));
    invalid.validity = Validity::Invalid;
    let three = summary(vec![invalid, best.clone(), other.clone()]);
    assert!((p(&three, "fork") - 1.5 * P).abs() < 1e-7, "{}", p(&three, "fork"));
    let four = summary(vec![best, other.clone(), Cell { model: "mio".into(), ..other }]);
    // Holm: the smaller of two equal ones twice, and neither is less than the one before it.
    assert!((p(&four, "fork") - 2.0 * 1.5 * P).abs() < 1e-7, "{}", p(&four, "fork"));
}

#[test]
fn a_difference_beyond_the_margin_may_be_chance_among_many() {
    // Apart by more than the margin with p = 0.009: of two models that is a finding, and of fourteen,
    // where it is to stand for seven pairs, none.
    let faint: Vec<f64> =
        BEST.iter().zip([0.78, 0.88, 0.74, 0.92, 0.84]).map(|(a, b)| a * b).collect();
    let mut cells = vec![closed("epoll", &BEST), closed("fork", &faint)];
    assert_eq!(standing(&summary(cells.clone()), "fork").verdict, Some(Verdict::Worse));
    let more = (0..12).map(|n| closed(&format!("m{n}"), &BEST.map(|value| value * 0.999)));
    cells.extend(more);
    assert_eq!(standing(&summary(cells), "fork").verdict, Some(Verdict::CannotTell));
}

#[test]
fn the_noise_is_the_farther_end_of_the_widest() {
    let spread = [0.6, 1.0, 0.7, 1.05, 0.9];
    let again: Vec<f64> = BEST.iter().zip(spread).map(|(a, b)| a * b).collect();
    let epoll = closed("epoll", &BEST);
    let mio = closed("mio", &BEST.map(|value| value * 0.99));
    let (loud, quiet) = (twin(&epoll, &again), twin(&mio, &BEST));
    let summary = summary(vec![epoll, loud, mio, quiet]);
    let floors: Vec<_> =
        summary.noise.iter().filter(|floor| floor.metric == "throughput_per_s").collect();
    let [wide, narrow] = floors[..] else { panic!("{floors:?}") };
    let (low, high) = (wide.interval.low, wide.interval.high);
    assert!(low < 1.0 && high > 1.0 && 1.0 / low > high, "{wide:?}");
    assert!((wide.smallest_detectable - (1.0 / low - 1.0)).abs() < 1e-9, "{wide:?}");
    assert!(narrow.smallest_detectable < 0.011, "{narrow:?}");
    let least = noise::smallest_detectable(&summary.noise, &THROUGHPUT);
    assert_eq!(least, Some(wide.smallest_detectable));
    let sentence = &summary.verdicts[0].sentence;
    assert!(sentence.contains("epoll measured twice"), "of the widest: {sentence}");
}

#[test]
fn from_a_noise_of_ten_times_nothing_can_be_told() {
    let epoll = closed("epoll", &[100.0, 100.0, 100.0]);
    let again = twin(&epoll, &[100.0, 5.0, 300.0]);
    let sentence = summary(vec![epoll, again]).verdicts[0].sentence.clone();
    assert!(sentence.ends_with(", so no difference can be distinguished."), "{sentence}");
}

#[test]
fn who_starves_its_clients_or_is_invalid_is_in_no_group_and_told() {
    let alike = |model: &str| closed(model, &BEST.map(|value| value * 0.99));
    let (mut starving, mut invalid) = (alike("sequential"), alike("poll"));
    flag(&mut starving, "fairness");
    invalid.validity = Validity::Invalid;
    let slow = closed("fork", &BEST.map(|value| value / 2.0));
    let summary = summary(vec![closed("epoll", &BEST), alike("mio"), starving, invalid, slow]);
    assert_eq!(standing(&summary, "sequential").verdict, None);
    let found = &summary.recommendations[0];
    assert_eq!(found.group, ["epoll", "mio"]);
    assert_eq!(found.unknown, ["sequential", "poll"]);
    let sentence = &summary.verdicts[0].sentence;
    let said =
        "sequential starves clients and is not ranked. No verdict: poll (the cell is invalid).";
    assert!(sentence.contains(said), "{sentence}");
}

#[test]
fn a_group_of_many_is_counted() {
    let names = ["epoll", "poll", "select", "mio", "tokio-multi", "fork", "prefork", "io-uring"];
    let cells = names.map(|name| closed(name, &BEST)).into();
    let found = &summary(cells).recommendations[0];
    // The last of equals is the best, and named first.
    let said = "any of io-uring, epoll, poll, select, mio, tokio-multi and 2 more: by";
    assert!(found.sentence.contains(said), "{}", found.sentence);
}

#[test]
fn a_ceiling_is_of_sound_cells_in_most_trials_and_by_the_check_before_the_reference() {
    let unlike = ["fork", "thread-per-client", "epoll", "io-uring", "tokio-multi"];
    let busy = |change: fn(&mut Cell)| {
        let mut cells: Vec<Cell> = unlike.map(|model| closed(model, &[100e3; 5])).into();
        cells.iter_mut().for_each(|cell| flag(cell, "generator-cpu"));
        change(&mut cells[0]);
        let mut summary = bare(cells);
        summary.reference =
            Some(crate::analysis::synthetic::reference(105e3, &[5e3; 3], &[3e3; 3]));
        if let Some(reference) = &mut summary.reference {
            reference.margin = 0.0;
        }
        derive(&mut summary);
        let margin = summary.reference.as_ref().map(|reference| reference.margin);
        assert_eq!(margin, Some(reference::MARGIN));
        summary.verdicts[0].clone()
    };
    let checks = |found: &Standings| found.ceiling.as_ref().map(|ceiling| ceiling.check.clone());
    assert_eq!(checks(&busy(|_| {})).as_deref(), Some("generator-cpu"));
    assert_eq!(checks(&busy(|cell| flag(cell, "fairness"))), None, "four are left");
    let invalid = busy(|cell| cell.validity = Validity::Invalid);
    assert_eq!(checks(&invalid), None);
    let bound = invalid.generator_bound.expect("the others");
    assert_eq!(bound.models.len(), 4, "{bound:?}");
    // Flagged in a minority of the trials it is no limit; the reference is one still.
    let mut cells: Vec<Cell> = unlike.map(|model| closed(model, &[100e3; 5])).into();
    for cell in &mut cells {
        flag(cell, "generator-cpu");
        cell.flags[0].trials = 2;
    }
    assert_eq!(summary(cells).verdicts[0].ceiling, None);
}
