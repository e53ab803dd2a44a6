//! Each setting in which two runs can differ is found and named.

use std::path::PathBuf;

use super::*;
use crate::analysis::synthetic::bare;
use crate::document::{Summary, example};

type Change = fn(&mut Summary);

fn found(change: Change) -> Vec<String> {
    let run = |summary| Run { dir: PathBuf::new(), summary };
    let mut other = bare(Vec::new());
    change(&mut other);
    differences(&run(bare(Vec::new())), &run(other)).expect("no trial is read")
}

#[test]
fn of_runs() {
    // Each is measured anew, and does not count.
    assert!(found(|summary| summary.host.work_round_ps = 1).is_empty());
    let changes: [(&str, Change); 7] = [
        ("schema version", |summary| summary.schema.version += 1),
        ("kernel", |summary| summary.host.kernel.push('x')),
        ("processor", |summary| summary.host.cpu_model.push('x')),
        ("processors", |summary| summary.host.cpus += 1),
        ("congestion control", |summary| summary.host.congestion_control = Some("x".into())),
        ("processors of servers", |summary| summary.run.server_cpus.push(9)),
        ("processors of the generator", |summary| summary.run.client_cpus.clear()),
    ];
    for (name, change) in changes {
        let found = found(change);
        assert!(found.len() == 1 && found[0].starts_with(&format!("{name}: ")), "{found:?}");
    }
}

#[test]
fn of_trials() {
    type Change = fn(&mut Trial);
    let found = |change: Change| {
        let mut other = example::closed();
        change(&mut other);
        trials(&example::closed(), &other)
    };
    assert!(found(|trial| trial.phases.measure_ns += 9_000_000).is_empty());
    let cases: [(&str, Change); 7] = [
        ("application", |trial| trial.load.app = "x".into()),
        ("framing", |trial| trial.load.framing = "x".into()),
        ("request", |trial| {
            trial.load.request = crate::document::RequestRecord::Echo { bytes: 77 };
        }),
        ("connections", |trial| trial.load.connections += 1),
        ("arrivals", |trial| trial.load.arrivals = example::open().load.arrivals),
        ("measurement", |trial| trial.phases.measure_ns *= 2),
        ("pages of the server's program", |trial| {
            let shares = trial.shares_program().expect("an account");
            trial.server.as_mut().expect("an account").memory.shares_program = Some(!shares);
        }),
    ];
    for (name, change) in cases {
        let found = found(change);
        assert!(found.len() == 1 && found[0].starts_with(&format!("{name}: ")), "{found:?}");
    }
}

#[test]
fn of_memory() {
    let shares = |ours: bool, shares| {
        let mut trial = example::closed();
        trial.target.ready = ours.then(|| serde_json::json!({ "event": "ready" }));
        trial.server.as_mut().expect("an account").memory.shares_program = shares;
        trial.shares_program()
    };
    // Earlier versions did not say so, and had all models share theirs.
    for (ours, said, found) in [
        (true, None, true),
        (false, None, false),
        (true, Some(false), false),
        (false, Some(true), true),
    ] {
        assert_eq!(shares(ours, said), Some(found), "{ours} {said:?}");
    }
    let without = Trial { server: None, ..example::closed() };
    assert!(without.shares_program().is_none());
}

#[test]
fn of_rates() {
    let constant = |rate_per_s| ArrivalsRecord::Constant { rate_per_s };
    assert!(same_arrivals(&constant(1_019.0), &constant(1_000.0)));
    assert!(!same_arrivals(&constant(1_021.0), &constant(1_000.0)));
    assert!(!same_arrivals(&constant(979.0), &constant(1_000.0)));
    let poisson = ArrivalsRecord::Poisson { rate_per_s: 1_000.0, seed: 1 };
    assert!(!same_arrivals(&poisson, &constant(1_000.0)));
    assert!(same_arrivals(&ArrivalsRecord::Closed, &ArrivalsRecord::Closed));
}
