//! What the numbers of a lab allow to say. A rule makes a sentence or none; what cannot be told is
//! said to be so.

use super::points::{CONNECTION, FIGURES, HISTORY, HOME, KEPT, figure_words};
use crate::document::{DesignRecord, EffectRecord, LabModel, LabSessions};
use crate::metric::MARGIN;
use crate::statistics::Interval;
use crate::units::{show_bytes, show_ns_f64};

/// Fewer blocks than this see large effects only.
const BLOCKS_FEW: usize = 5;

/// All sentences: of all models first, then of each.
pub(super) fn of(models: &[LabModel], sessions: &[LabSessions]) -> Vec<String> {
    let mut said: Vec<String> = [in_every_model(models), arithmetic(sessions), few_blocks(models)]
        .into_iter()
        .flatten()
        .collect();
    for model in models {
        said.extend(of_model(model));
    }
    said
}

/// Whether a sentence is of this model alone.
pub(super) fn is_of(model: &LabModel, sentence: &str) -> bool {
    sentence.strip_prefix(&model.model).is_some_and(|rest| rest.starts_with([':', ',']))
}

fn of_model(model: &LabModel) -> Vec<String> {
    let name = &model.model;
    let mut said = Vec::new();
    said.extend(taken_apart(model));
    for figure in &FIGURES {
        let what = &figure_words(figure.name);
        // Of several designs the last one has all homes.
        let mut designs = model.designs.iter().filter(|design| design.metric == figure.name);
        let Some(first) = designs.next() else { continue };
        let homes = designs.next().unwrap_or(first);
        for effect in first.effects.iter().filter(|effect| effect.factor == CONNECTION) {
            said.push(format!("{name}: {}", effect_words(effect, "connections", what)));
        }
        let while_kept = homes.factors[0].levels == [KEPT];
        for effect in homes.effects.iter().filter(|effect| effect.factor == HOME) {
            let kept = if while_kept { ", while connections are kept" } else { "" };
            said.push(format!("{name}{kept}: {}", effect_words(effect, "state", what)));
        }
        for effect in first.effects.iter().filter(|effect| effect.factor == HISTORY) {
            said.push(format!("{name}: {}", effect_words(effect, "a history of", what)));
        }
        said.extend(explained(name, what, first));
    }
    said.extend(memory(model));
    said
}

/// The one sentence that answers the question.
fn in_every_model(models: &[LabModel]) -> Option<String> {
    let taken: Vec<_> = models.iter().filter_map(|model| model.decomposition.as_ref()).collect();
    let shares: Vec<(f64, Interval)> = taken
        .iter()
        .filter_map(|taken| Some((taken.connecting_share?, taken.connecting_share_interval?)))
        .collect();
    if taken.is_empty() {
        return None;
    }
    let mostly = shares.iter().filter(|(_, interval)| interval.low > 0.5).count();
    let percent = shares.iter().map(|(share, _)| share * 100.0);
    let (low, high) =
        (percent.clone().fold(f64::INFINITY, f64::min), percent.fold(f64::NEG_INFINITY, f64::max));
    Some(if mostly == 0 {
        "These data do not tell whether connecting is most of what a stateless request costs the server \
         beyond a stateful one."
            .into()
    } else if mostly == taken.len() {
        format!(
            "In every model here most of what a stateless request costs the server beyond a stateful \
             one is connecting: {low:.0} % to {high:.0} % of the difference in CPU."
        )
    } else {
        format!(
            "In {mostly} of {} models these data show that most of what a stateless request costs the \
             server beyond a stateful one is connecting; in the others they do not tell.",
            taken.len()
        )
    })
}

fn taken_apart(model: &LabModel) -> Option<String> {
    let taken = model.decomposition.as_ref()?;
    let name = &model.model;
    let whole = &taken.whole;
    let (Some(share), Some(of_share)) = (taken.connecting_share, taken.connecting_share_interval)
    else {
        return Some(format!(
            "{name}: whether a stateless request over a connection of its own costs the server more \
             CPU than a stateful one over a kept connection cannot be told: the difference is {}.",
            time(whole.ns, whole.interval)
        ));
    };
    let more = if whole.ns > 0.0 { "more" } else { "less" };
    let turned = if whole.ns > 0.0 {
        whole.interval
    } else {
        Interval { low: -whole.interval.high, high: -whole.interval.low }
    };
    Some(format!(
        "{name}: a stateless request over a connection of its own costs the server {} {more} CPU than a \
         stateful one over a kept connection. Of that difference {} is connecting, and {:.0} % is \
         where the state is kept.",
        time(whole.ns.abs(), turned),
        percent(share, of_share),
        (1.0 - share) * 100.0
    ))
}

fn effect_words(effect: &EffectRecord, subject: &str, what: &str) -> String {
    let EffectRecord { level, against, ratio, interval, .. } = effect;
    let (make, change, does) = if subject == "connections" {
        ("make", "change", "do")
    } else {
        ("makes", "changes", "does")
    };
    let subject = match subject {
        "connections" => format!("connections {level} against {against}"),
        "state" => format!("{} against {}", home_words(level), home_words(against)),
        other => format!("{other} {level} against {against}"),
    };
    let times = format!("{ratio:.2} times [{:.2}, {:.2}]", interval.low, interval.high);
    match tell(*interval) {
        Told::More | Told::Less => format!("{subject} {make} {what} {times} as large."),
        Told::Same => {
            format!("{subject} {change} {what} by less than {:.0} %: {times}.", MARGIN * 100.0)
        }
        Told::Nothing => {
            format!("what {subject} {does} to {what} cannot be told from these trials: {times}.")
        }
    }
}

/// A home of the state in words.
pub(super) fn home_words(home: &str) -> String {
    match home {
        "none" => "state that the request carries".into(),
        "connection" => "state in the connection".into(),
        "table" => "state in a table".into(),
        "client" => "state in a signed token".into(),
        "client, key in a file" => "state in a token signed with a key that is kept".into(),
        "external" => "state in an external store".into(),
        other => format!("state in {other}"),
    }
}

/// What an interval of a ratio tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    More,
    Less,
    Same,
    Nothing,
}

fn tell(interval: Interval) -> Told {
    // A difference that is too small to matter is none, however sure it is.
    if interval.low > 1.0 / (1.0 + MARGIN) && interval.high < 1.0 + MARGIN {
        Told::Same
    } else if interval.low > 1.0 {
        Told::More
    } else if interval.high < 1.0 {
        Told::Less
    } else {
        Told::Nothing
    }
}

fn explained(model: &str, what: &str, design: &DesignRecord) -> Option<String> {
    let shares: Vec<String> = design
        .shares
        .iter()
        .filter(|share| share.share >= 0.005)
        .map(|share| format!("{} {:.0} %", share.source, share.share * 100.0))
        .collect();
    let text = shares.join(", ");
    (!shares.is_empty()).then(|| format!("{model}: what explains how much {what} varies: {text}."))
}

fn memory(model: &LabModel) -> Vec<String> {
    let least = model.memory.iter().find(|memory| memory.home == "none");
    let mut said = Vec::new();
    for memory in &model.memory {
        let (low, high) = (memory.interval.low, memory.interval.high);
        let beyond =
            least.filter(|_| memory.home != "none" && memory.history == least_history(model));
        let apart = beyond.filter(|least| low > least.interval.high);
        let than = match (beyond, apart) {
            (_, Some(_)) => ", more than a client without state takes",
            (Some(_), None) => ", which cannot be told from a client without state",
            _ => "",
        };
        said.push(format!(
            "{}: each further client with {} and a history of {} takes {} [{}, {}] of memory{than}.",
            model.model,
            home_words(&memory.home),
            memory.history,
            signed_bytes(memory.bytes),
            signed_bytes(low),
            signed_bytes(high)
        ));
    }
    said
}

/// The history of the first entry without state: what others are compared at.
fn least_history(model: &LabModel) -> &str {
    let least = model.memory.iter().find(|memory| memory.home == "none");
    least.map_or("", |memory| &memory.history)
}

fn arithmetic(sessions: &[LabSessions]) -> Option<String> {
    if sessions.is_empty() {
        return None;
    }
    let sum = |of: fn(&LabSessions) -> u64| sessions.iter().map(of).sum::<u64>();
    let (completed, lost, wrong) = (sum(|s| s.completed), sum(|s| s.lost), sum(|s| s.wrong));
    let right = if wrong == 0 { "all totals were right" } else { "NOT all totals were right" };
    Some(format!(
        "Of {completed} sessions that came to their end {right} ({wrong} wrong replies); {lost} sessions \
         were lost on the way."
    ))
}

fn few_blocks(models: &[LabModel]) -> Option<String> {
    let blocks =
        models.iter().flat_map(|model| &model.designs).map(|design| design.blocks).min()?;
    (blocks < BLOCKS_FEW).then(|| {
        format!(
            "These are {blocks} blocks: enough for large effects only, and intervals are wide. They are \
             not adjusted for how many there are."
        )
    })
}

fn time(ns: f64, interval: Interval) -> String {
    let [ns, low, high] = [ns, interval.low, interval.high].map(signed_ns);
    format!("{ns} [{low}, {high}]")
}

/// A time that may be less than nothing.
pub(super) fn signed_ns(ns: f64) -> String {
    if ns <= -0.5 { format!("-{}", show_ns_f64(-ns)) } else { show_ns_f64(ns.max(0.0)) }
}

/// A size that may be less than nothing.
pub(super) fn signed_bytes(bytes: f64) -> String {
    if bytes < 0.0 { format!("-{}", show_bytes(-bytes)) } else { show_bytes(bytes) }
}

pub(super) fn percent(share: f64, interval: Interval) -> String {
    let Interval { low, high } = interval;
    format!("{:.0} % [{:.0} %, {:.0} %]", share * 100.0, low * 100.0, high * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_tells_more_less_the_same_or_nothing() {
        let told = |low, high| tell(Interval { low, high });
        assert_eq!(told(1.2, 1.4), Told::More);
        assert_eq!(told(0.5, 0.9), Told::Less);
        assert_eq!(told(0.97, 1.04), Told::Same);
        assert_eq!(told(1.001, 1.01), Told::Same, "sure, and too small to matter");
        assert_eq!(told(0.9, 1.3), Told::Nothing);
    }
}
