//! Files of due times for `--replay`.
//!
//! Three formats, recognised by their beginning:
//! - JSON: an array of times, or an object with one member named as a column below
//! - a table: a first line of column names separated by commas, one of which is known
//! - numbers, one a line: times
//!
//! Known columns are `due` and `gap`, which take units, and both with `_ns`, `_us`, `_ms` or `_s`
//! after them. Times count from the beginning of the measurement and must be in order; a gap is the
//! time since the previous request (for the first request, since the beginning). A whole number
//! without a unit is in nanoseconds. Fractions need a unit, and so do numbers that would all be due
//! within a millisecond. Blank lines and lines that begin with # are skipped.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

/// What numbers mean.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Column {
    gaps: bool,
    /// Nanoseconds in one, where the number has no unit; `None` when nobody said so.
    unit_ns: Option<f64>,
}

const DUE: Column = Column { gaps: false, unit_ns: None };

/// Times without a unit of which all are sooner than this are seconds or milliseconds.
const NO_UNIT_NS_MIN: u64 = 1_000_000;

/// Units by name, those that end like others first.
const UNITS: [(&str, f64); 4] = [("ns", 1.0), ("us", 1e3), ("ms", 1e6), ("s", 1e9)];

impl Column {
    fn named(name: &str) -> Option<Self> {
        let (what, unit) = match name.split_once('_') {
            Some((what, unit)) => (what, Some(unit)),
            None => (name, None),
        };
        let gaps = match what {
            "due" => false,
            "gap" => true,
            _ => return None,
        };
        let Some(unit) = unit else { return Some(Self { gaps, unit_ns: None }) };
        UNITS
            .iter()
            .find(|(name, _)| *name == unit)
            .map(|(_, unit_ns)| Self { gaps, unit_ns: Some(*unit_ns) })
    }
}

/// Reads the due times of a file, in nanoseconds.
///
/// # Errors
/// What is wrong with it, where, and what would be right.
pub fn read(path: &Path) -> Result<Vec<u64>> {
    let text = std::fs::read_to_string(path);
    let text = text.with_context(|| format!("cannot read the times of {}", path.display()))?;
    parse(&text).with_context(|| path.display().to_string())
}

fn parse(text: &str) -> Result<Vec<u64>> {
    // Editors of some systems begin a text with this.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let times = if text.trim_start().starts_with(['[', '{']) { json(text)? } else { lines(text)? };
    ensure!(!times.due_ns.is_empty(), "the file contains no times: write one number per line");
    let last = times.due_ns.last().copied().unwrap_or(0);
    ensure!(
        times.has_unit || last == 0 || last >= NO_UNIT_NS_MIN,
        "the numbers have no unit; as nanoseconds, all requests would be due within a millisecond: give the unit in \
         a first line such as due_s or gap_ms, or write 2ms or 3s"
    );
    Ok(times.due_ns)
}

fn json(text: &str) -> Result<Times> {
    let document: Value = serde_json::from_str(text).context("not valid JSON")?;
    let (column, values) = match &document {
        Value::Object(members) => members
            .iter()
            .find_map(|(name, value)| Some((Column::named(name)?, value)))
            .context("it has no member due_ns or gap_ns")?,
        array => (DUE, array),
    };
    let values = values.as_array().context("the times must be an array of numbers")?;
    let mut times = Times::new(column);
    for (at, value) in values.iter().enumerate() {
        let text = match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        times.push(&text).with_context(|| format!("number {}", at + 1))?;
    }
    Ok(times)
}

fn lines(text: &str) -> Result<Times> {
    let lines = text.lines().enumerate().map(|(at, line)| (at + 1, line.trim()));
    let mut lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#')).peekable();
    let names: Vec<&str> = match lines.peek() {
        Some((_, line)) if line.trim_start_matches('"').starts_with(char::is_alphabetic) => {
            line.split(',').collect()
        }
        _ => Vec::new(),
    };
    let (mut column, mut field) = (DUE, 0);
    if !names.is_empty() {
        let known = |name: &&str| Column::named(name.trim().trim_matches('"'));
        let found = names.iter().enumerate().find_map(|(at, name)| Some((at, known(name)?)));
        (field, column) = found.with_context(|| {
            format!("the first line is '{}': one column must be due_ns or gap_ns", names.join(","))
        })?;
        lines.next();
    }
    let mut times = Times::new(column);
    for (number, line) in lines {
        ensure!(
            !names.is_empty() || !line.contains(','),
            "line {number}: several numbers on one line: write each on a line of its own, or name the \
             columns in a first line such as due_ms,path"
        );
        let text =
            line.split(',').nth(field).with_context(|| format!("line {number}: too short"))?;
        times.push(text.trim().trim_matches('"')).with_context(|| format!("line {number}"))?;
    }
    Ok(times)
}

/// Due times so far.
struct Times {
    column: Column,
    due_ns: Vec<u64>,
    /// Some number, or the column, says which unit it has.
    has_unit: bool,
}

impl Times {
    fn new(column: Column) -> Self {
        Self { column, due_ns: Vec::new(), has_unit: column.unit_ns.is_some() }
    }

    fn push(&mut self, text: &str) -> Result<()> {
        let unit = UNITS.iter().find_map(|(name, ns)| Some((text.strip_suffix(name)?, *ns)));
        self.has_unit |= unit.is_some();
        let (number, unit_ns) = match (unit, self.column.unit_ns) {
            (Some(found), _) => found,
            (None, Some(unit_ns)) => (text, unit_ns),
            (None, None) if is_fraction(text) => bail!(
                "'{text}' has no unit: write 0.1s or 100ms, or name the unit in a first line such as \
                 due_s or gap_s"
            ),
            (None, None) => (text, 1.0),
        };
        let value = number_ns(number.trim_end(), unit_ns).with_context(|| {
            format!("'{text}' is not a time: write 1500, 1500ns, 1.5us, 2ms or 3s")
        })?;
        let last = self.due_ns.last().copied().unwrap_or(0);
        let due = if self.column.gaps { last.saturating_add(value) } else { value };
        if due < last {
            bail!(
                "{text} is before the time above it: sort the times, or mark them as gaps with a \
                 first line 'gap_ns'"
            );
        }
        self.due_ns.push(due);
        Ok(())
    }
}

/// A number that is not written as a whole one.
fn is_fraction(text: &str) -> bool {
    let number = text.parse::<f64>().is_ok_and(|number| number >= 0.0 && number.is_finite());
    number && text.parse::<u64>().is_err()
}

/// A number of such units in nanoseconds, exactly if it is whole.
fn number_ns(number: &str, unit_ns: f64) -> Option<u64> {
    if let Ok(whole) = number.parse::<u64>() {
        return whole.checked_mul(whole_ns(unit_ns));
    }
    // Half a millennium of nanoseconds; beyond that, and below zero, there is no time.
    let value = number.parse::<f64>().ok()? * unit_ns;
    (0.0..1.8e19).contains(&value).then(|| whole_ns(value))
}

#[expect(clippy::cast_possible_truncation, reason = "whole or rounded, and in range")]
fn whole_ns(value: f64) -> u64 {
    value.round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_every_form() {
        let times = vec![0, 1_500, 1_500, 2_000_000, 3_000_000_000];
        for text in [
            "0\n1500\n1500ns\n\n# later\n2ms\n3s\n",
            "due\n0\n1.5us\n1500\n2000 us\n3s",
            "gap_ns\n0\n1500\n0\n1998500\n2998000000\n",
            "status,due_us,path\n200,0,/a\n200,1.5,/b\n404,1.5,/c\n200,2000,\n200,3000000,/d",
            "\"gap_ms\",x\n\"0\",1\n0.0015,1\n0,1\n1.9985,1\n2998,1\n",
            "[0, 1500, 1500, 2000000, 3000000000]",
            "{\"host\": \"a\", \"gap_us\": [0, 1.5, 0, 1998.5, \"2998ms\"]}",
        ] {
            assert_eq!(parse(text).expect(text), times, "{text}");
        }
        assert_eq!(parse("18446744073709551615").expect("fits"), [u64::MAX]);
        for text in
            ["due_s\n0.1\n0.2\n", "gap_s\n0.1\n0.1\n", "0.1s\n0.2 s\n", "[\"0.1s\", \"0.2s\"]"]
        {
            assert_eq!(parse(text).expect(text), [100_000_000, 200_000_000], "{text}");
        }
        let marked = format!("\u{feff}{}", "due_ms\n1\n2\n");
        assert_eq!(parse(&marked).expect("a mark is no text"), [1_000_000, 2_000_000]);
        assert_eq!(parse("\u{feff}[1500000]").expect("nor in JSON"), [1_500_000]);
        assert_eq!(parse("0\n0\n").expect("at once, in any unit"), [0, 0]);
        assert_eq!(parse("due_ns\n0\n3\n").expect("it says so"), [0, 3]);
    }

    #[test]
    fn what_is_no_time_is_refused_with_its_place() {
        for (text, part) in [
            ("", "one number per line"),
            ("[]", "one number per line"),
            ("0.1\n0.2\n", "line 1: '0.1' has no unit"),
            ("due\n0.1\n", "line 2: '0.1' has no unit"),
            ("5\n1e-1\n", "line 2: '1e-1' has no unit"),
            ("[0.1, 0.2]", "number 1: '0.1' has no unit"),
            ("0\n1\n2\n", "the numbers have no unit"),
            ("gap\n100\n100\n", "the numbers have no unit"),
            ("[1, 2, 3]", "the numbers have no unit"),
            ("0.1, 0.2", "line 1: several numbers on one line"),
            ("0,1,2", "line 1: several numbers on one line"),
            ("5\n3\n", "line 2: 3 is before"),
            ("5\nsoon\n", "line 2: 'soon' is not a time"),
            ("5\n-3\n", "line 2: '-3' is not a time"),
            ("5\n1e300s\n", "line 2"),
            ("when,what\n1,2\n", "one column must be due_ns or gap_ns"),
            ("a,due_ns\n1,2\n1\n", "line 3: too short"),
            ("[1, null]", "number 2: 'null' is not a time"),
            ("[1, 2", "not valid JSON"),
            ("{\"times\": [1]}", "no member due_ns"),
            ("{\"due_ns\": 1}", "an array"),
        ] {
            let error = format!("{:#}", parse(text).expect_err(text));
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
