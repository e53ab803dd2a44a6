//! From the load generator's results to the document.

mod conduct;

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use loadgen::{Histogram, Load, Outcome};
use protocol::{App, Framing};

use crate::analysis::checks;
use crate::analysis::steadiness;
use crate::base::units::{as_f64, ns};
use crate::document::histogram;
use crate::document::{
    Census, ClientAccount, Conditions, Connections, Contention, Distribution, Greetings, Host,
    Imbalance, Interval, Latency, LoadRecord, PacingKind, PacingRecord, Phases, RequestRecord,
    SchemaId, ShardRecord, StandstillRecord, StepRecord, Sums, Target, Trial, TrialRecord,
    Validity, Worker,
};
use crate::host::accounts::ServerBracket;
use crate::workload::arrivals;

/// Everything about a trial that the outcome does not tell.
#[derive(Debug)]
pub struct Circumstances<'a> {
    /// Where the trial belongs.
    pub run: TrialRecord,
    /// What was measured.
    pub target: Target,
    /// Application and framing.
    pub service: (App, Framing),
    /// What every request asked for.
    pub request: RequestRecord,
    /// How it was loaded.
    pub load: &'a Load,
    /// What the server used, if it is ours to look at.
    pub server: Option<ServerBracket>,
    /// Where it ran.
    pub host: Host,
    /// What else the machine did meanwhile.
    pub conditions: Conditions,
    /// Who else wanted the processors.
    pub contention: Option<Contention>,
}

/// The document of one trial, checked.
///
/// # Errors
/// When a histogram cannot be written, which is a fault of ours.
pub fn trial(circumstances: Circumstances<'_>, outcome: &Outcome) -> Result<Trial> {
    let Circumstances { run, target, service, request, load, server, host, conditions, contention } =
        circumstances;
    let (app, framing) = service;
    let steal_share = conditions.steal_share;
    let workers = workers(outcome);
    let mut trial = Trial {
        schema: SchemaId::trial(),
        run,
        imbalance: imbalance(&workers, &target),
        target,
        load: LoadRecord {
            app: match &request {
                // Any server's own.
                RequestRecord::Http { .. } => "any".into(),
                _ => app.name().into(),
            },
            framing: framing.name().into(),
            request,
            arrivals: arrivals::record(&load.arrivals),
            connections: load.connections,
            requests: load.requests,
            threads: load.threads,
            cpus: load.cpus.clone(),
            request_timeout_ns: ns(load.request_timeout),
            greeting: load.greeting,
            shard: (load.shard.1 > 1).then(|| ShardRecord {
                of: load.shard.1,
                parts: vec![load.shard.0],
                launcher: None,
                start: None,
                hosts: Vec::new(),
            }),
            conduct: conduct::asked(&load.conduct),
        },
        phases: phases(outcome),
        census: census(outcome),
        throughput_per_s: per_second(outcome.completed, outcome.phases.measure),
        latency: latency(outcome)?,
        intervals: outcome.intervals.iter().map(interval).collect::<Result<_>>()?,
        steps: outcome.steps.iter().map(step).collect::<Result<_>>()?,
        steadiness: steadiness::measure_steadiness(&outcome.series),
        sent_gaps: outcome.sent.as_ref().and_then(steadiness::gaps),
        connections: connections(outcome),
        greetings: outcome.greetings.as_ref().map(greetings),
        sessions: outcome.sessions.map(Into::into),
        turnaround: conduct::turnaround(outcome)?,
        misbehaving: conduct::misbehaving(outcome),
        workers,
        client: client(load, outcome)?,
        server: server.map(|bracket| {
            let phases = &outcome.phases;
            bracket.account(outcome.completed, phases.measure, phases.bracket)
        }),
        host,
        contention,
        conditions: Some(conditions),
        merged: Vec::new(),
        sums: Some(sums(outcome)),
        checks: Vec::new(),
        validity: Validity::Valid,
    };
    trial.checks = checks::check_trial(&trial, steal_share);
    trial.validity = checks::validity(&trial.checks);
    Ok(trial)
}

fn phases(outcome: &Outcome) -> Phases {
    let phases = &outcome.phases;
    Phases {
        connect_ns: ns(phases.connect),
        warmup_ns: ns(phases.warmup),
        warmup_trials: None,
        measure_ns: ns(phases.measure),
        drain_ns: ns(phases.drain),
        interrupted: outcome.interrupted,
    }
}

fn census(outcome: &Outcome) -> Census {
    let census = &outcome.census;
    Census {
        offered: census.offered,
        sent: census.sent,
        ok: census.ok,
        errors: named(&census.errors),
        timeouts: census.timeouts,
        unfinished: census.unfinished,
        never_sent: census.never_sent,
        reconciles: census.reconciles(),
        wrong_example: outcome.wrong_example.clone(),
    }
}

fn latency(outcome: &Outcome) -> Result<Latency> {
    let none = Histogram::new_from(&outcome.censored_ages);
    let whole = |histogram: &Histogram<u64>| Distribution::from_histograms(histogram, &none);
    let cut_off = |histogram: &Histogram<u64>| {
        Distribution::from_histograms(histogram, &outcome.censored_ages)
    };
    let (latency, greetings) = (&outcome.latency, outcome.greetings.as_ref());
    // In an open loop the series is of response times. Service times are discounted alike: what
    // hangs together in the one does in the other.
    let headline = latency.response.as_ref().unwrap_or(&latency.service);
    let effect = |q: f64| steadiness::design_effect(&outcome.series, headline.value_at_quantile(q));
    let cut_off = |histogram: &Histogram<u64>| cut_off(histogram).map(|found| found.worth(effect));
    Ok(Latency {
        response: latency.response.as_ref().map(cut_off).transpose()?,
        // The ages are those of the headline: since due in an open loop, since sent in a closed one.
        service: match latency.response {
            Some(_) => whole(&latency.service)?.worth(effect),
            None => cut_off(&latency.service)?,
        },
        conn_wait: whole(&latency.conn_wait)?,
        sched_lag: whole(&latency.sched_lag)?,
        connect: whole(&latency.connect)?,
        saturated: outcome.saturated,
        greeting: greetings
            .map(|g| Distribution::from_histograms(&g.latency, &g.censored_ages))
            .transpose()?,
        accept_delay: greetings.map(|g| whole(&g.accept_delay)).transpose()?,
        queue_delay: greetings.map(|g| whole(&g.queue_delay)).transpose()?,
    })
}

/// One slice of the series.
///
/// # Errors
/// When its histogram cannot be written, which is a fault of ours.
pub fn interval(interval: &loadgen::Interval) -> Result<Interval> {
    let some = |value: u64| (!interval.latency.is_empty()).then_some(value);
    let histogram = (!interval.latency.is_empty()).then(|| histogram::encode(&interval.latency));
    Ok(Interval {
        start_ns: ns(interval.start),
        width_ns: ns(interval.width),
        ok: interval.ok,
        failed: interval.failed,
        p50_ns: some(interval.latency.value_at_quantile(0.5)),
        p99_ns: some(interval.latency.value_at_quantile(0.99)),
        max_ns: some(interval.latency.max()),
        histogram: histogram.transpose()?,
    })
}

fn sums(outcome: &Outcome) -> Sums {
    let (service, connections) = (&outcome.latency.service, &outcome.connections);
    Sums {
        began_unix_ns: ns(outcome.phases.began),
        completed: outcome.completed,
        ok: connections.ok_sum,
        ok_squares: connections.ok_square_sum,
        service_ns: histogram::total(service),
        service_count: service.len(),
        in_service_ns: ns(connections.service),
        spun_ns: ns(outcome.cost.spun),
        wakeups: outcome.batch.wakeups,
        events: outcome.batch.events,
    }
}

fn step(step: &loadgen::Step) -> Result<StepRecord> {
    Ok(StepRecord {
        start_ns: ns(step.start),
        width_ns: ns(step.width),
        rate_per_s: step.rate_per_s,
        offered: step.offered,
        ok: step.ok,
        failed: step.failed,
        response: Distribution::from_histograms(&step.latency, &step.censored_ages)?,
    })
}

fn connections(outcome: &Outcome) -> Connections {
    let tally = &outcome.connections;
    let measured = outcome.phases.measure.as_secs_f64().max(1e-9);
    let on_average = |time: Duration| time.as_secs_f64() / measured;
    Connections {
        asked: tally.asked,
        opened: tally.opened,
        reconnects: tally.reconnects,
        connect_failures: tally.connect_failures,
        connect_errors: named(&outcome.connect_errors),
        connect_errors_before_load: named(&outcome.connect_errors_before),
        unsolicited: tally.unsolicited,
        served: tally.served,
        ok_min: tally.ok_min,
        ok_max: tally.ok_max,
        jain: tally.jain,
        // Both from the same replies, those that arrived within the measurement.
        effective_concurrency: tally.service.as_secs_f64() / measured,
        slowest_mean_ns: tally.slowest.map(ns),
        thinking: on_average(tally.thinking),
        connecting: on_average(tally.connecting),
        closed_by_us: tally.closed_by_us,
        port_shortages: tally.port_shortages,
        idle: conduct::idle(outcome),
    }
}

fn named(counts: &BTreeMap<&'static str, u64>) -> BTreeMap<String, u64> {
    counts.iter().map(|(name, n)| ((*name).to_string(), *n)).collect()
}

fn greetings(greetings: &loadgen::Greetings) -> Greetings {
    Greetings {
        expected: greetings.expected,
        received: greetings.received,
        errors: named(&greetings.errors),
        timeouts: greetings.timeouts,
        unfinished: greetings.unfinished,
        other_clock: greetings.other_clock,
        reconciles: greetings.reconciles(),
    }
}

fn workers(outcome: &Outcome) -> Vec<Worker> {
    let found = outcome.greetings.iter().flat_map(|greetings| &greetings.workers);
    found
        .map(|(worker, connections)| Worker { worker: *worker, connections: *connections })
        .collect()
}

/// Over the workers that the server reported when it stopped; it reports none where a connection
/// belongs to none. One that is not ours has as many as its greetings say.
fn imbalance(workers: &[Worker], target: &Target) -> Option<Imbalance> {
    let highest = workers.last().map_or(0, |last| u64::from(last.worker) + 1);
    let reported = target.stopped.as_ref().and_then(|stopped| stopped["workers"].as_array());
    match reported.map(|workers| workers.len() as u64) {
        Some(0) => None,
        reported => Imbalance::from_workers(workers, reported.unwrap_or(0).max(highest)),
    }
}

fn client(load: &Load, outcome: &Outcome) -> Result<ClientAccount> {
    let (cost, spins) = (&outcome.cost, load.pacing.spins);
    let kind = if spins { PacingKind::Spin } else { PacingKind::Sleep };
    Ok(ClientAccount {
        engine: Some(outcome.engine.name().into()),
        cpu_ns: ns(cost.cpu),
        cpu_per_request_ns: per_request(cost.cpu.saturating_sub(cost.spun), outcome.completed),
        busiest_thread_share: cost.cpu_max_share,
        pacing: Some(PacingRecord { kind, why: load.pacing.why.into() }),
        spin_share: spins.then_some(cost.spin_share),
        events_per_wake: outcome.batch.mean(),
        standstill: Some(standstill(load, outcome)?),
    })
}

fn standstill(load: &Load, outcome: &Outcome) -> Result<StandstillRecord> {
    let found = &outcome.standstill;
    let none = Histogram::new_from(&found.touched);
    let touched = || Distribution::from_histograms(&found.touched, &none);
    let threads = as_f64(load.threads.max(1) as u64);
    Ok(StandstillRecord {
        gaps: found.gaps,
        share: found.measured.as_secs_f64()
            / outcome.phases.measure.as_secs_f64().max(1e-9)
            / threads,
        measured_ns: ns(found.measured),
        outside_ns: ns(found.outside),
        longest_ns: ns(found.longest),
        longest_at_ns: found.longest_at_ns,
        requests: (!found.touched.is_empty()).then(touched).transpose()?,
    })
}

fn per_second(n: u64, time: Duration) -> f64 {
    as_f64(n) / time.as_secs_f64().max(1e-9)
}

fn per_request(cpu: Duration, requests: u64) -> Option<f64> {
    (requests > 0).then(|| as_f64(ns(cpu)) / as_f64(requests))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workers(reported: Option<&str>) -> Option<u64> {
        let stopped = reported.map(|workers| {
            serde_json::from_str(&format!(r#"{{"event":"stopped","workers":{workers}}}"#))
                .expect("JSON")
        });
        let target = Target { stopped, ..Target::default() };
        let seen = [0, 2].map(|worker| Worker { worker, connections: 1 });
        imbalance(&seen, &target).map(|imbalance| imbalance.workers)
    }

    #[test]
    fn idle_workers_count_as_far_as_anybody_knows_of_them() {
        let idle = r#"{"connections":0,"requests":0}"#;
        assert_eq!(workers(Some(&format!("[{}]", [idle; 5].join(",")))), Some(5));
        assert_eq!(workers(None), Some(3), "the highest number that was seen");
        assert_eq!(workers(Some("[]")), None, "a connection belongs to no worker");
    }
}
