//! The trials of a plan: their order and their requirements.

use std::time::Duration;

use anyhow::{Context, Result};

use crate::base::{note, usage};
use crate::document::Excluded;
use crate::plan::{Candidate, Plan, Subject, Workload, reference};

/// Starting and stopping a server, connecting, writing: what a trial takes beside its phases.
const TRIAL_OVERHEAD: Duration = Duration::from_millis(90);
/// What it takes more for each connection: opening it, and closing it at the server's end.
const CONNECTION_OVERHEAD: Duration = Duration::from_micros(60);

/// One trial to be made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slot<'a> {
    pub(crate) workload: &'a Workload,
    pub(crate) candidate: Candidate<'a>,
    pub(crate) block: u32,
    pub(crate) position: u32,
    /// Of a null baseline in a run by rounds: the workload that it is measured beside.
    pub(crate) beside: Option<&'a Workload>,
}

impl Slot<'_> {
    /// Where its document is written, below the run's folder.
    pub(crate) fn file(&self) -> String {
        if self.is_reference() {
            return reference_file(self.workload, self.beside, self.block);
        }
        file_name(self.workload, self.candidate, self.block)
    }

    /// Whether it is no cell of the plan but the null baseline.
    pub(crate) fn is_reference(&self) -> bool {
        matches!(self.candidate.subject, Subject::Null)
    }
}

/// Where the null baseline of a block is written, below the run's folder.
pub(crate) fn reference_file(workload: &Workload, beside: Option<&Workload>, block: u32) -> String {
    let beside = beside.map_or_else(String::new, |beside| format!("-{}", beside.name));
    format!("trials/{}{beside}.{block}.json", workload.name)
}

/// Where a trial is written, below the run's folder.
pub(crate) fn file_name(workload: &Workload, candidate: Candidate<'_>, block: u32) -> String {
    format!("trials/{}.{candidate}.{block}.json", workload.name)
}

/// Every trial of a plan, in the order in which they are made.
pub(crate) fn slots(plan: &Plan) -> Result<Vec<Slot<'_>>> {
    let candidates = plan.candidates()?;
    let waits = |w: &&Workload| w.arrivals.relative_to().is_some();
    let (second, first): (Vec<_>, Vec<_>) = plan.workloads.iter().partition(waits);
    let mut random = fastrand::Rng::with_seed(plan.seed);
    // Of its own, so that the others come in the same order with a reference and without.
    let mut places = fastrand::Rng::with_seed(!plan.seed);
    let mut slots = Vec::new();
    for (later, stage) in [(false, first), (true, second)] {
        let of = |workload: &&'_ Workload| {
            let measured = |c: &&Candidate<'_>| plan.measures(workload, **c);
            candidates.iter().filter(measured).copied().collect::<Vec<_>>()
        };
        let stage: Vec<(&Workload, Vec<Candidate<'_>>)> =
            stage.into_iter().map(|workload| (workload, of(&workload))).collect();
        for block in 0..plan.trials {
            // What is compared with each other lies together: neighbours share a spell, blocks hardly do.
            let mut groups = stage.clone();
            random.shuffle(&mut groups);
            groups.iter_mut().for_each(|(_, candidates)| random.shuffle(candidates));
            let mut cells = Vec::new();
            for (workload, candidates) in groups {
                cells.extend(candidates.into_iter().map(|candidate| (workload, candidate)));
            }
            if plan.reference && !cells.is_empty() {
                cells.insert(places.usize(..=cells.len()), reference(later));
            }
            for (workload, candidate) in cells {
                let position = u32::try_from(slots.len()).context("too many trials")?;
                slots.push(Slot { workload, candidate, block, position, beside: None });
            }
        }
    }
    Ok(slots)
}

/// Who is left out of which workload, and why.
pub(crate) fn excluded(plan: &Plan) -> Result<Vec<Excluded>> {
    let subjects = plan.subjects()?;
    let mut excluded = Vec::new();
    for workload in &plan.workloads {
        for subject in &subjects {
            let Some(reason) = plan.excludes(workload, *subject) else { continue };
            excluded.push(Excluded {
                model: subject.name().into(),
                workload: workload.name.clone(),
                reason,
            });
        }
    }
    Ok(excluded)
}

/// About how long these trials take.
pub(crate) fn time_needed(plan: &Plan, slots: &[Slot<'_>]) -> Duration {
    let reference = plan.for_reference();
    let each = slots.iter().map(|slot| {
        let plan = if slot.is_reference() { &reference } else { plan };
        let clients = plan.connections(slot.workload) + slot.workload.idle_connections.unwrap_or(0);
        let clients = u32::try_from(clients).unwrap_or(u32::MAX);
        let phases = plan.warmup + plan.measure(slot.workload);
        phases + TRIAL_OVERHEAD + CONNECTION_OVERHEAD.saturating_mul(clients)
    });
    Duration::from_secs(each.sum::<Duration>().as_secs())
}

/// Takes out of a plan the models that cannot run here, and returns a note on each.
pub(crate) fn leave_out_unavailable(plan: &mut Plan) -> Result<Vec<String>> {
    let (mut names, mut notes) = (Vec::new(), Vec::new());
    for model in plan.models()? {
        match (model.probe)() {
            Ok(()) => names.push(model.name.to_string()),
            Err(reason) => notes.push(format!("{} cannot run here: {reason}", model.name)),
        }
    }
    notes.extend(plan.leave_out_unplaceable().map_err(|error| usage(error.to_string()))?);
    for note in &notes {
        note!("{note}");
    }
    plan.models = names;
    plan.settle_twin()?;
    if plan.subjects()?.is_empty() {
        return Err(usage(notes.join("; ")));
    }
    Ok(notes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLOCKS: u32 = 40;

    fn plan(seed: u64, reference: bool) -> Plan {
        let mut plan = Plan::of_two_parts();
        plan.models = ["poll", "epoll", "mio"].map(Into::into).into();
        plan.keep_workloads(&["echo-open".into()]).expect("it has it");
        (plan.trials, plan.seed, plan.reference) = (BLOCKS, seed, reference);
        plan
    }

    fn files(plan: &Plan) -> Vec<String> {
        slots(plan).expect("in order").iter().map(Slot::file).collect()
    }

    /// Where in each block, or later part of one, its null baseline is.
    fn places(plan: &Plan) -> Vec<usize> {
        let slots = slots(plan).expect("in order");
        let parts: Vec<&[Slot<'_>]> = slots.chunks(5).collect();
        let is_one = |part: &&[Slot<'_>]| part.iter().all(|slot| slot.block == part[0].block);
        assert!(parts.iter().all(is_one), "three models, a twin and a null baseline in each");
        let place = |part: &&[Slot<'_>]| {
            let references = part.iter().filter(|slot| slot.is_reference()).count();
            assert_eq!(references, 1);
            part.iter().position(Slot::is_reference).expect("counted")
        };
        parts.iter().map(place).collect()
    }

    #[test]
    fn the_seed_decides_where_in_a_block_the_reference_is() {
        let seeded = |seed| plan(seed, true);
        assert_eq!(files(&seeded(1)), files(&seeded(1)));
        assert_ne!(places(&seeded(1)), places(&seeded(2)));
        let found = places(&seeded(1));
        assert_eq!(
            found.len(),
            2 * BLOCKS as usize,
            "the open workload is measured in a later part"
        );
        for place in 0..5 {
            assert!(found.contains(&place), "first, last and in between: {found:?}");
        }
        let files = files(&seeded(1));
        assert!(files.contains(&"trials/reference.0.json".into()), "{files:?}");
        assert!(files.contains(&"trials/reference-later.39.json".into()));
    }

    #[test]
    fn without_a_reference_the_others_come_in_the_same_order() {
        let without = files(&plan(7, false));
        let mut with = files(&plan(7, true));
        with.retain(|file| !file.contains("reference"));
        assert_eq!(with, without);
        let time = |plan: &Plan| time_needed(plan, &slots(plan).expect("in order"));
        assert!(time(&plan(7, true)) > time(&plan(7, false)), "it is counted in time");
    }
}

#[cfg(test)]
#[path = "tests/order.rs"]
mod order;
