//! Checks without data to judge must never report that all is well.

use super::*;
use crate::document::{Census, Distribution, Greetings, MisbehavingClients, SessionsRecord, Sums};

/// Nothing at all was offered, answered, or seen.
fn nothing(mut trial: Trial) -> Trial {
    let empty = hdrhistogram::Histogram::new_with_bounds(1, 1_000, 2).expect("bounds");
    let none = Distribution::from_histograms(&empty, &empty).expect("written");
    trial.census = Census { reconciles: true, ..Census::default() };
    trial.throughput_per_s = 0.0;
    trial.sums = trial.sums.map(|sums| Sums { completed: 0, ok: 0, ok_squares: 0, ..sums });
    trial.latency.response = trial.latency.response.map(|_| none.clone());
    trial.latency.service = none.clone();
    trial.latency.conn_wait = none.clone();
    trial.latency.sched_lag = none;
    trial.connections.served = 0;
    trial.connections.jain = 0.0;
    trial.connections.effective_concurrency = 0.0;
    trial.connections.ok_max = 0;
    trial.connections.ok_min = 0;
    trial.client.cpu_ns = 0;
    trial.client.busiest_thread_share = 0.0;
    let nobody = Greetings { reconciles: true, ..Greetings::default() };
    trial.greetings = Some(nobody);
    trial.sessions = Some(SessionsRecord { reconciles: true, ..SessionsRecord::default() });
    trial.misbehaving.insert("half-closer".into(), MisbehavingClients::default());
    trial
}

#[test]
fn what_has_nothing_to_judge_does_not_pass() {
    let both = ["right-replies", "errors", "never-served", "generator-cpu", "greetings"];
    let both = both.into_iter().chain(["one-clock", "sessions-kept", "sessions-right"]);
    let both: Vec<_> = both.chain(["sessions-census", "half-close", "misbehaving"]).collect();
    for (trial, own) in [
        (nothing(example::closed()), ["fairness", "effective-concurrency"]),
        (nothing(open()), ["kept-up", "sched-lag"]),
    ] {
        for name in both.iter().chain(&own) {
            assert!(status(&trial, 0.0, name) > Status::Pass, "{name} passes");
        }
        assert_eq!(status(&trial, 0.0, "answered"), Status::Fail);
        assert_eq!(validity(&check_trial(&trial, None)), Validity::Invalid);
    }
}

#[test]
fn a_load_without_a_reply_is_invalid_and_says_what_there_was() {
    let message = |trial: &Trial| {
        let all = check_trial(trial, None);
        let check = all.into_iter().find(|check| check.name == "answered").expect("checked");
        assert_eq!(check.status, Status::Fail);
        check.message
    };
    let mut trial = nothing(example::closed());
    assert!(message(&trial).contains("no request was sent"), "{}", message(&trial));
    (trial.census.offered, trial.census.sent, trial.census.unfinished) = (4, 4, 4);
    assert!(message(&trial).contains("none of 4 requests"), "{}", message(&trial));
    (trial.census.ok, trial.census.unfinished) = (4, 0);
    assert!(message(&trial).contains("4 arrived later"), "{}", message(&trial));
    // Results of older versions have no sums.
    trial.sums = None;
    assert_eq!(status(&trial, 0.0, "answered"), Status::Fail);
    shows(&example::closed(), "answered", Status::Fail, |trial| {
        trial.throughput_per_s = 0.0;
        trial.sums = None;
    });
}
