//! The report: the claims, then tables.

use std::fmt::Write;
use std::process::ExitCode;

use c10k::statistics::Interval;
use c10k::statistics::claim::{Answer, Claim};
use c10k::units::{as_f64, show_count, show_ns_f64};
use comfy_table::{CellAlignment, Table, presets};

use crate::Record;
use crate::claims::{Replies, SPINNING, Verdict, WRK};
use crate::runs::Run;
use crate::support::Spread;
use crate::work::Work;

/// 1 if a claim does not hold, 4 if one could not be judged, 0 if all hold or none was judged.
pub(crate) fn exit_code(record: &Record) -> ExitCode {
    if record.quick {
        return ExitCode::SUCCESS;
    }
    let is = |wanted: fn(Option<Answer>) -> bool| {
        record.verdicts.iter().any(|verdict| wanted(verdict.answer))
    };
    if record.replies.not_right > 0 || is(|answer| answer == Some(Answer::DoesNotHold)) {
        return ExitCode::FAILURE;
    }
    let unsure = is(|answer| answer != Some(Answer::Holds));
    if unsure { ExitCode::from(4) } else { ExitCode::SUCCESS }
}

/// The claims, a table for each kind of work, the conditions, and what was not measured.
pub(crate) fn text(record: &Record) -> String {
    let mut text = claims(record);
    let mut works: Vec<Work> = Vec::new();
    for run in &record.runs {
        if !works.contains(&run.work) {
            works.push(run.work);
        }
    }
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
    for client in &record.clients {
        let _ = write!(text, "\n{}: {}", client.name, client.version);
        if !client.unchecked.is_empty() {
            let _ = write!(text, "; not checked: {}", client.unchecked);
        }
    }
    for line in &record.skipped {
        let _ = write!(text, "\nnot measured: {line}");
    }
    text
}

fn claims(record: &Record) -> String {
    if record.quick {
        return "This quick run only shows that everything works. No claim was judged.\n\n".into();
    }
    let mut text = String::new();
    let Replies { runs, right, not_right } = record.replies;
    if runs > 0 {
        let _ = writeln!(
            text,
            "{} of {} replies to ours were right, in {runs} runs",
            right,
            right + not_right
        );
    }
    for verdict in &record.verdicts {
        let _ = writeln!(text, "{}", claim(verdict));
        for miss in &verdict.misses {
            let _ =
                writeln!(text, "  not in round {}: {:.2}: {}", miss.round, miss.ratio, miss.why);
        }
    }
    text + "\n"
}

fn claim(verdict: &Verdict) -> String {
    let Verdict { what, claim, pairs, median, interval, answer, misses } = verdict;
    let limit = match claim {
        Claim::AtMost(limit) => format!("at most {limit}"),
        Claim::AtLeast(limit) => format!("at least {limit}"),
    };
    let answer = match answer {
        Some(Answer::Holds) => "holds".to_string(),
        Some(Answer::DoesNotHold) => "does not hold".into(),
        Some(Answer::CannotBeTold { pairs: Some(pairs) }) => {
            format!("undecided; about {pairs} pairs would decide it")
        }
        Some(Answer::CannotBeTold { pairs: None }) => "undecided".into(),
        None => return format!("{what}, {limit}: not judged, because there is no pair"),
    };
    let median = median.map_or("-".into(), |median| format!("{median:.3}"));
    let interval = interval
        .map_or("no interval".into(), |Interval { low, high }| format!("[{low:.3}, {high:.3}]"));
    let met = pairs - misses.len();
    format!("{what}, {limit}: {median} {interval}: {answer}; met in {met} of {pairs} pairs")
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

const OPEN: [&str; 7] = ["client", "p50", "over C's", "p99", "over C's", "lag p99.9", "requests/s"];
const CLOSED: [&str; 9] = [
    "client",
    "requests/s",
    "client CPU",
    "requests per CPU-second, over wrk's",
    "server CPU",
    "p50",
    "p99",
    "in flight",
    "failed",
];

fn table(work: Work, runs: &[&Run]) -> Table {
    let open = matches!(work, Work::Open { .. });
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY.row_separator(comfy_table::LineStyle::none()));
    table.set_header(if open { OPEN.to_vec() } else { CLOSED.to_vec() });
    let mut clients: Vec<&str> = Vec::new();
    for run in runs {
        if !clients.contains(&&*run.client) {
            clients.push(&run.client);
        }
    }
    for client in clients {
        let own: Vec<&Run> = runs.iter().copied().filter(|run| run.client == client).collect();
        table.add_row(if open { open_row(&own, runs) } else { closed_row(&own, runs) });
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn closed_row(own: &[&Run], all: &[&Run]) -> Vec<String> {
    let ratio =
        against(own, all, WRK, |own, other| other.cpu_per_request_ns() / own.cpu_per_request_ns());
    // Little's law: the number in flight is the rate times the mean latency. If it is less than the
    // number of connections, the latencies leave waiting out.
    let in_flight = |run: &Run| run.told.mean_ns.map(|mean| run.told.requests_per_s * mean / 1e9);
    let server_cost = |run: &Run| Some(as_f64(run.server_cpu_ns) / as_f64(run.told.requests));
    vec![
        own[0].client.clone(),
        median(own, |run| Some(run.told.requests_per_s), show_count),
        median(own, |run| Some(run.cpu_per_request_ns()), show_ns_f64),
        ratio,
        median(own, server_cost, show_ns_f64),
        median(own, |run| run.told.p50_ns, show_ns_f64),
        median(own, |run| run.told.p99_ns, show_ns_f64),
        median(own, in_flight, |n| format!("{n:.1}")),
        own.iter().map(|run| run.told.failed).sum::<u64>().to_string(),
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
        own[0].client.clone(),
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
