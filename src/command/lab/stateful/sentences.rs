//! The conclusions of the lab, as sentences. Each rule makes at most one sentence, and says so if
//! the data decide nothing.

use super::apart;
use super::noise::{self, detectable};
use super::points::{
    CLIENTS, CONNECTION, FIGURES, HISTORY, HOME, figure_words, home_words, level_words,
};
use crate::analysis::metric::MARGIN;
use crate::base::units::show_bytes;
use crate::command::lab::told::{Told, tell, times};
use crate::document::{
    ClientMemory, DesignRecord, EffectRecord, InteractionRecord, LabModel, LabNoise, LabSessions,
};
use crate::statistics::Interval;

/// Fewer blocks than this detect only large effects.
const BLOCKS_FEW: usize = 5;

/// All sentences: of all models first, then of each.
pub(super) fn stateful_sentences(
    models: &[LabModel],
    sessions: &[LabSessions],
    noise: Option<&LabNoise>,
) -> Vec<String> {
    let of_all = [arithmetic(sessions), few_blocks(models)].into_iter().flatten();
    let mut said = apart::of_all(models, noise);
    said.extend(of_all.chain(noise::sentences(noise)));
    for model in models {
        said.extend(of_model(model, noise));
    }
    said
}

/// Whether a sentence is of this model alone.
pub(super) fn is_of(model: &LabModel, sentence: &str) -> bool {
    sentence.strip_prefix(&model.model).is_some_and(|rest| rest.starts_with([':', ',']))
}

fn of_model(model: &LabModel, noise: Option<&LabNoise>) -> Vec<String> {
    let name = &model.model;
    let mut said = Vec::new();
    said.extend(apart::differences(model, noise));
    for figure in &FIGURES {
        let told =
            Teller { what: figure_words(figure.name), least: detectable(noise, figure.name) };
        let what = &told.what;
        let all = || model.designs.iter().filter(|design| design.metric == figure.name);
        // Of several designs the last one has all homes.
        let mut designs = all().filter(|design| !design.is_of_clients());
        if let Some(first) = designs.next() {
            let homes = designs.next().unwrap_or(first);
            for effect in first.effects.iter().filter(|effect| effect.factor == CONNECTION) {
                said.push(format!("{name}: {}", told.effect(effect, "connections")));
            }
            let kept = if homes.is_of_kept() { ", while connections are kept" } else { "" };
            for effect in homes.effects.iter().filter(|effect| effect.factor == HOME) {
                said.push(format!("{name}{kept}: {}", told.effect(effect, "state")));
            }
            for effect in first.effects.iter().filter(|effect| effect.factor == HISTORY) {
                said.push(format!("{name}: {}", told.effect(effect, "a history of")));
            }
            let others = |found: &InteractionRecord| !found.factors.iter().any(|f| f == CLIENTS);
            said.extend(told.together(name, first, others, "each other's level"));
            said.extend(explained(name, what, first));
        }
        said.extend(
            all()
                .find(|design| design.is_of_clients())
                .map(|design| told.clients(name, design))
                .unwrap_or_default(),
        );
    }
    said.extend(memory(model, noise::bytes(noise)));
    said
}

/// Writes sentences about effects on a figure.
struct Teller {
    /// The figure.
    what: String,
    /// The smallest difference that is no noise, as a share.
    least: Option<f64>,
}

impl Teller {
    fn effect(&self, effect: &EffectRecord, subject: &str) -> String {
        let EffectRecord { level, against, ratio, interval, .. } = effect;
        let words = match subject {
            "connections" => format!("connections {level} against {against}"),
            "state" => format!("{} against {}", home_words(level), home_words(against)),
            CLIENTS => format!("clients, {level} against {against},"),
            other => format!("{other} {level} against {against}"),
        };
        self.say(&words, ["connections", CLIENTS].contains(&subject), *ratio, *interval)
    }

    fn say(&self, subject: &str, are_many: bool, ratio: f64, interval: Interval) -> String {
        let what = &self.what;
        let (make, change) = if are_many { ("make", "change") } else { ("makes", "changes") };
        let times = times(ratio, interval);
        match tell(ratio, interval, self.least) {
            Told::More | Told::Less => format!("{subject} {make} {what} {times} as large."),
            Told::Same => {
                format!("{subject} {change} {what} by less than {:.0} %: {times}.", MARGIN * 100.0)
            }
            Told::Noise => {
                format!("the effect of {subject} on {what} is within the A/A noise floor: {times}.")
            }
            Told::Nothing => {
                format!("the effect of {subject} on {what} is undecided: {times}.")
            }
        }
    }

    /// The effect of the number of clients, and the effects that depend on it.
    fn clients(&self, model: &str, design: &DesignRecord) -> Vec<String> {
        let own = design.effects.iter().filter(|effect| effect.factor == CLIENTS);
        let mut said: Vec<String> =
            own.map(|effect| format!("{model}: {}", self.effect(effect, CLIENTS))).collect();
        let with = |found: &InteractionRecord| found.factors.iter().any(|f| f == CLIENTS);
        said.extend(self.together(model, design, with, "the number of clients"));
        said
    }

    /// The joint effect of two levels, where it surely differs from the product of both.
    fn together(
        &self,
        model: &str,
        design: &DesignRecord,
        is_wanted: impl Fn(&InteractionRecord) -> bool,
        on: &str,
    ) -> Vec<String> {
        let what = &self.what;
        let wanted: Vec<_> = design.interactions.iter().filter(|one| is_wanted(one)).collect();
        let is_told = |found: &&&InteractionRecord| {
            matches!(tell(found.ratio, found.interval, self.least), Told::More | Told::Less)
        };
        let words = |found: &InteractionRecord, at: usize| {
            level_words(&found.factors[at], &found.levels[at])
        };
        let told: Vec<String> = wanted
            .iter()
            .filter(is_told)
            .map(|found| {
                format!(
                    "{model}: {} and {} together make {what} {} the product of their separate effects.",
                    words(found, 0),
                    words(found, 1),
                    times(found.ratio, found.interval)
                )
            })
            .collect();
        if told.is_empty() && !wanted.is_empty() {
            return vec![format!(
                "{model}: it is undecided whether the effect of one of these on {what} depends on {on}."
            )];
        }
        told
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
    (!shares.is_empty()).then(|| format!("{model}: shares of the variation of {what}: {text}."))
}

fn memory(model: &LabModel, noise: f64) -> Vec<String> {
    let least = model.memory.iter().find(|memory| memory.home == "none");
    let mut said = Vec::new();
    for memory in &model.memory {
        let (low, high) = (memory.interval.low, memory.interval.high);
        let beyond =
            least.filter(|_| memory.home != "none" && memory.history == least_history(model));
        let is_more =
            |least: &&ClientMemory| low > least.interval.high && memory.bytes - least.bytes > noise;
        let apart = beyond.filter(is_more);
        let than = match (beyond, apart) {
            _ if low <= 0.0 => ", which may be zero",
            (_, Some(_)) => ", more than a client without state",
            (Some(_), None) => ", which cannot be distinguished from a client without state",
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

/// The history of the first entry without state, at which others are compared.
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
    let right =
        if wrong == 0 { "all had the correct total" } else { "NOT all had the correct total" };
    Some(format!(
        "Of {completed} completed sessions {right} ({wrong} wrong replies); {lost} sessions were lost."
    ))
}

fn few_blocks(models: &[LabModel]) -> Option<String> {
    let blocks =
        models.iter().flat_map(|model| &model.designs).map(|design| design.blocks).min()?;
    (blocks < BLOCKS_FEW).then(|| {
        format!(
            "{blocks} blocks detect only large effects. Intervals are wide, and not adjusted for multiple \
             comparisons."
        )
    })
}

/// A size that may be negative.
pub(super) fn signed_bytes(bytes: f64) -> String {
    if bytes < 0.0 { format!("-{}", show_bytes(-bytes)) } else { show_bytes(bytes) }
}
