//! The conduct of a load's connections, and the outcomes of the connections beside it.

use std::collections::BTreeMap;

use anyhow::Result;
use loadgen::{Conduct, Histogram, Outcome, Think, ThinkTime};

use crate::base::units::ns;
use crate::document::{
    ConductRecord, Distribution, IdleConnections, MisbehavingClients, ThinkRecord, Turnaround,
};

/// `None` for what is usual.
pub(super) fn asked(conduct: &Conduct) -> Option<ConductRecord> {
    let misbehaving = conduct.misbehaving.iter().map(|(way, n)| (way.name().into(), *n));
    let record = ConductRecord {
        requests_per_connection: conduct.requests_per_connection.map(std::num::NonZero::get),
        lifetime_ns: conduct.lifetime.map(ns),
        pipeline: conduct.pipeline,
        think_time: conduct.think.map(think),
        idle_connections: conduct.idle,
        sources: conduct.sources.iter().map(ToString::to_string).collect(),
        misbehaving: misbehaving.collect(),
    };
    let usual = ConductRecord {
        requests_per_connection: None,
        lifetime_ns: None,
        pipeline: 1,
        think_time: None,
        idle_connections: 0,
        sources: Vec::new(),
        misbehaving: BTreeMap::new(),
    };
    (record != usual).then_some(record)
}

fn think(think: Think) -> ThinkRecord {
    let seed = think.seed;
    match think.time {
        ThinkTime::Constant(time) => ThinkRecord::Constant { time_ns: ns(time) },
        ThinkTime::Exponential { mean } => ThinkRecord::Exponential { mean_ns: ns(mean), seed },
        ThinkTime::Uniform { low, high } => {
            ThinkRecord::Uniform { low_ns: ns(low), high_ns: ns(high), seed }
        }
    }
}

pub(super) fn idle(outcome: &Outcome) -> Option<IdleConnections> {
    let loadgen::IdleTally { asked, opened, lost } = outcome.idle;
    (asked > 0).then_some(IdleConnections { asked, opened, idle_lost: lost })
}

pub(super) fn turnaround(outcome: &Outcome) -> Result<Option<Turnaround>> {
    let Some(found) = &outcome.turnaround else { return Ok(None) };
    let times = Distribution::from_histograms(&found.times, &Histogram::new_from(&found.times))?;
    Ok(Some(Turnaround { total_ns: ns(found.total), times }))
}

pub(super) fn misbehaving(outcome: &Outcome) -> BTreeMap<String, MisbehavingClients> {
    let clients = outcome.misbehaving.iter().map(|(way, tally)| {
        let ended = tally.ended.iter().map(|(how, n)| ((*how).to_string(), *n)).collect();
        let clients = MisbehavingClients {
            connections: tally.connections,
            opened: tally.opened,
            connect_failures: tally.connect_failures,
            requests: tally.requests,
            right: tally.right,
            ended,
        };
        (way.name().to_string(), clients)
    });
    clients.collect()
}
