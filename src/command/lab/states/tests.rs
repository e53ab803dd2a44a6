//! The sentences, tested against made-up states.

use super::tree::{OfServer, Tree};
use super::watch::Change;
use super::{Measured, ObservedClient, Scenario, Side, States, sentences};
use crate::command::lab::lesson::Lab;

/// From when to when an end was in which state; the last time is when it was gone.
fn changes(states: &[(f64, &str)]) -> Vec<Change> {
    let of = |(at_s, state): &(f64, &str)| Change {
        at_s: *at_s,
        state: (!state.is_empty()).then(|| state.to_string()),
    };
    states.iter().map(of).collect()
}

fn client(answered_s: f64, own: &[(f64, &str)], server: &[(f64, &str)]) -> ObservedClient {
    ObservedClient {
        address: "127.0.0.1:5000".into(),
        connected_s: 0.001,
        answered_s,
        own: changes(own),
        server: changes(server),
    }
}

/// The server closes first, and one after the other; `gone_s` is when TIME_WAIT ended.
fn one_by_one(gone_s: Option<f64>) -> Scenario {
    let end = |at: f64| {
        let mut seen = vec![(0.01, "ESTABLISHED"), (at, "FIN_WAIT2"), (at + 0.6, "TIME_WAIT")];
        seen.extend(gone_s.map(|gone| (at + gone, "")));
        seen
    };
    let own = |at: f64| [(0.01, "ESTABLISHED"), (at, "CLOSE_WAIT"), (at + 0.6, "")];
    Scenario {
        model: "sequential".into(),
        closes_first: Side::Server,
        clients: vec![client(2.0, &own(2.0), &end(2.0)), client(4.0, &own(4.0), &end(4.0))],
        watched_until_s: gone_s.map_or(5.0, |gone| gone + 5.0),
    }
}

fn at_once() -> Scenario {
    let own = [(0.01, "ESTABLISHED"), (0.7, "FIN_WAIT2"), (2.0, "TIME_WAIT"), (62.1, "")];
    let server = [(0.01, "ESTABLISHED"), (0.7, "CLOSE_WAIT"), (2.0, "")];
    Scenario {
        model: "thread-per-client".into(),
        closes_first: Side::Client,
        clients: vec![client(2.0, &own, &server), client(2.0015, &own, &server)],
        watched_until_s: 62.1,
    }
}

fn measured(scenarios: Vec<Scenario>) -> Measured {
    let process = |pid, parent, threads: usize| OfServer {
        pid,
        parent,
        name: "c10k".into(),
        threads: vec!["client".into(); threads],
    };
    let trees = vec![
        Tree {
            server: "fork".into(),
            clients: 3,
            greeted: 3,
            processes: (5..9).map(|pid| process(pid, 5, 0)).collect(),
        },
        Tree {
            server: "thread-pool --workers 2".into(),
            clients: 3,
            greeted: 2,
            processes: vec![process(5, 1, 2)],
        },
    ];
    Measured { delay_s: 2.0, look_s: 0.01, scenarios, trees }
}

fn has(said: &[String], text: &str) -> bool {
    said.iter().any(|sentence| sentence.contains(text))
}

#[test]
fn who_waited_and_who_kept_time_wait_is_told_from_what_was_seen() {
    let said = sentences::states_sentences(&measured(vec![one_by_one(Some(60.6)), at_once()]));
    assert!(
        has(
            &said,
            "sequential, the server closes first: both connections were ESTABLISHED at the same time; the second date came 2.00 s after the first, with a delay of 2.00 s each: the second waited"
        ),
        "{said:#?}"
    );
    assert!(
        has(
            &said,
            "came 1.50 ms after the first, with a delay of 2.00 s each: both were served at once"
        ),
        "{said:#?}"
    );
    assert!(has(
        &said,
        "sequential, the server closes first: TIME_WAIT was on the server's side in 2 of 2 connections and on the client's in 0, the side that closed first."
    ));
    assert!(has(
        &said,
        "thread-per-client, the client closes first: TIME_WAIT was on the server's side in 0 of 2 connections and on the client's in 2, the side that closed first."
    ));
    assert!(has(&said, "TIME_WAIT lasted 60.0 s to 60.1 s in 4 connections"), "{said:#?}");
    assert!(has(
        &said,
        "the client's end was seen in ESTABLISHED, CLOSE_WAIT; the server's end in ESTABLISHED, FIN_WAIT2, TIME_WAIT."
    ));
    assert!(has(
        &said,
        "fork with 3 clients: 4 processes with 4 threads in all; 3 of the clients had been greeted."
    ));
    assert!(has(
        &said,
        "thread-pool --workers 2 with 3 clients: 1 process with 3 threads in all; 2 of"
    ));
}

#[test]
fn how_long_time_wait_stays_is_not_said_where_it_was_not_waited_for() {
    let said = sentences::states_sentences(&measured(vec![one_by_one(None)]));
    assert!(
        has(
            &said,
            "TIME_WAIT still lasted when the lab ended, 2.40 s after it began, so its duration is unknown. Linux's \
             constant for it is TCP_TIMEWAIT_LEN, 60 s."
        ),
        "{said:#?}"
    );
    assert!(!has(&said, "TIME_WAIT lasted"), "{said:#?}");
    let mut wrong = one_by_one(None);
    wrong.closes_first = Side::Client;
    let said = sentences::states_sentences(&measured(vec![wrong]));
    assert!(has(&said, "; closing first does not explain this"), "{said:#?}");
    let mut unseen = one_by_one(None);
    unseen.clients.iter_mut().for_each(|client| client.server.truncate(1));
    let said = sentences::states_sentences(&measured(vec![unseen]));
    assert!(has(&said, "no TIME_WAIT was seen on either side"), "{said:#?}");
    assert!(!has(&said, "was still there") && !has(&said, "stayed for"), "{said:#?}");
}

#[test]
fn each_prediction_has_an_answer_and_a_drawing_ends_soon_after_what_happened() {
    let lesson = States::lesson(&measured(vec![one_by_one(Some(60.6)), at_once()]));
    assert!(lesson.predictions.iter().all(|prediction| !prediction.answers.is_empty()));
    let svg = lesson.figures[0].drawing.svg.0.clone();
    assert!(svg.contains(">5 s<") && !svg.contains(">20 s<"), "{svg}");
    let table = &lesson.tables[0];
    let column = table.columns.iter().position(|c| c.name == "TIME_WAIT").expect("it was seen");
    assert_eq!(table.rows[1].entries[column].value, "60.0");
}

#[test]
fn what_came_last_is_within_its_drawing() {
    // The last client's TIME_WAIT began with the last look.
    let mut scenario = one_by_one(None);
    scenario.watched_until_s = 4.6;
    let lesson = States::lesson(&measured(vec![scenario]));
    let svg = &lesson.figures[0].drawing.svg.0;
    // 4.6 s and a fifth of that: the dates come at 2 s and 4 s of 5.52 s.
    assert!(svg.contains(&format!("cx=\"{:.3}%\"", 1.0 + 98.0 * 4.0 / 5.52)), "{svg}");
}
