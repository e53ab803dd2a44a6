//! What counts as a sweep, and what rules out a crossing or a law.

use super::*;
use crate::document::Validity;

#[test]
fn the_first_of_several_settings_is_swept_and_one_value_is_no_sweep() {
    let mut cells = Vec::new();
    for (a, b) in [(1.0, 1.0), (1.0, 2.0), (2.0, 1.0), (2.0, 2.0)] {
        let cell = point(closed("epoll", &[1e4; 5]), "many", "request.rounds", a);
        cells.push(point(cell, "many", "connections", b));
    }
    assert_eq!(
        find_sweeps(&bare(cells)).first().map(|sweep| sweep.factor.to_string()),
        Some("request.rounds".into())
    );
    let single = vec![point(closed("epoll", &[1e4; 5]), "many", "connections", 8.0)];
    assert!(find_sweeps(&bare(single)).is_empty());
}

#[test]
fn ten_times_is_a_decade_and_settings_are_shown_with_what_they_are_worth() {
    assert!(over(&[(1.0, "1"), (10.0, "10")]).is_logarithmic());
    assert!(!over(&[(1.0, "1"), (9.0, "9")]).is_logarithmic());
    assert_eq!((show_setting(9.5), show_setting(950.0)), ("9.50".into(), show_count(950.0)));
}

/// One crossing at 100 connections, of cells that are changed first.
fn with(change: impl Fn(&mut Cell)) -> Vec<Crossover> {
    let mut cells = cells(&[("fork", FALLING), ("epoll", LEVEL)], 0.01, 1, 5);
    cells.iter_mut().filter(|cell| cell.model == "fork").for_each(change);
    crossings(cells)
}

#[test]
fn nothing_is_said_of_what_is_invalid_or_was_not_answered() {
    assert_eq!(with(|_| {}).len(), 1);
    assert!(with(|cell| cell.validity = Validity::Invalid).is_empty());
    let nothing = Estimate::from_values(&[0.0; 5]).expect("values");
    assert!(with(|cell| cell.throughput_per_s = nothing.clone()).is_empty());
    let two = cells(&[("fork", FALLING), ("epoll", LEVEL)], 0.01, 1, 2);
    assert!(crossings(two).is_empty(), "two trials have no interval");
}

#[test]
fn who_changes_places_twice_has_no_place() {
    let hill: fn(f64) -> f64 = |x| if (10.0..1_000.0).contains(&x) { 2e5 } else { 5e4 };
    assert!(crossings(cells(&[("fork", hill), ("epoll", LEVEL)], 0.01, 1, 5)).is_empty());
}

#[test]
fn a_tie_is_no_change_of_places() {
    let law: fn(f64) -> f64 = |x| match x {
        4.0 => 1e5,
        x if x < 100.0 => 2e5,
        _ => 5e4,
    };
    let found = crossings(cells(&[("fork", law), ("epoll", LEVEL)], 0.0, 1, 5));
    assert!(found.len() == 1 && found[0].below == "fork", "{found:?}");
}

#[test]
fn a_crossing_is_certain_only_where_both_ends_are() {
    let certain = |law: fn(f64) -> f64| {
        let found = crossings(cells(&[("fork", law), ("epoll", LEVEL)], 0.001, 1, 5));
        found.len() == 1 && found[0].certain
    };
    assert!(certain(|x| if x < 100.0 { 2e5 } else { 5e4 }));
    assert!(!certain(|x| if x < 100.0 { 1.02e5 } else { 5e4 }), "below within the margin");
    assert!(!certain(|x| if x < 100.0 { 2e5 } else { 0.98e5 }), "above within the margin");
}

#[test]
fn a_law_leaves_out_points_that_do_not_stand_and_those_the_generator_limits() {
    let points = |change: fn(&mut Cell)| {
        let mut cells = cells(&[("epoll", usl)], 0.01, 3, 5);
        change(&mut cells[0]);
        let law = scaling(cells)[0].law.clone().expect("a law");
        (law.points, law.limited_points)
    };
    assert_eq!(points(|_| {}), (7, 0));
    assert_eq!(points(|cell| flag(cell, "fairness")), (6, 0));
    assert_eq!(points(|cell| cell.validity = Validity::Invalid), (6, 0));
    assert_eq!(points(|cell| flag(cell, "generator-cpu")), (6, 1));
    let mut limited = cells(&[("epoll", usl)], 0.01, 3, 5);
    limited[1..].iter_mut().for_each(|cell| flag(cell, "generator-cpu"));
    let found = scaling(limited);
    let why = "1 setting, but a fit needs 6; at 6 more, the generator was the limit";
    assert_eq!((&found[0].law, found[0].why_none.as_deref()), (&None, Some(why)));
}

#[test]
fn a_law_that_does_not_describe_its_points_says_so() {
    let misfit = |law: fn(f64) -> f64, spread| {
        let found = scaling(cells(&[("epoll", law)], spread, 3, 5));
        found[0].law.clone().expect("a law").misfit
    };
    assert_eq!(misfit(usl, 0.01), None);
    let step: fn(f64) -> f64 = |x| if x < 100.0 { usl(x) } else { 0.5 * usl(x) };
    let text = misfit(step, 0.01).expect("it is no law");
    assert!(text.starts_with("it deviates by ") && text.ends_with("where trials agree"), "{text}");
    // Throughput that is the same everywhere has nothing that a law of the load could explain.
    let text = misfit(|_| 1e5, 0.05).expect("scatter only");
    assert!(text.starts_with("it explains "), "{text}");
}
