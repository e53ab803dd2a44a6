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
fn of_loads() {
    let (usual, ns) = (example::closed().load, 1_000_000_000);
    let open = example::open().load.arrivals;
    assert!(loads(&(usual.clone(), ns), &(usual.clone(), ns + 9_000_000)).is_empty());
    let (app, framing) = ("x".to_string(), "x".to_string());
    let request = crate::document::RequestRecord::Echo { bytes: 77 };
    let cases = [
        ("application", LoadRecord { app, ..usual.clone() }, ns),
        ("framing", LoadRecord { framing, ..usual.clone() }, ns),
        ("request", LoadRecord { request, ..usual.clone() }, ns),
        ("connections", LoadRecord { connections: usual.connections + 1, ..usual.clone() }, ns),
        ("arrivals", LoadRecord { arrivals: open, ..usual.clone() }, ns),
        ("measurement", usual.clone(), 2 * ns),
    ];
    for (name, other, other_ns) in cases {
        let found = loads(&(usual.clone(), ns), &(other, other_ns));
        assert!(found.len() == 1 && found[0].starts_with(&format!("{name}: ")), "{found:?}");
    }
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
