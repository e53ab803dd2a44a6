//! Summarising the null baseline from the trials in a run's folder.

use std::path::Path;

use anyhow::Result;

use super::slots::reference_file;
use crate::document::store;
use crate::document::{Reference, ReferenceTrial, Trial};
use crate::plan::{Plan, Workload, reference};

/// What there is of it; `None` without a trial.
pub(super) fn sum_up(dir: &Path, plan: &Plan) -> Result<Option<Reference>> {
    let mut sum = Sum { dir, found: Vec::new(), connections: 0 };
    if plan.rounds.is_some() {
        for block in 0..plan.trials {
            plan.workloads.iter().try_for_each(|workload| sum.add(block, false, Some(workload)))?;
        }
    } else {
        for later in [false, true] {
            (0..plan.trials).try_for_each(|block| sum.add(block, later, None))?;
        }
    }
    Ok(Reference::from_trials(sum.connections, sum.found))
}

struct Sum<'a> {
    dir: &'a Path,
    found: Vec<ReferenceTrial>,
    connections: usize,
}

impl Sum<'_> {
    /// The null baseline of a block, or of a round beside a workload, if it is there.
    fn add(&mut self, block: u32, later: bool, beside: Option<&Workload>) -> Result<()> {
        let file = reference_file(reference(later).0, beside, block);
        if !self.dir.join(&file).is_file() {
            return Ok(());
        }
        let trial: Trial = store::read_json(&self.dir.join(&file))?;
        self.connections = trial.load.connections;
        self.found.push(ReferenceTrial {
            file,
            block,
            later,
            beside: beside.map(|workload| workload.name.clone()),
            throughput_per_s: trial.throughput_per_s,
            client_cpu_per_request_ns: trial.client.cpu_per_request_ns,
            server_cpu_per_request_ns: trial.server.and_then(|s| s.cpu_per_request_ns),
        });
        Ok(())
    }
}
