//! The sentences, tested against made-up visits, and the lab's lines.

use super::{Attended, Measured, Message, Visit, seconds_in, tell};
use crate::command::lab::lesson::Lab;
use crate::command::lab::visitor::Waiting;

fn visit(connected_s: f64, greeted_s: f64, left_s: f64) -> Visit {
    Visit {
        address: "127.0.0.1:5000".into(),
        connecting_s: connected_s - 0.000_1,
        connected_s,
        greeted_s,
        messages: vec![Message { sent_s: greeted_s + 0.1, answered_s: greeted_s + 0.1002 }],
        bye_s: left_s - 0.001,
        left_s,
        by_server_s: Some(left_s - greeted_s),
    }
}

fn server(model: &str, visits: Vec<Visit>, queue: &[u32]) -> Attended {
    let queue = queue.iter().map(|n| Waiting { at_s: 0.0, connections: *n }).collect();
    Attended { model: model.into(), visits, queue }
}

fn both() -> Measured {
    let one = vec![visit(0.0, 0.001, 3.0), visit(0.4, 3.001, 6.0), visit(0.8, 6.002, 9.0)];
    let all = vec![visit(0.0, 0.001, 3.0), visit(0.4, 0.401, 3.4), visit(0.8, 0.801, 3.8)];
    let servers =
        vec![server("sequential", one, &[0, 1, 2, 1, 0]), server("thread-per-client", all, &[0])];
    Measured { servers }
}

fn has(said: &[String], text: &str) -> bool {
    said.iter().any(|sentence| sentence.contains(text))
}

#[test]
fn one_server_is_apparent_and_the_other_real_concurrency() {
    let said = tell::sentences(&both());
    let connected = "3 of 3 clients were connected at the same time, and";
    assert_eq!(
        said[0],
        format!(
            "sequential: {connected} 1 served at the same time: apparent concurrency (one client was served while \
             the others waited)."
        )
    );
    assert_eq!(
        said[1],
        format!(
            "thread-per-client: {connected} 3 served at the same time: real concurrency (all connected clients were served)."
        )
    );
    assert!(
        has(
            &said,
            "sequential: client 3 was connected within 100 us, waited in the kernel's queue, and was greeted 5.20 s \
             later, 3.00 ms after the previous client had said good-bye."
        ),
        "{said:#?}"
    );
    assert!(has(
        &said,
        "thread-per-client: client 3 was connected within 100 us and greeted 1.00 ms later."
    ));
    assert!(has(
        &said,
        "sequential: the kernel reported at most 2 connections waiting to be accepted"
    ));
    assert!(has(&said, "thread-per-client: no connection was seen waiting"));
    assert!(
        has(
            &said,
            "sequential: the visit of client 3 took 8.20 s by its own clock, and 3.00 s by the server's clock"
        ),
        "{said:#?}"
    );
    assert!(!has(&said, "thread-per-client: the visit of client 3"));
    assert!(
        has(&said, "after 9.00 s with sequential, and after 3.80 s with thread-per-client"),
        "{said:#?}"
    );
}

#[test]
fn what_the_visits_do_not_show_is_not_said() {
    // Each had left before the next one came.
    let apart = vec![visit(0.0, 0.001, 1.0), visit(2.0, 2.001, 3.0)];
    let said = tell::sentences(&Measured { servers: vec![server("sequential", apart, &[])] });
    assert!(
        has(&said, "1 of 2 clients were connected at the same time, and 1 served"),
        "{said:#?}"
    );
    assert!(has(&said, "did not overlap, so this run shows nothing"), "{said:#?}");
    assert!(!has(&said, "waited in the kernel's queue") && !has(&said, "apparent"), "{said:#?}");
    assert!(has(&said, "waiting to be accepted is unknown"), "{said:#?}");
    // Two of three at once: a pool of two.
    let pool = vec![visit(0.0, 0.001, 3.0), visit(0.4, 0.401, 3.4), visit(0.8, 3.001, 6.0)];
    let said = tell::sentences(&Measured { servers: vec![server("thread-pool", pool, &[1])] });
    assert!(
        has(&said, "and 2 served at the same time: some clients were served and some waited"),
        "{said:#?}"
    );
}

#[test]
fn each_prediction_has_an_answer() {
    let lesson = super::Concurrency::lesson(&both());
    assert!(lesson.predictions.iter().all(|prediction| !prediction.answers.is_empty()));
    assert_eq!((lesson.figures.len(), lesson.tables.len()), (2, 2));
}

#[test]
fn the_servers_own_time_is_read_from_its_line() {
    assert_eq!(
        seconds_in("Bye: you were connected since 2026-11-29 12:00:00, for 3.217 s"),
        Some(3.217)
    );
    assert_eq!(seconds_in("Bye: the server is closing"), None);
}
