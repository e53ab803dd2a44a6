//! The sentences, tested against measurements whose truth is known.

use super::idle::{self, Cost};
use super::second::{Refusal, Second};
use super::{Measured, Select, sentences};
use crate::analysis::synthetic::{closed, summary};
use crate::command::lab::lesson::Lab;
use crate::document::{Cell, Estimate, Factor};

/// What rounds have in common.
const ROUNDS: [f64; 5] = [1.0, 1.03, 0.98, 1.05, 0.99];

fn cell(model: &str, idle: usize, cpu_ns: f64) -> Cell {
    let mut cell = closed(model, &ROUNDS.map(|round| round * 1e4));
    cell.server_cpu_per_request_ns = Estimate::from_values(&ROUNDS.map(|round| round * cpu_ns));
    let text = idle.to_string();
    cell.factors =
        vec![Factor { name: "idle-connections".into(), number: text.parse().ok(), text }];
    cell.workload = format!("beside-idle-connections{idle}");
    cell.trials = (0..5).map(|n| format!("trials/{}.{model}.{n}.json", cell.workload)).collect();
    cell
}

/// select and poll pay for each idle client, epoll for none.
fn costs() -> Vec<Cost> {
    let mut cells = Vec::new();
    for (idle, each) in [(0, 0.0), (900, 900.0), (2_000, 2_000.0)] {
        cells.push(cell("poll", idle, 5_000.0 + 10.0 * each));
        cells.push(cell("epoll", idle, 5_000.0));
        if idle < 1_000 {
            cells.push(cell("select", idle, 5_000.0 + 5.0 * each));
        }
    }
    idle::costs(&summary(cells))
}

fn second(model: &str, answered_s: f64, queued: u32, unread_bytes: u32) -> Second {
    Second {
        model: model.into(),
        first_answered_s: 0.001,
        first_leaves_s: 2.0,
        connecting_s: 0.5,
        connected_s: 0.5001,
        answered_s,
        queued,
        unread_bytes,
    }
}

fn measured() -> Measured {
    Measured {
        second: vec![second("sequential", 2.001, 1, 7), second("select", 0.5004, 0, 0)],
        refusal: Some(Refusal { tried: 1_100, served: 1_010 }),
        costs: costs(),
        asking: 10,
        blocks: 5,
        detectable: Some(0.1),
        left_out: vec!["select was not measured beside 2000 idle clients: of its type.".into()],
    }
}

fn has(said: &[String], text: &str) -> bool {
    said.iter().any(|sentence| sentence.contains(text))
}

#[test]
fn where_the_second_client_waits_is_what_the_kernel_counted() {
    let said = sentences::select_sentences(&measured());
    assert!(
        has(
            &said,
            "sequential: the second client was connected within 100 us, sent its line at once, and was answered \
             1.50 s later, after the first had left. Meanwhile the kernel reported 1 connection in the listener's \
             queue and 7 of its bytes unread in the kernel's buffer."
        ),
        "{said:#?}"
    );
    assert!(
        has(
            &said,
            "select: the second client was connected within 100 us and answered 300 us later, while the first was \
             connected and silent."
        ),
        "{said:#?}"
    );
    let mut unseen = measured();
    unseen.second = vec![second("sequential", 2.001, 0, 0)];
    assert!(!has(&sentences::select_sentences(&unseen), "the kernel reported"));
}

#[test]
fn costs_are_told_as_far_as_rounds_and_noise_allow() {
    let said = sentences::select_sentences(&measured());
    assert!(
        has(
            &said,
            "poll: a request beside 2000 idle clients takes 5.00 times [5.00, 5.00] the server CPU of a request \
             beside none."
        ),
        "{said:#?}"
    );
    assert!(
        has(
            &said,
            "poll: a request beside 2000 idle clients takes 5.00 times [5.00, 5.00] the server CPU of epoll."
        ),
        "{said:#?}"
    );
    assert!(has(&said, "select: a request beside 900 idle clients takes 1.90 times"), "{said:#?}");
    assert!(has(&said, "two equal epoll servers differed by up to 10 % in CPU"));
    // Sameness within 5 % is not claimed where equal servers differ by 10 %.
    assert!(
        has(
            &said,
            "epoll: a request beside 2000 idle clients takes 1.00 times [1.00, 1.00] the server CPU of a request \
             beside none, which is within the A/A noise floor"
        ),
        "{said:#?}"
    );
    let exact = Measured { detectable: Some(0.01), ..measured() };
    assert!(has(&sentences::select_sentences(&exact), "beside none, within 5 %: 1.00 times"));
    let noisy = Measured { detectable: Some(9.0), ..measured() };
    assert!(!has(&sentences::select_sentences(&noisy), "the server CPU of epoll."));
    let few = Measured { blocks: 2, detectable: None, ..measured() };
    let said = sentences::select_sentences(&few);
    assert!(
        has(&said, "2 rounds detect only large effects")
            && has(&said, "The lab has no A/A control")
    );
}

#[test]
fn a_model_of_which_too_little_counts_is_not_judged_and_the_checks_are_named() {
    let mut spoiled = measured();
    for cost in spoiled.costs.iter_mut().filter(|cost| cost.model == "poll") {
        (cost.over_none, cost.over_epoll) = (None, None);
        cost.flags = vec!["steal".into(), "load-above-cores".into()];
    }
    let said = sentences::select_sentences(&spoiled);
    assert!(
        has(
            &said,
            "poll: it is unknown whether a request costs more beside idle clients than beside none; these checks \
             failed: load-above-cores, steal."
        ),
        "{said:#?}"
    );
    assert!(!said.iter().any(|s| s.starts_with("poll: a request")), "{said:#?}");
}

#[test]
fn what_select_turns_away_is_what_was_counted() {
    let with = |refusal| sentences::select_sentences(&Measured { refusal, ..measured() });
    assert!(has(
        &with(Some(Refusal { tried: 1_100, served: 1_010 })),
        "1010 were served and 90 turned away"
    ));
    let all = with(Some(Refusal { tried: 1_100, served: 1_100 }));
    assert!(has(&all, "simultaneous clients were served") && !has(&all, "FD_SETSIZE"));
    assert!(has(&with(None), "was not tried"));
}

#[test]
fn each_prediction_has_an_answer_and_select_has_no_point_beyond_its_limit() {
    let lesson = Select::lesson(&measured());
    assert!(lesson.predictions.iter().all(|prediction| !prediction.answers.is_empty()));
    let ids: Vec<&str> = lesson.figures.iter().map(|figure| figure.id).collect();
    assert_eq!(
        ids,
        [
            "figure-second-sequential",
            "figure-second-select",
            "figure-idle-cpu",
            "figure-idle-latency"
        ]
    );
    let svg = &lesson.figures[2].drawing.svg.0;
    assert_eq!(svg.matches("<title>select, ").count(), 2);
    assert_eq!(svg.matches("<title>poll, ").count(), 3);
}
