//! What came of it, as tables.

use std::fmt::Write;

use c10k::units::{show_count, show_ns_f64};
use comfy_table::{CellAlignment, Table, presets};

use crate::clients::{CLIENTS, Work};
use crate::support::Spread;
use crate::{Record, Run};

/// Whom the others are compared with.
const YARDSTICK: &str = "wrk";
/// In open loop.
const SPINNING: &str = "C, spinning";

/// A table for each kind of work, and what to know when reading them.
pub(crate) fn text(record: &Record) -> String {
    let mut works: Vec<Work> = Vec::new();
    for run in &record.runs {
        if !works.contains(&run.work) {
            works.push(run.work);
        }
    }
    let mut text = String::new();
    for work in works {
        let runs: Vec<&Run> = record.runs.iter().filter(|run| run.work == work).collect();
        let _ = writeln!(text, "{}\n{}\n", title(work), table(work, &runs));
    }
    let Record { rounds, seconds, server, conditions, .. } = record;
    let _ = write!(
        text,
        "medians and [least, most] of {rounds} rounds of {seconds} s; the server is {server}\n{}",
        conditions.text()
    );
    for (name, version) in &record.versions {
        let _ = write!(text, "\n{name}: {version}");
    }
    for line in &record.skipped {
        let _ = write!(text, "\n{line}");
    }
    text
}

fn title(work: Work) -> String {
    match work {
        Work::Closed { connections } => format!("Closed loop, {connections} connections"),
        Work::Open { connections, rate_per_s } => {
            format!("Open loop, {rate_per_s} requests a second over {connections} connections")
        }
        Work::ConnectionPerRequest { connections } => {
            format!("A connection for each request, {connections} at a time")
        }
    }
}

fn table(work: Work, runs: &[&Run]) -> Table {
    let open = matches!(work, Work::Open { .. });
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY.row_separator(comfy_table::LineStyle::none()));
    table.set_header(if open {
        ["client", "p50", "over C's", "p99", "over C's", "lag p99.9", "requests/s"].to_vec()
    } else {
        [
            "client",
            "requests/s",
            "client CPU",
            "requests per CPU-second, over wrk's",
            "server CPU",
            "p50",
            "p99",
            "in flight",
        ]
        .to_vec()
    });
    for client in &CLIENTS {
        let own: Vec<&Run> = runs.iter().copied().filter(|run| run.client == client.name).collect();
        if !own.is_empty() {
            table.add_row(if open { open_row(&own, runs) } else { closed_row(&own, runs) });
        }
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn closed_row(own: &[&Run], all: &[&Run]) -> Vec<String> {
    let ratio = against(own, all, YARDSTICK, |own, other| {
        other.cpu_per_request_ns() / own.cpu_per_request_ns()
    });
    // Little: what is in flight is the rate times the mean time. A client that tells of less than
    // it has connections hides waiting.
    let in_flight = |run: &Run| run.told.mean_ns.map(|mean| run.told.requests_per_s * mean / 1e9);
    vec![
        own[0].client.to_string(),
        median(own, |run| Some(run.told.requests_per_s), show_count),
        median(own, |run| Some(run.cpu_per_request_ns()), show_ns_f64),
        ratio,
        median(own, |run| Some(run.server_cpu_per_request_ns()), show_ns_f64),
        median(own, |run| run.told.p50_ns, show_ns_f64),
        median(own, |run| run.told.p99_ns, show_ns_f64),
        median(own, in_flight, |n| format!("{n:.1}")),
    ]
}

fn open_row(own: &[&Run], all: &[&Run]) -> Vec<String> {
    let over = |of: fn(&Run) -> Option<f64>| {
        against(own, all, SPINNING, move |own, other| match (of(own), of(other)) {
            (Some(own), Some(other)) => own / other,
            _ => f64::NAN,
        })
    };
    vec![
        own[0].client.to_string(),
        median(own, |run| run.told.p50_ns, show_ns_f64),
        over(|run| run.told.p50_ns),
        median(own, |run| run.told.p99_ns, show_ns_f64),
        over(|run| run.told.p99_ns),
        median(own, |run| run.told.lag_p999_ns, show_ns_f64),
        median(own, |run| Some(run.told.requests_per_s), show_count),
    ]
}

fn median(runs: &[&Run], of: impl Fn(&Run) -> Option<f64>, show: impl Fn(f64) -> String) -> String {
    let spread = Spread::from_values(runs.iter().filter_map(|run| of(run)));
    spread.map_or_else(|| "-".into(), |spread| show(spread.median))
}

/// A ratio to the run of `other` in the same round.
fn against(own: &[&Run], all: &[&Run], other: &str, ratio: impl Fn(&Run, &Run) -> f64) -> String {
    let ratios = own.iter().filter_map(|run| {
        let other = all.iter().find(|o| o.client == other && o.round == run.round)?;
        Some(ratio(run, other)).filter(|ratio| ratio.is_finite())
    });
    let spread = Spread::from_values(ratios);
    spread.map_or_else(|| "-".into(), |spread| spread.show(|ratio| format!("{ratio:.2}")))
}
