//! The metric that ranks the models of a workload: the one that the models themselves limit. If
//! clients think or a rate is set, throughput depends on the clients and latency on the servers. If
//! the generator or a wait within requests is the limit, all models reach about the same
//! throughput, and the cost of a request distinguishes them.

use crate::analysis::doubt;
use crate::analysis::metric::{CAPACITY, Metric, SERVER_CPU, latency};
use crate::base::units::as_f64;
use crate::document::{Cell, RankBy, Reference, RequestRecord};

use super::reference;

/// From this share of its time on, spent in the wait that every request asks for, a client is limited by that wait.
const WAITING: f64 = 0.5;

/// A model that serves less than this share of what the best serves has another limit than the others, and is
/// compared by throughput.
const BEHIND: f64 = 0.5;

/// What these models are ranked by.
pub(super) fn figure(cells: &[&Cell], reference: Option<&Reference>) -> Metric {
    let closed = cells.iter().all(|cell| cell.is_closed());
    match cells.iter().find_map(|cell| cell.rank_by) {
        Some(RankBy::Throughput) => return CAPACITY,
        Some(RankBy::Latency) => return latency(cells),
        Some(RankBy::Cpu) => return SERVER_CPU,
        None => {}
    }
    if !closed || cells.iter().any(|cell| thinks(cell)) {
        return latency(cells);
    }
    let costs = cells.iter().filter(|cell| cell.server_cpu_per_request_ns.is_some()).count();
    let by_cost = is_waiting(cells) || is_generator_bound(cells, reference);
    if by_cost && 2 * costs >= cells.len() { SERVER_CPU } else { CAPACITY }
}

/// Why these models are ranked by what a request costs, in words; `None` where they are not.
pub(super) fn why_by_cost(cells: &[&Cell], reference: Option<&Reference>) -> Option<&'static str> {
    if is_waiting(cells) {
        Some("the wait in each request limits throughput")
    } else if is_generator_bound(cells, reference) {
        Some("the load generator limits throughput")
    } else {
        None
    }
}

/// Whether a model, in a ranking by cost, serves so much less than the others that it has another
/// limit.
pub(super) fn is_behind(metric: &Metric, cell: &Cell, cells: &[&Cell]) -> bool {
    let served = |cell: &Cell| cell.throughput_per_s.median;
    metric.is(&SERVER_CPU) && cell.is_closed() && served(cell) < BEHIND * most_served(cells)
}

fn most_served(cells: &[&Cell]) -> f64 {
    let sound = cells.iter().filter(|cell| doubt::doubt_about(cell, &SERVER_CPU).is_none());
    sound.map(|cell| cell.throughput_per_s.median).fold(0.0, f64::max)
}

fn thinks(cell: &Cell) -> bool {
    cell.conduct.as_ref().is_some_and(|conduct| conduct.think_time.is_some())
}

/// Whether the clients of the fastest spend most of their time in the wait of their requests.
fn is_waiting(cells: &[&Cell]) -> bool {
    let wait_ns = cells.iter().find_map(|cell| match cell.request {
        Some(RequestRecord::Work { wait_ns, .. }) if wait_ns > 0 => {
            Some((wait_ns, cell.connections))
        }
        _ => None,
    });
    wait_ns.is_some_and(|(wait_ns, clients)| {
        most_served(cells) * as_f64(wait_ns) / 1e9 >= WAITING * as_f64(clients as u64)
    })
}

/// Whether the generator was the limit of most models, by its own load or by what it does against a server that
/// does nothing.
fn is_generator_bound(cells: &[&Cell], reference: Option<&Reference>) -> bool {
    let near = reference::bound(cells, reference).map_or(Vec::new(), |bound| bound.models);
    let sound = || cells.iter().filter(|cell| doubt::doubt_about(cell, &SERVER_CPU).is_none());
    let bound = |cell: &&&Cell| doubt::is_generator_limited(cell) || near.contains(&cell.model);
    2 * sound().filter(bound).count() > sound().count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::metric::TAIL;
    use crate::analysis::synthetic::{closed, flag, open};
    use crate::document::{ConductRecord, ThinkRecord};

    fn of(cells: &[Cell]) -> &'static str {
        figure(&cells.iter().collect::<Vec<_>>(), None).name
    }

    fn waiting(mut cell: Cell) -> Cell {
        cell.request = Some(RequestRecord::Work { rounds: 0, wait_ns: 5_000_000, reply_bytes: 64 });
        cell
    }

    #[test]
    fn where_servers_are_the_limit_they_are_ranked_by_throughput() {
        assert_eq!(of(&[closed("epoll", &[1e5; 5]), closed("fork", &[5e4; 5])]), CAPACITY.name);
        // Five milliseconds at fifty clients are 10,000 a second, and these do a tenth of that.
        assert_eq!(of(&[waiting(closed("epoll", &[1e3; 5]))]), CAPACITY.name);
    }

    #[test]
    fn where_a_wait_or_the_generator_is_the_limit_they_are_ranked_by_what_a_request_costs() {
        let waits = [waiting(closed("epoll", &[9e3; 5])), waiting(closed("fork", &[2e3; 5]))];
        assert_eq!(of(&waits), SERVER_CPU.name);
        let both: Vec<&Cell> = waits.iter().collect();
        assert!(is_behind(&SERVER_CPU, both[1], &both) && !is_behind(&SERVER_CPU, both[0], &both));
        let mut bound = [closed("epoll", &[1e5; 5]), closed("fork", &[9e4; 5])];
        bound.iter_mut().for_each(|cell| flag(cell, "generator-cpu"));
        assert_eq!(of(&bound), SERVER_CPU.name);
    }

    #[test]
    fn where_clients_think_or_come_at_a_rate_they_are_ranked_by_waiting() {
        let mut thinking = closed("epoll", &[1e3; 5]);
        thinking.conduct = Some(ConductRecord {
            requests_per_connection: None,
            lifetime_ns: None,
            pipeline: 1,
            think_time: Some(ThinkRecord::Constant { time_ns: 1_000_000_000 }),
            idle_connections: 0,
            sources: Vec::new(),
            misbehaving: std::collections::BTreeMap::new(),
        });
        assert_eq!(of(&[thinking]), TAIL.name);
        assert_eq!(of(&[open("epoll", &[1e5; 5])]), TAIL.name);
        let mut asked = open("epoll", &[1e5; 5]);
        asked.rank_by = Some(RankBy::Cpu);
        assert_eq!(of(&[asked]), SERVER_CPU.name, "the plan has the last word");
    }
}
