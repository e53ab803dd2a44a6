//! One trial: a fresh server process, fresh connections, a load, a document.

use std::time::Duration;

use anyhow::{Context, Result};

use super::Run;
use super::slots::Slot;
use super::subject::Running;
use crate::base::units;
use crate::document::{Trial, TrialRecord};
use crate::host::accounts::Accountant;
use crate::host::machine::Ticks;
use crate::host::syscalls::Counter;
use crate::trial::explain;
use crate::trial::record::{self, Circumstances};

/// Makes one trial. Shares of rates are of `base` replies a second.
pub(super) fn make(run: &Run, slot: &Slot<'_>, base: f64) -> Result<Trial> {
    Ok(make_counted(run, slot, base, None)?.0)
}

/// Makes one trial, for so long at most with the server's system calls counted, which is then worth
/// nothing else.
pub(super) fn make_counted(
    run: &Run,
    slot: &Slot<'_>,
    base: f64,
    counted: Option<Duration>,
) -> Result<(Trial, Vec<(String, u64)>)> {
    let Run { record, .. } = run;
    let plan = if slot.is_reference() { &run.plan.for_reference() } else { &run.plan };
    let Slot { workload, candidate, .. } = slot;
    let service = plan.service_of(workload, candidate.subject)?;
    // The same for every model of a block: its arrivals, thoughts and draws.
    let seed = plan.seed.wrapping_add(u64::from(slot.block));
    let started_at = units::now();
    // Before the server starts, whose threads would be taken for others.
    let mut ticks = Ticks::begin();
    let (server_cpus, client_cpus) = run.cpus_of(workload);
    let server = Running::start(run, slot, service, (&server_cpus, &client_cpus))?;
    let place = (server.address(), &client_cpus[..]);
    let load = plan.load(workload, service, place, (seed, base))?;
    let mut load = plan.paced(load, &server_cpus);
    let warmed = record.warmup_of(candidate.subject.name(), &workload.name);
    if let Some(warmed) = warmed {
        load.warmup = Duration::from_nanos(warmed.warmup_ns);
    }
    let mut counter = None;
    if let Some(longest) = counted {
        load.warmup = Duration::ZERO;
        load.measure = load.measure.min(longest);
        let pid =
            server.pid().context("c10k did not start this server, so it cannot count its calls")?;
        counter = Some(Counter::attach(pid)?);
    }
    let mut accountant = server.pid().map(Accountant::for_process);
    accountant = accountant.map(|accountant| accountant.listening_on(server.address()));
    let outcome = loadgen::run(&load, &run.stop, &mut |moment| {
        if let Some(accountant) = &mut accountant {
            accountant.watch(moment);
        }
        ticks.watch(moment);
    });
    let outcome = outcome.map_err(explain)?;
    let counts = counter.map(Counter::finish).transpose()?.unwrap_or_default();
    let target = server.stop(candidate.subject.name(), &server_cpus)?;
    let circumstances = Circumstances {
        run: record_of(run, slot, started_at),
        target,
        service,
        request: workload.request.written(&load.recipe, seed),
        load: &load,
        server: accountant.and_then(|accountant| accountant.bracket),
        host: run.host.clone(),
        conditions: ticks.conditions(),
        contention: ticks.contention(),
    };
    let trial = record::trial(circumstances, &outcome);
    let mut trial = trial.context("cannot write the trial's document")?;
    trial.phases.warmup_trials = warmed.map(|warmed| warmed.trials);
    Ok((trial, counts))
}

/// What the document says of the trial's place in the run.
fn record_of(run: &Run, slot: &Slot<'_>, started_at: String) -> TrialRecord {
    let Run { plan, record, .. } = run;
    let Slot { workload, candidate, .. } = slot;
    TrialRecord {
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
        spoiled: None,
    }
}
