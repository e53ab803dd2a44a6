//! The models that were left out of a workload, and why.

use std::fmt::Write as _;

use crate::document::Excluded;

/// One line for each model and reason.
pub(super) fn text(excluded: &[Excluded]) -> String {
    let mut rows: Vec<(&Excluded, Vec<&str>)> = Vec::new();
    for one in excluded {
        let alike = |(of, _): &&mut (&Excluded, Vec<&str>)| {
            (&of.model, &of.reason) == (&one.model, &one.reason)
        };
        match rows.iter_mut().find(alike) {
            Some((_, workloads)) => workloads.push(&one.workload),
            None => rows.push((one, vec![&one.workload])),
        }
    }
    let mut text = String::new();
    for (Excluded { model, reason, .. }, workloads) in rows {
        let _ = writeln!(text, "left out: {model} under {}: {reason}", workloads.join(", "));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workloads_with_one_reason_share_a_line() {
        let one = |workload: &str, reason: &str| Excluded {
            model: "select".into(),
            workload: workload.into(),
            reason: reason.into(),
        };
        let text = text(&[one("a", "too many"), one("b", "too many"), one("c", "no")]);
        let lines = "left out: select under a, b: too many\nleft out: select under c: no\n";
        assert_eq!(text, lines);
    }
}
