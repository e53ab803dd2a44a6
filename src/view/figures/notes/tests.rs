mod numbers;

use super::*;
use crate::analysis::synthetic::{closed, flag, open, set};

fn says(subject: Subject, cells: &[Cell]) -> String {
    let cells: Vec<&Cell> = cells.iter().collect();
    [notice(subject, &cells), fool(subject, &cells)].concat().join("\n")
}

fn with_cpu(model: &str, ns: f64) -> Cell {
    let mut cell = closed(model, &[1e4; 3]);
    cell.server_cpu_per_request_ns = Estimate::from_values(&[ns; 3]);
    cell
}

#[test]
fn the_extremes_are_named_with_their_ratio() {
    let cells = [closed("epoll", &[2e5; 3]), closed("fork", &[1e5; 3]), closed("mio", &[1.5e5; 3])];
    let text = says(Subject::Throughput, &cells);
    let expected = "The most: epoll with 200k; the fewest: fork with 100k. That is 2.0 times";
    assert!(text.contains(expected), "{text}");
}

#[test]
fn who_starves_clients_or_is_invalid_is_no_extreme_and_is_named() {
    let mut starving = closed("sequential", &[9e5; 3]);
    flag(&mut starving, "fairness");
    let mut invalid = closed("poll", &[8e5; 3]);
    invalid.validity = Validity::Invalid;
    let cells = [starving, invalid, closed("epoll", &[2e5; 3]), closed("fork", &[1e5; 3])];
    let text = says(Subject::Throughput, &cells);
    assert!(text.contains("The most: epoll"), "{text}");
    assert!(text.contains("sequential serves some clients and starves others"), "{text}");
}

#[test]
fn a_generator_at_its_limit_is_said_and_otherwise_not() {
    let mut limited = closed("epoll", &[2e5; 3]);
    flag(&mut limited, "generator-cpu");
    let cells = [limited, closed("fork", &[1e5; 3])];
    assert!(says(Subject::Throughput, &cells).contains("The load generator limited 1 of 2 cells"));
    assert!(!says(Subject::Throughput, &cells[1..]).contains("limited"));
}

#[test]
fn a_wide_spread_is_counted_and_a_narrow_one_not_mentioned() {
    let cells = [closed("epoll", &[1e5, 1.2e5, 1e5]), closed("fork", &[1e5, 1.05e5, 1e5])];
    let text = says(Subject::Throughput, &cells);
    assert!(text.contains("For 1 of 2 models some trial is more than 10 % away"), "{text}");
    assert!(!says(Subject::Throughput, &cells[1..]).contains("away"));
}

#[test]
fn tails_are_in_relation_to_the_median() {
    let (mut long, mut short) = (closed("fork", &[1e5; 3]), closed("epoll", &[1e5; 3]));
    set(&mut long, 0.99, &[9e5; 3]);
    set(&mut short, 0.99, &[1.5e5; 3]);
    let text = says(Subject::Percentiles, &[long, short]);
    assert!(text.contains("is that of fork, a p99 of 9.0 times its p50"), "{text}");
    assert!(text.contains("shortest that of epoll, 1.5 times"), "{text}");
    assert!(text.contains("2 of 2 cells have too few samples for p99.9."), "{text}");
}

#[test]
fn curves_cross_only_where_no_trials_meet() {
    let (mut quick, mut even) = (closed("fork", &[1e5; 3]), closed("epoll", &[1e5; 3]));
    set(&mut quick, 0.5, &[5e4; 3]);
    set(&mut quick, 0.99, &[9e5, 8e5, 7e5]);
    set(&mut even, 0.99, &[2e5, 2e5, 3e5]);
    let cells = [quick.clone(), even.clone()];
    let text = says(Subject::Percentiles, &cells);
    assert!(text.contains("fork has the lowest median, and epoll the lower p99"), "{text}");
    set(&mut even, 0.99, &[2e5, 2e5, 7.5e5]);
    assert!(!says(Subject::Percentiles, &[quick, even]).contains("cross"));
}

#[test]
fn costs_are_told_by_family_and_alike_where_they_are() {
    let far = [with_cpu("epoll", 5e3), with_cpu("poll", 7e3), with_cpu("fork", 2e4)];
    let text = says(Subject::Cost, &far);
    assert!(text.contains("By family, median of its models: reactor 6.00 us, process 20.0 us."));
    assert!(!text.contains("hardly differ"), "{text}");
    let near = [with_cpu("epoll", 1e5), with_cpu("fork", 1.1e5)];
    assert!(says(Subject::Cost, &near).contains("hardly differ"));
}

#[test]
fn an_equal_load_names_its_rate_and_who_was_left_behind() {
    let (mut late, quick) = (open("fork", &[8e5; 3]), open("epoll", &[2e5; 3]));
    flag(&mut late, "kept-up");
    let text = says(Subject::EqualLoad, &[late, quick]);
    assert!(text.contains("asked for 10.0k requests a second"), "{text}");
    assert!(text.contains("p99 from 200 us (epoll) to 800 us (fork)"), "{text}");
    assert!(text.contains("a growing queue: fork."), "{text}");
}

#[test]
fn a_lower_bound_is_nobodys_extreme() {
    let (mut bound, quick) = (open("fork", &[9e5; 3]), open("epoll", &[2e5; 3]));
    bound.latency[3].at_least = true;
    let text = says(Subject::Tail, &[bound, quick, open("poll", &[4e5; 3])]);
    assert!(text.contains("The longest: poll with 400 us"), "{text}");
}

#[test]
fn only_a_closed_loop_is_warned_of_what_it_omits() {
    assert!(says(Subject::Tail, &[closed("epoll", &[1e5; 3])]).contains("closed loop"));
    assert!(!says(Subject::Tail, &[open("epoll", &[1e5; 3])]).contains("closed loop"));
}

#[test]
fn a_slice_with_less_than_half_is_a_stumble() {
    let steady = ("epoll", vec![10.0, 9.0, 11.0]);
    let stumbled = ("fork", vec![10.0, 10.0, 4.0]);
    let text = stumbles([steady.clone(), stumbled].into_iter()).expect("a sentence");
    assert!(text.ends_with("slice: fork (40 %)."), "{text}");
    assert!(stumbles([steady].into_iter()).expect("a sentence").starts_with("No model"));
}

#[test]
fn one_model_alone_is_compared_with_nobody() {
    let cells = [closed("epoll", &[1e5; 3])];
    for subject in [Subject::Throughput, Subject::Cost, Subject::Memory, Subject::Percentiles] {
        let text = says(subject, &cells);
        assert!(!text.contains("The most") && !text.contains("longest tail"), "{text}");
    }
}

#[test]
fn who_is_greyed_is_told_why() {
    let (mut invalid, valid) = (closed("poll", &[1e5; 3]), closed("epoll", &[1e5; 3]));
    flag(&mut invalid, "steal");
    flag(&mut invalid, "errors");
    invalid.flags[0].status = Status::Fail;
    invalid.validity = Validity::Invalid;
    assert_eq!(greyed(&[&invalid, &valid]), Some("poll (steal said something).".into()));
    assert_eq!(greyed(&[&valid]), None);
}
