//! A generator that itself takes time: the lateness that it has to report as its own.

use std::time::Duration;

use super::{MS, START, assert_equal, due, load, poisson, run};
use crate::wire::virtual_time::{Costs, Fate, Laws};
use crate::{Arrivals, Load};

/// A server that answers nothing, so that only the schedule wakes the generator.
fn silent() -> Laws {
    Laws { fate: Box::new(|_| Fate::Silence), ..Laws::fixed(1) }
}

/// A load of a tenth of a second, in which the generator never checks for timeouts.
fn short(rate_per_s: f64) -> Load {
    Load {
        warmup: Duration::ZERO,
        measure: Duration::from_millis(90),
        drain: Duration::from_millis(1),
        ..load(3_000, poisson(rate_per_s))
    }
}

#[test]
fn a_slow_write_makes_the_next_request_late() {
    let (load, send_ns) = (short(20_000.0), 40_001);
    let costs = Costs { send_ns, ..Costs::default() };
    let outcome = run(&load, &silent, costs);
    // Lindley: a request is late by what is left of the writes before it.
    let (mut free, mut late) = (0, Vec::new());
    for (_, due) in due(&load) {
        let sent = due.max(free);
        late.push(sent - due);
        free = sent + send_ns;
    }
    assert!(late.iter().filter(|late| **late > 0).count() > late.len() / 2);
    assert_equal("sched_lag", &outcome.latency.sched_lag, late.clone());
    assert_equal("conn_wait", &outcome.latency.conn_wait, vec![0; late.len()]);
    assert_eq!(outcome.census.sent, late.len() as u64);
}

#[test]
fn a_generator_that_oversleeps_says_so() {
    let (load, wait_ns) = (short(20_000.0), 80_001);
    let outcome = run(&load, &silent, Costs { wait_ns, ..Costs::default() });
    // The generator wakes late for a request, and also sends all that became due meanwhile.
    let (mut awake, mut late) = (START, Vec::new());
    for (_, due) in due(&load) {
        awake = if due > awake { due + wait_ns } else { awake };
        late.push(awake - due);
    }
    assert!(late.contains(&wait_ns));
    assert_equal("sched_lag", &outcome.latency.sched_lag, late);
}

#[test]
fn lateness_is_in_the_response_time_and_not_in_the_service_time() {
    let load = Load { drain: Duration::from_millis(50), ..short(1_000.0) };
    let costs = Costs { wait_ns: 80_001, ..Costs::default() };
    let outcome = run(&load, &|| Laws::fixed(10 * MS), costs);
    let latency = &outcome.latency;
    assert!(outcome.census.ok == outcome.census.offered && outcome.census.ok > 50);
    // A reply is noticed by the wait that it ends, or by a wait that is under way when it arrives.
    assert!(latency.service.min() >= latency.service.lowest_equivalent(10 * MS));
    assert!(latency.service.max() <= 10 * MS + 2 * 80_001 + 10_000);
    let response = latency.response.as_ref().unwrap();
    assert!(response.mean() > latency.service.mean() + 40_000.0);
    let gap = response.mean() - latency.service.mean() - latency.sched_lag.mean();
    assert!(gap.abs() < response.mean() / 1_000.0, "{gap}");
}

#[test]
fn a_generator_that_stood_still_for_longer_than_it_can_record_says_so() {
    let load = load(100, poisson(1_000.0));
    let stopped = Some((START + 4_000 * MS, START + 400_000 * MS));
    let outcome = run(&load, &|| Laws::fixed(MS), Costs { stopped, ..Costs::default() });
    let latency = &outcome.latency;
    let response = latency.response.as_ref().unwrap();
    assert!(outcome.saturated > 0);
    assert_eq!(response.len(), outcome.census.ok, "they are counted as the longest");
    let outcome = run(&load, &|| Laws::fixed(MS), Costs::default());
    assert_eq!(outcome.saturated, 0);
}

#[test]
fn in_closed_loop_its_own_time_is_in_the_service_time() {
    let load = load(1, Arrivals::Closed);
    let costs = Costs { send_ns: 5_000, wait_ns: 70_000, receive_ns: 3_000, ..Costs::default() };
    let outcome = run(&load, &|| Laws::fixed(MS), costs);
    let service = &outcome.latency.service;
    assert!(service.len() > 4_000);
    // It waits while the server works; then it wakes up and reads.
    assert_equal("service", service, vec![MS + 73_000; usize::try_from(service.len()).unwrap()]);
    assert_eq!(outcome.latency.sched_lag.max(), 0);
}
