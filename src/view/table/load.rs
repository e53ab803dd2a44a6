//! The result of one load, on a terminal.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::{connections, fit, parts, sessions, steps, width};
use crate::analysis::checks;
use crate::base::units::{counted, show_count, show_ns, show_ns_f64};
use crate::document::{Distribution, Greetings, Imbalance, Quantile, Status, Trial};
use crate::view::columns;
use crate::workload::{arrivals, requests};

/// A load of many requests can show one quantile more than the cells of a run.
const FARTHEST: (&str, f64) = ("p99.99", 0.9999);
/// The order in which columns are left out if there is no room for them.
const GIVE_WAY: [&str; 6] = ["p90", "p99.99", "mean", "p99.9", "count", "p95"];

/// The quantiles of a load, the largest value last.
fn quantiles() -> Vec<(&'static str, f64)> {
    let mut quantiles: Vec<_> = columns::quantiles().chain([FARTHEST]).collect();
    quantiles.sort_by(|a, b| a.1.total_cmp(&b.1));
    quantiles
}

/// One load on its own.
#[must_use]
pub fn load(trial: &Trial) -> String {
    if trial.phases.interrupted && trial.phases.measure_ns == 0 {
        return format!(
            "{} of {} connections were open\n{}",
            trial.connections.opened,
            trial.connections.asked,
            flags(trial)
        );
    }
    let mut text = format!(
        "{} correct replies per second over {}, {}\n",
        show_count(trial.throughput_per_s),
        show_ns(trial.phases.measure_ns),
        counted(trial.connections.opened, "connection")
    );
    if let Some(name) = &trial.target.name {
        let _ = writeln!(text, "{name} at {}", trial.target.address);
    }
    text.push_str(&parts::parts_text(trial));
    if let Some(drawn) = requests::describe(&trial.load.request) {
        let _ = writeln!(text, "{drawn}");
    }
    text.push_str(&latencies(trial));
    text.push_str(&steps::steps_text(trial));
    text.push_str(&fates(trial));
    text.push_str(&clients(trial));
    text.push_str(&greetings(trial));
    text.push_str(&sessions::sessions_text(trial));
    text.push_str(&connections::lines(trial));
    text.push_str(&generator(trial));
    text.push_str(&flags(trial));
    text
}

/// The table of latencies, and its limits.
fn latencies(trial: &Trial) -> String {
    let latency = &trial.latency;
    let rows = [
        ("response", latency.response.as_ref()),
        ("service", Some(&latency.service)),
        ("conn wait", latency.response.as_ref().map(|_| &latency.conn_wait)),
        ("sched lag", Some(&latency.sched_lag)),
        ("connect", Some(&latency.connect)),
        ("greeting", latency.greeting.as_ref()),
        ("accept delay", latency.accept_delay.as_ref()),
        ("queue delay", latency.queue_delay.as_ref()),
    ];
    let rows: Vec<_> =
        rows.into_iter().filter_map(|(name, d)| Some(distribution_row(name, d?))).collect();
    let names: Vec<&str> = ["", "count", "mean"]
        .into_iter()
        .chain(quantiles().iter().map(|(name, _)| *name))
        .collect();
    let fit = fit::Columns { names: &names, give_way: &GIVE_WAY };
    let (table, gone) = fit.fitted(&rows, Some(width()));
    let mut text = format!("{table}\n");
    if !gone.is_empty() {
        let _ = writeln!(text, "columns that do not fit: {} (see --json)", gone.join(", "));
    }
    if let Some(blind) = arrivals::blind_to(&trial.load.arrivals) {
        let _ = writeln!(text, "{blind}");
    }
    text
}

/// The outcomes of the requests.
fn fates(trial: &Trial) -> String {
    let census = &trial.census;
    let mut text = format!(
        "offered {}, sent {}, correct {}, errors {}, timeouts {}, unfinished {}, never sent {}\n",
        census.offered,
        census.sent,
        census.ok,
        kinds(&census.errors),
        census.timeouts,
        census.unfinished,
        census.never_sent
    );
    let asked = trial.load.requests.filter(|asked| census.offered < *asked);
    if let Some(asked) = asked.filter(|_| !trial.phases.interrupted) {
        let sent = census.sent;
        let why = if trial.connections.connect_failures == 0 {
            "the time limit was reached: raise --duration"
        } else {
            "the server was gone, or the time limit was reached"
        };
        let _ = writeln!(text, "{sent} of {asked} requests were sent: {why}");
    }
    text
}

/// The generator's CPU; empty without replies.
fn generator(trial: &Trial) -> String {
    let Some(cpu) = trial.client.cpu_per_request_ns else { return String::new() };
    let busy = trial.client.busiest_thread_share * 100.0;
    let cpu = show_ns_f64(cpu);
    let engine = trial.client.engine.as_deref().unwrap_or("epoll");
    let mut text =
        format!("generator ({engine}): {cpu} CPU per request, busiest thread {busy:.0} %");
    if let Some(spun) = trial.client.spin_share {
        let _ = write!(text, ", spinning {:.0} %", spun * 100.0);
    }
    text.push('\n');
    text
}

/// The caveats, a line each, and the checks that were not judged, a line for each reason.
fn flags(trial: &Trial) -> String {
    let mut text = String::new();
    let mut not_judged: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for check in trial.checks.iter().filter(|check| check.status > Status::Pass) {
        if let Some(why) = check.message.strip_prefix(checks::NOT_JUDGED) {
            not_judged.entry(why).or_default().push(&check.name);
            continue;
        }
        let weight = if check.status == Status::Fail { "INVALID" } else { "note" };
        let _ = writeln!(text, "{weight}: {}", check.message);
    }
    for (why, names) in not_judged {
        let _ = writeln!(text, "note: {}{why} ({})", checks::NOT_JUDGED, names.join(", "));
    }
    text
}

/// The outcomes of the greetings, and how the connections were spread; empty without any.
fn greetings(trial: &Trial) -> String {
    let Some(Greetings { expected, received, timeouts, unfinished, errors, .. }) = &trial.greetings
    else {
        return String::new();
    };
    let mut text = format!(
        "greetings expected {expected}, received {received}, errors {}, timeouts {timeouts}, \
         unfinished {unfinished}\n",
        kinds(errors)
    );
    let connections = || trial.workers.iter().map(|worker| worker.connections);
    if let (Some(spread), Some(most)) = (&trial.imbalance, connections().max()) {
        let Imbalance { workers, max_over_mean, gini } = spread;
        let all_listed = *workers == trial.workers.len() as u64;
        let least = connections().min().filter(|_| all_listed).unwrap_or(0);
        let range = if least == most { most.to_string() } else { format!("{least} to {most}") };
        let _ = writeln!(
            text,
            "{workers} workers took {range} connections each: maximum / mean {max_over_mean:.2}, Gini {gini:.2}"
        );
    }
    text
}

/// How evenly the clients were served, and the slowest of them.
fn clients(trial: &Trial) -> String {
    let connections = &trial.connections;
    let slowest = connections
        .slowest_mean_ns
        .map(|ns| format!(", the slowest with a mean of {}", show_ns(ns)));
    format!(
        "served {} of {} clients, {} to {} replies each, Jain {:.2}{}\n",
        connections.served,
        connections.asked,
        connections.ok_min,
        connections.ok_max,
        connections.jain,
        slowest.unwrap_or_default()
    )
}

/// Failures with their names.
pub(super) fn kinds(errors: &BTreeMap<String, u64>) -> String {
    let kinds: Vec<_> = errors.iter().map(|(kind, n)| format!("{n} {kind}")).collect();
    if kinds.is_empty() { "none".into() } else { kinds.join(", ") }
}

fn distribution_row(name: &str, distribution: &Distribution) -> Vec<String> {
    let mut row = vec![name.into(), distribution.count.to_string()];
    if distribution.count == 0 {
        return row;
    }
    row.push(show_ns_f64(distribution.mean));
    row.extend(quantiles().iter().map(|(_, q)| quantile(distribution, *q)));
    row
}

/// A quantile of one load; `-` if the document lacks it.
pub(super) fn quantile(of: &Distribution, q: f64) -> String {
    match of.quantile(q) {
        None => columns::ABSENT.into(),
        Some(Quantile { admitted: false, .. }) => columns::TOO_FEW.into(),
        Some(Quantile { at_least: true, value, .. }) => format!(">= {}", show_ns(value)),
        Some(Quantile { value, .. }) => show_ns(value),
    }
}

#[cfg(test)]
mod tests {
    use crate::analysis::checks;
    use crate::document::example;

    #[test]
    fn what_was_interrupted_before_it_was_measured_has_no_latencies() {
        let mut trial = example::closed();
        trial.phases.interrupted = true;
        trial.phases.measure_ns = 0;
        trial.connections.served = 0;
        trial.checks = checks::check_trial(&trial, None);
        let text = super::load(&trial);
        assert!(text.contains("INVALID: interrupted before") && !text.contains("p99"), "{text}");
    }
}
