//! One trial: a fresh server process, fresh connections, a load, a document.

use std::sync::Arc;

use anyhow::{Context, Result};
use loadgen::{Arrivals, Conduct, Engine, Load, Pacing};

use super::{Run, Slot, server};
use crate::accounts::Accountant;
use crate::document::{Target, Trial, TrialRecord};
use crate::load::{CONNECT_TIMEOUT, INTERVAL, Ticks, explain};
use crate::record::{self, Circumstances};
use crate::{machine, requests, units};

/// Makes one trial.
pub(super) fn make(run: &Run, slot: &Slot<'_>, arrivals: Arrivals) -> Result<Trial> {
    let Run { plan, record, .. } = run;
    let (app, framing) = plan.service()?;
    // The same for every model of a block, as its arrivals are.
    let seed = plan.seed.wrapping_add(u64::from(slot.block));
    let (recipe, request) = requests::recipe(app, framing, slot.workload.request.request(seed))?;
    let started_at = units::now();
    let server = server::start(
        slot.model,
        &plan.server,
        slot.workload.greeting,
        (&record.server_cpus, &record.client_cpus),
    )?;
    let mut load = Load {
        target: server.address,
        recipe: Arc::new(recipe),
        connections: plan.connections(slot.workload),
        threads: plan.threads,
        cpus: record.client_cpus.clone(),
        engine: Engine::Auto,
        pacing: Pacing::SLEEP,
        arrivals,
        greeting: slot.workload.greeting,
        conduct: Conduct::default(),
        warmup: plan.warmup,
        measure: plan.measure,
        drain: plan.drain,
        request_timeout: plan.request_timeout,
        connect_timeout: CONNECT_TIMEOUT,
        interval: INTERVAL.min(plan.measure / 10),
        shard: (0, 1),
        start_at: None,
        live: false,
    };
    load.pacing = plan.pacing.choose(&load, Some(&record.server_cpus), machine::processors());
    let (mut ticks, mut accountant) = (Ticks::default(), Accountant::of(server.pid()));
    accountant = accountant.listening_on(server.address);
    let outcome = loadgen::run(&load, &run.stop, &mut |moment| {
        accountant.watch(moment);
        ticks.watch(moment);
    });
    let outcome = outcome.map_err(explain)?;
    let address = server.address.to_string();
    let ready = server.ready.clone();
    let stopped = server::stop(server)?;
    let circumstances = Circumstances {
        run: TrialRecord {
            id: record.id.clone(),
            workload: slot.workload.name.clone(),
            block: slot.block,
            position: slot.position,
            seed: plan.seed,
            started_at,
            program_version: record.program_version.clone(),
            command: record.command.clone(),
            ..TrialRecord::default()
        },
        target: Target {
            address,
            model: Some(slot.model.name.into()),
            ready: Some(ready),
            stopped: Some(stopped),
            cpus: record.server_cpus.clone(),
        },
        service: (app, framing),
        request,
        load: &load,
        server: accountant.bracket,
        host: run.host.clone(),
        steal_share: ticks.steal_share(),
    };
    record::trial(circumstances, &outcome).context("the trial cannot be written down")
}
