//! Example trials for tests.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use super::{ArrivalsRecord, Check, Status, Summary, Trial, store};

/// A committed trial of an event loop of ours in which nothing failed.
pub(crate) fn closed() -> Trial {
    // Looked for once: packed runs take a second to read.
    static CLOSED: LazyLock<Trial> =
        LazyLock::new(|| find(|trial| trial.load.arrivals == ArrivalsRecord::Closed));
    CLOSED.clone()
}

/// The same of an open loop.
pub(crate) fn open() -> Trial {
    static OPEN: LazyLock<Trial> = LazyLock::new(|| {
        find(|trial| matches!(trial.load.arrivals, ArrivalsRecord::Poisson { .. }))
    });
    OPEN.clone()
}

fn find(wanted: fn(&Trial) -> bool) -> Trial {
    let runs = Path::new(env!("CARGO_MANIFEST_DIR")).join("results/20261121-two-core-vm");
    let entries = std::fs::read_dir(runs).expect("committed runs").flatten();
    let mut folders: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    folders.sort();
    let files = folders.iter().flat_map(|dir| {
        let summary: Option<Summary> = store::read_json(&dir.join("summary.json")).ok();
        let cells = summary.into_iter().flat_map(|summary| summary.cells);
        let ours = cells.filter(|cell| cell.model == "epoll" && !cell.twin);
        let mut files: Vec<_> = ours.flat_map(|cell| cell.trials).map(|f| dir.join(f)).collect();
        files.sort();
        files
    });
    let mut trials = files.filter_map(|path| store::read_json(&path).ok());
    // Its generator may have been as fast as it could.
    let harmless = |check: &Check| check.status == Status::Pass || check.name == "generator-cpu";
    let good = |trial: &Trial| trial.checks.iter().all(harmless) && wanted(trial);
    let mut trial = trials.find(good).expect("a committed trial");
    trial.client.busiest_thread_share = 0.5;
    trial.checks.clear();
    trial
}
