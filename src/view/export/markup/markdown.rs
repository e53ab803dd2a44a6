//! Tables in GitHub-flavoured Markdown, with caveats as footnotes.

use std::fmt::Write as _;

use crate::view::export::sheet::{Row, Sheet};

/// The tables, one below the other.
pub(crate) fn markdown(sheets: &[Sheet]) -> String {
    sheets.iter().map(one).collect::<Vec<_>>().join("\n")
}

fn one(sheet: &Sheet) -> String {
    let mut text = format!("### {}\n\n", escape(&sheet.title));
    let header = sheet.columns.iter().map(|column| escape(&column.header()));
    let rule = sheet.columns.iter().map(|column| if column.number { "---:" } else { "---" }.into());
    line(&mut text, header);
    line(&mut text, rule);
    for row in &sheet.rows {
        line(&mut text, entries(sheet, row));
    }
    for paragraph in sheet.remarks.iter().chain([&sheet.caption.join(" ")]) {
        let _ = write!(text, "\n{}\n", escape(paragraph));
    }
    if !sheet.command.is_empty() {
        let _ = write!(text, "\n    {}\n", sheet.command);
    }
    for (at, note) in sheet.notes.iter().enumerate() {
        let _ = write!(text, "\n{}: {}\n", mark(sheet, at), escape(note));
    }
    text
}

fn line(text: &mut String, entries: impl Iterator<Item = String>) {
    let _ = writeln!(text, "| {} |", entries.collect::<Vec<_>>().join(" | "));
}

fn entries(sheet: &Sheet, row: &Row) -> impl Iterator<Item = String> {
    row.entries.iter().enumerate().map(|(at, entry)| {
        let mut entry = escape(&entry.to_string());
        if row.invalid {
            entry = format!("*{entry}*");
        }
        if at == row.marked {
            row.marks.iter().for_each(|note| entry.push_str(&mark(sheet, *note)));
        }
        entry
    })
}

/// The sheet's label keeps a footnote's name unique on the page.
fn mark(sheet: &Sheet, note: usize) -> String {
    format!("[^{}-{}]", sheet.label, note + 1)
}

/// Puts a backslash before each character that could be markup or end an entry.
fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '~' | '#' | '$' | '&' => {
                escaped.extend(['\\', c]);
            }
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_an_entry_ends_it_or_becomes_markup() {
        assert_eq!(escape("a|b\nc_d <i> [x] \\"), "a\\|b c\\_d \\<i\\> \\[x\\] \\\\");
    }
}
