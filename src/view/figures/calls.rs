//! System calls of each request, where they were counted.

use super::columns::Column;
use crate::document::{Mark, Marks, Series};

/// The number of calls shown by name: the most frequent ones.
const NAMED: usize = 5;
const OTHERS: &str = "others";

/// A bar for each model, of the most frequent calls and the others.
pub(super) fn marks(columns: &[&Column<'_>]) -> Marks {
    let counted: Vec<_> = columns
        .iter()
        .filter_map(|column| Some((&column.cell.model, column.cell.syscalls.as_ref()?)))
        .collect();
    let mut most: Vec<(&str, f64)> = Vec::new();
    for call in counted.iter().flat_map(|(_, calls)| &calls.by_name) {
        match most.iter_mut().find(|(name, _)| *name == call.name) {
            Some((_, times)) => *times = times.max(call.per_request),
            None => most.push((&call.name, call.per_request)),
        }
    }
    most.sort_by(|a, b| b.1.total_cmp(&a.1));
    let has_others = most.len() > NAMED;
    most.truncate(NAMED);
    let is_named = |name: &str| most.iter().any(|(own, _)| *own == name);
    let of = |name: &str, member: usize| {
        let mark = |(model, calls): &(&String, &crate::document::Syscalls)| {
            let own = |call: &&crate::document::Syscall| {
                if name == OTHERS { !is_named(&call.name) } else { call.name == name }
            };
            let value = calls.by_name.iter().filter(own).map(|call| call.per_request).sum();
            Mark { row: vec![(*model).clone()], value, low: None, high: None }
        };
        Series {
            name: name.into(),
            family: None,
            member,
            marks: counted.iter().map(mark).collect(),
        }
    };
    let names = most.iter().map(|(name, _)| *name).chain(has_others.then_some(OTHERS));
    Marks::Parts(names.enumerate().map(|(at, name)| of(name, at)).collect())
}

#[cfg(test)]
mod tests {
    use super::super::columns::{columns, numbers};
    use super::super::trials::Drawn;
    use super::*;
    use crate::analysis::synthetic::closed;
    use crate::document::{Syscall, Syscalls};

    #[test]
    fn the_most_frequent_are_named_and_the_others_added_up() {
        let mut cell = closed("epoll", &[1e5; 3]);
        let names = ["read", "write", "epoll_wait", "futex", "close", "accept4", "brk"];
        let by_name = names.iter().zip([2.0, 1.0, 0.9, 0.8, 0.7, 0.02, 0.01]);
        let by_name =
            by_name.map(|(name, per_request)| Syscall { name: (*name).into(), per_request });
        cell.syscalls = Some(Syscalls {
            per_request: 5.43,
            by_name: by_name.collect(),
            requests: 1_000,
            connections: 50,
            tool: "strace".into(),
        });
        let none = closed("fork", &[1e5; 3]);
        let cells = [&cell, &none];
        let columns = columns(&cells, vec![Drawn::default(), Drawn::default()], &numbers(cells));
        let Marks::Parts(series) = marks(&columns.iter().collect::<Vec<_>>()) else {
            panic!("bars")
        };
        let found: Vec<(&str, f64)> =
            series.iter().map(|own| (own.name.as_str(), own.marks[0].value)).collect();
        assert_eq!(
            found[..5],
            names
                .map(|n| n)
                .iter()
                .copied()
                .zip([2.0, 1.0, 0.9, 0.8, 0.7])
                .take(5)
                .collect::<Vec<_>>()[..]
        );
        assert_eq!((found[5].0, found.len()), ("others", 6));
        assert!((found[5].1 - 0.03).abs() < 1e-12);
        assert!(series.iter().all(|own| own.marks.len() == 1), "fork was not counted");
    }
}
