//! A sheet: a table before it is written, with its rows, its columns and the meaning of its marks.
//!
//! Every writer gets the same strings and escapes them in its own way, so all formats say the same.

use crate::document::Estimate;
use crate::statistics::{Interval, median};
pub use crate::view::columns::Quantity;

/// One table.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sheet {
    /// Its label for references: letters, digits and hyphens.
    pub label: String,
    /// Its title.
    pub title: String,
    /// What a reader must know, as sentences.
    pub caption: Vec<String>,
    /// The command that made it; empty if there is none.
    pub command: String,
    /// Its columns.
    pub columns: Vec<Column>,
    /// Its rows, each with an entry for every column.
    pub rows: Vec<Row>,
    /// What the marks of rows mean, counted from 0.
    pub notes: Vec<String>,
    /// Remarks below it, about no row in particular.
    pub remarks: Vec<String>,
}

/// One column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its unit; empty without one.
    pub unit: &'static str,
    /// Whether it is aligned to the right.
    pub number: bool,
}

impl Column {
    /// Its name and its unit.
    #[must_use]
    pub fn header(&self) -> String {
        if self.unit.is_empty() {
            return self.name.clone();
        }
        format!("{} ({})", self.name, self.unit)
    }
}

/// One entry as it is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text {
    /// Its text.
    pub value: String,
    /// Its interval; empty where it is not known.
    pub around: String,
}

impl From<String> for Text {
    fn from(value: String) -> Self {
        Self { value, around: String::new() }
    }
}

impl std::fmt::Display for Text {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { value, around } = self;
        if around.is_empty() { f.write_str(value) } else { write!(f, "{value} ({around})") }
    }
}

/// An interval as text, with this number of digits after the point.
#[must_use]
pub fn ends(interval: Interval, size: f64, digits: usize) -> String {
    let [low, high] = [interval.low, interval.high].map(|end| rounded(end / size, digits));
    // A dash before a minus sign would be hard to read.
    if interval.low < 0.0 { format!("{low} to {high}") } else { format!("{low}–{high}") }
}

/// A number with this number of digits after the point, and without a minus before zero.
fn rounded(value: f64, digits: usize) -> String {
    let text = format!("{value:.digits$}");
    let nothing = text.starts_with('-') && !text.contains(|c: char| ('1'..='9').contains(&c));
    if nothing { text[1..].to_string() } else { text }
}

/// One row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// Its entries.
    pub entries: Vec<Text>,
    /// Which column carries the marks.
    pub marked: usize,
    /// Which notes are about it.
    pub marks: Vec<usize>,
    /// Whether its figures are invalid.
    pub invalid: bool,
}

/// The size of a unit, and its name.
pub type Unit = (f64, &'static str);

impl Quantity {
    /// The quantity of a metric, from the suffix of its name.
    #[must_use]
    pub fn of_metric(metric: &str) -> Self {
        match metric {
            metric if metric.ends_with("_ns") => Self::Time,
            metric if metric.ends_with("_bytes") => Self::Bytes,
            _ => Self::Count,
        }
    }

    /// The largest unit that does not exceed the median value, or else the smallest unit.
    #[must_use]
    pub fn unit<'a>(self, entries: impl Iterator<Item = &'a Entry>) -> Unit {
        let known = entries.filter_map(|entry| match entry {
            Entry::Known { value, .. } => Some(value.abs()),
            _ => None,
        });
        let units: &[(f64, &str)] = match self {
            Self::Time => &[(1e9, "s"), (1e6, "ms"), (1e3, "µs"), (1.0, "ns")],
            Self::Count => &[(1e6, "millions"), (1e3, "thousands"), (1.0, "")],
            Self::Bytes => {
                &[(1_073_741_824.0, "GiB"), (1_048_576.0, "MiB"), (1024.0, "KiB"), (1.0, "B")]
            }
            Self::Ratio => &[(1.0, "")],
            Self::Share => &[(0.01, "%")],
        };
        let middle = median(&known.collect::<Vec<_>>()).unwrap_or(0.0);
        let found = units.iter().find(|(size, _)| middle >= *size);
        *found.unwrap_or(&units[units.len() - 1])
    }
}

/// One entry of a column of numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Entry {
    /// A number, with its interval.
    Known {
        /// The number.
        value: f64,
        /// Its interval; absent with too few trials.
        interval: Option<Interval>,
        /// Whether the number is a lower bound.
        at_least: bool,
    },
    /// There are too few samples to say.
    TooFew,
    /// There is no such figure.
    None,
}

impl Entry {
    /// A figure over several trials; [`Entry::None`] without an estimate.
    #[must_use]
    pub fn from_estimate(estimate: Option<&Estimate>) -> Self {
        estimate.map_or(Self::None, |estimate| Self::Known {
            value: estimate.median,
            interval: estimate.interval,
            at_least: false,
        })
    }

    /// A figure with its interval.
    #[must_use]
    pub fn within(value: f64, interval: Interval) -> Self {
        Self::Known { value, interval: Some(interval), at_least: false }
    }

    /// Whether there is a number.
    #[must_use]
    pub fn is_known(&self) -> bool {
        matches!(self, Self::Known { .. })
    }

    /// The entry as text, in a unit of this size.
    fn show(self, size: f64) -> Text {
        let Self::Known { value, interval, at_least } = self else {
            return if self == Self::TooFew { "too few" } else { "-" }.to_string().into();
        };
        // A value that is small against its interval needs no more digits than the interval.
        let reach = interval.map_or(0.0, |interval| (interval.high - interval.low) / 2.0);
        let digits = digits(value.abs().max(reach) / size);
        let bound = if at_least { "≥ " } else { "" };
        Text {
            value: format!("{bound}{}", rounded(value / size, digits)),
            around: interval.map_or(String::new(), |interval| ends(interval, size, digits)),
        }
    }
}

/// A metric as people call it: its name without its unit.
#[must_use]
pub fn metric_name(metric: &str) -> String {
    metric.trim_end_matches("_ns").trim_end_matches("_bytes").replace('_', " ")
}

/// The number of digits after the point that makes three significant digits, but at most four.
#[must_use]
pub fn digits(value: f64) -> usize {
    match value.abs() {
        value if value >= 99.95 => 0,
        value if value >= 9.995 => 1,
        value if value >= 0.9995 => 2,
        value if value >= 0.099_95 => 3,
        _ => 4,
    }
}

impl Sheet {
    /// A table with this number of rows, and no columns yet.
    #[must_use]
    pub fn new(label: &str, title: impl Into<String>, rows: usize) -> Self {
        let label = label.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' });
        Self {
            label: label.collect(),
            title: title.into(),
            rows: vec![Row::default(); rows],
            ..Self::default()
        }
    }

    /// Adds a column of words.
    pub fn words(&mut self, name: &str, entries: impl IntoIterator<Item = String>) {
        let entries = entries.into_iter().map(Text::from);
        self.add(Column { name: name.into(), unit: "", number: false }, entries);
    }

    /// Adds a column of numbers in one unit; it has no unit if no number is known.
    pub fn numbers(&mut self, name: &str, quantity: Quantity, entries: &[Entry]) {
        let known = entries.iter().any(|entry| entry.is_known());
        let unit = if known { quantity.unit(entries.iter()) } else { (1.0, "") };
        self.numbers_in(name, unit, entries);
    }

    /// Adds a column of numbers in this unit.
    pub fn numbers_in(&mut self, name: &str, (size, unit): Unit, entries: &[Entry]) {
        let shown: Vec<_> = entries.iter().map(|entry| entry.show(size)).collect();
        self.add(Column { name: name.into(), unit, number: true }, shown);
    }

    /// Adds a column of finished texts, aligned as numbers are.
    pub fn figures(&mut self, name: &str, entries: impl IntoIterator<Item = Text>) {
        self.add(Column { name: name.into(), unit: "", number: true }, entries);
    }

    fn add(&mut self, column: Column, entries: impl IntoIterator<Item = Text>) {
        self.columns.push(column);
        for (row, entry) in self.rows.iter_mut().zip(entries) {
            row.entries.push(entry);
        }
        debug_assert!(self.rows.iter().all(|row| row.entries.len() == self.columns.len()));
    }

    /// Explains special entries in the caption, if there are any.
    pub fn explain(&mut self) {
        let entries = || self.rows.iter().flat_map(|row| &row.entries);
        let intervals = entries().any(|entry| !entry.around.is_empty());
        if intervals {
            self.caption.push("Each figure is followed by its 95 % interval.".into());
        }
        self.explain_values();
    }

    /// The same without intervals, for tables with other content beside the figures.
    pub fn explain_values(&mut self) {
        let entries = || self.rows.iter().flat_map(|row| &row.entries);
        let few = entries().any(|entry| entry.value == "too few");
        let bounds = entries().any(|entry| entry.value.starts_with('≥'));
        if few {
            self.caption.push(
                "Too few: fewer than about six effective samples lie beyond that quantile.".into(),
            );
        }
        if bounds {
            self.caption.push("≥: a lower bound, since requests this long had not ended.".into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(value: f64, ends: Option<(f64, f64)>) -> Entry {
        let interval = ends.map(|(low, high)| Interval { low, high });
        Entry::Known { value, interval, at_least: false }
    }

    #[test]
    fn a_column_has_one_unit_and_three_digits() {
        let mut sheet = Sheet::new("a b", "t", 4);
        let entries = [
            known(12_345.0, Some((11_949.0, 13_051.0))),
            known(1_234_567.0, None),
            Entry::TooFew,
            Entry::Known { value: 999.4, interval: None, at_least: true },
        ];
        sheet.numbers("p99", Quantity::Time, &entries);
        assert_eq!((sheet.label.as_str(), sheet.columns[0].header().as_str()), ("a-b", "p99 (µs)"));
        let shown: Vec<_> = sheet.rows.iter().map(|row| row.entries[0].to_string()).collect();
        assert_eq!(shown, ["12.3 (11.9–13.1)", "1235", "too few", "≥ 0.999"]);
        sheet.explain();
        assert_eq!(sheet.caption.len(), 3);
    }

    #[test]
    fn what_may_be_less_than_nothing_is_written_so_that_it_can_be_read() {
        let shown = |value, ends| known(value, Some(ends)).show(1.0).to_string();
        assert_eq!(shown(0.3, (-2.0, 3.0)), "0.30 (-2.00 to 3.00)");
        assert_eq!(shown(-120.0, (-240.0, -1.0)), "-120 (-240 to -1)");
        assert_eq!(shown(-0.04, (-12.0, 11.0)), "0.0 (-12.0 to 11.0)");
        let less = Quantity::Time.unit([known(-3e6, None)].iter());
        assert_eq!(less, (1e6, "ms"));
    }

    #[test]
    fn units_follow_the_value_in_the_middle() {
        let unit = |quantity: Quantity, values: &[f64]| {
            let entries: Vec<_> = values.iter().map(|value| known(*value, None)).collect();
            quantity.unit(entries.iter())
        };
        assert_eq!(unit(Quantity::Time, &[2e9]), (1e9, "s"));
        assert_eq!(unit(Quantity::Bytes, &[1500.0, 3e6, 2e6]), (1_048_576.0, "MiB"));
        assert_eq!(unit(Quantity::Count, &[999.0]), (1.0, ""));
        assert_eq!(unit(Quantity::Count, &[]), (1.0, ""));
        assert_eq!(Quantity::of_metric("pss_bytes"), Quantity::Bytes);
        assert_eq!(Quantity::of_metric("p99_ns"), Quantity::Time);
        assert_eq!(Quantity::of_metric("throughput_per_s"), Quantity::Count);
    }
}
