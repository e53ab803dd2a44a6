//! Tables in LaTeX with the package booktabs, made narrower by graphicx where needed, to be
//! `\input` into a document.

use std::fmt::Write as _;

use super::letters;
use crate::base::units::as_f64;
use crate::view::export::sheet::{Column, Row, Sheet, Text};

/// The packages that a document has to load for the tables.
pub(crate) const PACKAGES: &str = "\\usepackage{booktabs,graphicx}";
/// Shrinks the group that follows to the width of the text, if it is wider.
const SHRINK: &str = "\\resizebox{\\ifdim\\width>\\linewidth\\linewidth\\else\\width\\fi}{!}";

/// Words with more characters than this are wrapped.
const WORDS_MAX: usize = 36;
/// The text width of LaTeX's class `article`, in points.
const TEXT_PT: f64 = 345.0;

/// The tables, one below the other.
pub(crate) fn latex(sheets: &[Sheet]) -> String {
    let mut text = format!("% Needs {PACKAGES}.\n");
    for sheet in sheets {
        text.push_str(&one(sheet));
    }
    text
}

fn one(sheet: &Sheet) -> String {
    let Sheet { title, caption, label, command, .. } = sheet;
    let sentence = |text: &String| match text.ends_with(['.', '?', '!', ':']) {
        true => escape(text),
        false => format!("{}.", escape(text)),
    };
    let said = std::iter::once(title).chain(&sheet.remarks).chain(caption);
    let mut says: Vec<_> = said.map(sentence).collect();
    if !command.is_empty() {
        says.push(format!("\\texttt{{{}}}", escape(command)));
    }
    let wide = wide(sheet);
    let column = |(at, column): (usize, &Column)| match column.number {
        true => "r",
        false if wide.contains(&at) => "p{0.3\\linewidth}",
        false => "l",
    };
    let columns: String = sheet.columns.iter().enumerate().map(column).collect();
    let names: Vec<_> = sheet.columns.iter().map(|column| escape(&column.name)).collect();
    let Size { words: size, around: smaller, apart, .. } = size(sheet, &wide);
    let small = |text: &str| match text {
        "" => String::new(),
        text => format!("{{\\{smaller} ({})}}", escape(text)),
    };
    let units: Vec<_> = sheet.columns.iter().map(|column| small(column.unit)).collect();
    let mut text = format!(
        "\\begin{{table*}}\n\\centering\\{size}\\setlength{{\\tabcolsep}}{{{apart}pt}}\n\
         \\caption{{{}}}\n\\label{{tab:{label}}}\n{SHRINK}{{%\n\\begin{{tabular}}{{{columns}}}\n\\toprule\n\
         {} \\\\\n",
        says.join("\n"),
        names.join(" & ")
    );
    if units.iter().any(|unit| !unit.is_empty()) {
        let _ = writeln!(text, "{} \\\\", units.join(" & "));
    }
    text.push_str("\\midrule\n");
    for row in &sheet.rows {
        let _ = writeln!(text, "{} \\\\", entries(row, &wide).join(" & "));
        // Intervals get a line of their own: beside the figures they would not fit on the page.
        if row.entries.iter().any(|entry| !entry.around.is_empty()) {
            let around = row.entries.iter().map(|entry| small(&entry.around));
            let _ = writeln!(text, "{} \\\\[1pt]", around.collect::<Vec<_>>().join(" & "));
        }
    }
    text.push_str("\\bottomrule\n\\end{tabular}}\n");
    if !sheet.notes.is_empty() {
        text.push_str("\n\\smallskip\\raggedright\n");
        for (at, note) in sheet.notes.iter().enumerate() {
            let _ = writeln!(text, "\\textsuperscript{{{}}}~{}\\par", letters(at), escape(note));
        }
    }
    text + "\\end{table*}\n"
}

/// Font sizes of a table: their names in LaTeX and their approximate widths in points.
#[derive(Clone, Copy)]
struct Size {
    words: &'static str,
    words_pt: f64,
    around: &'static str,
    around_pt: f64,
    apart: u32,
}

const SIZES: [Size; 2] = [
    Size { words: "footnotesize", words_pt: 4.25, around: "scriptsize", around_pt: 4.0, apart: 4 },
    Size { words: "scriptsize", words_pt: 4.0, around: "tiny", around_pt: 3.4, apart: 2 },
];

/// The largest font size with which a table fits the text width, or the smallest of all.
fn size(sheet: &Sheet, wide: &[usize]) -> Size {
    let fits = |size: &&Size| {
        let pt = |text: &str, each: f64| as_f64(text.chars().count() as u64) * each;
        let width = |(at, column): (usize, &Column)| {
            let rows = sheet.rows.iter().map(|row| &row.entries[at]);
            let entry = |text: &Text| {
                pt(&text.value, size.words_pt).max(pt(&text.around, size.around_pt) + 8.0)
            };
            let name = pt(&column.name, size.words_pt);
            let own = if wide.contains(&at) {
                0.3 * TEXT_PT
            } else {
                rows.map(entry).fold(name, f64::max)
            };
            own + 2.0 * f64::from(size.apart)
        };
        sheet.columns.iter().enumerate().map(width).sum::<f64>() <= TEXT_PT
    };
    *SIZES.iter().find(fits).unwrap_or(&SIZES[SIZES.len() - 1])
}

/// The columns whose words are too long for one line; they are wrapped.
fn wide(sheet: &Sheet) -> Vec<usize> {
    let is_wide = |at: &usize| {
        let longest = sheet.rows.iter().map(|row| row.entries[*at].value.chars().count()).max();
        !sheet.columns[*at].number && longest > Some(WORDS_MAX)
    };
    (0..sheet.columns.len()).filter(is_wide).collect()
}

fn entries(row: &Row, wide: &[usize]) -> Vec<String> {
    let entry = |(at, entry): (usize, &Text)| {
        let mut entry = escape(&entry.value);
        if row.invalid {
            entry = format!("\\textit{{{entry}}}");
        }
        if at == row.marked && !row.marks.is_empty() {
            let marks: Vec<_> = row.marks.iter().map(|mark| letters(*mark)).collect();
            let _ = write!(entry, "\\textsuperscript{{{}}}", marks.join(","));
        }
        if wide.contains(&at) {
            return format!("{{\\raggedright {entry}\\par}}");
        }
        // LaTeX would read a bracket or star after a line break as the argument of the break.
        if at == 0 && entry.starts_with(['[', '*']) { format!("{{}}{entry}") } else { entry }
    };
    row.entries.iter().enumerate().map(entry).collect()
}

/// Escapes text so that TeX prints it unchanged, without commands or ligatures.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::new();
    let mut before = ' ';
    for c in text.chars() {
        match c {
            '\\' => escaped.push_str("\\textbackslash{}"),
            '~' => escaped.push_str("\\textasciitilde{}"),
            '^' => escaped.push_str("\\textasciicircum{}"),
            '`' => escaped.push_str("\\textasciigrave{}"),
            '<' => escaped.push_str("\\textless{}"),
            '>' => escaped.push_str("\\textgreater{}"),
            '|' => escaped.push_str("\\textbar{}"),
            '{' | '}' | '$' | '&' | '#' | '%' | '_' => escaped.extend(['\\', c]),
            'µ' => escaped.push_str("$\\mu$"),
            '≥' => escaped.push_str("$\\geq$"),
            '±' => escaped.push_str("$\\pm$"),
            '–' => escaped.push_str("\\textendash{}"),
            // TeX would join two of these into one character.
            '-' | '\'' | ',' if before == c => escaped.extend(['{', '}', c]),
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
        before = c;
    }
    escaped
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const COMMANDS: [(&str, char); 12] = [
        ("\\textbackslash{}", '\\'),
        ("\\textasciitilde{}", '~'),
        ("\\textasciicircum{}", '^'),
        ("\\textasciigrave{}", '`'),
        ("\\textless{}", '<'),
        ("\\textgreater{}", '>'),
        ("\\textbar{}", '|'),
        ("\\textendash{}", '–'),
        ("$\\mu$", 'µ'),
        ("$\\geq$", '≥'),
        ("$\\pm$", '±'),
        ("{}", '\0'),
    ];

    /// Reads escaped text as TeX would; `None` if any part of it is not a plain character.
    fn typeset(mut text: &str) -> Option<String> {
        let mut set = String::new();
        while let Some(c) = text.chars().next() {
            let command = COMMANDS.iter().find(|(command, _)| text.starts_with(command));
            if let Some((command, means)) = command {
                set.extend(Some(*means).filter(|means| *means != '\0'));
                text = &text[command.len()..];
                continue;
            }
            let escaped = text.strip_prefix('\\').and_then(|rest| rest.chars().next());
            if let Some(escaped) = escaped.filter(|c| "{}$&#%_".contains(*c)) {
                set.push(escaped);
                text = &text[2..];
                continue;
            }
            if "\\{}$&#%_~^`<>|\n".contains(c) || text.starts_with("--") {
                return None;
            }
            set.push(c);
            text = &text[c.len_utf8()..];
        }
        Some(set)
    }

    proptest! {
        #[test]
        fn whatever_a_name_holds_is_set_as_it_is(text in "[ -~µ≥±–é]{0,40}") {
            prop_assert_eq!(typeset(&escape(&text)), Some(text));
        }

        #[test]
        fn no_control_character_is_left(text in any::<String>()) {
            prop_assert!(!escape(&text).chars().any(char::is_control));
        }
    }

    #[test]
    fn a_row_that_begins_with_a_bracket_is_no_argument() {
        let entry = |text: &str| Text::from(text.to_string());
        let row = Row { entries: vec![entry("[1]"), entry("x")], ..Row::default() };
        assert_eq!(entries(&row, &[]), ["{}[1]", "x"]);
    }
}
