//! The null baseline: spells of the machine, and models limited by the generator.

use crate::base::units::{counted, show_count, show_ns_f64};
use crate::document::{Cell, Estimate, GeneratorBound, Reference, ReferenceTrial, Spell, Validity};
use crate::statistics::interval;

/// CPU time for each request that is more by this share than usual, or usual by this share more than it, is of a
/// spell. On a virtual machine short trials of one server are apart by half as much as a matter of course,
/// and by twice as much in a slow spell.
pub(crate) const MARGIN: f64 = 0.25;

/// Fewer trials do not show what is usual.
const TRIALS_MIN: usize = 3;

/// A model with this share of the null baseline's throughput has the same limit as the baseline.
const NEAR: f64 = 0.9;

/// Beyond this nothing of the kind is a limit: then requests are sent in another way, as with pipelining.
const BEYOND: f64 = 1.1;

/// Fills in what follows from the values of the null baseline.
pub(super) fn derive(reference: &mut Reference, seed: u64) {
    let costs =
        [&mut reference.client_cpu_per_request_ns, &mut reference.server_cpu_per_request_ns];
    let costs = costs.into_iter().flatten();
    for estimate in costs.chain([&mut reference.throughput_per_s]) {
        estimate.interval = interval::bootstrap_median(&estimate.values, seed);
    }
    reference.margin = MARGIN;
    reference.spells = reference.trials.iter().filter_map(|of| spell(of, reference)).collect();
    reference.sentence = sentence(reference);
}

fn sentence(reference: &Reference) -> String {
    let cost = |estimate: &Option<Estimate>| {
        estimate.as_ref().map_or("unknown".into(), |cpu| show_ns_f64(cpu.median))
    };
    let trials = counted(reference.trials.len(), "trial");
    format!(
        "Against the null baseline, a server that only echoes, the generator reached {}/s ({} connections, echoes \
         of 8 bytes; median of {trials}). It used {} of CPU per request, the baseline {}.",
        show_count(reference.throughput_per_s.median),
        reference.connections,
        cost(&reference.client_cpu_per_request_ns),
        cost(&reference.server_cpu_per_request_ns),
    )
}

/// Whether the null baseline was unlike the others here.
fn spell(of: &ReferenceTrial, reference: &Reference) -> Option<Spell> {
    let ratio = |value: Option<f64>, all: &Option<Estimate>| {
        let all = all.as_ref().filter(|all| all.values.len() >= TRIALS_MIN && all.median > 0.0)?;
        Some(value? / all.median)
    };
    let client_ratio = ratio(of.client_cpu_per_request_ns, &reference.client_cpu_per_request_ns);
    let server_ratio = ratio(of.server_cpu_per_request_ns, &reference.server_cpu_per_request_ns);
    let farthest = farthest([client_ratio, server_ratio]).filter(|ratio| is_unlike(*ratio))?;
    let side = |name: &str, ratio: Option<f64>| ratio.map(|ratio| format!("{name} {ratio:.2}"));
    let sides: Vec<String> = [side("generator", client_ratio), side("server", server_ratio)]
        .into_iter()
        .flatten()
        .collect();
    let part = match &of.beside {
        Some(workload) => format!(", beside {workload}"),
        None if of.later => ", later part".into(),
        None => String::new(),
    };
    let machine = if farthest > 1.0 { "a slow spell" } else { "a fast spell" };
    Some(Spell {
        block: of.block,
        later: of.later,
        client_ratio,
        server_ratio,
        sentence: format!(
            "Block {}{part}: the null baseline used {farthest:.1} times its usual CPU per request ({}): {machine} \
             of the machine.",
            of.block + 1,
            sides.join(", ")
        ),
    })
}

/// The ratio that is farther from 1.
pub(crate) fn farthest(ratios: [Option<f64>; 2]) -> Option<f64> {
    let away = |ratio: &f64| ratio.max(1.0 / ratio);
    ratios.into_iter().flatten().max_by(|a, b| away(a).total_cmp(&away(b)))
}

/// Whether two CPU times in this ratio are not of the same state of a machine.
pub(crate) fn is_unlike(ratio: f64) -> bool {
    !(1.0 / (1.0 + MARGIN)..=1.0 + MARGIN).contains(&ratio)
}

/// Those of a closed loop that do about what the null baseline does; `None` where there is none.
pub(super) fn bound(cells: &[&Cell], reference: Option<&Reference>) -> Option<GeneratorBound> {
    let null_per_s = reference?.throughput_per_s.median;
    let rate = |cell: &Cell| cell.throughput_per_s.median;
    let closed: Vec<&Cell> = cells
        .iter()
        .filter(|cell| cell.is_closed() && cell.validity != Validity::Invalid && !cell.starves())
        .copied()
        .collect();
    if closed.iter().any(|cell| rate(cell) > BEYOND * null_per_s) {
        return None;
    }
    let near = closed.iter().filter(|cell| rate(cell) >= NEAR * null_per_s);
    let models: Vec<String> = near.map(|cell| cell.model.clone()).collect();
    if models.is_empty() || null_per_s <= 0.0 {
        return None;
    }
    Some(GeneratorBound {
        null_per_s,
        share: NEAR,
        sentence: format!(
            "The generator reached {}/s against the null baseline, and {} reached {:.0} % of that or more: their \
             capacity is at least this figure. Compare CPU per request.",
            show_count(null_per_s),
            models.join(", "),
            NEAR * 100.0
        ),
        models,
    })
}

#[cfg(test)]
#[path = "tests/reference.rs"]
mod tests;
