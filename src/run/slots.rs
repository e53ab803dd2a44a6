//! Which trials a plan has, in which order, and what they need.

use std::time::Duration;

use anyhow::{Context, Result};

use crate::cli::usage;
use crate::document::Excluded;
use crate::plan::{Candidate, Plan, Workload};

/// Starting and stopping a server, connecting, writing: what a trial takes beside its phases.
const TRIAL_OVERHEAD: Duration = Duration::from_millis(90);
/// What it takes more for each connection: opening it, and closing it at the server's end.
const CONNECTION_OVERHEAD: Duration = Duration::from_micros(60);

/// One trial to be made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot<'a> {
    pub(super) workload: &'a Workload,
    pub(super) candidate: Candidate<'a>,
    pub(super) block: u32,
    pub(super) position: u32,
}

impl Slot<'_> {
    /// Where its document is written, below the run's folder.
    pub(super) fn file(&self) -> String {
        file_name(self.workload, self.candidate, self.block)
    }
}

/// Where a trial is written, below the run's folder.
pub(super) fn file_name(workload: &Workload, candidate: Candidate<'_>, block: u32) -> String {
    format!("trials/{}.{candidate}.{block}.json", workload.name)
}

/// Every trial of a plan, in the order in which they are made.
pub(super) fn slots(plan: &Plan) -> Result<Vec<Slot<'_>>> {
    let candidates = plan.candidates()?;
    let waits = |w: &&Workload| w.arrivals.of().is_some();
    let (second, first): (Vec<_>, Vec<_>) = plan.workloads.iter().partition(waits);
    let mut random = fastrand::Rng::with_seed(plan.seed);
    let mut slots = Vec::new();
    for stage in [first, second] {
        let mut cells = Vec::new();
        for workload in stage {
            let measured = |c: &&Candidate<'_>| plan.measures(workload, **c);
            cells.extend(candidates.iter().filter(measured).map(|c| (workload, *c)));
        }
        for block in 0..plan.trials {
            let mut cells = cells.clone();
            random.shuffle(&mut cells);
            for (workload, candidate) in cells {
                let position = u32::try_from(slots.len()).context("too many trials")?;
                slots.push(Slot { workload, candidate, block, position });
            }
        }
    }
    Ok(slots)
}

/// Who is left out of which workload, and why.
pub(super) fn excluded(plan: &Plan) -> Result<Vec<Excluded>> {
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
pub(super) fn time_needed(plan: &Plan, slots: &[Slot<'_>]) -> Duration {
    let each = slots.iter().map(|slot| {
        let clients = plan.connections(slot.workload) + slot.workload.idle_connections.unwrap_or(0);
        let clients = u32::try_from(clients).unwrap_or(u32::MAX);
        let phases = plan.warmup + plan.measure(slot.workload);
        phases + TRIAL_OVERHEAD + CONNECTION_OVERHEAD.saturating_mul(clients)
    });
    Duration::from_secs(each.sum::<Duration>().as_secs())
}

/// Takes out of a plan the models that cannot run here, and returns a note on each.
pub(super) fn leave_out_unavailable(plan: &mut Plan) -> Result<Vec<String>> {
    let (mut names, mut notes) = (Vec::new(), Vec::new());
    for model in plan.models()? {
        match (model.probe)() {
            Ok(()) => names.push(model.name.to_string()),
            Err(reason) => notes.push(format!("{} cannot run here: {reason}", model.name)),
        }
    }
    for note in &notes {
        eprintln!("{note}");
    }
    plan.models = names;
    plan.settle_twin()?;
    if plan.subjects()?.is_empty() {
        return Err(usage(notes.join("; ")));
    }
    Ok(notes)
}
