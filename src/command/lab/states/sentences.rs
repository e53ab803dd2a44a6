//! The conclusions of the lab "states", about both ends and about servers, as sentences.

use super::tree::Tree;
use super::watch::Change;
use super::{Measured, ObservedClient, Scenario, Side};
use crate::base::units::show_ns_f64;

pub(super) const TIME_WAIT: &str = "TIME_WAIT";
pub(super) const ESTABLISHED: &str = "ESTABLISHED";
/// Linux's name for the time that it keeps a connection in TIME_WAIT (include/net/tcp.h), and its
/// value.
const CONSTANT: &str = "TCP_TIMEWAIT_LEN, 60 s";

/// The side that closes first, in words.
pub(super) fn title(scenario: &Scenario) -> String {
    let side = match scenario.closes_first {
        Side::Server => "server",
        Side::Client => "client",
    };
    format!("{}, the {side} closes first", scenario.model)
}

/// The conclusions from the observations.
pub(super) fn states_sentences(measured: &Measured) -> Vec<String> {
    let scenarios = || measured.scenarios.iter();
    let mut said: Vec<String> = scenarios().map(|s| served(s, measured.delay_s)).collect();
    said.extend(scenarios().map(kept));
    said.extend(stayed(measured));
    said.extend(scenarios().filter_map(ways));
    said.extend(measured.trees.iter().map(consists));
    said
}

/// From when to when an end was in a state, where it was; until the last look where it still is.
pub(super) fn in_state(changes: &[Change], state: &str, until_s: f64) -> Option<(f64, f64)> {
    let at = changes.iter().position(|change| change.state.as_deref() == Some(state))?;
    Some((changes[at].at_s, changes.get(at + 1).map_or(until_s, |next| next.at_s)))
}

fn served(scenario: &Scenario, delay_s: f64) -> String {
    let title = title(scenario);
    let [first, .., last] = &scenario.clients[..] else {
        return format!("{title}: fewer than two clients connected, so this run shows nothing.");
    };
    let open =
        |client: &ObservedClient| in_state(&client.server, ESTABLISHED, scenario.watched_until_s);
    let together = match (open(first), open(last)) {
        (Some(a), Some(b)) if a.0.max(b.0) < a.1.min(b.1) => "were ESTABLISHED at the same time",
        _ => "were not seen ESTABLISHED at the same time",
    };
    let gap = last.answered_s - first.answered_s;
    let so = if gap >= delay_s / 2.0 {
        "the second waited while the first was served"
    } else {
        "both were served at once"
    };
    format!(
        "{title}: both connections {together}; the second date came {} after the first, with a delay of {} each: {so}.",
        time(gap),
        time(delay_s)
    )
}

/// On which side TIME_WAIT was.
fn kept(scenario: &Scenario) -> String {
    let has = |changes: &[Change]| changes.iter().any(|c| c.state.as_deref() == Some(TIME_WAIT));
    let count =
        |of: &dyn Fn(&ObservedClient) -> bool| scenario.clients.iter().filter(|c| of(c)).count();
    let (own, server) = (count(&|c| has(&c.own)), count(&|c| has(&c.server)));
    let (title, all) = (title(scenario), scenario.clients.len());
    match (own, server) {
        (0, 0) => format!("{title}: no TIME_WAIT was seen on either side."),
        (own, server) => {
            let expected = match scenario.closes_first {
                Side::Server => server == all && own == 0,
                Side::Client => own == all && server == 0,
            };
            let so = if expected {
                ", the side that closed first"
            } else {
                "; closing first does not explain this"
            };
            format!(
                "{title}: TIME_WAIT was on the server's side in {server} of {all} connections and on the client's in {own}{so}."
            )
        }
    }
}

/// How long TIME_WAIT stayed, or that it was not waited for.
fn stayed(measured: &Measured) -> Option<String> {
    let (mut ended, mut left): (Vec<f64>, Vec<f64>) = (Vec::new(), Vec::new());
    for scenario in &measured.scenarios {
        let ends = scenario.clients.iter().flat_map(|client| [&client.own, &client.server]);
        for end in ends {
            let Some((from, to)) = in_state(end, TIME_WAIT, scenario.watched_until_s) else {
                continue;
            };
            let has_ended = end.last().is_some_and(|change| change.state.is_none());
            if has_ended { ended.push(to - from) } else { left.push(to - from) }
        }
    }
    let low = |of: &[f64]| of.iter().copied().fold(f64::INFINITY, f64::min);
    let high = |of: &[f64]| of.iter().copied().fold(0.0, f64::max);
    match (&ended[..], &left[..]) {
        ([], []) => None,
        ([], left) => Some(format!(
            "TIME_WAIT still lasted when the lab ended, {} after it began, so its duration is unknown. Linux's \
             constant for it is {CONSTANT}.",
            time(high(left))
        )),
        (ended, left) => {
            let rest = if left.is_empty() {
                String::new()
            } else {
                format!(" In {} more it still lasted when the lab ended.", left.len())
            };
            Some(format!(
                "TIME_WAIT lasted {} to {} in {} connections. Samples are a tenth of a second apart; Linux's \
                 constant for TIME_WAIT is {CONSTANT}.{rest}",
                time(low(ended)),
                time(high(ended)),
                ended.len()
            ))
        }
    }
}

/// Through which states the ends of the first client's connection went.
fn ways(scenario: &Scenario) -> Option<String> {
    let client = scenario.clients.first()?;
    let way = |changes: &[Change]| {
        let states: Vec<&str> = changes.iter().filter_map(|c| c.state.as_deref()).collect();
        states.join(", ")
    };
    Some(format!(
        "{}: the client's end was seen in {}; the server's end in {}.",
        title(scenario),
        way(&client.own),
        way(&client.server)
    ))
}

pub(super) fn threads(tree: &Tree) -> usize {
    tree.processes.iter().map(|process| 1 + process.threads.len()).sum()
}

fn consists(tree: &Tree) -> String {
    let many = |n: usize, one: &str, many: &str| format!("{n} {}", if n == 1 { one } else { many });
    format!(
        "{} with {} clients: {} with {} in all; {} of the clients had been greeted.",
        tree.server,
        tree.clients,
        many(tree.processes.len(), "process", "processes"),
        many(threads(tree), "thread", "threads"),
        tree.greeted
    )
}

pub(super) fn time(s: f64) -> String {
    show_ns_f64((s * 1e9).max(0.0))
}
