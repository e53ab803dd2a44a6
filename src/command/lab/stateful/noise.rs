//! The noise: by how much two equal cells differ. No sentence claims a smaller difference.

use super::memory;
use super::points::{self, FIGURES, figure_words};
use super::sentences::signed_bytes;
use crate::command::lab::told::times;
use crate::document::{LabNoise, NoiseFloor, Summary};

/// The noise from the cells that were measured twice; `None` without any.
pub(super) fn lab_noise(summary: &Summary) -> Option<LabNoise> {
    let model = points::twin(summary)?;
    let (firsts, twins) =
        (points::points_of_model(summary, &model), points::twins(summary, &model));
    let is_told = |floor: &&NoiseFloor| {
        let twin = twins.iter().find(|point| point.cell.workload == floor.workload);
        let figure = FIGURES.iter().find(|figure| figure.name == floor.metric);
        twin.zip(figure).is_some_and(|(twin, figure)| points::values(figure, twin).is_some())
    };
    Some(LabNoise {
        floors: summary.noise.iter().filter(is_told).cloned().collect(),
        memory: memory::noise(&firsts, &twins),
        model,
    })
}

/// The smallest difference of a figure that is no noise, as a share, where that is known.
pub(super) fn detectable(noise: Option<&LabNoise>, figure: &str) -> Option<f64> {
    worst(noise?, figure).map(|floor| floor.smallest_detectable)
}

/// The smallest difference in the memory of a client that is no noise, in bytes; nothing where that is
/// not known.
pub(super) fn bytes(noise: Option<&LabNoise>) -> f64 {
    let memory = noise.and_then(|noise| noise.memory.as_ref());
    memory.map_or(0.0, |memory| memory.interval.high.max(-memory.interval.low))
}

/// Of the cells that were measured twice that which differed most.
fn worst<'a>(noise: &'a LabNoise, figure: &str) -> Option<&'a NoiseFloor> {
    let own = noise.floors.iter().filter(|floor| floor.metric == figure);
    own.max_by(|a, b| a.smallest_detectable.total_cmp(&b.smallest_detectable))
}

/// The sentences about the noise, which a reader needs first.
pub(super) fn sentences(noise: Option<&LabNoise>) -> Vec<String> {
    let Some(noise) = noise else {
        return vec!["The run has no A/A control, so its noise floor is unknown.".into()];
    };
    let mut said = Vec::new();
    for figure in &FIGURES {
        let what = figure_words(figure.name);
        said.push(match worst(noise, figure.name) {
            Some(floor) => format!(
                "A/A control: in {what}, the second of two equal cells of {} was {} the first. No difference below \
                 {:.0} % is claimed.",
                noise.model,
                times(floor.ratio, floor.interval),
                // Rounded up, except for a rounding error.
                ((floor.smallest_detectable * 1e5).round() / 1e3).ceil(),
            ),
            None => format!("The noise floor of {what} is unknown."),
        });
    }
    said.extend(noise.memory.as_ref().map(|memory| {
        format!(
            "A/A control: two equal cells of {} differed in memory per client by {} [{}, {}].",
            noise.model,
            signed_bytes(memory.bytes),
            signed_bytes(memory.interval.low),
            signed_bytes(memory.interval.high)
        )
    }));
    said
}
