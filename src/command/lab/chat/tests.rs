//! The sentences, tested against rooms whose truth is known.

use super::rounds::{MODELS, Trial, rooms};
use super::{Chat, Detectable, Measured, sentences};
use crate::command::lab::lesson::Lab;

/// What rounds have in common.
const ROUNDS: [f64; 5] = [1.0, 1.03, 0.98, 1.05, 0.99];
const SIZES: [u32; 2] = [10, 1_000];

/// A delivery takes time with the room, and threads cost twice the CPU and wake a half later.
fn trial(model: &'static str, members: u32, round: usize) -> Trial {
    let threads = model == "thread-per-client";
    let (slower, dearer) = if threads { (1.5, 2.0) } else { (1.0, 1.0) };
    let noise = ROUNDS[round];
    Trial {
        model,
        twin: false,
        members: members as usize,
        round: u32::try_from(round).expect("few"),
        deliveries: 1_000,
        missing: 0,
        out_of_order: 0,
        deliveries_per_s: 1e5,
        p50_ns: Some(noise * slower * 5_000.0 * f64::from(members)),
        p99_ns: Some(noise * slower * 10_000.0 * f64::from(members)),
        cpu_ns: Some(noise * dearer * 6_000.0),
        threads: Some(if threads { 2 * u64::from(members) + 1 } else { 1 }),
        valid: true,
        flags: Vec::new(),
    }
}

fn trials() -> Vec<Trial> {
    let mut all = Vec::new();
    for round in 0..ROUNDS.len() {
        for model in MODELS {
            all.extend(SIZES.map(|members| trial(model, members, round)));
        }
    }
    all
}

fn measured(trials: &[Trial]) -> Measured {
    Measured {
        rooms: rooms(trials),
        message_bytes: 64,
        rounds: 5,
        detectable: Detectable { fan_out: Some(0.02), cpu: Some(0.03) },
        apart: true,
        left_out: vec!["A room of 5000 was not measured: so.".into()],
    }
}

fn said(trials: &[Trial]) -> Vec<String> {
    sentences::chat_sentences(&measured(trials))
}

fn has(said: &[String], text: &str) -> bool {
    said.iter().any(|sentence| sentence.contains(text))
}

#[test]
fn growth_and_models_are_told_as_far_as_rounds_and_noise_allow() {
    let said = said(&trials());
    for text in [
        "Every member received every message once, in the same order, in all rooms: 40000 deliveries.",
        "select: the median delivery in a room of 1000 takes 100.00 times [100.00, 100.00] as long as in a room of \
         10.",
        "select: a delivery in a room of 1000 takes the server CPU of a delivery in a room of 10, within 5 %: 1.00 \
         times",
        "thread-per-client: the median delivery in a room of 1000 takes 1.50 times [1.50, 1.50] as long as under epoll.",
        "thread-per-client: a delivery in a room of 1000 takes 2.00 times [2.00, 2.00] the server CPU of epoll.",
        "select: the median delivery in a room of 1000 takes as long as under epoll, within 5 %: 1.00 times",
        "thread-per-client: the server had 2001 threads with 1000 members, so threads grow with the room.",
        "select: the server had 1 thread with 1000 members.",
        "two equal epoll servers differed by up to 2 % in the median delivery and up to 3 % in CPU",
        "A room of 5000 was not measured",
    ] {
        assert!(has(&said, text), "{text}\n{said:#?}");
    }
    assert!(!has(&said, "epoll: the median delivery in a room of 1000 takes as long as under"));
    assert!(!has(&said, "detect only large effects"));
}

#[test]
fn no_difference_is_told_that_equal_servers_show_too() {
    let noisy = Measured {
        detectable: Detectable { fan_out: Some(0.6), cpu: Some(1.5) },
        rounds: 2,
        apart: false,
        ..measured(&trials())
    };
    let said = sentences::chat_sentences(&noisy);
    assert!(!has(&said, "as long as under epoll."), "{said:#?}");
    assert!(
        has(
            &said,
            "1.50 times [1.50, 1.50] as long as under epoll, which is within the A/A noise floor"
        ),
        "{said:#?}"
    );
    assert!(has(&said, "2 rounds detect only large effects") && has(&said, "shared one processor"));
    let wild = Detectable { fan_out: Some(4e29), cpu: Some(0.03) };
    let said = sentences::chat_sentences(&Measured { detectable: wild, ..measured(&trials()) });
    assert!(
        has(&said, "by more than 1000 % in the median delivery and up to 3 % in CPU"),
        "{said:#?}"
    );
    let never_twice = Measured { detectable: Detectable::default(), ..measured(&trials()) };
    assert!(has(&sentences::chat_sentences(&never_twice), "The A/A control has too few rounds"));
}

#[test]
fn a_round_that_did_not_pass_its_checks_is_in_no_ratio_and_the_check_is_named() {
    let mut trials = trials();
    for trial in trials.iter_mut().filter(|trial| trial.model == "tokio-multi") {
        trial.valid = false;
        trial.flags = vec!["generator-free".into()];
    }
    let said = said(&trials);
    assert!(
        has(
            &said,
            "tokio-multi: it is unknown whether the median delivery in a room of 1000 takes as long as under epoll; \
             these checks failed: generator-free."
        ),
        "{said:#?}"
    );
    assert!(!said.iter().any(|said| said.starts_with("tokio-multi: the median")), "{said:#?}");
}

#[test]
fn a_delivery_that_is_missing_is_said_and_nothing_of_all_rooms() {
    let mut trials = trials();
    (trials[0].missing, trials[0].out_of_order) = (3, 1);
    let said = said(&trials);
    assert!(
        has(
            &said,
            "select with 10 members: 3 deliveries are missing, and 1 arrived in another order."
        ),
        "{said:#?}"
    );
    assert!(!has(&said, "Every member received"), "{said:#?}");
}

#[test]
fn epoll_beside_itself_is_the_noise_and_no_room() {
    let mut trials = trials();
    for (round, noise) in ROUNDS.iter().enumerate() {
        // The second server of each round is a tenth slower, give or take.
        let mut twin = trial("epoll", 10, round);
        twin.twin = true;
        twin.p50_ns = twin.p50_ns.map(|ns| ns * (1.1 + 0.01 * noise));
        trials.push(twin);
    }
    let noise = super::rounds::noise(&trials);
    assert!(noise.fan_out.is_some_and(|share| share > 0.1 && share < 0.15), "{noise:?}");
    assert!(noise.cpu.is_some_and(|share| share < 0.001), "{noise:?}");
    let epoll =
        rooms(&trials).into_iter().find(|room| (&*room.model, room.members) == ("epoll", 10));
    assert_eq!(epoll.expect("a room").deliveries, 5_000);
}

#[test]
fn each_prediction_has_an_answer_and_each_figure_a_mark_for_each_room() {
    let lesson = Chat::lesson(&measured(&trials()));
    for prediction in &lesson.predictions {
        assert!(!prediction.answers.is_empty(), "{}", prediction.question);
    }
    let first = &lesson.predictions[0].answers;
    assert!(!first.iter().any(|said| said.contains("under epoll")), "{first:?}");
    let ids: Vec<&str> = lesson.figures.iter().map(|figure| figure.id).collect();
    assert_eq!(ids, ["figure-fan-out-median", "figure-fan-out-p99", "figure-delivery-cpu"]);
    for figure in &lesson.figures {
        for model in MODELS {
            let marks = figure.drawing.svg.0.matches(&format!("<title>{model}, ")).count();
            assert_eq!(marks, SIZES.len(), "{model} in {}", figure.id);
        }
    }
}
