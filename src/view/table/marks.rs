//! The caveats of a table: numbered notes, and their numbers in each row.

use std::cmp::Ordering;

use super::tails;
use crate::document::{Cell, Flag, Validity};

/// Used like a check's name, for a tail that one trial dominates.
const ONE_TRIAL: &str = "one-trial";

/// The caveats of a table: one message for each check, from the cell where it was worst; and for
/// each row its marks.
#[must_use]
pub fn marks(cells: &[&Cell]) -> (Vec<String>, Vec<String>) {
    let (messages, numbers) = numbered(cells);
    let marks = |own: &Vec<usize>| own.iter().map(|at| format!("[{}]", at + 1)).collect();
    (messages, numbers.iter().map(marks).collect())
}

/// The same, with the indices of each row's messages in ascending order.
#[must_use]
pub fn numbered(cells: &[&Cell]) -> (Vec<String>, Vec<Vec<usize>>) {
    let mut names: Vec<&str> = Vec::new();
    for name in cells.iter().flat_map(|cell| caveat_marks(cell)) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let messages = names.iter().map(|name| message(name, cells)).collect();
    let places = |cell: &&Cell| {
        let of = caveat_marks(cell);
        let own = names.iter().enumerate().filter(|(_, name)| of.contains(name));
        own.map(|(at, _)| at).collect()
    };
    (messages, cells.iter().map(places).collect())
}

/// The names of a cell's caveats.
fn caveat_marks(cell: &Cell) -> Vec<&str> {
    let mut names: Vec<&str> = cell.flags.iter().map(|flag| flag.name.as_str()).collect();
    names.extend(tails::is_of_one_trial(cell).then_some(ONE_TRIAL));
    names
}

fn message(name: &str, cells: &[&Cell]) -> String {
    if name == ONE_TRIAL {
        return tails::in_one_trial(cells).unwrap_or_default();
    }
    let flagged = cells.iter().filter_map(|cell| Some((*cell, cell.flag(name)?)));
    let flagged: Vec<_> = flagged.collect();
    let order = |flag: &Flag| (flag.status, flag.excess);
    let worst = flagged
        .iter()
        .max_by(|a, b| order(a.1).partial_cmp(&order(b.1)).unwrap_or(Ordering::Equal));
    let Some((cell, flag)) = worst else { return String::new() };
    let trials = match (flag.trials, cell.trials.len()) {
        (flagged, all) if flagged == all => String::new(),
        (flagged, all) => format!(", {flagged} of {all} trials"),
    };
    let among = match flagged.len() {
        1 => String::new(),
        n => format!(", the worst of {n}"),
    };
    let one_workload = cells.iter().all(|other| other.workload == cell.workload);
    let under = if one_workload { String::new() } else { format!(" under {}", cell.workload) };
    format!("{} ({}{under}{among}{trials})", flag.message, cell.model)
}

/// The result of a row's checks. A single failed trial is enough for it not to be ok.
pub(crate) fn verdict(cell: &Cell, marks: &str) -> String {
    let failures = failures(cell);
    match cell.validity {
        Validity::Invalid => format!("INVALID {marks}"),
        _ if failures > 0 => format!("{failures} of {} failed {marks}", cell.trials.len()),
        _ if marks.is_empty() => "ok".into(),
        _ => format!("see {marks}"),
    }
}

/// The number of trials in which a check failed.
fn failures(cell: &Cell) -> usize {
    let mut places: Vec<usize> =
        cell.flags.iter().flat_map(|flag| flag.failed_at.iter().copied()).collect();
    places.sort_unstable();
    places.dedup();
    let untold = cell.flags.iter().map(Flag::failures).max().unwrap_or(0);
    places.len().max(untold)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::synthetic::{closed, fail, flag, pool};

    #[test]
    fn a_row_with_a_trial_that_failed_is_not_ok_and_refers_to_its_note() {
        let (sound, mut one, mut all) = (
            closed("epoll", &[1e4; 3]),
            closed("fork", &[1e4, 0.0, 1e4]),
            closed("poll", &[0.0; 3]),
        );
        fail(&mut one, "answered", &[1]);
        flag(&mut one, "independent");
        fail(&mut all, "answered", &[0, 1, 2]);
        let (messages, marks) = marks(&[&sound, &one, &all]);
        assert_eq!(verdict(&sound, &marks[0]), "ok");
        assert_eq!(verdict(&one, &marks[1]), "1 of 3 failed [1][2]");
        assert_eq!(verdict(&all, &marks[2]), "INVALID [1]");
        assert_eq!(messages[0], "answered failed (poll, the worst of 2)");
    }

    #[test]
    fn of_an_earlier_version_whose_cells_say_that_they_are_valid_no_row_with_a_note_says_ok() {
        let mut old = closed("fork", &[1e4; 3]);
        flag(&mut old, "warmed-up");
        old.validity = Validity::Valid;
        old.flags[0].at.clear();
        old.flags[0].trials = 1;
        let (messages, marks) = marks(&[&old]);
        assert_eq!(verdict(&old, &marks[0]), "see [1]");
        assert!(messages[0].ends_with("(fork, 1 of 3 trials)"), "{messages:?}");
    }

    #[test]
    fn each_row_whose_tail_is_of_one_trial_refers_to_the_note_on_it() {
        let mut cells = [closed("epoll", &[1e4; 5]), closed("fork", &[1e4; 5])];
        for (cell, share) in cells.iter_mut().zip([0.55, 0.71]) {
            pool(cell, 0.99, 400_000, &[400_000; 5]).most_of_one_trial = Some(share);
        }
        let sound = closed("poll", &[1e4; 5]);
        let (messages, marks) = marks(&[&cells[0], &cells[1], &sound]);
        assert_eq!(marks, ["[1]", "[1]", ""]);
        assert!(messages[0].contains("71 %"), "{messages:?}");
    }

    #[test]
    fn over_several_workloads_a_note_says_where() {
        let mut elsewhere = closed("fork", &[1e4; 3]);
        elsewhere.workload = "wait".into();
        fail(&mut elsewhere, "errors", &[0]);
        let (messages, _) = marks(&[&closed("epoll", &[1e4; 3]), &elsewhere]);
        assert_eq!(messages, ["errors failed (fork under wait, 1 of 3 trials)"]);
    }
}
