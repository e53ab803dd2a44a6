//! Summing up the reference from the trials in a run's folder.

use std::path::Path;

use anyhow::Result;

use super::slots::reference_file;
use crate::document::store;
use crate::document::{Reference, ReferenceTrial, Trial};
use crate::plan::{Plan, reference};

/// What there is of it; `None` without a trial.
pub(super) fn sum_up(dir: &Path, plan: &Plan) -> Result<Option<Reference>> {
    let (mut found, mut connections) = (Vec::new(), 0);
    for later in [false, true] {
        for block in 0..plan.trials {
            let file = reference_file(reference(later).0, block);
            if !store::is_there(&dir.join(&file)) {
                continue;
            }
            let trial: Trial = store::read_json(&dir.join(&file))?;
            connections = trial.load.connections;
            found.push(ReferenceTrial {
                file,
                block,
                later,
                throughput_per_s: trial.throughput_per_s,
                client_cpu_per_request_ns: trial.client.cpu_per_request_ns,
                server_cpu_per_request_ns: trial.server.and_then(|s| s.cpu_per_request_ns),
            });
        }
    }
    Ok(Reference::of(connections, found))
}
