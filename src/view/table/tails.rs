//! Pooled quantiles, below a workload's table: whether one trial dominates a tail.

use crate::document::Cell;

/// With fewer trials, one always holds at least half.
const TRIALS_MIN: usize = 3;
/// A trial with more than this share of the requests beyond a quantile dominates that quantile.
const MOST: f64 = 0.5;

/// Whether quantiles are pooled over all trials. Summaries of earlier versions may lack pooled
/// quantiles.
pub(crate) fn are_pooled(cells: &[Cell]) -> bool {
    cells.iter().flat_map(|cell| &cell.latency).any(|quantile| quantile.pooled.is_some())
}

/// Whether one trial has most of the requests beyond some shown quantile.
pub(super) fn is_of_one_trial(cell: &Cell) -> bool {
    worst_share(cell).is_some()
}

/// The largest share of one trial in the requests beyond a shown quantile, and that quantile.
fn worst_share(cell: &Cell) -> Option<(f64, f64)> {
    if cell.trials.len() < TRIALS_MIN {
        return None;
    }
    let shares = cell.latency.iter().filter(|quantile| quantile.q < 1.0).filter_map(|quantile| {
        let pooled = quantile.pooled.as_ref().filter(|pooled| pooled.admitted)?;
        Some((pooled.most_of_one_trial.filter(|share| *share > MOST)?, quantile.q))
    });
    shares.max_by(|a, b| a.0.total_cmp(&b.0))
}

/// One line on the shown quantile that one trial dominates most: it says more about that trial than
/// about the server. It ignores cells with two trials or fewer.
pub(super) fn in_one_trial(cells: &[&Cell]) -> Option<String> {
    let mut worst: Option<(f64, f64, &Cell)> = None;
    let mut models = 0;
    for cell in cells {
        let Some((share, q)) = worst_share(cell) else { continue };
        models += 1;
        if worst.is_none_or(|(most, ..)| share > most) {
            worst = Some((share, q, cell));
        }
    }
    let (share, q, cell) = worst?;
    let among = if models > 1 { format!(", the worst of {models}") } else { String::new() };
    Some(format!(
        "one trial of {} holds {:.0} % of the requests beyond p{} ({}{among})",
        cell.trials.len(),
        share * 100.0,
        (q * 1000.0).round() / 10.0,
        cell.name(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::synthetic::{closed, pool};
    use crate::view::columns::{Figure, Quantity};

    #[test]
    fn the_worst_tail_that_is_of_one_trial_is_one_line() {
        let mut cells =
            [closed("epoll", &[1e4; 5]), closed("fork", &[1e4; 5]), closed("poll", &[1e4; 5])];
        assert_eq!(in_one_trial(&cells.iter().collect::<Vec<_>>()), None);
        let told = |cells: &[Cell]| in_one_trial(&cells.iter().collect::<Vec<_>>());
        for (cell, share) in cells.iter_mut().zip([0.55, 0.71, 0.5]) {
            let found = pool(cell, 0.99, 400_000, &[400_000; 5]);
            found.most_of_one_trial = Some(share);
        }
        let line = "one trial of 5 holds 71 % of the requests beyond p99 (fork, the worst of 2)";
        assert_eq!(told(&cells).as_deref(), Some(line));
        assert!(
            told(&cells[..1])
                .expect("one")
                .ends_with("holds 55 % of the requests beyond p99 (epoll)")
        );
        // A quantile that is not shown needs no warning, and one of two trials always has half.
        pool(&mut cells[1], 0.99, 1, &[1; 5]).admitted = false;
        assert!(told(&cells).expect("another").contains("epoll"));
        cells[0].trials.truncate(2);
        assert_eq!(told(&cells), None);
    }

    #[test]
    fn a_column_shows_all_trials_together_and_says_so() {
        let mut cell = closed("epoll", &[1e4; 3]);
        let quantiles = [0.5, 0.9, 0.99, 0.999];
        let text = |cell: &Cell, q| Figure::quantile(cell.quantile(q)).text(Quantity::Time);
        let latency = |cell: &Cell| quantiles.map(|q| text(cell, q));
        assert_eq!(latency(&cell), ["100 us", "200 us", "400 us", "too few"]);
        assert!(!are_pooled(std::slice::from_ref(&cell)));
        pool(&mut cell, 0.99, 500_000, &[400_000, 450_000, 900_000]).at_least = true;
        pool(&mut cell, 0.999, 800_000, &[400_000, 450_000, 900_000]);
        assert_eq!(latency(&cell)[2..], [">= 500 us", "800 us"]);
        pool(&mut cell, 0.999, 800_000, &[400_000, 450_000, 900_000]).admitted = false;
        assert_eq!(latency(&cell)[3], "too few");
        let text = super::super::closing(&crate::analysis::synthetic::summary(vec![cell]));
        assert!(text.contains("pooled over all trials"), "{text}");
    }
}
