//! What models are compared by.

use crate::document::{Cell, Estimate};
use crate::statistics::verdict::Good;
use crate::units::{show_bytes, show_count, show_ns_f64};

/// A figure of a cell.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Metric {
    /// Its name in documents.
    pub(crate) name: &'static str,
    /// For people, within a sentence.
    pub(crate) words: &'static str,
    pub(crate) good: Good,
    pub(crate) of: fn(&Cell) -> Option<&Estimate>,
    pub(crate) show: fn(f64) -> String,
}

pub(crate) const THROUGHPUT: Metric = Metric {
    name: "throughput_per_s",
    words: "throughput",
    good: Good::High,
    // At a rate that is set, throughput is that rate.
    of: |cell| cell.is_closed().then_some(&cell.throughput_per_s),
    show: |value| format!("{} replies/s", show_count(value)),
};

pub(crate) const MEDIAN: Metric = Metric {
    name: "p50_ns",
    words: "median latency",
    good: Good::Low,
    of: |cell| cell.known_quantile(0.5),
    show: |value| format!("p50 {}", show_ns_f64(value)),
};

pub(crate) const TAIL: Metric = Metric {
    name: "p99_ns",
    words: "p99",
    good: Good::Low,
    of: |cell| cell.known_quantile(0.99),
    show: |value| format!("p99 {}", show_ns_f64(value)),
};

pub(crate) const COST: Metric = Metric {
    name: "server_cpu_per_request_ns",
    words: "server CPU per request",
    good: Good::Low,
    of: |cell| cell.server_cpu_per_request_ns.as_ref(),
    show: |value| format!("{} CPU per request", show_ns_f64(value)),
};

pub(crate) const MEMORY: Metric = Metric {
    name: "pss_bytes",
    words: "memory",
    good: Good::Low,
    of: |cell| Some(&cell.pss_bytes),
    show: |value| format!("{} of memory", show_bytes(value)),
};

/// What a workload's models are ranked by: throughput in a closed loop, the tail in an open one.
pub(crate) fn headline(cell: &Cell) -> Metric {
    if cell.is_closed() { THROUGHPUT } else { TAIL }
}

/// A metric by its name in documents.
pub(crate) fn named(name: &str) -> Option<Metric> {
    [THROUGHPUT, MEDIAN, TAIL, COST, MEMORY].into_iter().find(|metric| metric.name == name)
}

/// The values of both in the blocks that both have.
pub(crate) fn pairs(metric: &Metric, cell: &Cell, other: &Cell) -> Option<(Vec<f64>, Vec<f64>)> {
    let (of, to) = (blocks(cell, (metric.of)(cell)?), blocks(other, (metric.of)(other)?));
    let both = of.iter().filter_map(|(block, value)| {
        let (_, other) = to.iter().find(|(other, _)| other == block)?;
        Some((*value, *other))
    });
    Some(both.unzip())
}

/// The values with the blocks that they are of, which their files are named after.
fn blocks<'a>(cell: &'a Cell, estimate: &Estimate) -> Vec<(&'a str, f64)> {
    let block = |file: &'a String| file.strip_suffix(".json")?.rsplit('.').next();
    let blocks = cell.trials.iter().filter_map(block);
    blocks.zip(estimate.values.iter().copied()).collect()
}
