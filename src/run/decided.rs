//! Which cells of a run by rounds need no more trials.

use crate::analysis::{doubt, standings};
use crate::document::{Cell, Standings, name_of};
use crate::statistics::looks::Look;

/// This many trials show that a server never does its work.
const TRIALS_MIN: usize = 3;

/// Those that are decided after these looks, as workload and model; of a workload in which all others are decided, the
/// best too.
pub(super) fn decided_cells(cells: &[Cell], looks: &[Look]) -> Vec<(String, String)> {
    let mut workloads: Vec<&str> = Vec::new();
    for cell in cells {
        if !workloads.contains(&cell.workload.as_str()) {
            workloads.push(&cell.workload);
        }
    }
    workloads.into_iter().flat_map(|workload| under(workload, cells, looks)).collect()
}

fn under(workload: &str, cells: &[Cell], looks: &[Look]) -> Vec<(String, String)> {
    let own: Vec<&Cell> = cells.iter().filter(|cell| cell.workload == workload).collect();
    let ranked: Vec<&Cell> = own.iter().filter(|cell| !cell.twin).copied().collect();
    let found = if looks.is_empty() { None } else { standings::at_looks(workload, &own, looks) };
    let is_decided = |cell: &Cell| is_faulty(cell) || is_told(cell, found.as_ref());
    let mut decided: Vec<&Cell> = ranked.iter().copied().filter(|cell| is_decided(cell)).collect();
    let best = found.as_ref().map(|found| found.best.as_str());
    // Alone it is the best, whatever more is measured; and its twin tells the noise of nothing.
    if best.is_some() && decided.len() + 1 >= ranked.len() || decided.len() == ranked.len() {
        decided = own;
    }
    let named = |cell: &&Cell| (cell.workload.clone(), name_of(&cell.model, cell.twin));
    decided.iter().map(named).collect()
}

/// Whether the server failed in every trial, by the same check: it starves clients, or replies
/// wrongly or not at all.
fn is_faulty(cell: &Cell) -> bool {
    let always = cell
        .flags
        .iter()
        .any(|flag| flag.trials == cell.trials.len() && doubt::is_servers_fault(flag));
    cell.trials.len() >= TRIALS_MIN && always
}

fn is_told(cell: &Cell, found: Option<&Standings>) -> bool {
    let others = found.map_or(&[][..], |found| &found.others);
    others.iter().any(|other| other.model == cell.model && standings::rounds::is_decided(other))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::synthetic::{closed, fail, flag, twin};
    use crate::document::{Estimate, RankBy};

    const LOOKS: [Look; 1] = [Look { rounds: 12, error: 0.05 }];

    /// Twelve trials at this cost, in microseconds, which differ by so much.
    fn cell(model: &str, cost: f64, spread: f64) -> Cell {
        let mut cell = closed(model, &[1e4; 12]);
        cell.rank_by = Some(RankBy::Cpu);
        let waves = (0..12).map(|at| cost * 1e3 * (1.0 + spread * f64::from(at % 5 - 2)));
        cell.server_cpu_per_request_ns = Estimate::from_values(&waves.collect::<Vec<_>>());
        cell
    }

    fn names(cells: &[Cell], looks: &[Look]) -> Vec<String> {
        decided_cells(cells, looks).into_iter().map(|(_, model)| model).collect()
    }

    #[test]
    fn one_that_is_surely_worse_is_measured_no_more_and_those_that_are_near_are() {
        let cells =
            [cell("fork", 30.0, 0.01), cell("epoll", 10.0, 0.03), cell("io-uring", 10.3, 0.01)];
        assert_eq!(names(&cells, &LOOKS), ["fork"]);
        assert!(names(&cells, &[]).is_empty(), "nobody has looked");
    }

    #[test]
    fn where_all_others_are_decided_the_workload_is_over() {
        let epoll = cell("epoll", 10.0, 0.001);
        let mut again = twin(&epoll, &[1e4; 12]);
        again.server_cpu_per_request_ns.clone_from(&epoll.server_cpu_per_request_ns);
        let cells = [cell("fork", 30.0, 0.001), epoll, cell("mio", 10.1, 0.001), again];
        let found = names(&cells, &LOOKS);
        assert_eq!(found, ["fork", "epoll", "mio", "epoll+twin"], "mio is the same");
    }

    #[test]
    fn one_that_starves_its_clients_every_time_is_told_after_three_trials() {
        let mut starving = closed("sequential", &[1e4; 3]);
        flag(&mut starving, "fairness");
        let mut once = closed("fork", &[1e4; 3]);
        fail(&mut once, "errors", &[1]);
        let mut stolen = closed("mio", &[1e4; 3]);
        fail(&mut stolen, "steal", &[0, 1, 2]);
        let cells = [starving.clone(), closed("epoll", &[1e4; 3]), once, stolen];
        assert_eq!(names(&cells, &[]), ["sequential"]);
        let mut two = closed("sequential", &[1e4; 2]);
        flag(&mut two, "fairness");
        assert!(names(&[two, closed("epoll", &[1e4; 2])], &[]).is_empty());
        assert_eq!(names(&[starving], &[]), ["sequential"], "nothing is left");
    }
}
