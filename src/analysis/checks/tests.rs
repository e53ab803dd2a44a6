//! Every check, passed by a good trial and not by the same one with a fault.

mod generator;
mod limits;
mod zero;

use super::*;
use crate::document::{Contention, SentGaps, Steadiness, Tcp, example};

/// What a check says of a trial.
fn status(trial: &Trial, steal: f64, name: &str) -> Status {
    let checks = check_trial(trial, Some(steal));
    let check = checks.iter().find(|check| check.name == name);
    check.unwrap_or_else(|| panic!("no check {name}")).status
}

/// The check passes the trial, and with the fault it comes to `expected`.
fn shows(trial: &Trial, name: &str, expected: Status, fault: impl Fn(&mut Trial)) {
    assert_eq!(status(trial, 0.0, name), Status::Pass, "{name} of a good trial");
    let mut faulty = trial.clone();
    fault(&mut faulty);
    assert_eq!(status(&faulty, 0.0, name), expected, "{name} of a faulty one");
    let checks = check_trial(&faulty, None);
    let check = checks.iter().find(|check| check.name == name).expect("it was checked");
    assert!(!check.message.is_empty(), "{name} says why");
}

/// The open loop with the parts that older results do not have, and samples for every quantile.
fn open() -> Trial {
    let steady = Steadiness {
        batches: 32,
        batch_ns: 1_000_000,
        trend: 0.0,
        second_half_over_first: 1.0,
        lag_one: 0.0,
        still_warming_ns: 0,
        warming_over_rest: 1.0,
        warming_significant: false,
    };
    let sent_gaps = Some(SentGaps { count: 4_096, distance: 0.05 });
    let contention = Some(Contention { processors: 2, runnable: 2, pressure_share: Some(0.05) });
    let mut trial = Trial { steadiness: Some(steady), sent_gaps, contention, ..example::open() };
    let response = trial.latency.response.as_mut().expect("an open loop");
    let quantiles = response.quantiles.iter_mut().chain(&mut trial.latency.sched_lag.quantiles);
    quantiles.for_each(|quantile| quantile.admitted = true);
    trial
}

fn gaps(trial: &mut Trial) -> &mut SentGaps {
    trial.sent_gaps.as_mut().expect("it is there")
}

fn set_p99(trial: &mut Trial, lag: u64) {
    let quantiles = &mut trial.latency.sched_lag.quantiles;
    let p99 = quantiles.iter_mut().find(|quantile| quantile.q == 0.99);
    p99.expect("it is listed").value = lag;
}

#[test]
fn faults_of_the_generator_are_shown() {
    let trial = open();
    shows(&trial, "complete", Status::Fail, |trial| trial.phases.interrupted = true);
    shows(&trial, "census", Status::Fail, |trial| trial.census.reconciles = false);
    shows(&trial, "generator-cpu", Status::Warn, |t| t.client.busiest_thread_share = 0.75);
    shows(&trial, "generator-cpu", Status::Fail, |t| t.client.busiest_thread_share = 0.95);
    shows(&trial, "sched-lag", Status::Fail, |trial| set_p99(trial, 1_000_000_000));
    shows(&trial, "arrivals-as-asked", Status::Warn, |trial| gaps(trial).distance = 0.5);
    let closed = example::closed();
    shows(&closed, "generator-cpu", Status::Warn, |t| t.client.busiest_thread_share = 0.95);
}

#[test]
fn what_was_interrupted_says_when_and_blames_no_server_that_was_not_asked() {
    let mut trial = example::closed();
    trial.phases.interrupted = true;
    let complete = |trial: &Trial| check_trial(trial, None).swap_remove(0).message;
    assert!(complete(&trial).starts_with("interrupted after "), "{}", complete(&trial));
    trial.phases.measure_ns = 0;
    trial.connections.served = 0;
    assert_eq!(complete(&trial), "interrupted before the measurement");
    assert!(check_trial(&trial, None).iter().all(|check| check.about != About::Server));
}

#[test]
fn lateness_is_judged_by_what_is_measured() {
    let mut trial = open();
    let measured = trial.latency.headline().quantile(0.99).expect("it is listed").value;
    set_p99(&mut trial, 200_000);
    assert_eq!(status(&trial, 0.0, "sched-lag"), Status::Pass, "a usual wake-up");
    set_p99(&mut trial, measured.max(200_001));
    assert_eq!(status(&trial, 0.0, "sched-lag"), Status::Fail, "{measured}");
    let quantiles = &mut trial.latency.response.as_mut().expect("an open loop").quantiles;
    quantiles.iter_mut().for_each(|quantile| quantile.value = 4 * measured.max(200_001));
    assert_eq!(status(&trial, 0.0, "sched-lag"), Status::Warn, "a quarter of it");
}

#[test]
fn findings_about_the_server_are_shown() {
    let trial = open();
    let wrong = |trial: &mut Trial| {
        trial.census.errors.insert("wrong_reply".into(), 1);
    };
    shows(&trial, "right-replies", Status::Fail, wrong);
    shows(&trial, "errors", Status::Warn, |trial| trial.census.timeouts = 1);
    shows(&trial, "errors", Status::Fail, |t| t.census.timeouts = t.census.offered / 50);
    shows(&trial, "connected", Status::Fail, |trial| trial.connections.opened -= 1);
    shows(&trial, "kept-up", Status::Fail, |trial| trial.throughput_per_s *= 0.8);
    shows(&trial, "kept-up", Status::Fail, |t| t.census.unfinished = t.census.offered / 50);
    let rates_per_s = vec![1.0, 2.0];
    let stairs = crate::document::ArrivalsRecord::Staircase { rates_per_s, step_ns: 1, seed: None };
    shows(&trial, "kept-up", Status::Warn, |trial| {
        trial.throughput_per_s *= 0.8;
        trial.load.arrivals = stairs.clone();
    });
    shows(&trial, "never-served", Status::Warn, |trial| trial.connections.served -= 1);
    let overflow = |trial: &mut Trial| {
        let server = trial.server.as_mut().expect("a server of ours");
        server.tcp = Tcp { listen_overflows: 1, ..Tcp::default() };
    };
    shows(&trial, "listen-queue", Status::Warn, overflow);
    let closed = example::closed();
    shows(&closed, "fairness", Status::Warn, |trial| trial.connections.jain = 0.5);
    shows(&closed, "never-served", Status::Warn, |trial| trial.connections.served -= 1);
    let starving = |trial: &mut Trial| trial.connections.effective_concurrency *= 0.5;
    shows(&closed, "effective-concurrency", Status::Warn, starving);
}

/// What is said of wrong replies of which this is the first.
fn told_of_wrong(mut trial: Trial, example: &str) -> String {
    trial.census.errors.insert("wrong_reply".into(), 7);
    trial.census.wrong_example = Some(example.into());
    let all = check_trial(&trial, None);
    all.into_iter().find(|check| check.name == "right-replies").expect("checked").message
}

#[test]
fn bodies_of_different_lengths_get_a_hint_unless_one_length_was_asked_for() {
    let hinted = |expect_bytes, any_length| {
        let mut trial = open();
        trial.load.framing = "http".into();
        trial.load.request = crate::document::RequestRecord::Http {
            method: "GET".into(),
            path: "/".into(),
            headers: Vec::new(),
            body_bytes: 0,
            status: None,
            expect_bytes,
            any_length,
        };
        told_of_wrong(trial, "a body of 12 bytes instead of 10").contains("--any-length")
    };
    assert_eq!([hinted(None, false), hinted(Some(10), false)], [true, false]);
}

#[test]
fn the_total_of_a_server_with_another_history_gets_a_hint() {
    let hinted = |example: &str| {
        let mut trial = open();
        trial.load.request =
            crate::document::RequestRecord::Session { steps: 4, history_bytes: 8_192, home: None };
        told_of_wrong(trial, example).contains("--history 8192")
    };
    assert!(hinted("OK 27078 0000000000000000 -"));
    assert!(!hinted("ERR unknown request"), "it knows no sessions at all");
}

#[test]
fn an_open_loop_without_a_turn_for_everyone_starves_nobody() {
    let mut trial = open();
    trial.connections.served -= 1;
    trial.census.offered = 9 * trial.connections.asked as u64;
    assert_eq!(status(&trial, 0.0, "never-served"), Status::Pass);
}

#[test]
fn who_thinks_for_longer_than_is_measured_is_not_starved() {
    let mut trial = example::closed();
    trial.connections.served -= 1;
    trial.connections.jain = 0.5;
    let measured_s = as_f64(trial.phases.measure_ns) / 1e9;
    // By Little's law: so many are thinking if each does so for a share of the measurement.
    let mut with = |share: f64| {
        trial.connections.thinking = trial.throughput_per_s * share * measured_s;
        ["fairness", "never-served"].map(|check| status(&trial, 0.0, check))
    };
    assert_eq!(with(0.11), [Status::Pass; 2], "nine turns are few");
    assert_eq!(with(0.09), [Status::Warn; 2], "after eleven everybody should have had one");
}

#[test]
fn a_change_within_the_measurement_is_shown() {
    let with = |change: fn(&mut Steadiness)| {
        move |trial: &mut Trial| change(trial.steadiness.as_mut().expect("it is there"))
    };
    let rising = with(|found| (found.trend, found.second_half_over_first) = (0.9, 1.5));
    shows(&open(), "stationary", Status::Warn, rising);
    shows(&open(), "independent", Status::Warn, with(|found| found.lag_one = 0.9));
    let warming = with(|found| {
        (found.still_warming_ns, found.warming_over_rest) = (1_000, 1.5);
        found.warming_significant = true;
    });
    shows(&open(), "warmed-up", Status::Warn, warming);
}

#[test]
fn disturbances_by_the_host_are_shown() {
    let trial = open();
    shows(&trial, "own-processors", Status::Warn, |t| t.target.cpus.clone_from(&t.load.cpus));
    let steal = [0.0, 0.02, 0.06].map(|share| status(&trial, share, "steal"));
    assert_eq!(steal, [Status::Pass, Status::Warn, Status::Fail]);
}

#[test]
fn the_worst_check_decides() {
    let valid = check_trial(&open(), Some(0.0));
    assert_eq!(validity(&valid), Validity::Valid);
    assert_eq!(validity(&check_trial(&open(), Some(0.02))), Validity::Suspect);
    assert_eq!(validity(&check_trial(&open(), Some(0.06))), Validity::Invalid);
    assert_eq!(validity(&[]), Validity::Valid);
}

#[test]
fn others_on_the_processors_are_shown_and_the_loads_own_threads_are_not_others() {
    let trial = open();
    let with = |change: fn(&mut Contention)| {
        move |trial: &mut Trial| change(trial.contention.as_mut().expect("it is there"))
    };
    let pressed = with(|found| found.pressure_share = Some(0.5));
    shows(&trial, "load-above-cores", Status::Warn, with(|found| found.runnable = 3));
    shows(&trial, "load-above-cores", Status::Warn, pressed);
    // With a thread for each client, somebody always waits.
    let mut threads = trial.clone();
    pressed(&mut threads);
    threads.server.as_mut().expect("a server of ours").threads = 51;
    assert_eq!(status(&threads, 0.0, "load-above-cores"), Status::Pass);
    // Of a server that this program did not start, nobody knows its threads.
    threads.server = None;
    assert_eq!(status(&threads, 0.0, "load-above-cores"), Status::Pass);
}
