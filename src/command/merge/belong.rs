//! Whether documents are the parts of one load.

use serde_json::{Value, json};

use super::{Named, on_the_clock_of_part_0, sum};
use crate::base::units::show_ns;
use crate::document::{StartBy, Trial};

/// Generators that begin further apart than this share of the measurement did not load the server
/// together.
const APART_MAX_SHARE: u64 = 10;

/// A field by its place in the document, and its value.
type Field = (&'static str, fn(&Trial) -> Value);

/// Fields that must be equal.
const SAME: [Field; 18] = [
    ("schema", |trial| json!(trial.schema)),
    ("run.program_version", |trial| json!(trial.run.program_version)),
    ("run.seed", |trial| json!(trial.run.seed)),
    ("target.address", |trial| json!(trial.target.address)),
    ("load.app", |trial| json!(trial.load.app)),
    ("load.framing", |trial| json!(trial.load.framing)),
    ("load.request", |trial| json!(trial.load.request)),
    ("load.arrivals", |trial| json!(trial.load.arrivals)),
    ("load.request_timeout_ns", |trial| json!(trial.load.request_timeout_ns)),
    ("load.greeting", |trial| json!(trial.load.greeting)),
    ("load.conduct", |trial| {
        // Each generator has its own source addresses and connections beside the load.
        let conduct = trial.load.conduct.as_ref();
        json!(conduct.map(|conduct| (
            conduct.requests_per_connection,
            conduct.lifetime_ns,
            conduct.pipeline,
            conduct.think_time,
        )))
    }),
    ("load.shard.of", |trial| json!(trial.load.shard.as_ref().map(|shard| shard.of))),
    ("load.shard.start", |trial| json!(met_at(trial))),
    ("client.engine", |trial| json!(trial.client.engine)),
    ("client.pacing.kind", |trial| json!(trial.client.pacing.as_ref().map(|pacing| pacing.kind))),
    ("phases.warmup_ns", |trial| json!(trial.phases.warmup_ns)),
    ("phases.measure_ns", |trial| json!(trial.phases.measure_ns)),
    ("intervals", |trial| json!(sum::slice_ns(trial))),
];

/// The start that its meeting agreed on, which no other meeting has; of a sum that of its parts.
fn met_at(trial: &Trial) -> Option<u64> {
    let own = trial.load.shard.as_ref().and_then(|shard| shard.start);
    let start = own.or_else(|| trial.merged.first().and_then(|part| part.start))?;
    (start.by == StartBy::Rendezvous).then_some(start.at_unix_ns)
}

/// The parts that a document has.
pub(super) fn parts(trial: &Trial) -> &[u64] {
    trial.load.shard.as_ref().map_or(&[], |shard| &shard.parts)
}

/// Why documents cannot be added up: all that is wrong, each with its file.
pub(super) fn strangers(documents: &[Named]) -> Vec<String> {
    let mut wrong: Vec<String> = documents.iter().filter_map(unfit).collect();
    if !wrong.is_empty() {
        return wrong;
    }
    wrong.extend(others(documents));
    wrong.extend(doubled(documents));
    wrong.extend(documents.iter().filter_map(set));
    if wrong.is_empty() { late(documents) } else { wrong }
}

/// What no document may be.
fn unfit(one: &Named) -> Option<String> {
    let Named { name, trial } = one;
    if trial.load.shard.is_none() {
        return Some(format!(
            "{name}: load.shard: it is not part of a load; make parts with c10k load --shard 0/N, 1/N and so on, or \
             with a launcher"
        ));
    }
    if trial.sums.is_none() {
        return Some(format!(
            "{name}: sums: a document of an earlier version has only means, which cannot be added; \
             measure again"
        ));
    }
    trial
        .server
        .is_some()
        .then(|| format!("{name}: server: it contains a server's accounts, which cannot be merged"))
}

/// Documents of another load than the one that most are of.
fn others(documents: &[Named]) -> Vec<String> {
    let mut wrong = Vec::new();
    for (field, value) in SAME {
        let values: Vec<Value> = documents.iter().map(|one| value(&one.trial)).collect();
        let votes = |mine: &Value| values.iter().filter(|other| *other == mine).count();
        // Of as many for one as for another, the first; the maximum would be the last.
        let Some(usual) = (0..values.len()).rev().max_by_key(|at| votes(&values[*at])) else {
            continue;
        };
        for (one, mine) in documents.iter().zip(&values) {
            if *mine == values[usual] {
                continue;
            }
            let what = match field {
                "schema" | "run.program_version" => "it is from another version",
                "load.shard.start" => "it belongs to other parts, which met at another time",
                _ => "it belongs to another load",
            };
            wrong.push(format!(
                "{}: {what}: {field} is {mine}, and {} in {}",
                one.name, values[usual], documents[usual].name
            ));
        }
    }
    wrong
}

/// Parts that are there twice.
fn doubled(documents: &[Named]) -> Vec<String> {
    let mut seen = std::collections::BTreeMap::new();
    let mut wrong = Vec::new();
    for one in documents {
        for part in parts(&one.trial) {
            if let Some(before) = seen.insert(*part, &one.name) {
                wrong
                    .push(format!("{}: part {part} is there twice: {before} has it too", one.name));
            }
        }
    }
    wrong
}

/// When a part began whose clock was set is not known.
fn set(one: &Named) -> Option<String> {
    let by = one.trial.load.shard.as_ref()?.start?.jumped_ns?;
    Some(format!(
        "{}: the clock of part {} was set {} by {} during the load, so it did not begin with the others: measure again",
        one.name,
        parts(&one.trial).first().copied().unwrap_or(0),
        if by < 0 { "back" } else { "forward" },
        show_ns(by.unsigned_abs())
    ))
}

/// Parts that began so long after the first that they did not load the server with it.
fn late(documents: &[Named]) -> Vec<String> {
    let began = |one: &Named| {
        let trial = on_the_clock_of_part_0(one.trial.clone());
        trial.sums.map_or(0, |sums| sums.began_unix_ns)
    };
    let began: Vec<u64> = documents.iter().map(began).collect();
    let first = began.iter().min().copied().unwrap_or(0);
    let measure = documents.iter().map(|one| one.trial.phases.measure_ns).max().unwrap_or(0);
    let late =
        documents.iter().zip(began).filter(|(_, began)| began - first > measure / APART_MAX_SHARE);
    late.map(|(one, began)| {
        format!(
            "{}: part {} is late: its measurement began {} after the first, and lasts {}: start all parts together, \
             with --start-at or --rendezvous",
            one.name,
            parts(&one.trial).first().copied().unwrap_or(0),
            show_ns(began - first),
            show_ns(measure)
        )
    })
    .collect()
}
