//! Models whose timer resolution is coarse relative to the requests' waits.

use servers::models;

use crate::base::units::{as_f64, ns, show_ns};
use crate::document::{Cell, RequestRecord};

/// From this share of the wait on, what a timer adds to it is said.
const SHARE: f64 = 0.02;

/// What the timers of some models add to the waits of these cells, for whoever compares them with others.
#[must_use]
pub fn note(cells: &[&Cell]) -> Option<String> {
    let waits = || cells.iter().filter_map(|cell| shortest_wait(cell));
    let (shortest, longest) = (waits().min()?, waits().max()?);
    let mut coarse: Vec<&str> = Vec::new();
    let mut resolution = 0;
    for cell in cells {
        let Some(model) = models::find(&cell.model) else { continue };
        let Some(wait) = shortest_wait(cell) else { continue };
        let unit = ns(model.timer_resolution);
        if as_f64(unit) < SHARE * as_f64(wait) {
            continue;
        }
        resolution = resolution.max(unit);
        if !coarse.contains(&model.name) {
            coarse.push(model.name);
        }
    }
    if coarse.is_empty() {
        return None;
    }
    let waits = if shortest == longest {
        format!("a wait of {}", show_ns(shortest))
    } else {
        format!("waits of {} or longer", show_ns(shortest))
    };
    let unit = show_ns(resolution);
    Some(format!(
        "Timers: those of {} tick in {unit}, so {waits} may end {unit} late; other models have finer timers. That \
         much of a difference in throughput or latency is due to the timer, not to the model.",
        coarse.join(", ")
    ))
}

/// How long every request waits at least in the server, in nanoseconds; absent where none has to.
fn shortest_wait(cell: &Cell) -> Option<u64> {
    let wait = match cell.request.as_ref()? {
        RequestRecord::Work { wait_ns, .. } => *wait_ns,
        RequestRecord::WorkDrawn { wait_ns, .. } => wait_ns.least.max(1).min(wait_ns.most),
        _ => 0,
    };
    (wait > 0).then_some(wait)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::synthetic;

    fn waiting(model: &str, wait_ns: u64) -> Cell {
        let request = Some(RequestRecord::Work { rounds: 0, wait_ns, reply_bytes: 64 });
        Cell { request, ..synthetic::closed(model, &[1e3]) }
    }

    fn said(cells: &[Cell]) -> Option<String> {
        note(&cells.iter().collect::<Vec<_>>())
    }

    #[test]
    fn models_with_coarse_timers_are_named_beside_short_waits() {
        let models = ["epoll", "mio", "tokio-multi", "somebody's"];
        let said = said(&models.map(|model| waiting(model, 1_000_000))).expect("a note");
        assert!(
            said.starts_with(
                "Timers: those of mio, tokio-multi tick in 1.00 ms, so a wait of 1.00 ms may"
            ),
            "{said}"
        );
        assert!(!said.contains("epoll") && !said.contains("somebody"), "{said}");
    }

    #[test]
    fn nothing_is_said_where_it_makes_no_difference() {
        assert_eq!(said(&[waiting("tokio-multi", 0)]), None, "nobody waits");
        assert_eq!(said(&[waiting("tokio-multi", 100_000_000)]), None, "a hundredth of the wait");
        assert_eq!(said(&[waiting("epoll", 1_000)]), None, "it has fine timers");
        assert_eq!(said(&[synthetic::closed("tokio-multi", &[1e3])]), None);
        let some = said(&[waiting("tokio-multi", 10_000_000), waiting("epoll", 50_000_000)]);
        assert!(some.is_some_and(|said| said.contains("waits of 10")), "a tenth of the wait");
    }
}
