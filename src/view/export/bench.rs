//! Exports for services that follow benchmarks over time.
//!
//! Invalid cells and lower bounds are left out, because an alarm about such a figure would be
//! false.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::base::units::counted;
use crate::document::{Cell, Estimate, Summary, Validity};

/// One figure of a cell, with the name and the unit that the services show.
struct Measure {
    name: &'static str,
    slug: &'static str,
    unit: &'static str,
    more_is_better: bool,
    of: fn(&Cell) -> Option<&Estimate>,
}

const MEASURES: [Measure; 5] = [
    Measure {
        name: "throughput",
        slug: "throughput",
        unit: "replies/s",
        more_is_better: true,
        of: |cell| Some(&cell.throughput_per_s),
    },
    Measure {
        name: "p50",
        slug: "latency-p50",
        unit: "ns",
        more_is_better: false,
        of: |cell| cell.known_quantile(0.5),
    },
    Measure {
        name: "p99",
        slug: "latency-p99",
        unit: "ns",
        more_is_better: false,
        of: |cell| cell.known_quantile(0.99),
    },
    Measure {
        name: "server CPU/request",
        slug: "server-cpu-per-request",
        unit: "ns",
        more_is_better: false,
        of: |cell| cell.server_cpu_per_request_ns.as_ref(),
    },
    Measure {
        name: "server memory",
        slug: "server-memory",
        unit: "bytes",
        more_is_better: false,
        of: |cell| cell.memory(),
    },
];

/// One entry of github-action-benchmark's own JSON.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Point {
    name: String,
    unit: &'static str,
    value: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    range: Option<String>,
    extra: String,
}

/// The cells whose figures can be followed over time.
fn followed(summary: &Summary) -> impl Iterator<Item = &Cell> {
    summary.cells.iter().filter(|cell| cell.validity != Validity::Invalid && !cell.twin)
}

/// The lower and the upper end of an estimate: its interval, or its spread where there is none.
fn ends(estimate: &Estimate) -> (f64, f64) {
    estimate.interval.map_or((estimate.min, estimate.max), |interval| (interval.low, interval.high))
}

/// What github-action-benchmark reads as `customBiggerIsBetter` and as `customSmallerIsBetter`.
pub(super) fn github(summary: &Summary) -> (Vec<Point>, Vec<Point>) {
    let run = &summary.run;
    let (mut bigger, mut smaller) = (Vec::new(), Vec::new());
    for (cell, measure) in
        followed(summary).flat_map(|cell| MEASURES.iter().map(move |m| (cell, m)))
    {
        let Some(estimate) = (measure.of)(cell) else { continue };
        let (low, high) = ends(estimate);
        let reach = (high - estimate.median).max(estimate.median - low);
        let side = if measure.more_is_better { &mut bigger } else { &mut smaller };
        side.push(Point {
            name: format!("{}/{} {}", cell.workload, cell.name(), measure.name),
            unit: measure.unit,
            value: estimate.median,
            range: (estimate.values.len() > 1).then(|| format!("± {reach:.0}")),
            extra: format!(
                "{}, from {low:.0} to {high:.0}\nrun {}, {}",
                counted(estimate.values.len(), "trial"),
                run.id,
                run.command.join(" ")
            ),
        });
    }
    (bigger, smaller)
}

/// One metric in Bencher's format.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Metric {
    value: f64,
    lower_value: f64,
    upper_value: f64,
}

/// Bencher's metric format: benchmark, measure, metric.
pub(super) fn bencher(summary: &Summary) -> BTreeMap<String, BTreeMap<&'static str, Metric>> {
    let metrics = |cell: &Cell| {
        let known = MEASURES.iter().filter_map(|measure| {
            let estimate = (measure.of)(cell)?;
            let (lower_value, upper_value) = ends(estimate);
            Some((measure.slug, Metric { value: estimate.median, lower_value, upper_value }))
        });
        known.collect()
    };
    let all = followed(summary);
    all.map(|cell| (format!("{}/{}", cell.workload, cell.name()), metrics(cell))).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::analysis::synthetic::{closed, summary};

    #[test]
    fn only_what_says_what_it_seems_to_is_followed() {
        let mut broken = closed("poll", &[1.0; 3]);
        broken.validity = Validity::Invalid;
        let mut twin = closed("epoll", &[1.0; 3]);
        twin.twin = true;
        let mut bound = closed("mio", &[100.0, 110.0, 120.0]);
        bound.latency[3].at_least = true;
        let summary = summary(vec![closed("epoll", &[10.0, 20.0]), broken, twin, bound]);

        let (bigger, smaller) = github(&summary);
        let names: Vec<_> = bigger.iter().map(|point| point.name.as_str()).collect();
        assert_eq!(names, ["echo/epoll throughput", "echo/mio throughput"]);
        let p99: Vec<_> = smaller.iter().filter(|point| point.name.contains("p99")).collect();
        assert_eq!(p99.len(), 1, "a lower bound is left out");
        assert_eq!(
            serde_json::to_value(&bigger[0]).expect("JSON"),
            json!({
                "name": "echo/epoll throughput",
                "unit": "replies/s",
                "value": 15.0,
                "range": "± 5",
                "extra": "2 trials, from 10 to 20\nrun made-up, c10k run",
            })
        );

        let all = serde_json::to_value(bencher(&summary)).expect("JSON");
        assert_eq!(all.as_object().expect("an object").len(), 2);
        assert_eq!(
            all["echo/epoll"]["throughput"],
            json!({"value": 15.0, "lower_value": 10.0, "upper_value": 20.0})
        );
        assert_eq!(all["echo/epoll"]["latency-p99"]["value"], json!(4e5));
        assert!(all["echo/mio"].get("latency-p99").is_none());
    }
}
