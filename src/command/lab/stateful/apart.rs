//! The classroom's comparison taken apart: connecting's share of the extra cost of a stateless
//! server.
//!
//! The share is given as an interval, for each history and each life of connections separately,
//! because what holds without a history need not hold with one.

use super::noise::detectable;
use super::points::{CONNECTION, HISTORY, level_words};
use crate::analysis::metric::SERVER_CPU;
use crate::analysis::standings::away;
use crate::base::units::show_ns_f64;
use crate::document::{Decomposition, LabModel, LabNoise};
use crate::statistics::Interval;

/// "Most" means more than this share.
const HALF: f64 = 0.5;

/// The sentences about all models: whether connecting is most of the difference, and its share in
/// each case.
pub(super) fn of_all(models: &[LabModel], noise: Option<&LabNoise>) -> Vec<String> {
    let mut cases: Vec<(&str, &str)> = Vec::new();
    for taken in models.iter().flat_map(|model| &model.decompositions) {
        let case = (taken.connection.as_str(), taken.history.as_str());
        if !cases.contains(&case) {
            cases.push(case);
        }
    }
    let each = cases.iter().map(|case| in_case(models, *case, noise));
    mostly(models, noise).into_iter().chain(each).collect()
}

/// In how many cases connecting is most of the difference.
fn mostly(models: &[LabModel], noise: Option<&LabNoise>) -> Option<String> {
    let all = models.iter().flat_map(|model| &model.decompositions);
    let shares: Vec<Option<Interval>> = all.map(|taken| share(taken, noise)).collect();
    let count = |is: &dyn Fn(Interval) -> bool| {
        shares.iter().flatten().filter(|interval| is(**interval)).count()
    };
    let (most, less) = (count(&|i| i.low > HALF), count(&|i| i.high < HALF));
    let (all, unknown) = (shares.len(), shares.len() - most - less);
    let what = "of the extra server CPU of a stateless request";
    let with = "models, histories and connection lifetimes";
    match (all, most, less) {
        (0, ..) => None,
        (_, 0, 0) => Some(format!(
            "It is undecided whether connecting is most {what}, in all {all} cases ({with})."
        )),
        _ if most == all => Some(format!("Connecting is most {what} in all {all} cases ({with}).")),
        _ => {
            let counts = [(most, "most in"), (less, "less than half in"), (unknown, "unknown in")];
            let told: Vec<String> = counts
                .into_iter()
                .filter(|(n, _)| *n > 0)
                .map(|(n, words)| format!("{words} {n}"))
                .collect();
            Some(format!(
                "Whether connecting is most {what} depends on the history and the connection lifetime: of {all} \
                 cases ({with}) it is {}.",
                told.join(", ")
            ))
        }
    }
}

/// The share in each model, for one history and one life of connections.
fn in_case(
    models: &[LabModel],
    (connection, history): (&str, &str),
    noise: Option<&LabNoise>,
) -> String {
    let of = |model: &LabModel| {
        let is_it =
            |taken: &&Decomposition| taken.connection == connection && taken.history == history;
        let taken = model.decompositions.iter().find(is_it)?;
        Some(format!("{} in {}", share_words(share(taken, noise)), model.model))
    };
    let shares: Vec<String> = models.iter().filter_map(of).collect();
    format!(
        "{}: of the difference, connecting is {} (95 % intervals).",
        case(connection, history),
        shares.join(", ")
    )
}

/// A case in words, at the beginning of a sentence.
fn case(connection: &str, history: &str) -> String {
    format!("With {} and {}", level_words(CONNECTION, connection), level_words(HISTORY, history))
}

/// The interval of connecting's share; `None` where the difference may be 0 or is within the noise.
pub(super) fn share(taken: &Decomposition, noise: Option<&LabNoise>) -> Option<Interval> {
    let least = detectable(noise, SERVER_CPU.name).unwrap_or(0.0);
    let is_above = away(taken.stateless_ns / taken.stateful_ns) >= least;
    taken.connecting_share_interval.filter(|_| is_above && taken.connecting_share.is_some())
}

/// A share in words, limited to 0 % to 100 % whatever the interval.
pub(super) fn share_words(share: Option<Interval>) -> String {
    let Some(Interval { low, high }) = share else { return "unknown".into() };
    let (floor, ceiling) = ((low * 100.0).floor(), (high * 100.0).ceil());
    match (low, high) {
        (low, high) if low <= 0.0 && high >= 1.0 => "unknown".into(),
        (low, _) if low >= 1.0 => "all".into(),
        (_, high) if high <= 0.0 => "none".into(),
        (_, high) if high >= 1.0 => format!("{floor:.0} % or more"),
        (low, _) if low <= 0.0 => format!("{ceiling:.0} % or less"),
        _ => format!("{:.0} % to {:.0} %", low * 100.0, high * 100.0),
    }
}

/// The sentences about one model, case by case.
pub(super) fn differences(model: &LabModel, noise: Option<&LabNoise>) -> Vec<String> {
    model.decompositions.iter().map(|taken| taken_apart(&model.model, taken, noise)).collect()
}

fn taken_apart(model: &str, taken: &Decomposition, noise: Option<&LabNoise>) -> String {
    let Decomposition { connection, history, whole, .. } = taken;
    let connections = level_words(CONNECTION, connection);
    let history = level_words(HISTORY, history);
    let name = format!("{model}, {history}");
    let Some(share) = share(taken, noise) else {
        return format!(
            "{name}: it is undecided whether a stateless request, {connections}, costs the server more CPU than a \
             stateful one over a kept connection: the difference is {}.",
            time(whole.ns, whole.interval)
        );
    };
    let more = if whole.ns > 0.0 { "more" } else { "less" };
    let turned = if whole.ns > 0.0 {
        whole.interval
    } else {
        Interval { low: -whole.interval.high, high: -whole.interval.low }
    };
    format!(
        "{name}: a stateless request, {connections}, costs the server {} {more} CPU than a stateful one over a kept \
         connection. Connecting is {} of that difference.",
        time(whole.ns.abs(), turned),
        share_words(Some(share))
    )
}

fn time(ns: f64, interval: Interval) -> String {
    let [ns, low, high] = [ns, interval.low, interval.high].map(signed_ns);
    format!("{ns} [{low}, {high}]")
}

/// A time that may be negative.
fn signed_ns(ns: f64) -> String {
    if ns <= -0.5 { format!("-{}", show_ns_f64(-ns)) } else { show_ns_f64(ns.max(0.0)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_told_by_its_interval_and_never_beyond_the_whole() {
        let words = |low, high| share_words(Some(Interval { low, high }));
        assert_eq!(words(0.97, 1.07), "97 % or more");
        assert_eq!(words(0.996, 1.01), "99 % or more", "down, as it is a bound");
        assert_eq!(words(0.59, 0.84), "59 % to 84 %");
        assert_eq!(words(-0.11, 0.405), "41 % or less", "up, as it is a bound");
        assert_eq!(words(-5.31, 3.52), "unknown");
        assert_eq!(words(1.01, 1.02), "all");
        assert_eq!(words(-0.3, -0.1), "none");
        assert_eq!(share_words(None), "unknown");
    }
}
