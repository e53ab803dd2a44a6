//! Detects many unlike servers in one narrow band: the run measured their common limit, not the
//! servers.

use servers::{Family, models};

use crate::document::{Ceiling, Cell, Validity};

/// The fastest within the band over the slowest, less 1.
const BAND: f64 = 0.05;
/// Fewer models in a band than this mean nothing.
const MODELS_MIN: usize = 5;
/// Models of this many families are not equal by chance.
const FAMILIES_MIN: usize = 3;

/// In the place of a check: what the generator did against the null baseline.
const REFERENCE: (&str, &str) =
    ("reference", "the load generator, according to the null baseline,");

/// What tells by its check that it was used up, and what it is.
const LIMITS: [(&str, &str); 3] = [
    ("generator-cpu", "the load generator"),
    ("load-above-cores", "this machine, which other programs used too"),
    ("steal", "this machine, from which the hypervisor took processor time"),
];

/// The ceiling of the cells of one workload, if they are of a closed loop and have one. `bound` are the
/// models that did about what the null baseline did.
pub(super) fn shared_ceiling(cells: &[&Cell], bound: &[String]) -> Option<Ceiling> {
    let band = widest(cells);
    let mut families: Vec<Family> = Vec::new();
    for family in band.iter().filter_map(|cell| family(cell)) {
        if !families.contains(&family) {
            families.push(family);
        }
    }
    if band.len() < MODELS_MIN || families.len() < FAMILIES_MIN {
        return None;
    }
    let flagged = |cell: &&&Cell, check: &str| {
        cell.flag(check).is_some_and(|flag| 2 * flag.trials > cell.trials.len())
    };
    let used_up =
        |check: &str| 2 * band.iter().filter(|cell| flagged(cell, check)).count() > band.len();
    let at_null = 2 * band.iter().filter(|cell| bound.contains(&cell.model)).count() > band.len();
    let limit = LIMITS.into_iter().find(|(check, _)| used_up(check));
    let (check, whose) = limit.or(at_null.then_some(REFERENCE))?;
    let spread = rate(band.last()?) / rate(band.first()?);
    Some(Ceiling {
        check: check.into(),
        models: band.iter().map(|cell| cell.model.clone()).collect(),
        families: families.iter().map(|family| family.name().into()).collect(),
        spread,
        sentence: format!(
            "A shared ceiling, not equal servers: {} models of {} families are within {:.1} % of each other, and \
             {whose} was at its limit. Compare CPU per request.",
            band.len(),
            families.len(),
            (spread - 1.0) * 100.0
        ),
    })
}

/// The most cells that are within a band, the slowest first.
fn widest<'a>(cells: &[&'a Cell]) -> Vec<&'a Cell> {
    let comparable = |cell: &&&Cell| {
        cell.is_closed()
            && cell.validity != Validity::Invalid
            && !cell.starves()
            && rate(cell) > 0.0
    };
    let mut sorted: Vec<&Cell> = cells.iter().filter(comparable).copied().collect();
    sorted.sort_by(|a, b| rate(a).total_cmp(&rate(b)));
    let from = |at: usize| {
        let within = |cell: &&&Cell| rate(cell) <= rate(sorted[at]) * (1.0 + BAND);
        sorted[at..].iter().take_while(within).copied().collect::<Vec<_>>()
    };
    (0..sorted.len()).map(from).max_by_key(Vec::len).unwrap_or_default()
}

fn rate(cell: &Cell) -> f64 {
    cell.throughput_per_s.median
}

/// A server of others has none.
fn family(cell: &Cell) -> Option<Family> {
    models::find(&cell.model).map(|model| model.family)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::synthetic::{closed, flag, open, summary};

    /// One of each family that serves clients at the same time.
    const UNLIKE: [&str; 5] = ["fork", "thread-per-client", "epoll", "io-uring", "tokio-multi"];

    fn cells(models: &[&str], step: f64, limit: Option<&str>) -> Vec<Cell> {
        let rates = (0_u8..).map(|at| 100e3 * (1.0 + step * f64::from(at)));
        let cell = |(model, rate): (&&str, f64)| {
            let mut cell = closed(model, &[rate; 5]);
            if let Some(limit) = limit {
                flag(&mut cell, limit);
            }
            cell
        };
        models.iter().zip(rates).map(cell).collect()
    }

    fn found(cells: &[Cell]) -> Option<Ceiling> {
        shared_ceiling(&cells.iter().collect::<Vec<_>>(), &[])
    }

    #[test]
    fn unlike_models_in_a_band_under_a_busy_generator_share_its_ceiling() {
        let busy = cells(&UNLIKE, 0.01, Some("generator-cpu"));
        let ceiling = found(&busy).expect("a ceiling");
        assert_eq!((ceiling.models.len(), ceiling.families.len()), (5, 5));
        assert!((ceiling.spread - 1.04).abs() < 1e-9 && ceiling.check == "generator-cpu");
        assert!(ceiling.sentence.contains("not equal servers"), "{}", ceiling.sentence);
        assert!(ceiling.sentence.contains("the load generator"), "{}", ceiling.sentence);
        let summary = summary(busy);
        let standings = &summary.verdicts[0];
        assert_eq!(standings.ceiling.as_ref(), Some(&ceiling));
        let said = "Ranked by CPU per request, as the load generator limits throughput.";
        assert!(standings.sentence.ends_with(said), "{}", standings.sentence);
        let crowded = found(&cells(&UNLIKE, 0.01, Some("load-above-cores"))).expect("a ceiling");
        assert!(crowded.sentence.contains("which other programs used too"), "{}", crowded.sentence);
    }

    #[test]
    fn what_is_no_ceiling_is_not_called_one() {
        let busy = Some("generator-cpu");
        assert_eq!(found(&cells(&UNLIKE, 0.01, None)), None, "nothing was at its limit");
        assert_eq!(found(&cells(&UNLIKE, 0.01, Some("stationary"))), None, "nor was this");
        assert_eq!(found(&cells(&UNLIKE, 0.1, busy)), None, "they are not alike");
        assert_eq!(found(&cells(&UNLIKE[..4], 0.01, busy)), None, "they are few");
        let alike = ["select", "poll", "epoll", "epoll-edge", "mio"];
        assert_eq!(found(&cells(&alike, 0.01, busy)), None, "they are of one family");
        let mut some = cells(&UNLIKE, 0.01, None);
        some.iter_mut().take(2).for_each(|cell| flag(cell, "generator-cpu"));
        assert_eq!(found(&some), None, "it was at its limit under a few only");
        let at_a_rate = UNLIKE.map(|model| {
            let mut cell = open(model, &[1e6; 5]);
            flag(&mut cell, "generator-cpu");
            cell
        });
        assert_eq!(found(&at_a_rate), None, "a rate that was set is a band by itself");
    }
}
