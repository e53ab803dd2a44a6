//! What models and runs are compared by, and what a verdict on it takes.

use crate::document::{Cell, Estimate};
use crate::statistics::verdict::Good;
use crate::units::{show_bytes, show_count, show_ns_f64};

/// Fewer trials than this support no verdict: three against three cannot be told apart by rank,
/// however far apart they are.
pub const TRIALS_MIN: usize = 5;

/// A difference within this share does not matter, unless somebody says otherwise.
pub const MARGIN: f64 = 0.05;

/// A figure of a cell.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// As documents call it; it ends in its unit.
    pub name: &'static str,
    /// Which way is good.
    pub good: Good,
    /// The figure, if the cell has it.
    pub of: fn(&Cell) -> Option<&Estimate>,
}

/// What a closed loop is judged by.
pub const THROUGHPUT: Metric =
    Metric { name: "throughput_per_s", good: Good::High, of: |cell| Some(&cell.throughput_per_s) };

/// The latency of every other request.
pub const MEDIAN: Metric =
    Metric { name: "p50_ns", good: Good::Low, of: |cell| cell.known_quantile(0.5) };

/// What an open loop is judged by.
pub const TAIL: Metric =
    Metric { name: "p99_ns", good: Good::Low, of: |cell| cell.known_quantile(0.99) };

/// What a request costs the server.
pub const SERVER_CPU: Metric = Metric {
    name: "server_cpu_per_request_ns",
    good: Good::Low,
    of: |cell| cell.server_cpu_per_request_ns.as_ref(),
};

/// What the server holds.
pub const MEMORY: Metric =
    Metric { name: "pss_bytes", good: Good::Low, of: |cell| Some(&cell.pss_bytes) };

/// A value of the metric of this name, which tells its unit.
#[must_use]
pub fn show(name: &str, value: f64) -> String {
    match name {
        name if name.ends_with("_ns") => show_ns_f64(value),
        name if name.ends_with("_bytes") => show_bytes(value),
        _ => show_count(value),
    }
}

#[cfg(test)]
mod tests {
    use clap::{Args, Command};

    use super::*;
    use crate::cli::CompareArgs;

    #[test]
    fn what_is_typed_when_nothing_is_said_is_the_margin() {
        let command = CompareArgs::augment_args(Command::new("compare"));
        let matches = command.get_matches_from(["compare", "base", "new"]);
        assert_eq!(matches.get_one::<f64>("margin"), Some(&MARGIN));
    }
}
