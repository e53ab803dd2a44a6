//! System calls per request, for people.

use std::fmt::Write as _;

use crate::document::{Cell, Syscalls};

/// The number of calls that are named; the others are only in the sum.
const NAMED: usize = 5;
/// Calls with fewer than this per request are not named.
const RARE: f64 = 0.005;

/// A line for each cell of a workload in which they were counted.
pub(super) fn lines(cells: &[&Cell]) -> String {
    let mut text = String::new();
    for (cell, counted) in cells.iter().filter_map(|cell| Some((cell, cell.syscalls.as_ref()?))) {
        let title = if text.is_empty() { "\nsystem calls for each request:" } else { "" };
        let _ = write!(text, "{title}\n  {}: {}", cell.model, line(counted));
    }
    text
}

fn line(counted: &Syscalls) -> String {
    format!("{:.2} ({})", counted.per_request, named(counted, NAMED))
}

/// The `most` most frequent calls, each with its number for each request.
pub(crate) fn named(counted: &Syscalls, most: usize) -> String {
    let frequent = counted.by_name.iter().filter(|call| call.per_request >= RARE).take(most);
    let named: Vec<_> =
        frequent.map(|call| format!("{} {:.2}", call.name, call.per_request)).collect();
    named.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Syscall;

    #[test]
    fn the_most_frequent_are_named() {
        let call = |name: &str, per_request| Syscall { name: name.into(), per_request };
        let counted = Syscalls {
            per_request: 2.101,
            by_name: vec![call("read", 1.0), call("write", 1.0), call("close", 0.001)],
            requests: 1_000,
            connections: 1,
            tool: "strace".into(),
        };
        assert_eq!(line(&counted), "2.10 (read 1.00, write 1.00)");
        assert_eq!(lines(&[]), "");
    }
}
