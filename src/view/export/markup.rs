//! Tables in Markdown, LaTeX and HTML.

mod html;
mod latex;
mod markdown;

pub(crate) use html::html;
pub(crate) use latex::{PACKAGES, escape, latex};
pub(crate) use markdown::markdown;

/// The mark of a note where marks are letters: a to z, then aa.
fn letters(mut number: usize) -> String {
    let mut text = String::new();
    loop {
        let letter = u8::try_from(number % 26).unwrap_or(0);
        text.insert(0, char::from(b'a' + letter));
        if number < 26 {
            return text;
        }
        number = number / 26 - 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::Interval;
    use crate::view::export::sheet::{Entry, Quantity, Sheet};

    /// A table with every case that a writer has to handle.
    pub(super) fn sheet() -> Sheet {
        let mut sheet = Sheet::new("run-1-echo", "echo: 50% of a|b, 3 trials", 3);
        sheet.words("model", ["epoll", "mio_2", "fork (invalid)"].map(String::from));
        let known = |value: f64| {
            let interval = Some(Interval { low: 0.9 * value, high: 1.1 * value });
            Entry::Known { value, interval, at_least: false }
        };
        let bound = Entry::Known { value: 9e4, interval: None, at_least: true };
        sheet.numbers("p99", Quantity::Time, &[known(12_000.0), Entry::TooFew, bound]);
        sheet.rows[1].marks = vec![0];
        sheet.rows[2].marks = vec![0, 1];
        sheet.rows[2].invalid = true;
        sheet.notes = vec!["busy: 95 % of a CPU".into(), "late by >10 us [x]".into()];
        sheet.remarks = vec!["poll & select were not measured".into()];
        sheet.explain();
        sheet.command = "c10k run --models epoll,mio_2".into();
        sheet
    }

    #[test]
    fn marks_go_on_after_z() {
        assert_eq!([0, 25, 26, 51, 52].map(letters), ["a", "z", "aa", "az", "ba"]);
    }

    #[test]
    fn each_format_is_what_was_agreed() {
        for (name, text, agreed) in [
            ("md", markdown(&[sheet()]), include_str!("markup/golden/table.md")),
            ("tex", latex(&[sheet()]), include_str!("markup/golden/table.tex")),
        ] {
            assert_eq!(text, agreed, "golden/table.{name}");
        }
    }
}
