//! The metrics that compare models and runs, and what a verdict on each requires.

use crate::base::units::{show_bytes, show_count, show_ns_f64};
use crate::document::{Cell, CellQuantile, Estimate, Shown};
use crate::statistics::verdict::Good;

/// Fewer trials than this support no verdict: three against three cannot be told apart by rank,
/// however far apart they are.
pub const TRIALS_MIN: usize = 5;

/// The default margin: differences within this share do not matter.
pub const MARGIN: f64 = 0.05;

/// What a figure depends on, which decides what can spoil it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// How many replies came in time.
    Throughput,
    /// When they came.
    Latency,
    /// What they took of processors.
    Cost,
    /// Memory at the end of the measurement.
    Memory,
}

/// A figure of a cell.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// As documents call it; it ends in its unit.
    pub name: &'static str,
    /// For people, within a sentence.
    pub words: &'static str,
    /// Which way is good.
    pub good: Good,
    /// The figure, if the cell has it.
    pub of: fn(&Cell) -> Option<&Estimate>,
    /// A value of it with what it is, as in `p99 3.1 ms`.
    pub phrase: fn(f64) -> String,
}

impl Metric {
    /// What it depends on.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self.name {
            "throughput_per_s" => Kind::Throughput,
            "server_cpu_per_request_ns" => Kind::Cost,
            "pss_bytes" => Kind::Memory,
            _ => Kind::Latency,
        }
    }

    /// The shown value of a cell: for a quantile that of all trials together, which must not be
    /// used for comparisons.
    #[must_use]
    pub fn shown(&self, cell: &Cell) -> Option<Shown> {
        let q = match self.name {
            "p50_ns" => 0.5,
            "p90_ns" => 0.9,
            "p95_ns" => 0.95,
            "p99_ns" => 0.99,
            _ => return (self.of)(cell).map(Shown::from_estimate),
        };
        cell.quantile(q)?.shown()
    }
}

/// Right replies, in a closed loop or at a rate that is set.
pub const THROUGHPUT: Metric = Metric {
    name: "throughput_per_s",
    words: "throughput",
    good: Good::High,
    of: |cell| Some(&cell.throughput_per_s),
    phrase: |value| format!("{} replies/s", show_count(value)),
};

/// What a closed loop is judged by. At a rate that is set, throughput is that rate and tells nothing.
pub const CAPACITY: Metric =
    Metric { of: |cell| cell.is_closed().then_some(&cell.throughput_per_s), ..THROUGHPUT };

/// The latency of every other request.
pub const MEDIAN: Metric = Metric {
    name: "p50_ns",
    words: "median latency",
    good: Good::Low,
    of: |cell| cell.known_quantile(0.5),
    phrase: |value| format!("p50 {}", show_ns_f64(value)),
};

/// The latency of the slowest tenth.
pub const UPPER: Metric = Metric {
    name: "p90_ns",
    words: "p90",
    good: Good::Low,
    of: |cell| cell.known_quantile(0.9),
    phrase: |value| format!("p90 {}", show_ns_f64(value)),
};

/// p95, which is shown but ranks nothing: p90 needs fewer samples, and p99 says more.
pub const TWENTIETH: Metric = Metric {
    name: "p95_ns",
    words: "p95",
    good: Good::Low,
    of: |cell| cell.known_quantile(0.95),
    phrase: |value| format!("p95 {}", show_ns_f64(value)),
};

/// What an open loop is judged by, where it is known.
pub const TAIL: Metric = Metric {
    name: "p99_ns",
    words: "p99",
    good: Good::Low,
    of: |cell| cell.known_quantile(0.99),
    phrase: |value| format!("p99 {}", show_ns_f64(value)),
};

/// What a request costs the server.
pub const SERVER_CPU: Metric = Metric {
    name: "server_cpu_per_request_ns",
    words: "server CPU per request",
    good: Good::Low,
    of: |cell| cell.server_cpu_per_request_ns.as_ref(),
    phrase: |value| format!("{} CPU per request", show_ns_f64(value)),
};

/// What the server holds.
pub const MEMORY: Metric = Metric {
    name: "pss_bytes",
    words: "memory",
    good: Good::Low,
    of: |cell| cell.memory(),
    phrase: |value| format!("{} of memory", show_bytes(value)),
};

/// How long a client takes for all that it came for.
pub const TURNAROUND: Metric = Metric {
    name: "turnaround_mean_ns",
    words: "mean turnaround",
    good: Good::Low,
    of: |cell| Some(&cell.turnaround.as_ref()?.mean_ns),
    phrase: |value| format!("turnaround {}", show_ns_f64(value)),
};

/// How long opening a connection takes, every other time.
pub const CONNECT: Metric = Metric {
    name: "connect_p50_ns",
    words: "median connect time",
    good: Good::Low,
    of: |cell| CellQuantile::among(&cell.connect, 0.5)?.known(),
    phrase: |value| format!("connect {}", show_ns_f64(value)),
};

/// The quantile of latency that ranks models: the farthest for which most of them have enough
/// samples.
#[must_use]
pub fn latency(cells: &[&Cell]) -> Metric {
    let known = |metric: &Metric| cells.iter().filter(|cell| (metric.of)(cell).is_some()).count();
    let by_most = |metric: &Metric| 2 * known(metric) >= cells.len();
    [TAIL, UPPER, MEDIAN].into_iter().find(by_most).unwrap_or(TAIL)
}

impl Metric {
    /// Whether both are one figure, though perhaps not of the same cells.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

/// A metric by its name in documents.
#[must_use]
pub fn named(name: &str) -> Option<Metric> {
    [THROUGHPUT, MEDIAN, UPPER, TAIL, SERVER_CPU, MEMORY]
        .into_iter()
        .find(|metric| metric.name == name)
}

/// A value of the metric of this name, which tells its unit.
#[must_use]
pub fn show(name: &str, value: f64) -> String {
    match name {
        name if name.ends_with("_ns") => show_ns_f64(value),
        name if name.ends_with("_bytes") => show_bytes(value),
        _ => show_count(value),
    }
}
