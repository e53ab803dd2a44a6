//! The models that were left out of a workload, and why.

use std::fmt::Write as _;

use crate::document::Excluded;

/// One line for each group: its models, their workloads and the reason.
pub(super) fn text(excluded: &[Excluded]) -> String {
    let mut text = String::new();
    for Group { models, workloads, reason } in grouped(excluded) {
        let (models, workloads) = (models.join(", "), workloads.join(", "));
        let _ = writeln!(text, "left out: {models} under {workloads}: {reason}");
    }
    text
}

/// Models that were left out of the same workloads for the same reason.
pub(super) struct Group<'a> {
    pub(super) models: Vec<&'a str>,
    pub(super) workloads: Vec<&'a str>,
    pub(super) reason: &'a str,
}

/// The groups, in the order of their first entries.
pub(super) fn grouped(excluded: &[Excluded]) -> Vec<Group<'_>> {
    let mut single: Vec<Group<'_>> = Vec::new();
    for Excluded { model, workload, reason } in excluded {
        let alike = |group: &&mut Group<'_>| group.models == [model] && group.reason == reason;
        match single.iter_mut().find(alike) {
            Some(group) => group.workloads.push(workload),
            None => single.push(Group { models: vec![model], workloads: vec![workload], reason }),
        }
    }
    let mut groups: Vec<Group<'_>> = Vec::new();
    for one in single {
        let alike = |group: &&mut Group<'_>| {
            (&group.workloads, group.reason) == (&one.workloads, one.reason)
        };
        match groups.iter_mut().find(alike) {
            Some(group) => group.models.extend(one.models),
            None => groups.push(one),
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_and_workloads_with_one_reason_share_a_line() {
        let of = |model: &str, workload: &str, reason: &str| Excluded {
            model: model.into(),
            workload: workload.into(),
            reason: reason.into(),
        };
        let one = |workload: &str, reason: &str| of("select", workload, reason);
        let text = text(&[
            one("a", "too many"),
            one("b", "too many"),
            one("c", "no"),
            of("fork", "c", "no"),
            of("poll", "c", "too many"),
        ]);
        let lines = "left out: select under a, b: too many\n\
                     left out: select, fork under c: no\n\
                     left out: poll under c: too many\n";
        assert_eq!(text, lines);
    }
}
