//! Every limit is where it should be: a value just within it passes, a value just beyond it does
//! not.

use std::collections::BTreeMap;

use super::*;
use crate::document::{
    ClockRecord, ConductRecord, Greetings, IdleConnections, MisbehavingClients, SessionsRecord,
    ShardRecord, StartBy, StartRecord,
};

const PASS: Status = Status::Pass;
const WARN: Status = Status::Warn;
const FAIL: Status = Status::Fail;

/// What the check comes to with each of these values.
fn at<T: Copy + std::fmt::Debug>(
    trial: &Trial,
    name: &str,
    set: impl Fn(&mut Trial, T),
    cases: &[(T, Status)],
) -> Result<(), String> {
    for (value, expected) in cases {
        let mut changed = trial.clone();
        set(&mut changed, *value);
        let found = status(&changed, 0.0, name);
        if found != *expected {
            return Err(format!("{name} at {value:?}: {found:?}, and not {expected:?}"));
        }
    }
    Ok(())
}

fn conduct(pipeline: usize) -> ConductRecord {
    ConductRecord {
        requests_per_connection: None,
        lifetime_ns: None,
        pipeline,
        think_time: None,
        idle_connections: 0,
        sources: Vec::new(),
        misbehaving: BTreeMap::new(),
    }
}

#[test]
fn of_the_generators_processor() -> Result<(), String> {
    let set = |trial: &mut Trial, share| trial.client.busiest_thread_share = share;
    at(&example::closed(), "generator-cpu", set, &[(0.899, PASS), (0.901, WARN)])?;
    let cases = [(0.699, PASS), (0.701, WARN), (0.899, WARN), (0.901, FAIL)];
    at(&open(), "generator-cpu", set, &cases)
}

#[test]
fn of_lateness() -> Result<(), String> {
    let measuring = |measured: u64| {
        let mut trial = open();
        let quantiles = &mut trial.latency.response.as_mut().expect("an open loop").quantiles;
        quantiles.iter_mut().for_each(|quantile| quantile.value = measured);
        trial
    };
    // Of little, 200 us; of much, a tenth passes and a half is too much.
    let few = [(199_000, PASS), (201_000, WARN), (499_000, WARN), (501_000, FAIL)];
    at(&measuring(1_000_000), "sched-lag", set_p99, &few)?;
    let many = [(999_000, PASS), (1_001_000, WARN), (4_999_000, WARN), (5_001_000, FAIL)];
    at(&measuring(10_000_000), "sched-lag", set_p99, &many)
}

#[test]
fn of_what_was_answered_in_time() -> Result<(), String> {
    let offering = |offered: u64| {
        let mut trial = open();
        (trial.census.offered, trial.phases.measure_ns) = (offered, 1_000_000_000);
        (trial.census.unfinished, trial.census.never_sent) = (0, 0);
        trial
    };
    let answered = |trial: &mut Trial, share: f64| {
        trial.throughput_per_s = share * as_f64(trial.census.offered);
    };
    // Of a million requests chance makes four thousandths of difference, of ten thousand 0.04.
    at(&offering(1_000_000), "kept-up", answered, &[(0.987, PASS), (0.985, FAIL)])?;
    at(&offering(10_000), "kept-up", answered, &[(0.951, PASS), (0.949, FAIL)])?;
    at(&offering(4), "kept-up", answered, &[(0.5, PASS), (0.25, FAIL)])?;
    let left = |trial: &mut Trial, (unfinished, never_sent)| {
        answered(trial, 1.0);
        (trial.census.unfinished, trial.census.never_sent) = (unfinished, never_sent);
    };
    let cases = [((4_000, 5_000), PASS), ((6_000, 5_000), FAIL)];
    at(&offering(1_000_000), "kept-up", left, &cases)
}

#[test]
fn of_who_is_served() -> Result<(), String> {
    let mut closed = example::closed();
    let asked = closed.connections.asked;
    closed.connections.served = asked;
    let jain = |trial: &mut Trial, (jain, replies, served): (f64, u64, usize)| {
        trial.connections.jain = jain;
        trial.connections.served = served;
        trial.census.ok = replies * asked as u64;
    };
    let cases = [
        ((0.81, 10, asked), PASS),
        ((0.79, 10, asked), WARN),
        ((0.79, 9, asked), PASS),
        ((0.79, 9, asked - 1), WARN),
    ];
    at(&closed, "fairness", jain, &cases)?;
    // A closed loop has no turns that a client could miss.
    let starved = |trial: &mut Trial, turns: u64| {
        trial.connections.served = asked - 1;
        trial.census.offered = turns * asked as u64;
    };
    at(&closed, "never-served", starved, &[(9, WARN), (10, WARN)])?;
    let mut open = open();
    open.connections.asked = asked;
    at(&open, "never-served", starved, &[(9, PASS), (10, WARN)])
}

#[test]
fn of_clients_in_service() -> Result<(), String> {
    let closed = example::closed();
    let asked = as_f64(closed.connections.asked as u64);
    let set = |trial: &mut Trial, (serving, thinking, connecting): (f64, f64, f64)| {
        trial.connections.effective_concurrency = asked * serving;
        trial.connections.thinking = asked * thinking;
        trial.connections.connecting = asked * connecting;
    };
    let cases = [
        ((0.91, 0.0, 0.0), PASS),
        ((0.89, 0.0, 0.0), WARN),
        ((0.3, 0.61, 0.0), PASS),
        ((0.3, 0.0, 0.61), PASS),
    ];
    at(&closed, "effective-concurrency", set, &cases)?;
    let mut deep = closed;
    deep.load.conduct = Some(conduct(4));
    at(&deep, "effective-concurrency", set, &[((3.7, 0.0, 0.0), PASS), ((3.5, 0.0, 0.0), WARN)])?;
    // Who reconnects now and then is not always so deep.
    deep.load.conduct = Some(ConductRecord { requests_per_connection: Some(9), ..conduct(4) });
    at(&deep, "effective-concurrency", set, &[((0.91, 0.0, 0.0), PASS)])?;
    deep.load.conduct = Some(ConductRecord { lifetime_ns: Some(9), ..conduct(4) });
    at(&deep, "effective-concurrency", set, &[((0.91, 0.0, 0.0), PASS)])
}

#[test]
fn of_errors() -> Result<(), String> {
    let mut trial = open();
    trial.census.offered = 100_000;
    let timeouts = |trial: &mut Trial, n| trial.census.timeouts = n;
    at(&trial, "errors", timeouts, &[(0, PASS), (1, WARN), (1_000, WARN), (1_001, FAIL)])?;
    let lost = |trial: &mut Trial, n| {
        trial.census.errors.insert("lost_session".into(), n);
    };
    at(&trial, "errors", lost, &[(50_000, PASS)])?;
    trial.greetings = Some(Greetings {
        expected: 1_000,
        received: 1_000,
        errors: BTreeMap::new(),
        timeouts: 0,
        unfinished: 0,
        other_clock: 0,
        reconciles: true,
    });
    let greetings = |trial: &mut Trial, (timeouts, other_clock, reconciles)| {
        let found = trial.greetings.as_mut().expect("it is there");
        (found.timeouts, found.other_clock, found.reconciles) = (timeouts, other_clock, reconciles);
    };
    let cases = [((0, 0, true), PASS), ((10, 0, true), WARN), ((11, 0, true), FAIL)];
    at(&trial, "greetings", greetings, &cases)?;
    at(&trial, "one-clock", greetings, &[((0, 0, true), PASS), ((0, 1, true), FAIL)])?;
    at(&trial, "census", greetings, &[((0, 0, true), PASS), ((0, 0, false), FAIL)])
}

#[test]
fn of_connections() -> Result<(), String> {
    let mut trial = open();
    let connections = &mut trial.connections;
    (connections.opened, connections.reconnects, connections.connect_failures) = (400, 500, 100);
    let short = |trial: &mut Trial, n| trial.connections.port_shortages = n;
    at(&trial, "ports", short, &[(1, WARN), (10, WARN), (11, FAIL)])?;
    trial.load.conduct = Some(conduct(1));
    at(&trial, "ports", short, &[(0, PASS)])?;
    let idle = |trial: &mut Trial, (opened, idle_lost)| {
        trial.connections.idle = Some(IdleConnections { asked: 10, opened, idle_lost });
    };
    at(&trial, "idle-connections", idle, &[((10, 0), PASS), ((9, 0), WARN), ((10, 1), WARN)])?;
    let closers = |trial: &mut Trial, (opened, done, reset): (u64, u64, u64)| {
        let ended = BTreeMap::from([("done".to_string(), done), ("reset".to_string(), reset)]);
        let clients = MisbehavingClients {
            connections: 5,
            opened,
            connect_failures: 0,
            requests: opened,
            right: done,
            ended,
        };
        trial.misbehaving.insert("half-closer".into(), clients);
    };
    at(&trial, "misbehaving", closers, &[((1, 1, 0), PASS), ((0, 0, 0), WARN)])?;
    at(&trial, "half-close", closers, &[((5, 5, 0), PASS), ((5, 4, 1), WARN)])?;
    let dropped = |trial: &mut Trial, listen_drops| {
        let server = trial.server.as_mut().expect("a server of ours");
        server.tcp = Tcp { listen_drops, ..Tcp::default() };
    };
    at(&trial, "listen-queue", dropped, &[(0, PASS), (1, WARN)])
}

#[test]
fn of_parts_and_sessions() -> Result<(), String> {
    let parts = |trial: &mut Trial, (of, there): (u64, u64)| {
        let (parts, hosts) = ((0..there).collect(), Vec::new());
        trial.load.shard = Some(ShardRecord { of, parts, launcher: None, start: None, hosts });
    };
    at(&open(), "shards", parts, &[((2, 2), PASS), ((3, 2), FAIL)])?;
    let set = |trial: &mut Trial, jumped_ns| {
        let clock = ClockRecord::Unknown;
        let start = StartRecord { by: StartBy::Time, at_unix_ns: 1, late_ns: 0, clock, jumped_ns };
        let (parts, hosts) = (vec![1], Vec::new());
        let start = Some(start);
        trial.load.shard = Some(ShardRecord { of: 2, parts, launcher: None, start, hosts });
    };
    at(&open(), "clock-kept", set, &[(None, PASS), (Some(-2_000_000), FAIL)])?;
    let sessions = |trial: &mut Trial, (lost, wrong)| {
        let fine = SessionsRecord { started: 9, reconciles: true, ..<_>::default() };
        trial.sessions = Some(SessionsRecord { lost, wrong, ..fine });
    };
    at(&open(), "sessions-kept", sessions, &[((0, 9), PASS), ((1, 0), WARN)])?;
    at(&open(), "sessions-right", sessions, &[((9, 0), PASS), ((0, 1), FAIL)])
}

#[test]
fn of_the_host() -> Result<(), String> {
    let trial = open();
    let steal = |share| status(&trial, share, "steal");
    let shares = [0.0099, 0.0101, 0.0499, 0.0501].map(steal);
    assert_eq!(shares, [PASS, WARN, WARN, FAIL]);
    let waited = |trial: &mut Trial, (runnable, share)| {
        let found = trial.contention.as_mut().expect("it is there");
        (found.runnable, found.pressure_share) = (runnable, Some(share));
    };
    let cases = [((2, 0.099), PASS), ((2, 0.101), WARN), ((3, 0.0), WARN)];
    at(&trial, "load-above-cores", waited, &cases)?;
    let cpus = |trial: &mut Trial, (server, client): (&[usize], &[usize])| {
        trial.target.cpus = server.to_vec();
        trial.load.cpus = client.to_vec();
    };
    let (none, first, second): (&[usize], &[usize], &[usize]) = (&[], &[0], &[1]);
    let cases = [
        ((first, second), PASS),
        ((none, second), WARN),
        ((first, none), WARN),
        ((second, second), WARN),
    ];
    at(&trial, "own-processors", cpus, &cases)
}

#[test]
fn of_steadiness() -> Result<(), String> {
    let trial = open();
    let found = |trial: &mut Trial| trial.steadiness.take().expect("it is there");
    // Of 32 batches chance alone makes 3.9/sqrt(31) = 0.70, and 3.3/sqrt(32) = 0.58.
    let trend = |trial: &mut Trial, (trend, second_half_over_first)| {
        trial.steadiness = Some(Steadiness { trend, second_half_over_first, ..found(trial) });
    };
    let cases = [((0.69, 1.2), PASS), ((0.72, 1.11), WARN), ((0.72, 1.09), PASS)];
    at(&trial, "stationary", trend, &cases)?;
    let lag = |trial: &mut Trial, lag_one| {
        trial.steadiness = Some(Steadiness { lag_one, ..found(trial) });
    };
    at(&trial, "independent", lag, &[(0.57, PASS), (0.60, WARN)])?;
    let warming = |trial: &mut Trial, warming_over_rest| {
        let steady = Steadiness { warming_over_rest, warming_significant: true, ..found(trial) };
        trial.steadiness = Some(Steadiness { still_warming_ns: 1_000, ..steady });
    };
    at(&trial, "warmed-up", warming, &[(1.09, PASS), (1.11, WARN), (0.92, PASS), (0.90, WARN)])?;
    // 0.25, and 2.23 over the root of their number.
    let spaced = |trial: &mut Trial, (count, distance)| {
        trial.sent_gaps = Some(SentGaps { count, distance });
    };
    let cases = [
        ((1_000_000, 0.25), PASS),
        ((1_000_000, 0.26), WARN),
        ((100, 0.46), PASS),
        ((100, 0.48), WARN),
    ];
    at(&trial, "arrivals-as-asked", spaced, &cases)
}

#[test]
fn a_rate_that_changes_is_not_held_to_be_steady() {
    let mut trial = open();
    let has =
        |trial: &Trial| check_trial(trial, None).iter().any(|check| check.name == "stationary");
    assert!(has(&trial));
    trial.load.arrivals = crate::document::ArrivalsRecord::Staircase {
        rates_per_s: vec![1.0],
        step_ns: 1,
        seed: None,
    };
    assert!(!has(&trial));
}
