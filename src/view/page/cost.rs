//! The cost of a request: why a model is as fast as it is.

use maud::{Markup, html};

use super::caveats::Caveats;
use super::sortable::{self, Field, Row};
use crate::base::units::show_ns_f64;
use crate::document::{Cell, Estimate, Validity};
use crate::statistics::series::trend;
use crate::view::figures::Column;
use crate::view::table::syscalls;

/// Fewer models than this have no trend.
const MODELS_MIN: usize = 6;
/// A weaker rank correlation is not reported.
const STRONG: f64 = 0.7;

/// Columns for the split of the server's CPU time, where it is known for some model.
const PARTS: [&str; 2] = ["in its own code", "in the kernel"];

/// Columns of system calls, where they were counted.
const CALLS: [&str; 2] = ["system calls/request", "the most frequent"];
/// At most this many calls are named.
const NAMED: usize = 4;

/// The table of costs with what to notice; `None` where no trial has the figures.
pub(super) fn cost_table(columns: &[&Column<'_>], caveats: &Caveats) -> Option<Markup> {
    let known: Vec<&Column<'_>> =
        columns.iter().copied().filter(|column| column.drawn.waits_per_request.is_some()).collect();
    let counted = known.iter().any(|column| column.cell.syscalls.is_some());
    let parted = known.iter().any(|column| column.drawn.user_share.is_some());
    let calls = if counted { &CALLS[..] } else { &[] };
    let parts = if parted { &PARTS[..] } else { &[] };
    let switches = ["client CPU/request", "waits/request", "preemptions/request"];
    let titles = [&["model", "server CPU/request"][..], parts, &switches, calls].concat();
    let rows: Vec<Row> = known.iter().map(|column| row(column, parted, counted)).collect();
    let notice = notice(&known);
    (!rows.is_empty()).then(|| {
        html! {
            h3 { "Why: what a request costs" }
            (sortable::sortable_table("CPU time and context switches per correct reply", &titles, &rows))
            @if !notice.is_empty() { p { b { "Notice: " } (notice.join(" ")) } }
            (caveats.refer(&fool(parted, counted)))
        }
    })
}

/// The caveats of the table.
fn fool(parted: bool, counted: bool) -> Vec<String> {
    let switches = "A wait is a voluntary context switch, a preemption an involuntary one. They \
        are counted from the start of the warm-up and divided by the rate of the measurement.";
    let ticks = if parted {
        "Where processes use too little CPU time for the kernel's clock ticks, the split is \
         unknown."
    } else {
        "Processes used too little CPU time for the kernel's clock ticks to split it into user \
         code and kernel."
    };
    let traced = "System calls were counted with strace in a separate load. strace slows the \
        server, so an event loop finds more events per wait and makes fewer calls than usual.";
    let said = [Some(switches), Some(ticks), counted.then_some(traced)];
    said.into_iter().flatten().map(String::from).collect()
}

fn row(column: &Column<'_>, parted: bool, counted: bool) -> Row {
    let Column { cell, drawn, .. } = column;
    let cost = cell.server_cpu_per_request_ns.as_ref().map(|estimate| estimate.median);
    let user = cost.zip(drawn.user_share).map(|(cost, share)| cost * share);
    let kernel = cost.zip(drawn.user_share).map(|(cost, share)| cost * (1.0 - share));
    let client = cell.client_cpu_per_request_ns.as_ref().map(|estimate: &Estimate| estimate.median);
    let time = |value: Option<f64>| field(value, show_ns_f64);
    let times = |value: Option<f64>| field(value, show_times);
    let mut fields = vec![time(cost)];
    if parted {
        fields.extend([user, kernel].map(time));
    }
    fields.push(time(client));
    fields.extend([drawn.waits_per_request, drawn.preemptions_per_request].map(times));
    if counted {
        let calls = cell.syscalls.as_ref();
        fields.push(times(calls.map(|calls| calls.per_request)));
        let names = calls.map_or_else(|| "-".into(), |calls| syscalls::named(calls, NAMED));
        fields.push((names, None));
    }
    let greyed = cell.validity == Validity::Invalid;
    Row { name: cell.model.clone(), greyed, fields, files: Vec::new() }
}

fn field(value: Option<f64>, show: fn(f64) -> String) -> Field {
    (value.map_or_else(|| "-".into(), show), value)
}

/// How often something happens for each request.
pub(super) fn show_times(times: f64) -> String {
    match times {
        0.0 => "0".into(),
        few if few < 0.001 => "<0.001".into(),
        some if some < 0.995 => format!("{some:.3}"),
        many => format!("{many:.2}"),
    }
}

/// The cost of a request to a model, within a sentence.
pub(super) fn in_words(column: &Column<'_>) -> Option<String> {
    let Column { cell, drawn, .. } = column;
    let cost = cell.server_cpu_per_request_ns.as_ref()?.median;
    let mut text = format!("{} CPU per request", show_ns_f64(cost));
    if let Some(user) = drawn.user_share {
        text += &format!(", {:.0} % of it in the kernel", (1.0 - user) * 100.0);
    }
    if let Some(waits) = drawn.waits_per_request {
        text += &format!(", {} waits", show_times(waits));
    }
    if let Some(calls) = &cell.syscalls {
        text += &format!(", {} system calls", show_times(calls.per_request));
    }
    Some(text)
}

/// Whether a cell represents its model: it is not invalid and starves no client.
pub(super) fn is_sound(cell: &Cell) -> bool {
    cell.validity != Validity::Invalid && !cell.starves()
}

fn notice(columns: &[&Column<'_>]) -> Vec<String> {
    let sound: Vec<&&Column<'_>> = columns.iter().filter(|column| is_sound(column.cell)).collect();
    [waits(&sound), kernel(&sound)].into_iter().flatten().collect()
}

/// Whether models that wait more often cost more.
fn waits(columns: &[&&Column<'_>]) -> Option<String> {
    let mut pairs: Vec<(f64, f64)> = columns
        .iter()
        .filter_map(|column| {
            let cost = column.cell.server_cpu_per_request_ns.as_ref()?.median;
            Some((column.drawn.waits_per_request?, cost))
        })
        .collect();
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
    let costs: Vec<f64> = pairs.iter().map(|(_, cost)| *cost).collect();
    let correlation = trend(&costs);
    (pairs.len() >= MODELS_MIN && correlation.abs() >= STRONG).then(|| {
        let (more, why) = if correlation > 0.0 {
            ("more", "each wait costs a context switch")
        } else {
            ("less", "the cost comes from something other than context switches")
        };
        format!(
            "Models that wait more often per request pay {more} for it (rank correlation \
             {correlation:.2} over {} models): {why}.",
            pairs.len()
        )
    })
}

/// Where most of the time is spent.
fn kernel(columns: &[&&Column<'_>]) -> Option<String> {
    let shares: Vec<f64> = columns.iter().filter_map(|column| column.drawn.user_share).collect();
    let middle = crate::statistics::median(&shares)?;
    let (place, share) =
        if middle < 0.5 { ("the kernel", 1.0 - middle) } else { ("their own code", middle) };
    (shares.len() > 1).then(|| {
        format!(
            "The {} models with a known split spend {:.0} % of their CPU time in {place} (median).",
            shares.len(),
            share * 100.0
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::synthetic::closed;
    use crate::document::{Syscall, Syscalls};
    use crate::view::figures::trials::Drawn;
    use crate::view::figures::{columns, numbers};

    fn html(models: &[(f64, f64, Option<f64>)]) -> String {
        page(cells(models), models)
    }

    fn cells(models: &[(f64, f64, Option<f64>)]) -> Vec<Cell> {
        let cell = |(cost, ..): &(f64, f64, Option<f64>)| {
            let mut cell = closed("epoll", &[1e5; 3]);
            cell.server_cpu_per_request_ns = Estimate::from_values(&[*cost; 3]);
            cell
        };
        models.iter().map(cell).collect()
    }

    fn page(cells: Vec<Cell>, models: &[(f64, f64, Option<f64>)]) -> String {
        let drawn = models.iter().map(|(_, waits, user_share)| Drawn {
            waits_per_request: Some(*waits),
            preemptions_per_request: Some(0.0),
            user_share: *user_share,
            ..Drawn::default()
        });
        let cells: Vec<&Cell> = cells.iter().collect();
        let columns = columns(&cells, drawn.collect(), &numbers(cells.iter().copied()));
        let caveats = Caveats::default();
        let table = cost_table(&columns.iter().collect::<Vec<_>>(), &caveats).unwrap_or_default();
        table.into_string() + &caveats.section().into_string()
    }

    #[test]
    fn a_cost_is_parted_where_that_is_known() {
        let text = html(&[(8e3, 0.5, Some(0.25)), (6e3, 1.5, None)]);
        for field in [">8.00 µs<", ">2.00 µs<", ">6.00 µs<", ">0.500<", ">1.50<", ">0<"] {
            assert!(text.contains(field), "{field}: {text}");
        }
        assert_eq!(text.matches("<td>-</td>").count(), 2, "{text}");
        assert!(cost_table(&[], &Caveats::default()).is_none());
    }

    #[test]
    fn parts_that_nobody_knows_have_no_columns() {
        let text = html(&[(8e3, 5e-5, None), (6e3, 0.0, None)]);
        assert!(!text.contains("in the kernel<") && !text.contains("<td>-</td>"), "{text}");
        assert!(text.contains("too little CPU time for the kernel's clock ticks"), "{text}");
        assert!(text.contains("<td data-v=\"0.00005\">&lt;0.001</td>"), "{text}");
    }

    #[test]
    fn system_calls_have_columns_only_where_they_were_counted() {
        let models = [(8e3, 0.5, None), (6e3, 1.5, None)];
        assert!(!html(&models).contains("system calls"));
        let mut cells = cells(&models);
        let call = |name: &str, per_request| Syscall { name: name.into(), per_request };
        let (often, rarely) = (["read", "write", "epoll_wait", "futex"], ["close", "accept4"]);
        let calls = often.map(|name| call(name, 0.61)).into_iter();
        cells[1].syscalls = Some(Syscalls {
            per_request: 2.46,
            by_name: calls.chain(rarely.map(|name| call(name, 0.01))).collect(),
            requests: 1_000,
            connections: 50,
            tool: "strace".into(),
        });
        let text = page(cells, &models);
        assert!(text.contains(">2.46<") && text.contains("system calls/request"), "{text}");
        assert!(text.contains(">read 0.61, write 0.61, epoll_wait 0.61, futex 0.61<"), "{text}");
        assert!(text.contains("strace slows the server"), "{text}");
        // Both columns are empty for the model whose calls were not counted.
        assert_eq!(text.matches("<td>-</td>").count(), 2, "{text}");
    }

    #[test]
    fn who_waits_more_and_pays_more_is_said_only_of_enough_models() {
        let rising: Vec<_> = (1..=6).map(|i| (f64::from(i) * 1e3, f64::from(i), None)).collect();
        assert!(html(&rising).contains("pay more for it (rank correlation 1.00 over 6 models)"));
        assert!(!html(&rising[..5]).contains("rank correlation"));
        let costs = [3.0, 1.0, 4.0, 1.5, 5.0, 2.0].iter().zip(1..);
        let mixed: Vec<_> = costs.map(|(c, i)| (c * 1e3, f64::from(i), None)).collect();
        assert!(!html(&mixed).contains("rank correlation"));
    }

    #[test]
    fn most_of_the_time_is_in_the_kernel_or_not() {
        let text = html(&[(8e3, 0.5, Some(0.25)), (6e3, 1.5, Some(0.35)), (6e3, 1.5, Some(0.3))]);
        assert!(text.contains("The 3 models with a known split spend 70 %"), "{text}");
        assert!(text.contains("in the kernel (median)"), "{text}");
    }
}
