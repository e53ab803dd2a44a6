//! What a figure of a workload says besides its marks: title, description, what to notice, caveats.

use super::columns::Column;
use super::micro;
use super::notes::{self, Subject};
use crate::analysis::timers;
use crate::base::units::{as_f64, show_count};
use crate::document::{Cell, Figure, Interval, Marks, SettingAxis, Unit};
use crate::workload::arrivals;

/// A figure without words.
pub(super) struct Plain {
    pub(super) name: &'static str,
    pub(super) unit: Unit,
    pub(super) axis: String,
    pub(super) sweep: Option<SettingAxis>,
    pub(super) marks: Marks,
}

/// The caveat of memory where some servers run from the generator's own file.
const SHARING: &str = "Models shared the pages of their program with the generator: beside servers \
    of other programs their memory is some MiB too small.";

/// A figure of a workload with its words.
pub(super) fn captioned(plain: Plain, workload: &str, columns: &[&Column<'_>]) -> Figure {
    let cells: Vec<&Cell> = columns.iter().map(|column| column.cell).collect();
    let (subject, title, shows) = words(plain.name);
    let mut notice = notes::notice(subject, &cells);
    if subject == Subject::Time {
        notice.extend(notes::stumbles(columns.iter().copied().filter_map(rates)));
    }
    let mut caveats = notes::fool(subject, &cells);
    if matches!(
        subject,
        Subject::Percentiles | Subject::Throughput | Subject::Tail | Subject::EqualLoad
    ) {
        caveats.extend(timers::note(&cells));
    }
    let shares = |one| columns.iter().any(|column| column.shares_program() == Some(one));
    if subject == Subject::Memory && shares(true) && shares(false) {
        caveats.push(SHARING.into());
    }
    Figure {
        id: format!("{workload}-{}", plain.name),
        name: plain.name.into(),
        of: workload.into(),
        title: format!("{workload}: {}", title.to_lowercase()),
        load: load(&cells),
        shows: shows.into(),
        notice: notice.iter().map(|said| micro(said)).collect(),
        greyed: notes::greyed(&cells).map(|said| micro(&said)),
        caveats: caveats.iter().map(|said| micro(said)).collect(),
        unit: plain.unit,
        axis: plain.axis,
        sweep: plain.sweep,
        marks: plain.marks,
    }
}

/// The load of these cells in words, and how often each was measured.
pub(super) fn load(cells: &[&Cell]) -> String {
    let mut kinds: Vec<String> = Vec::new();
    for cell in cells {
        let kind = arrivals::describe(&cell.arrivals);
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    let kind = match (kinds.len(), cells.iter().all(|cell| !cell.is_closed())) {
        (1, _) => kinds.remove(0),
        (_, true) => "open loop at several rates, response time".into(),
        (_, false) => "several kinds of load".into(),
    };
    let span = |of: fn(&Cell) -> usize, one: &str| {
        let numbers = cells.iter().map(|cell| of(cell));
        let (low, high) = (numbers.clone().min().unwrap_or(0), numbers.max().unwrap_or(0));
        let show = |n: usize| if n < 10_000 { n.to_string() } else { show_count(as_f64(n as u64)) };
        let text = if low == high { show(low) } else { format!("{} to {}", show(low), show(high)) };
        format!("{text} {one}{}", if (low, high) == (1, 1) { "" } else { "s" })
    };
    let connections = span(|cell| cell.connections, "connection");
    format!("{kind} · {connections} · {} each", span(|cell| cell.trials.len(), "trial"))
}

/// The rate of replies in each slice of a cell's typical trial.
fn rates<'a>(column: &Column<'a>) -> Option<(&'a str, Vec<f64>)> {
    let slices = &column.drawn.typical.as_ref()?.intervals;
    let rate = |slice: &Interval| as_f64(slice.ok) / as_f64(slice.width_ns.max(1));
    (slices.len() > 1)
        .then(|| (column.cell.model.as_str(), slices.iter().map(rate).collect::<Vec<f64>>()))
}

/// A figure's subject, its title, and its description.
fn words(name: &str) -> (Subject, &'static str, &'static str) {
    match name {
        "percentiles" => (
            Subject::Percentiles,
            "Latency by percentile",
            "Latency by percentile: further right are rarer, slower requests, 1/(1-q) on a \
             logarithmic axis. The best of each family is drawn.",
        ),
        "answered" => (
            Subject::Steps,
            "Throughput, step by step",
            "Correct replies to the requests that were due in each step, per second. A line below \
             the rate shows unanswered requests. The band is the interval of the median.",
        ),
        "waits" => (
            Subject::Steps,
            "Response time, step by step",
            "The median response time of the requests that were due in each step. A server that \
             recovers ends where it began; a queue that is not yet empty still shows at the end.",
        ),
        "turnaround" => (
            Subject::Turnaround,
            "From connect to the last reply",
            "Turnaround time: how long a client takes for all its requests, including its connect \
             and its wait for a worker. The mean over a trial's clients, as the median over the \
             trials with its interval.",
        ),
        "connect" => (
            Subject::Connect,
            "Opening a connection",
            "From connect(2) to an open connection: the median over the trials with its interval. \
             The other figures' latencies start with the request and exclude it.",
        ),
        "throughput" => (
            Subject::Throughput,
            "Throughput",
            "Correct replies per second: the bar is the median, the line its interval, the dots \
             are the trials.",
        ),
        "p99" => (
            Subject::Tail,
            "The slowest of a hundred requests",
            "The pooled 99th percentile; small dots are the trials' own, and the line spans them.",
        ),
        "cpu" => (
            Subject::Cost,
            "What a request costs the server",
            "Server CPU time per correct reply, which explains throughput: dark in its own code, \
             light in the kernel, hollow where the kernel's clock ticks are too coarse to tell.",
        ),
        "syscalls" => (
            Subject::Calls,
            "System calls",
            "System calls for each correct reply, the most frequent by name.",
        ),
        "memory" => {
            (Subject::Memory, "Memory", "Proportional set size at the end of the measurement.")
        }
        "load" => (
            Subject::EqualLoad,
            "Latency at equal load",
            "All models got the same requests at the same times. From left to right: p50, p90, p95, \
             p99 and p99.9, where samples suffice.",
        ),
        _ => (
            Subject::Time,
            "One trial in time",
            "Replies per second, and below the p99, in each slice of the trial with the median \
             throughput.",
        ),
    }
}
