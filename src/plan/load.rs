//! From a workload to the load generator's settings.

use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::sync::Arc;

use anyhow::Result;
use loadgen::{Engine, Load};
use protocol::{App, Framing};

use super::{Plan, Workload};
use crate::host::machine;
use crate::workload::conduct::{
    ConductArgs, SourceAddresses, depth, lifetime, misbehaviour, think_time,
};
use crate::workload::{CONNECT_TIMEOUT, INTERVAL};

impl Workload {
    /// How its connections behave, read as the command line of `c10k load` is.
    ///
    /// # Errors
    /// When a value makes no sense, with its key.
    pub fn conduct(&self) -> Result<ConductArgs> {
        let key = |key: &'static str| move |error| anyhow::anyhow!("{key}: {error}");
        let none = |text: &&String| *text != "none";
        let (age, think) = (self.connection_lifetime.as_ref(), self.think_time.as_ref());
        let bad = self.misbehave.as_ref().filter(none);
        Ok(ConductArgs {
            requests_per_connection: self.requests_per_connection.and_then(NonZeroU64::new),
            connection_lifetime: age
                .filter(none)
                .map(|text| lifetime(text))
                .transpose()
                .map_err(key("connection-lifetime"))?,
            pipeline: match self.pipeline {
                Some(requests) => depth(&requests.to_string()).map_err(key("pipeline"))?,
                None => 1,
            },
            think_time: think
                .filter(none)
                .map(|text| think_time(text))
                .transpose()
                .map_err(key("think-time"))?
                .filter(|think| !think.mean().is_zero()),
            idle_connections: self.idle_connections.unwrap_or(0),
            source_addresses: SourceAddresses::Auto,
            source: Vec::new(),
            misbehave: bad
                .map(|text| text.split(',').map(misbehaviour).collect::<Result<_, _>>())
                .transpose()
                .map_err(key("misbehave"))?
                .unwrap_or_default(),
        })
    }
}

impl Plan {
    /// The load of a workload: on a server that listens at `target`, with the seed of a block, and
    /// shares of `base` replies a second.
    ///
    /// # Errors
    /// When it cannot be, with what to do about it.
    pub(crate) fn load(
        &self,
        workload: &Workload,
        (app, framing): (App, Framing),
        (target, cpus): (SocketAddr, &[usize]),
        (seed, base): (u64, f64),
    ) -> Result<Load> {
        let measure = self.measure(workload);
        let (server, service) = (self.server_of(workload), (app, framing));
        let recipe = workload.request.recipe(server, service, &target.to_string(), seed)?;
        let load = Load {
            threads: self.threads,
            cpus: cpus.to_vec(),
            engine: Engine::Auto,
            arrivals: workload.arrivals.arrivals(measure, seed, base),
            greeting: workload.greeting,
            warmup: self.warmup,
            measure,
            drain: self.drain,
            request_timeout: self.request_timeout,
            connect_timeout: CONNECT_TIMEOUT,
            interval: INTERVAL.min(measure / 10),
            ..Load::closed(target, Arc::new(recipe), self.connections(workload))
        };
        workload.conduct()?.apply(load, app, seed)
    }

    /// How a load generator thread is to wait is decided when the load is known.
    pub(crate) fn paced(&self, mut load: Load, server_cpus: &[usize]) -> Load {
        load.pacing = self.pacing.choose(&load, Some(server_cpus), machine::processor_count());
        load
    }
}
