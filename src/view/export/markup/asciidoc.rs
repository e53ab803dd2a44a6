//! AsciiDoc: a titled table with an anchor, and its notes below it.

use std::fmt::Write as _;

use super::letters;
use crate::view::export::sheet::{Row, Sheet, Text};

/// The tables, one below the other.
pub(in crate::view::export) fn asciidoc(sheets: &[Sheet]) -> String {
    sheets.iter().map(one).collect::<Vec<_>>().join("\n")
}

fn one(sheet: &Sheet) -> String {
    let columns = sheet.columns.iter().map(|column| if column.number { ">1" } else { "<1" });
    let columns = columns.collect::<Vec<_>>().join(",");
    let mut text = format!(
        "[#{}]\n.{}\n[%autowidth,options=\"header\",cols=\"{columns}\"]\n|===\n",
        sheet.label,
        escape(&sheet.title)
    );
    let header: Vec<_> =
        sheet.columns.iter().map(|c| format!("|{}", escape(&c.header()))).collect();
    let _ = write!(text, "{}\n\n", header.join(" "));
    for row in &sheet.rows {
        let _ = writeln!(text, "{}", entries(row).join(" "));
    }
    text.push_str("|===\n");
    for (at, note) in sheet.notes.iter().enumerate() {
        let _ = write!(text, "\n^{}^ {}\n", letters(at), escape(note));
    }
    for paragraph in sheet.remarks.iter().chain([&sheet.caption.join(" ")]) {
        let _ = write!(text, "\n{}\n", escape(paragraph));
    }
    if !sheet.command.is_empty() {
        let _ = write!(text, "\n....\n{}\n....\n", sheet.command);
    }
    text
}

fn entries(row: &Row) -> Vec<String> {
    let entry = |(at, entry): (usize, &Text)| {
        let mut entry = escape(&entry.to_string());
        if row.invalid {
            entry = format!("__{entry}__");
        }
        if at == row.marked && !row.marks.is_empty() {
            let marks: Vec<_> = row.marks.iter().map(|mark| letters(*mark)).collect();
            let _ = write!(entry, "^{}^", marks.join(","));
        }
        format!("|{entry}")
    };
    row.entries.iter().enumerate().map(entry).collect()
}

/// Whatever might be markup, or the end of an entry, becomes a character reference.
fn escape(text: &str) -> String {
    let mut escaped = String::new();
    let mut before = ' ';
    for c in text.chars() {
        let special = "|*_`#^~+{}[]<>&\\\"'".contains(c);
        // Two hyphens are a dash, and (R) is a sign.
        let in_pair = (c == '-' && before == '-') || (c.is_ascii_uppercase() && before == '(');
        if special || in_pair {
            let _ = write!(escaped, "&#{};", u32::from(c));
        } else {
            escaped.push(if c.is_control() { ' ' } else { c });
        }
        before = c;
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_an_entry_ends_it_or_becomes_markup() {
        assert_eq!(escape("a|b"), "a&#124;b");
        assert_eq!(escape("--x (R) #1"), "-&#45;x (&#82;) &#35;1");
        assert_eq!(escape("p99 (12.1–12.9) thread-pool"), "p99 (12.1–12.9) thread-pool");
    }
}
