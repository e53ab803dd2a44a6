//! Tables that can be sorted by mouse and keyboard and read by a screen reader.

use maud::{Markup, html};

use super::fold::more;
use super::micro;
use crate::document::{Cell, NoiseFloor, Standings, Validity};
use crate::view::columns::{self, Against};
use crate::view::table;

/// The text of a field and its sort key; fields without a key come last.
pub(super) type Field = (String, Option<f64>);

/// A row: its name, whether it is greyed, its fields.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) name: String,
    pub(super) greyed: bool,
    pub(super) fields: Vec<Field>,
    /// The files behind the row, relative to the page's folder.
    pub(super) files: Vec<String>,
}

/// A table of these rows. A last column links to the files where there are any.
pub(super) fn sortable_table(caption: &str, columns: &[&str], rows: &[Row]) -> Markup {
    let linked = rows.iter().any(|row| !row.files.is_empty());
    html! {
        // The region scrolls, so the keyboard has to reach it.
        div.scroll tabindex="0" role="region" aria-label={ "Table: " (caption) } {
            table.sortable {
                caption { span { (caption) ". Click a column's name to sort by it." } }
                thead { tr {
                    @for column in columns { th scope="col" aria-sort="none" { button type="button" { (column) } } }
                    @if linked { th.files scope="col" { "trials" } }
                } }
                tbody { @for row in rows {
                    tr.invalid[row.greyed] {
                        th scope="row" data-v=(row.name) { (row.name) }
                        @for (text, value) in &row.fields { td data-v=[*value] { (micro(text)) } }
                        @if linked { td.files { @for (at, file) in row.files.iter().enumerate() { (link(file, at)) } } }
                    }
                } }
            }
        }
    }
}

/// A link to a trial, named by its block. Only a file in the run's folder is linked.
fn link(file: &str, at: usize) -> Markup {
    let block = file.strip_suffix(".json").and_then(|name| name.rsplit('.').next());
    let block = block.map_or_else(|| at.to_string(), String::from);
    let own = file.starts_with("trials/") && !file.contains("..") && !file.contains(':');
    // A file name may contain characters that an address may not.
    let address = file.replace('%', "%25").replace('#', "%23").replace('?', "%3F");
    html! {
        @if own { a href=(address) title=(file) { (block) } " " } @else { (block) " " }
    }
}

/// More notes than this are folded.
const MESSAGES: usize = 4;

/// A workload's table with its caveats.
pub(super) fn table(
    cells: &[&Cell],
    standings: Option<&Standings>,
    noise: &[NoiseFloor],
) -> Markup {
    let (messages, marks) = table::marks(cells);
    let heading = table::heading(cells);
    let (columns, left_out) = columns::shown_columns(cells, standings.as_slice());
    let against = standings.map(|_| columns::AGAINST);
    let names = columns.iter().map(|column| column.name).chain(against);
    let names: Vec<&str> =
        [columns::MODEL].into_iter().chain(names).chain([columns::CHECKS]).collect();
    let row = |(cell, marks): (&&Cell, &String)| {
        let number = |column: &&columns::Column| (column.text(cell), column.of(cell).value());
        let mut fields: Vec<Field> = columns.iter().map(number).collect();
        if standings.is_some() {
            let against = Against::of(cell, standings, noise);
            fields.push((against.text(), against.value()));
        }
        fields.push((table::checks(cell, marks), Some(f64::from(cell.validity as u8))));
        let greyed = cell.twin || cell.validity == Validity::Invalid;
        Row { name: cell.name(), greyed, fields, files: cell.trials.clone() }
    };
    let rows: Vec<Row> = cells.iter().zip(&marks).map(row).collect();
    html! {
        (sortable_table(&heading, &names, &rows))
        @for name in left_out { p.meta { (columns::left_out(name)) } }
        @if messages.len() > MESSAGES {
            (more(&format!("Notes on flagged results: {}", messages.len()), &noted(&messages)))
        } @else if !messages.is_empty() {
            (noted(&messages))
        }
    }
}

fn noted(messages: &[String]) -> Markup {
    html! { ol { @for message in messages { li { (micro(message)) } } } }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::synthetic::{closed, set, summary, twin};

    #[test]
    fn every_column_has_its_number_and_what_is_unknown_none() {
        let mut cell = closed("epoll", &[1e5; 5]);
        set(&mut cell, 0.99, &[4e5; 5]);
        let mut unknown = closed("fork", &[5e4; 5]);
        unknown.latency[3].value_ns = None;
        // The memory of a server that the run did not start is unknown.
        unknown.pss_bytes.median = 0.0;
        let summary = summary(vec![cell, unknown]);
        let cells = summary.cells_of("echo");
        let html = table(&cells, summary.standings_of("echo"), &[]).into_string();
        let row = |model: &str| {
            let (_, row) = html.split_once(&format!("data-v=\"{model}\"")).expect("a row");
            row.split("</tr>").next().unwrap_or_default().to_string()
        };
        assert!(row("epoll").contains("<td data-v=\"400000\">400 µs</td>"), "{html}");
        assert!(row("epoll").contains("<td data-v=\"4194304\">4.00 MiB</td>"), "{html}");
        assert!(row("fork").contains("<td>too few</td>"), "{html}");
        assert!(row("fork").contains("<td>-</td>"), "{html}");
        assert!(row("fork").contains(">0.50 (0.50 to 0.50), worse</td>"), "{html}");
        let columns = html.matches("aria-sort=\"none\"").count();
        assert_eq!(
            row("fork").matches("<td").count(),
            columns,
            "the name is a row head, and the links are one field more"
        );
        assert!(html.contains("p99.9 is left out"), "{html}");
        assert!(
            html.contains("<caption><span>")
                && html.contains("<th scope=\"row\" data-v=\"epoll\">")
        );
    }

    #[test]
    fn a_second_measurement_stands_against_itself() {
        let epoll = closed("epoll", &[1e5; 5]);
        let again = twin(&epoll, &[1.1e5; 5]);
        let summary = summary(vec![epoll, again, closed("fork", &[1e5; 5])]);
        let (cells, noise) = (summary.cells_of("echo"), &summary.noise);
        let html = table(&cells, summary.standings_of("echo"), noise).into_string();
        assert!(html.contains("data-v=\"epoll+twin\""), "{html}");
        assert!(html.contains("1.10 (1.10 to 1.10) of itself"), "{html}");
        // Two trials that are far apart have an interval too wide to be shown.
        let mut wide = summary.noise.clone();
        for floor in &mut wide {
            (floor.smallest_detectable, floor.interval.high) = (4_402_156.4, 4_402_157.4);
        }
        let html = table(&cells, summary.standings_of("echo"), &wide).into_string();
        assert!(html.contains("1.10 of itself") && !html.contains("4402157"), "{html}");
    }

    #[test]
    fn rows_link_to_their_trials_and_to_nothing_outside_the_folder() {
        let mut cell = closed("epoll", &[1e5; 2]);
        cell.trials[1] = "javascript:alert(1).json".into();
        let html = table(&[&cell], None, &[]).into_string();
        assert!(html.contains("<a href=\"trials/echo.epoll.0.json\""), "{html}");
        assert!(!html.contains("href=\"javascript"), "{html}");
        cell.trials[1] = "trials/../../secret.1.json".into();
        assert_eq!(table(&[&cell], None, &[]).into_string().matches("href").count(), 1);
    }
}
