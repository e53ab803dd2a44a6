//! One trial: a fresh server process, fresh connections, a load, a document.

use std::time::Duration;

use anyhow::{Context, Result};
use loadgen::{Moment, Phase};

use super::Run;
use super::slots::Slot;
use super::subject::Running;
use crate::accounts::{self, Sample};
use crate::document::{Trial, TrialRecord};
use crate::load::{Ticks, explain};
use crate::record::{self, Circumstances, ServerBracket};
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
    let (mut ticks, mut accountant) = (Ticks::default(), server.pid().map(Accountant::of));
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
    };
    record::trial(circumstances, &outcome).context("the trial cannot be written down")
}

/// Reads a server's accounts while it is loaded.
pub(crate) struct Accountant {
    pid: i32,
    begin: Option<Sample>,
    cpu_begin: Duration,
    pub(crate) bracket: Option<ServerBracket>,
}

impl Accountant {
    pub(crate) fn of(pid: i32) -> Self {
        Self { pid, begin: None, cpu_begin: Duration::ZERO, bracket: None }
    }

    pub(crate) fn watch(&mut self, moment: Moment) {
        match moment {
            Moment::Begins(Phase::Warmup) => self.begin = Sample::take(self.pid).ok(),
            Moment::Begins(Phase::Measure) => self.cpu_begin = accounts::cpu_now(self.pid),
            Moment::Begins(Phase::Drain) => {
                // The clock first: what is read after it takes time.
                let cpu = accounts::cpu_now(self.pid).saturating_sub(self.cpu_begin);
                let end = Sample::take(self.pid).ok();
                let memory = accounts::memory(self.pid);
                self.bracket = self.begin.take().zip(end).map(|(begin, end)| ServerBracket {
                    cpu,
                    begin,
                    end,
                    memory,
                });
            }
            _ => {}
        }
    }
}
