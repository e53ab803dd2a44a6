use super::*;
use crate::analysis::synthetic::{bare, closed};
use crate::document::QUANTILES;
use crate::document::example;

fn histogram(values: impl IntoIterator<Item = u64>) -> Histogram<u64> {
    let mut histogram = Histogram::new_with_bounds(1, 60_000_000_000, 3).expect("bounds");
    values.into_iter().for_each(|value| histogram.record(value).expect("in range"));
    histogram
}

fn trial(ended: impl IntoIterator<Item = u64>, cut: impl IntoIterator<Item = u64>) -> Distribution {
    Distribution::from_histograms(&histogram(ended), &histogram(cut)).expect("written")
}

fn at(trials: &[&Distribution], q: f64) -> Pooled {
    pooled_quantiles(trials, &[q]).expect("whole").remove(0).expect("samples")
}

#[test]
fn what_samples_are_worth_adds_up_and_the_value_is_that_of_all_samples() {
    let parts: Vec<Distribution> =
        (0..5).map(|of_five| trial((0..200).map(|i| i * 5_000 + of_five * 1_000), [])).collect();
    let together = trial((0..1_000).map(|i| i * 1_000), []);
    let trials: Vec<&Distribution> = parts.iter().collect();
    for q in QUANTILES {
        let own = together.quantile(q).expect("listed");
        let pooled = at(&trials, q);
        assert_eq!((pooled.value_ns, pooled.admitted), (own.value, own.admitted), "{q}");
        // A single sample is of one trial: 0.001 · 0.999 over 5/4 · 0.8 / 1,000².
        let worth = if (0.999..1.0).contains(&q) { 999 } else { 1_000 };
        assert_eq!(pooled.effective_count, worth, "{q}");
    }
    // One trial does not know its p99, two of them neither, and three do.
    let known = |n: usize| at(&trials[..n], 0.99).admitted;
    assert!(!known(1) && !known(2) && known(3) && known(5));
    assert!(!at(&trials, 0.999).admitted);
}

#[test]
fn samples_that_hang_together_count_for_fewer_in_the_sum_too() {
    let one = |worth: f64| trial(1..=1_000, []).worth(move |_| worth);
    let (plain, bad) = (one(1.0), one(10.0));
    assert_eq!(at(&[&bad; 5], 0.99).effective_count, 500);
    assert!(!at(&[&bad; 5], 0.99).admitted && at(&[&bad; 6], 0.99).admitted);
    // Each counts for itself, and one that nobody looked at counts plainly, as the extremes do.
    let old = trial(1..=1_000, []);
    assert_eq!(at(&[&bad, &plain, &old], 0.99).effective_count, 2_100);
    assert_eq!(at(&[&bad; 5], 1.0).effective_count, 5_000);
}

#[test]
fn what_every_trial_knows_they_know_together() {
    // 60.6 of the effective samples for p90, of which documents keep 60: just too few for that number.
    let one = trial(1..=1_000, []).worth(|_| 16.5);
    assert!(one.quantile(0.9).expect("listed").admitted);
    assert!(at(&[&one], 0.9).admitted);
}

/// Five trials of 2,000 samples with so many of them at 50 ms.
fn stalled(of_each: [u64; 5]) -> Vec<Distribution> {
    of_each
        .map(|n| {
            trial((1..=2_000 - n).map(|i| i % 1_000 + 1).chain((0..n).map(|_| 50_000_000)), [])
        })
        .into()
}

#[test]
fn the_tail_is_worth_what_trials_as_clusters_are_worth() {
    let p99 = |of_each| {
        let parts = stalled(of_each);
        at(&parts.iter().collect::<Vec<_>>(), 0.99)
    };
    // All that lies beyond is of one trial. With 0.01 of 10,000 beyond and the trials' numbers 20, 20, 20, 20 and 80
    // from theirs, the variance of the share is 5/4 · 8,000 / 10,000² = 0.0001: that of 99 independent samples.
    let one = p99([0, 0, 0, 0, 100]);
    assert_eq!((one.effective_count, one.admitted), (99, false));
    // 10, 5, 0, 5 and 10 from theirs: 5/4 · 250 / 10,000², that of 3,168.
    let spread = p99([10, 15, 20, 25, 30]);
    assert_eq!((spread.effective_count, spread.admitted), (3_168, true));
    // Alike trials are worth what each is worth, and no more however alike they are.
    let alike = p99([20; 5]);
    assert_eq!((alike.effective_count, alike.admitted), (10_000, true));
}

#[test]
fn trials_of_which_each_knows_its_tail_need_not_know_one_together() {
    let parts = stalled([0, 0, 0, 0, 200]);
    let parts: Vec<&Distribution> = parts.iter().collect();
    assert!(parts.iter().all(|part| part.quantile(0.99).expect("listed").admitted));
    assert!(!at(&parts, 0.99).admitted);
    // One trial has nothing to be compared with.
    assert!(at(&parts[4..], 0.99).admitted);
}

#[test]
fn in_the_middle_trials_may_differ() {
    // Each trial is slower than all of the one before, so between them they are worth 4 samples.
    let parts: Vec<_> = (0..5).map(|n| trial((1..=2_000).map(|i| n * 10_000 + i), [])).collect();
    let parts: Vec<&Distribution> = parts.iter().collect();
    for q in [0.1, 0.5, 0.9] {
        let found = at(&parts, q);
        assert!(found.admitted && found.effective_count == 10_000, "{q}: {found:?}");
    }
    assert!(!at(&parts, 0.95).admitted && !at(&parts, 0.99).admitted);
}

#[test]
fn who_does_not_know_a_quantile_does_not_know_a_rarer_one() {
    // A stall that is one event at p99 and many at p99.9, as the effective numbers have it.
    let one = trial(1..=10_000, []).worth(|q| if (q - 0.99).abs() < 1e-9 { 100.0 } else { 1.0 });
    assert!(one.quantile(0.999).expect("listed").admitted);
    let found = pooled_quantiles(&[&one], &[0.5, 0.9, 0.99, 0.999, 1.0]).expect("whole");
    let admitted: Vec<bool> = found.iter().flatten().map(|own| own.admitted).collect();
    assert_eq!(admitted, [true, true, false, false, true]);
}

#[test]
fn of_one_trial_it_is_the_trials_own() {
    let own = trial((1..=900).map(|i| i * 1_000), (1..=100).map(|i| 1_000_000 + i * 1_000));
    for q in [0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 1.0] {
        let (pooled, quantile) = (at(&[&own], q), own.quantile(q).expect("listed"));
        assert_eq!(
            (pooled.value_ns, pooled.admitted, pooled.at_least),
            (quantile.value, quantile.admitted, quantile.at_least),
            "{q}"
        );
        assert_eq!(pooled.of_trials, [quantile.value]);
    }
}

#[test]
fn a_bound_of_one_trial_is_one_of_all_only_where_it_is_reached() {
    let usual = trial((1..=1_000).map(|i| i * 10), []);
    // A fifth was cut off, and its p90 is a bound. It is far beyond the p90 of all, which is exact.
    let slow = trial((1..=800).map(|i| i * 10), (0..200).map(|_| 5_000_000));
    assert!(slow.quantile(0.9).expect("listed").at_least);
    let all = [&slow, &usual, &usual, &usual, &usual];
    let p90 = at(&all, 0.9);
    assert!(!p90.at_least && p90.value_ns < 10_100, "{p90:?}");
    assert!(at(&all, 0.99).at_least && at(&all, 1.0).at_least);
    // What was cut off early in one trial is short of the p90 that others have: the truth may be more,
    // though only one in twenty-five was cut off.
    let early = trial((1..=800).map(|i| i * 10), (0..200).map(|_| 8_500));
    let p90 = at(&[&early, &usual, &usual, &usual, &usual], 0.9);
    assert!(p90.at_least && p90.value_ns > 8_500, "{p90:?}");
}

#[test]
fn one_trial_that_holds_the_tail_is_seen() {
    let usual = trial(1..=1_000, []);
    let stalled = trial((1..=800).chain((0..200).map(|_| 50_000)), []);
    let p90 = at(&[&usual, &stalled, &usual], 0.9);
    let stall = histogram([50_000]).value_at_quantile(0.5);
    // Beyond 950 are 50 of each of the others, and its 200.
    assert_eq!((p90.value_ns, &p90.of_trials[..]), (950, &[900, stall, 900][..]));
    let share = p90.most_of_one_trial.expect("some beyond");
    assert!((share - 200.0 / 300.0).abs() < 1e-9, "{share}");
    assert_eq!(at(&[&usual, &stalled], 1.0).most_of_one_trial, None);
}

#[test]
fn a_trial_without_samples_adds_nothing() {
    let (some, none) = (trial(1..=700, []), trial([], []));
    let pooled = at(&[&none, &some], 0.99);
    assert_eq!((pooled.effective_count, pooled.of_trials.len()), (700, 1));
    assert_eq!(pooled_quantiles(&[&none], &[0.5, 0.9]).expect("whole"), [None, None]);
    assert_eq!(pooled_quantiles(&[], &[0.5]).expect("nothing"), [None]);
}

#[test]
fn a_damaged_histogram_is_an_error() {
    let mut damaged = trial(1..=100, []);
    damaged.count = 99;
    assert!(pooled_quantiles(&[&damaged], &[0.5]).is_err());
}

#[test]
fn a_summary_gets_it_from_its_trials_or_stays_as_it_is() {
    let dir = tempfile::tempdir().expect("a folder");
    let cell = closed("epoll", &[1e5; 3]);
    std::fs::create_dir(dir.path().join("trials")).expect("made");
    let written = example::closed();
    for file in &cell.trials[..2] {
        store::write_json(&dir.path().join(file), &written).expect("written");
    }
    let mut summary = bare(vec![cell.clone()]);
    let before = summary.clone();
    let said = again(&mut summary, dir.path()).expect("read").expect("one is missing");
    assert!(said.starts_with("1 of 3 trial files are missing"), "{said}");
    assert_eq!(summary, before);

    store::write_json(&dir.path().join(&cell.trials[2]), &written).expect("written");
    assert_eq!(again(&mut summary, dir.path()).expect("read"), None);
    let found = &summary.cells[0];
    for quantile in &found.latency {
        let pooled = quantile.pooled.as_ref().expect("all trials are there");
        let own = written.latency.headline().quantile(quantile.q).expect("listed");
        assert_eq!(pooled.of_trials, [own.value; 3]);
        assert_eq!(pooled.value_ns, own.value);
    }
    let values = |cell: &Cell| cell.latency.iter().map(|q| q.value_ns.clone()).collect::<Vec<_>>();
    assert_eq!(values(found), values(&before.cells[0]), "what is compared stays");
}

#[test]
fn a_quantile_that_an_earlier_version_left_out_is_made_from_the_trials() {
    let latency = trial((0..1_000).map(|i| i * 1_000), []);
    let mut written = example::closed();
    written.latency.service = latency.clone();
    let mut cell = closed("epoll", &[1e4; 2]);
    cell.latency.retain(|quantile| (quantile.q - 0.95).abs() > 1e-9);
    fill(&mut cell, &[written.clone(), written]).expect("whole");
    assert_eq!(
        cell.latency.iter().map(|quantile| quantile.q).collect::<Vec<_>>(),
        super::QUANTILES
    );
    let own = latency.quantile(0.95).expect("listed");
    let found = cell.quantile(0.95).expect("made");
    assert_eq!(found.value_ns, Estimate::from_values(&[as_f64(own.value); 2]));
    assert!(found.pooled.as_ref().is_some_and(|pooled| pooled.value_ns == own.value));
    // Enough samples for this one are not enough for the next.
    assert!(found.shown().is_some() && cell.quantile(0.999).expect("listed").shown().is_none());
}

#[test]
fn a_step_takes_the_samples_of_the_step_that_began_when_it_did() {
    use crate::document::{CellStep, StepRecord};
    let step = |start_ns, response| {
        let (width_ns, rate_per_s) = (10, 1e3);
        StepRecord { start_ns, width_ns, rate_per_s, offered: 1, ok: 1, failed: 0, response }
    };
    let steps = vec![step(0, trial([7; 100], [])), step(10, trial([9; 100], []))];
    let trials = [Trial { steps, ..example::closed() }];
    let mut cell = closed("epoll", &[1e4]);
    // The first one is left out of cells in which nothing was due in it.
    let response = vec![CellQuantile { q: 0.5, value_ns: None, at_least: false, pooled: None }];
    let answered = Estimate::from_values(&[1.0]).expect("a value");
    cell.steps = vec![CellStep { start_ns: 10, width_ns: 10, rate_per_s: 1e3, answered, response }];
    cell.latency.clear();
    fill(&mut cell, &trials).expect("whole");
    let pooled = cell.steps[0].response[0].pooled.as_ref().expect("samples");
    assert_eq!(pooled.value_ns, 9);
}

#[test]
fn samples_are_counted_as_the_histogram_counts_them() {
    let values = [0, 1, 1, 2_047, 2_048, 2_049, 4_095, 4_096, 1_000_003, 59_999_999_999];
    let times = trial(values, []);
    let part = part(&times).expect("whole");
    let edges = values.iter().flat_map(|value| [value.saturating_sub(1), *value, value + 1]);
    for value in edges.chain([500_000, 60_000_000_000]) {
        let within = part.samples.count_between(0, value);
        assert_eq!(part.within(value), within, "{value}");
        assert_eq!(part.beyond(value), values.len() as u64 - within, "{value}");
    }
    let sizes = [(0, 10), (1, 9), (2_048, 6), (2_049, 6), (60_000_000_000, 1), (61_000_000_000, 0)];
    assert_eq!(sizes.map(|(value, _)| (value, part.reaching(value))), sizes);
}
