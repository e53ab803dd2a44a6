//! The report: a row for each model, and notes below.

use std::fmt::Write as _;

use c10k::units::{show_bytes, show_count, show_ns, show_ns_f64};
use comfy_table::{CellAlignment, LineStyle, Table, presets};

use crate::{Figures, Record};

const HEADER: [&str; 11] = [
    "model",
    "held",
    "user/idle",
    "user/served",
    "kernel/idle",
    "kernel/served",
    "live",
    "response p99",
    "conns/s",
    "CPU/conn",
    "CPU/request beside idle",
];

/// The table, an explanation of its columns, the conditions, and notes.
pub(crate) fn text(record: &Record) -> String {
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY.row_separator(LineStyle::none()));
    table.set_header(HEADER).add_rows(record.models.iter().map(row));
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let Record { connections, active, rounds, measure_ns, bare, conditions, .. } = record;
    let mut text = format!(
        "{table}\n{connections} connections asked for; each measurement {}; user: PSS and page \
         tables per connection; kernel: the server's end of a connection, without the client's \
         end ({} idle and {} served); live: connections that got a reply, each with one request \
         per second for three seconds, and the response time; CPU/request beside idle: of {active} \
         active connections, the median of {rounds} rounds over that without idle ones [least, \
         most]\n{}",
        show_ns(*measure_ns),
        show_bytes(bare.end_idle_bytes),
        show_bytes(bare.end_served_bytes),
        conditions.text(),
    );
    for note in record.models.iter().flat_map(notes) {
        let _ = write!(text, "\n  {note}");
    }
    if record.interrupted {
        text.push_str("\ninterrupted: figures that are missing above were not measured");
    }
    text
}

fn row(figures: &Figures) -> Vec<String> {
    let none = || "-".to_string();
    let memory = figures.memory.measured();
    let idle = memory.and_then(|memory| memory.per_idle);
    let served = memory.and_then(|memory| memory.per_served);
    let bytes = |of: Option<f64>| of.map_or_else(none, show_signed);
    let live = figures.live.measured();
    let churn = figures.churn.measured();
    let beside = figures.idle.measured().map(|levels| {
        let beside = levels.iter().map(|level| match level.idle {
            0 => show_ns_f64(level.cpu_ns.median),
            idle => format!("{idle}: {}", level.ratio.show(|ratio| format!("{ratio:.2}"))),
        });
        beside.collect::<Vec<_>>().join("\n")
    });
    vec![
        figures.model.to_string(),
        memory.map_or_else(none, |memory| memory.served.to_string()),
        bytes(idle.map(|each| each.user_bytes)),
        bytes(served.map(|each| each.user_bytes)),
        bytes(idle.map(|each| each.kernel_bytes)),
        bytes(served.map(|each| each.kernel_bytes)),
        live.map_or_else(none, |live| live.served.to_string()),
        live.map_or_else(none, |live| show_ns(live.response_p99_ns)),
        churn.map_or_else(none, |churn| show_count(churn.connections_per_s)),
        churn.map_or_else(none, |churn| show_ns_f64(churn.cpu_per_connection_ns)),
        beside.unwrap_or_else(none),
    ]
}

/// A size that may be negative: on a machine that does other work, memory may shrink meanwhile.
fn show_signed(bytes: f64) -> String {
    if bytes < 0.0 { format!("-{}", show_bytes(-bytes)) } else { show_bytes(bytes) }
}

/// Notes on what failed, and on what was less than asked for.
fn notes(figures: &Figures) -> Vec<String> {
    let model = figures.model;
    let reasons = [
        ("memory", figures.memory.reason()),
        ("live", figures.live.reason()),
        ("churn", figures.churn.reason()),
        ("idle", figures.idle.reason()),
    ];
    let failed = reasons
        .into_iter()
        .filter_map(|(part, reason)| Some(format!("{model}, {part}: {}", reason?)));
    let mut notes: Vec<_> = failed.collect();
    if let Some(memory) = figures.memory.measured()
        && let Some(limit) = &memory.limit
    {
        notes.push(format!("{model} held {}: {limit}", memory.served));
    }
    if let Some(live) = figures.live.measured()
        && !live.all_served
    {
        notes.push(format!(
            "{model}, live: {} of {} connections got a reply, at least {} each; not all of them \
             opened, stayed open and were always served",
            live.served, live.connections, live.replies_least
        ));
    }
    if let Some(churn) = figures.churn.measured()
        && churn.failed > 0
    {
        notes.push(format!("{model}, churn: {} connections got no right reply", churn.failed));
    }
    notes
}
