//! A workload's table, which sorts by mouse and keyboard and is read out by a screen reader.

use maud::{Markup, html};

use super::micro;
use crate::document::{Cell, Estimate, Standing, Standings, Validity};
use crate::statistics::Verdict;
use crate::table;

/// The table with what was flagged under it.
pub(super) fn table(cells: &[&Cell], standings: Option<&Standings>) -> Markup {
    let (messages, marks) = table::marks(cells);
    let heading = cells.first().map(|cell| table::heading(cell)).unwrap_or_default();
    let columns = table::COLUMNS.into_iter().chain(["against the best"]);
    html! {
        // A region that scrolls can be reached by keyboard.
        div.scroll tabindex="0" role="region" aria-label={ "Table: " (heading) } {
            table.sortable {
                caption { (heading) ". A column's name sorts by it." }
                thead { tr { @for column in columns { th scope="col" aria-sort="none" { button type="button" { (column) } } } } }
                tbody { @for (cell, marks) in cells.iter().zip(&marks) { (row(cell, marks, standings)) } }
            }
        }
        @if !messages.is_empty() {
            ol { @for message in &messages { li { (micro(message)) } } }
        }
    }
}

fn row(cell: &Cell, marks: &str, standings: Option<&Standings>) -> Markup {
    let texts = table::row(cell, marks);
    let values = values(cell);
    let is_best = standings.is_some_and(|standings| standings.best == cell.model);
    let standing = standings
        .and_then(|standings| standings.others.iter().find(|other| other.model == cell.model));
    let against = if is_best { ("best".into(), Some(1.0)) } else { against(standing) };
    html! {
        tr.invalid[cell.validity == Validity::Invalid] {
            @for (at, text) in texts.iter().enumerate() {
                @if at == 0 { th scope="row" data-v=(text) { (text) } }
                @else { (figure(&micro(text), values[at - 1])) }
            }
            (figure(&against.0, against.1))
        }
    }
}

/// What a model is against the best, in words and as a number.
fn against(standing: Option<&Standing>) -> (String, Option<f64>) {
    let Some(Standing { ratio: Some(ratio), interval: Some(interval), verdict, .. }) = standing
    else {
        return ("-".into(), None);
    };
    let verdict = verdict.map_or("no verdict", Verdict::words);
    let text = format!("{ratio:.2} ({:.2} to {:.2}), {verdict}", interval.low, interval.high);
    (text, Some(*ratio))
}

/// A figure with the number that it is sorted by; what has none comes last.
fn figure(text: &str, value: Option<f64>) -> Markup {
    html! { td data-v=[value] { (text) } }
}

/// The numbers of the terminal's columns after the first.
fn values(cell: &Cell) -> Vec<Option<f64>> {
    let median = |estimate: &Estimate| estimate.median;
    let mut values = vec![Some(cell.throughput_per_s.median)];
    values.extend(cell.latency.iter().map(|q| q.value_ns.as_ref().map(median)));
    values.push(cell.server_cpu_per_request_ns.as_ref().map(median));
    values.push(Some(cell.pss_bytes.median));
    values.push(Some(f64::from(cell.validity as u8)));
    values
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthetic::{closed, set, summary};

    #[test]
    fn every_column_has_its_number_and_what_is_unknown_none() {
        let mut cell = closed("epoll", &[1e5; 5]);
        cell.latency.push(cell.latency[0].clone());
        set(&mut cell, 0.99, &[4e5; 5]);
        assert_eq!(values(&cell).len() + 1, table::COLUMNS.len());
        let summary = summary(vec![cell.clone(), closed("fork", &[5e4; 5])]);
        let cells = summary.cells_of("echo");
        let html = table(&cells, summary.standings_of("echo")).into_string();
        assert!(html.contains("<td data-v=\"400000\">400 µs</td>"), "{html}");
        assert!(html.contains("<td>too few</td>"), "{html}");
        assert!(html.contains(">0.50 (0.50 to 0.50), worse</td>"), "{html}");
        assert_eq!(html.matches("aria-sort=\"none\"").count(), table::COLUMNS.len() + 1);
        assert!(html.contains("<caption>") && html.contains("<th scope=\"row\" data-v=\"epoll\">"));
    }
}
