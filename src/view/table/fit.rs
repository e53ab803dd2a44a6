//! Tables and notes for narrow terminals.
//!
//! A table that wraps within its words cannot be read. So whole columns are left out, the least
//! important first, and a line says which.

use comfy_table::{ColumnConstraint, ContentArrangement, Table, Width};

use super::table;

/// The columns of a table, all numbers but the first.
pub(super) struct Columns<'a> {
    pub(super) names: &'a [&'static str],
    /// The columns that can be left out, in this order.
    pub(super) give_way: &'a [&'static str],
}

/// The last column wraps between its words; it is at least this wide.
const LAST_MIN: usize = 11;
/// On narrower terminals lines are left to the terminal's own wrapping, which is no worse.
const FLOW_MIN: usize = 40;

impl Columns<'_> {
    /// The table of these rows within `width` characters, and the columns that were left out.
    /// Without a width, or if even the smallest table is wider, the table is as wide as it needs.
    pub(super) fn fitted(
        &self,
        rows: &[Vec<String>],
        width: Option<usize>,
    ) -> (Table, Vec<&'static str>) {
        let mut shown: Vec<usize> = (0..self.names.len()).collect();
        let mut gone = Vec::new();
        let Some(width) = width else { return (self.table_of_shown(rows, &shown), gone) };
        for name in self.give_way {
            if self.least(rows, &shown) <= width {
                break;
            }
            shown.retain(|at| self.names[*at] != *name);
            gone.push(*name);
        }
        gone.sort_by_key(|name| self.names.iter().position(|column| column == name));
        let mut table = self.table_of_shown(rows, &shown);
        if self.least(rows, &shown) > width {
            return (table, gone);
        }
        let last = width.saturating_sub(self.others(rows, &shown)).max(LAST_MIN);
        let narrow = u16::try_from(last).unwrap_or(u16::MAX);
        table.set_content_arrangement(ContentArrangement::Dynamic);
        table.set_width(u16::try_from(width).unwrap_or(u16::MAX));
        let end = shown.len() - 1;
        for (at, column) in table.column_iter_mut().enumerate() {
            column.set_constraint(if at < end {
                ColumnConstraint::ContentWidth
            } else {
                ColumnConstraint::UpperBoundary(Width::Fixed(narrow))
            });
        }
        (table, gone)
    }

    fn table_of_shown(&self, rows: &[Vec<String>], shown: &[usize]) -> Table {
        let header: Vec<&str> = shown.iter().map(|at| self.names[*at]).collect();
        let mut table = table(&header, 1);
        table.set_content_arrangement(ContentArrangement::Disabled);
        for row in rows {
            table.add_row(shown.iter().map(|at| cell(row, *at)));
        }
        table
    }

    /// The width of all columns but the last, with the space around the last.
    fn others(&self, rows: &[Vec<String>], shown: &[usize]) -> usize {
        let last = shown.len() - 1;
        shown[..last].iter().map(|at| self.content(rows, *at) + 3).sum::<usize>() + 2
    }

    fn least(&self, rows: &[Vec<String>], shown: &[usize]) -> usize {
        let last = shown.last().map_or(0, |at| self.content(rows, *at));
        self.others(rows, shown) + last.min(LAST_MIN)
    }

    fn content(&self, rows: &[Vec<String>], at: usize) -> usize {
        let cells = rows.iter().map(|row| cell(row, at).chars().count());
        cells.chain([self.names[at].len()]).max().unwrap_or(0)
    }
}

/// Summaries of other versions may have fewer quantiles.
fn cell(row: &[String], at: usize) -> &str {
    row.get(at).map_or("", String::as_str)
}

/// A text whose long lines are broken between words, with continuation lines indented like the
/// line's own text. Lines of tables stay as they are.
pub(crate) fn flowed(text: &str, width: Option<usize>) -> String {
    let Some(width) = width.filter(|width| *width >= FLOW_MIN) else { return text.into() };
    let mut lines = Vec::new();
    let mut in_table = false;
    for line in text.lines() {
        // A table is between two rules.
        in_table ^= line.contains('─');
        if in_table || line.chars().count() <= width || line.contains('─') {
            lines.push(line.to_owned());
        } else {
            broken(line, width, &mut lines);
        }
    }
    lines.join("\n")
}

fn broken(line: &str, width: usize, lines: &mut Vec<String>) {
    let words = line.trim_start();
    let mut indent = line.len() - words.len();
    let mut now = " ".repeat(indent);
    // Continuation lines align after the number of a note, or after the dash of a list item.
    if words.starts_with('[') || words.starts_with("- ") {
        indent += words.find(' ').map_or(0, |at| at + 1);
    }
    for word in words.split(' ') {
        let used = now.chars().count();
        if used > indent && used + word.chars().count() > width {
            lines.push(now.trim_end().to_owned());
            now = " ".repeat(indent);
        }
        now += word;
        now.push(' ');
    }
    lines.push(now.trim_end().to_owned());
}

#[cfg(test)]
mod tests {
    use super::{Columns, flowed};

    const NAMES: [&str; 6] = ["model", "replies/s", "p50", "p99", "x best", "checks"];
    const TABLE: Columns<'_> = Columns { names: &NAMES, give_way: &["p99", "x best", "p50"] };

    fn rows() -> Vec<Vec<String>> {
        let row = [
            "thread-per-client",
            "9.57k ±2%",
            "5.23 ms",
            "too few",
            "2.31 [2.02, 2.67]",
            "INVALID [1] [2] [3]",
        ];
        vec![row.map(String::from).to_vec()]
    }

    #[test]
    fn columns_give_way_whole_before_words_break() {
        for (width, left) in [
            (85, &[][..]),
            (78, &["p99"]),
            (60, &["p99", "x best"]),
            (20, &["p50", "p99", "x best"]),
        ] {
            let (table, gone) = TABLE.fitted(&rows(), Some(width));
            let text = table.to_string();
            assert_eq!(gone, left, "{width}");
            for whole in ["thread-per-client", "9.57k ±2%", "replies/s", "INVALID"] {
                assert!(text.contains(whole), "{width}: {whole} is broken:\n{text}");
            }
            assert!(width < 50 || text.lines().all(|line| line.chars().count() <= width), "{text}");
        }
    }

    #[test]
    fn where_there_is_room_every_column_is_shown() {
        for width in [Some(200), None] {
            let (table, gone) = TABLE.fitted(&rows(), width);
            let text = table.to_string();
            assert!(gone.is_empty(), "{gone:?}");
            assert!(NAMES.iter().all(|name| text.contains(name)), "{text}");
            assert!(text.contains("INVALID [1] [2] [3]"), "{text}");
        }
    }

    #[test]
    fn a_row_that_is_short_is_a_row() {
        let mut short = rows();
        short[0].pop();
        for width in [Some(80), Some(200), None] {
            assert!(TABLE.fitted(&short, width).0.to_string().contains("thread-per-client"));
        }
    }

    #[test]
    fn notes_break_between_words_and_hang() {
        let note = "  [1] only 1.0 of 50 clients had a request in service on average (sequential)";
        let broken =
            "  [1] only 1.0 of 50 clients had a request\n      in service on average (sequential)";
        assert_eq!(flowed(note, Some(44)), broken);
        assert_eq!(flowed(note, None), note);
        let rule = "─".repeat(90);
        let table = format!("{rule}\n a  b{}c\n{rule}", " ".repeat(90));
        assert_eq!(flowed(&table, Some(44)), table);
        let after = flowed(&format!("{table}\n{note}"), Some(44));
        assert_eq!(after, format!("{table}\n{broken}"));
    }
}
