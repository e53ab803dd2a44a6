//! The classroom's comparison, tested against truths in which the answer depends on the history and
//! on the life of connections.

use super::{lab, made_up};
use crate::command::lab::stateful::{analysis, noise, sentences};
use crate::document::{Cell, Estimate};

/// What carrying a history there and back costs a request in this truth, block by block.
const CARRYING_NS: [f64; 4] = [8_100.0, 9_900.0, 9_000.0, 9_450.0];

/// A lab in which a request that carries its state pays for its history.
fn carried(model: &str) -> Vec<Cell> {
    let mut cells = lab(model);
    for cell in &mut cells {
        let is = |text: &str| cell.factors.iter().any(|factor| factor.text == text);
        if is("none") && is("4096") {
            let cpu = cell.server_cpu_per_request_ns.as_ref().expect("known");
            let cpu: Vec<f64> =
                cpu.values.iter().zip(CARRYING_NS).map(|(cpu, more)| cpu + more).collect();
            cell.server_cpu_per_request_ns = Estimate::from_values(&cpu);
        }
    }
    cells
}

#[test]
fn the_classrooms_difference_is_taken_apart_in_every_case() {
    let models = analysis::models(&made_up(lab("epoll")));
    let cases: Vec<(&str, &str)> = models[0]
        .decompositions
        .iter()
        .map(|taken| (taken.connection.as_str(), taken.history.as_str()))
        .collect();
    let (each, ten) = ("one per request", "every 10 requests");
    assert_eq!(cases, [(each, "0 B"), (each, "4.00 KiB"), (ten, "0 B"), (ten, "4.00 KiB")]);
    for (taken, connecting) in models[0].decompositions.iter().zip([20e3, 20e3, 2e3, 2e3]) {
        let share = taken.connecting_share.expect("a difference");
        assert!((share - connecting / (connecting - 100.0)).abs() < 1e-9, "{share}");
        assert!((taken.keeping.ns + taken.connecting.ns - taken.whole.ns).abs() < 1e-6);
    }
    let said = sentences::stateful_sentences(&models, &[], None);
    let headline =
        "Connecting is most of the extra server CPU of a stateless request in all 4 cases";
    assert!(said[0].starts_with(headline), "{said:#?}");
    assert!(said.iter().any(|s| s.starts_with("4 blocks detect only large effects")), "{said:#?}");
    assert!(!said[..5].iter().any(|s| s.contains("101")), "no share beyond the whole: {said:#?}");
}

#[test]
fn a_history_that_is_carried_is_no_connecting_and_the_headline_says_so() {
    let models = analysis::models(&made_up(carried("epoll")));
    let said = sentences::stateful_sentences(&models, &[], None);
    let depends = "depends on the history and the connection lifetime: of 4 cases";
    assert!(said[0].contains(depends), "{said:#?}");
    assert!(said[0].ends_with("it is most in 3, less than half in 1."), "{said:#?}");
    let case = |start: &str| said.iter().find(|s| s.starts_with(start)).expect("a case").clone();
    let without = case("With connections one per request and no history: ");
    assert!(without.contains("connecting is all in epoll (95 % intervals)"), "{without}");
    // 20 us of 29.0 us, and 2 us of 11.0 us, within what carrying varies by.
    let with = case("With connections one per request and a history of 4.00 KiB: ");
    assert!(with.contains("67 % to 72 % in epoll"), "{with}");
    let rarely = case("With connections every 10 requests and a history of 4.00 KiB: ");
    assert!(rarely.contains("16 % to 20 % in epoll"), "{rarely}");
    // What a connection and a history do together is less than both alone would.
    let together =
        "epoll: connections one per request and a history of 4.00 KiB together make server CPU";
    assert!(said.iter().any(|s| s.starts_with(together)), "{said:#?}");
}

#[test]
fn what_equal_cells_differ_by_is_no_share() {
    let mut cells = lab("epoll");
    let mut twin = cells[0].clone();
    twin.twin = true;
    let cpu = twin.server_cpu_per_request_ns.as_ref().expect("known");
    let more: Vec<f64> = cpu.values.iter().map(|ns| 1.5 * ns).collect();
    twin.server_cpu_per_request_ns = Estimate::from_values(&more);
    cells.push(twin);
    let summary = made_up(cells);
    let (models, noise) = (analysis::models(&summary), noise::lab_noise(&summary));
    let said = sentences::stateful_sentences(&models, &[], noise.as_ref());
    // Ten requests over a connection cost 1.4 times as much, which equal cells differ by too.
    assert!(said[0].ends_with("it is most in 2, unknown in 2."), "{said:#?}");
}
