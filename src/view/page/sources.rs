//! The sources of the page's numbers: which file of the run's folder, and which field of it.

use maud::{Markup, html};
use serde_json::Value;

use super::fold::folded;
use crate::document::{Summary, Trial};
use crate::view::columns;

/// A kind of number: its name on the page, its field, and how it is computed from that.
type Source = (&'static str, &'static str, &'static str);

/// Fields of `summary.json` beside those of the tables' columns. `[]` stands for an entry of a list.
const SUMMARY: [Source; 16] = [
    (
        "used by rankings and verdicts",
        "cells[].latency[].value_ns.median",
        "absent if a trial has too few samples",
    ),
    ("client CPU/request", "cells[].client_cpu_per_request_ns.median", ""),
    ("from connect to the last reply", "cells[].turnaround.mean_ns.median", ""),
    ("opening a connection", "cells[].connect[].value_ns.median", ""),
    ("step by step", "cells[].steps[].answered.median", "response: latencies of a step"),
    (
        "checks, and the numbered notes",
        "cells[].flags[].message",
        "the checks of each trial are in its document",
    ),
    ("trials", "cells[].trials[]", "the trials behind a row"),
    (columns::AGAINST, "verdicts[].others[].ratio", "interval, verdict and p-values beside it"),
    ("take any of, how sure", "recommendations[].group", "sureness and how_sure beside it"),
    (
        "where models change places",
        "crossovers[].at",
        "interval: 95 %; support: resamples that agree",
    ),
    ("how it scales", "scaling[].law.sigma", "kappa and peak beside it"),
    ("the noise floor", "noise[].smallest_detectable", "ratio and interval beside it"),
    ("the null baseline", "reference.trials[].throughput_per_s", ""),
    ("left out", "excluded[].reason", ""),
    ("how rates were decided", "run.notes[]", ""),
    ("the machine", "host.kernel", "and the fields beside it"),
];

/// Fields of a trial's document.
const TRIAL: [Source; 10] = [
    (
        "in its own code, in the kernel",
        "server.cpu_user_share",
        "of CPU/request; the median of the trials",
    ),
    (
        "waits/request",
        "server.switches.voluntary",
        "divided by throughput_per_s times the seconds of warm-up and measurement (phases); the median of the trials",
    ),
    ("preemptions/request", "server.switches.involuntary", "in the same way"),
    (
        "latency by percentile, closed loop",
        "latency.service.histogram",
        "of all trials of a cell, added (HdrHistogram V2, base64)",
    ),
    ("latency by percentile, open loop", "latency.response.histogram", "in the same way"),
    ("one trial in time", "intervals[].ok", "divided by width_ns; p99_ns"),
    ("measured mean, beside queueing theory", "latency.response.mean", "the median of the trials"),
    ("what a request asks for", "load.request", ""),
    ("the workload's connections", "load.connections", ""),
    ("correct replies", "census.ok", "with the outcome of every other request"),
];

/// The section: the kinds of numbers that this run has.
pub(super) fn section(summary: &Summary, trials: &[&Trial]) -> Markup {
    let summary = serde_json::to_value(summary).unwrap_or_default();
    let trials: Vec<Value> =
        trials.iter().filter_map(|trial| serde_json::to_value(trial).ok()).collect();
    let columns = columns::sources();
    let columns = columns.iter().map(|(names, path, and)| (names.as_str(), *path, *and));
    let here = columns.chain(SUMMARY).filter(|(_, path, _)| has(&summary, path));
    let below =
        TRIAL.into_iter().filter(|(_, path, _)| trials.iter().any(|trial| has(trial, path)));
    html! {
        (folded("sources", "Sources of all numbers", &html! {
            p { "A row of a table, and a mark or line of a figure, is the entry of " code { "cells" } " in "
                a href="summary.json" { "summary.json" } " with the " code { "workload" } " in the \
                    heading and the " code { "model" }
                " of the row (\"+twin\": the one with " code { "twin" } "). The last column of a workload's table links to the trials that the \
                 entry is of, named by their block. Times are in nanoseconds there, memory in bytes." }
            div.scroll tabindex="0" role="region" aria-label="Table: where every number is from" {
                table.words {
                    caption { span { "Numbers of this page, by the fields of the files beside it" } }
                    thead { tr { @for head in ["on this page", "file", "field", "and"] { th scope="col" { (head) } } } }
                    tbody {
                        @for source in here { (row("summary.json", source)) }
                        @for source in below { (row("a trial", source)) }
                    }
                }
            }
        }))
    }
}

fn row(file: &str, (what, path, and): (&str, &str, &str)) -> Markup {
    html! { tr { th scope="row" { (what) } td { (file) } td { code { (path) } } td { (and) } } }
}

/// Whether there is something at this path.
fn has(value: &Value, path: &str) -> bool {
    let Some((first, rest)) =
        path.split_once('.').or(Some((path, ""))).filter(|_| !path.is_empty())
    else {
        return !value.is_null();
    };
    match first.strip_suffix("[]") {
        Some(list) => {
            value[list].as_array().is_some_and(|list| list.iter().any(|each| has(each, rest)))
        }
        None => has(&value[first], rest),
    }
}

/// The line under a workload's tables that names their entries.
pub(super) fn sources_markup(workload: &str) -> Markup {
    html! {
        p.meta { "From summary.json: the entries of " code { "cells" } " with the workload " code { (workload) } ", and the trials that they list. "
            a href="#sources" { "Sources of all numbers" } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::synthetic::{closed, summary};

    #[test]
    fn a_field_is_named_only_where_it_is() {
        let value = serde_json::json!({ "a": [{ "b": null }, { "b": { "c": 0 } }], "d": [] });
        for there in ["a", "a[]", "a[].b", "a[].b.c", "d"] {
            assert!(has(&value, there), "{there}");
        }
        for not in ["b", "a[].c", "a[].b.d", "d[]", "a.b"] {
            assert!(!has(&value, not), "{not}");
        }
        let html = section(&summary(vec![closed("epoll", &[1e5; 3])]), &[]).into_string();
        assert!(html.contains("cells[].throughput_per_s.median"), "{html}");
        assert!(!html.contains("cells[].syscalls") && !html.contains("server.switches"), "{html}");
    }
}
