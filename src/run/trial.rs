//! One trial: a fresh server process, fresh connections, a load, a document.

use anyhow::{Context, Result};

use super::Run;
use super::slots::Slot;
use super::subject::Running;
use crate::accounts::Accountant;
use crate::document::{Trial, TrialRecord};
use crate::load::{Ticks, explain};
use crate::record::{self, Circumstances};
use crate::{requests, units};

/// Makes one trial. Shares of rates are of `base` replies a second.
pub(super) fn make(run: &Run, slot: &Slot<'_>, base: f64) -> Result<Trial> {
    let Run { plan, record, .. } = run;
    let Slot { workload, candidate, .. } = slot;
    let service = plan.service_of(workload, candidate.subject)?;
    // The same for every model of a block: its arrivals, thoughts and draws.
    let seed = plan.seed.wrapping_add(u64::from(slot.block));
    let started_at = units::now();
    let server = Running::start(run, slot, service)?;
    let place = (server.address(), &record.client_cpus[..]);
    let load = plan.load(workload, service, place, (seed, base))?;
    let load = plan.paced(load, &record.server_cpus);
    let (mut ticks, mut accountant) = (Ticks::begin(), server.pid().map(Accountant::of));
    accountant = accountant.map(|accountant| accountant.listening_on(server.address()));
    let outcome = loadgen::run(&load, &run.stop, &mut |moment| {
        if let Some(accountant) = &mut accountant {
            accountant.watch(moment);
        }
        ticks.watch(moment);
    });
    let outcome = outcome.map_err(explain)?;
    let target = server.stop(candidate.subject.name(), &record.server_cpus)?;
    let request = workload.request.request(seed);
    let circumstances = Circumstances {
        run: TrialRecord {
            id: record.id.clone(),
            workload: workload.name.clone(),
            series: workload.series.clone(),
            factors: workload.factors.clone(),
            twin: candidate.twin,
            block: slot.block,
            position: slot.position,
            seed: plan.seed,
            started_at,
            program_version: record.program_version.clone(),
            command: record.command.clone(),
        },
        target,
        service,
        request: requests::written(&load.recipe, request),
        load: &load,
        server: accountant.and_then(|accountant| accountant.bracket),
        host: run.host.clone(),
        steal_share: ticks.steal_share(),
        contention: ticks.contention(),
    };
    record::trial(circumstances, &outcome).context("the trial cannot be written down")
}
