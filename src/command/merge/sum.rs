//! Adding up documents that belong together.

mod latency;
mod time;

use std::collections::BTreeMap;

use anyhow::{Context, Result};

use crate::analysis::checks;
use crate::base::units::as_f64;
use crate::document::{
    Census, ClientAccount, Connections, Contention, Greetings, IdleConnections, Imbalance,
    LoadRecord, MisbehavingClients, Part, Phases, ShardRecord, StandstillRecord, Sums, Trial,
    Worker,
};
use latency::{latency, turnaround};
pub(super) use time::slice_ns;
use time::{intervals, steps};

/// The sum, in the order of the parts; documents have been found to belong together.
pub(super) fn merged_trial(documents: &[Trial]) -> Result<Trial> {
    let first = documents.first().context("nothing to merge")?;
    let sums = sums(documents)?;
    let throughput_per_s = as_f64(sums.completed) / (as_f64(first.phases.measure_ns) / 1e9);
    let workers = workers(documents);
    let merged = parts(documents);
    let mut trial = Trial {
        load: load(documents),
        phases: phases(documents),
        census: census(documents),
        throughput_per_s,
        latency: latency(documents)?,
        intervals: intervals(documents, &sums)?,
        steps: steps(documents)?,
        connections: connections(documents, &sums),
        greetings: greetings(documents),
        sessions: documents.iter().filter_map(|trial| trial.sessions).reduce(|a, b| a.and(&b)),
        turnaround: turnaround(documents)?,
        misbehaving: misbehaving(documents),
        imbalance: workers
            .last()
            .and_then(|last| Imbalance::from_workers(&workers, u64::from(last.worker) + 1)),
        workers,
        client: client(documents, &sums)?,
        contention: contention(documents),
        merged,
        sums: Some(sums),
        // Of the order in time no document keeps enough to add up.
        steadiness: None,
        sent_gaps: None,
        // Each generator's machine had its own.
        conditions: None,
        ..first.clone()
    };
    trial.run.started_at =
        trial.merged.iter().map(|part| part.started_at.clone()).min().unwrap_or_default();
    trial.checks = checks::check_trial(&trial, steal(documents));
    trial.validity = checks::validity(&trial.checks);
    Ok(trial)
}

fn total(documents: &[Trial], of: impl Fn(&Trial) -> u64) -> u64 {
    documents.iter().map(of).sum()
}

fn count(documents: &[Trial], of: impl Fn(&Trial) -> usize) -> usize {
    documents.iter().map(of).sum()
}

fn sums(documents: &[Trial]) -> Result<Sums> {
    let all: Option<Vec<Sums>> = documents.iter().map(|trial| trial.sums).collect();
    let all = all.context("a document without sums")?;
    let add = |of: fn(&Sums) -> u64| all.iter().map(of).fold(0, u64::saturating_add);
    Ok(Sums {
        began_unix_ns: all.iter().map(|sums| sums.began_unix_ns).min().unwrap_or(0),
        completed: add(|sums| sums.completed),
        ok: add(|sums| sums.ok),
        ok_squares: add(|sums| sums.ok_squares),
        service_ns: add(|sums| sums.service_ns),
        service_count: add(|sums| sums.service_count),
        in_service_ns: add(|sums| sums.in_service_ns),
        spun_ns: add(|sums| sums.spun_ns),
        wakeups: add(|sums| sums.wakeups),
        events: add(|sums| sums.events),
    })
}

/// Where the numbers come from; the parts of a sum are those that were added up before.
fn parts(documents: &[Trial]) -> Vec<Part> {
    let own = |trial: &Trial| {
        let shard = trial.load.shard.as_ref()?;
        Some(Part {
            shard: *shard.parts.first()?,
            started_at: trial.run.started_at.clone(),
            began_unix_ns: trial.sums?.began_unix_ns,
            command: trial.run.command.clone(),
            connections: trial.connections.asked,
            offered: trial.census.offered,
            busiest_thread_share: trial.client.busiest_thread_share,
            launcher: shard.launcher.clone(),
            start: shard.start,
            host: trial.host.clone(),
        })
    };
    let mut parts: Vec<Part> = documents
        .iter()
        .flat_map(|trial| match trial.merged.as_slice() {
            [] => own(trial).into_iter().collect(),
            merged => merged.to_vec(),
        })
        .collect();
    parts.sort_by_key(|part| part.shard);
    parts
}

fn load(documents: &[Trial]) -> LoadRecord {
    let shards = || documents.iter().filter_map(|trial| trial.load.shard.as_ref());
    let mut parts: Vec<u64> = shards().flat_map(|shard| &shard.parts).copied().collect();
    parts.sort_unstable();
    let mut cpus: Vec<usize> =
        documents.iter().flat_map(|trial| &trial.load.cpus).copied().collect();
    cpus.sort_unstable();
    cpus.dedup();
    LoadRecord {
        connections: count(documents, |trial| trial.load.connections),
        threads: count(documents, |trial| trial.load.threads),
        cpus,
        shard: shards().next().map(|shard| ShardRecord {
            of: shard.of,
            parts,
            launcher: None,
            start: None,
            hosts: shard.hosts.clone(),
        }),
        ..documents[0].load.clone()
    }
}

fn phases(documents: &[Trial]) -> Phases {
    let longest =
        |of: fn(&Phases) -> u64| documents.iter().map(|trial| of(&trial.phases)).max().unwrap_or(0);
    Phases {
        connect_ns: longest(|phases| phases.connect_ns),
        warmup_ns: longest(|phases| phases.warmup_ns),
        measure_ns: longest(|phases| phases.measure_ns),
        drain_ns: longest(|phases| phases.drain_ns),
        interrupted: documents.iter().any(|trial| trial.phases.interrupted),
        warmup_trials: documents.iter().filter_map(|trial| trial.phases.warmup_trials).max(),
    }
}

fn by_name<'a>(maps: impl Iterator<Item = &'a BTreeMap<String, u64>>) -> BTreeMap<String, u64> {
    let mut sum = BTreeMap::new();
    for (name, n) in maps.flatten() {
        *sum.entry(name.clone()).or_default() += n;
    }
    sum
}

fn census(documents: &[Trial]) -> Census {
    let add = |of: fn(&Census) -> u64| total(documents, |trial| of(&trial.census));
    let mut census = Census {
        offered: add(|census| census.offered),
        sent: add(|census| census.sent),
        ok: add(|census| census.ok),
        errors: by_name(documents.iter().map(|trial| &trial.census.errors)),
        timeouts: add(|census| census.timeouts),
        unfinished: add(|census| census.unfinished),
        never_sent: add(|census| census.never_sent),
        reconciles: false,
        wrong_example: documents.iter().find_map(|trial| trial.census.wrong_example.clone()),
    };
    let ended = census.ok + census.failed() + census.unfinished + census.never_sent;
    census.reconciles = ended == census.offered
        && census.sent + census.never_sent == census.offered
        && documents.iter().all(|trial| trial.census.reconciles);
    census
}

fn connections(documents: &[Trial], sums: &Sums) -> Connections {
    let each = || documents.iter().map(|trial| &trial.connections);
    let add = |of: fn(&Connections) -> usize| each().map(of).sum();
    let asked: usize = add(|connections| connections.asked);
    let measure_ns = documents[0].phases.measure_ns;
    let (ok, squares) = (as_f64(sums.ok), as_f64(sums.ok_squares));
    let jain = ok * ok / (as_f64(asked as u64) * squares);
    Connections {
        asked,
        opened: add(|connections| connections.opened),
        reconnects: each().map(|connections| connections.reconnects).sum(),
        connect_failures: each().map(|connections| connections.connect_failures).sum(),
        connect_errors: by_name(each().map(|connections| &connections.connect_errors)),
        connect_errors_before_load: by_name(each().map(|one| &one.connect_errors_before_load)),
        unsolicited: each().map(|connections| connections.unsolicited).sum(),
        served: add(|connections| connections.served),
        ok_min: each().map(|connections| connections.ok_min).min().unwrap_or(0),
        ok_max: each().map(|connections| connections.ok_max).max().unwrap_or(0),
        jain: if sums.ok_squares == 0 { 0.0 } else { jain },
        effective_concurrency: as_f64(sums.in_service_ns) / as_f64(measure_ns.max(1)),
        slowest_mean_ns: each().filter_map(|connections| connections.slowest_mean_ns).max(),
        thinking: each().map(|connections| connections.thinking).sum(),
        connecting: each().map(|connections| connections.connecting).sum(),
        closed_by_us: each().map(|connections| connections.closed_by_us).sum(),
        port_shortages: each().map(|connections| connections.port_shortages).sum(),
        idle: idle(documents),
    }
}

fn idle(documents: &[Trial]) -> Option<IdleConnections> {
    let all: Vec<_> = documents.iter().filter_map(|trial| trial.connections.idle).collect();
    let add = |of: fn(&IdleConnections) -> usize| all.iter().map(of).sum();
    (!all.is_empty()).then(|| IdleConnections {
        asked: add(|idle| idle.asked),
        opened: add(|idle| idle.opened),
        idle_lost: add(|idle| idle.idle_lost),
    })
}

fn misbehaving(documents: &[Trial]) -> BTreeMap<String, MisbehavingClients> {
    let mut sum: BTreeMap<String, MisbehavingClients> = BTreeMap::new();
    for (way, clients) in documents.iter().flat_map(|trial| &trial.misbehaving) {
        let Some(mine) = sum.get_mut(way) else {
            sum.insert(way.clone(), clients.clone());
            continue;
        };
        mine.connections += clients.connections;
        mine.opened += clients.opened;
        mine.connect_failures += clients.connect_failures;
        mine.requests += clients.requests;
        mine.right += clients.right;
        mine.ended = by_name([&mine.ended, &clients.ended].into_iter());
    }
    sum
}

fn greetings(documents: &[Trial]) -> Option<Greetings> {
    let all: Option<Vec<&Greetings>> =
        documents.iter().map(|trial| trial.greetings.as_ref()).collect();
    let all = all?;
    let add = |of: fn(&Greetings) -> u64| all.iter().map(|greetings| of(greetings)).sum();
    Some(Greetings {
        expected: add(|greetings| greetings.expected),
        received: add(|greetings| greetings.received),
        errors: by_name(all.iter().map(|greetings| &greetings.errors)),
        timeouts: add(|greetings| greetings.timeouts),
        unfinished: add(|greetings| greetings.unfinished),
        other_clock: add(|greetings| greetings.other_clock),
        reconciles: all.iter().all(|greetings| greetings.reconciles),
    })
}

fn workers(documents: &[Trial]) -> Vec<Worker> {
    let mut all = BTreeMap::new();
    for found in documents.iter().flat_map(|trial| &trial.workers) {
        *all.entry(found.worker).or_default() += found.connections;
    }
    all.into_iter().map(|(worker, connections)| Worker { worker, connections }).collect()
}

fn client(documents: &[Trial], sums: &Sums) -> Result<ClientAccount> {
    let cpu_ns = total(documents, |trial| trial.client.cpu_ns);
    let shares = documents.iter().map(|trial| trial.client.busiest_thread_share);
    let useful = as_f64(cpu_ns.saturating_sub(sums.spun_ns));
    let threads = count(documents, |trial| trial.load.threads) as u64;
    let first = &documents[0];
    let wall = as_f64(first.phases.measure_ns.max(1)) * as_f64(threads.max(1));
    Ok(ClientAccount {
        cpu_ns,
        cpu_per_request_ns: (sums.completed > 0).then(|| useful / as_f64(sums.completed)),
        busiest_thread_share: shares.fold(0.0, f64::max),
        spin_share: first.client.spin_share.map(|_| as_f64(sums.spun_ns) / wall),
        events_per_wake: as_f64(sums.events) / as_f64(sums.wakeups.max(1)),
        standstill: standstill(documents, wall)?,
        ..first.client.clone()
    })
}

/// Gaps of all generators, in a time of `wall` nanoseconds of all their threads; none where one of
/// them did not look.
fn standstill(documents: &[Trial], wall: f64) -> Result<Option<StandstillRecord>> {
    let all: Option<Vec<_>> = documents.iter().map(|one| one.client.standstill.as_ref()).collect();
    let Some(all) = all else { return Ok(None) };
    let add = |of: fn(&StandstillRecord) -> u64| all.iter().map(|one| of(one)).sum();
    let measured_ns = add(|one| one.measured_ns);
    let Some(longest) = all.iter().max_by_key(|one| one.longest_ns) else { return Ok(None) };
    let requests: Vec<_> = all.iter().filter_map(|one| one.requests.as_ref()).collect();
    Ok(Some(StandstillRecord {
        gaps: add(|one| one.gaps),
        share: as_f64(measured_ns) / wall,
        measured_ns,
        outside_ns: add(|one| one.outside_ns),
        longest_ns: longest.longest_ns,
        longest_at_ns: longest.longest_at_ns,
        requests: (!requests.is_empty()).then(|| latency::distribution(&requests)).transpose()?,
    }))
}

/// The worst that one of the generators saw.
fn contention(documents: &[Trial]) -> Option<Contention> {
    let seen = documents.iter().filter_map(|trial| trial.contention);
    seen.reduce(|a, b| Contention {
        processors: a.processors.min(b.processors),
        runnable: a.runnable.max(b.runnable),
        pressure_share: a.pressure_share.into_iter().chain(b.pressure_share).reduce(f64::max),
    })
}

/// The most that a hypervisor took from one of the generators; only its check has it.
fn steal(documents: &[Trial]) -> Option<f64> {
    let checks = documents.iter().flat_map(|trial| &trial.checks);
    checks.filter(|check| check.name == "steal").map(|check| check.observed).reduce(f64::max)
}
