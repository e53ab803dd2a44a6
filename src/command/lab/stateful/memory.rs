//! Server memory per client, from cells with few clients and with many.

use super::points::{Levels, Point, history_words, rank};
use crate::base::units::as_f64;
use crate::document::ClientMemory;
use crate::statistics::{interval, mean};

/// For each home and history in which such cells are there.
pub(super) fn memory_per_client(points: &[Point<'_>]) -> Vec<ClientMemory> {
    let each = |(few, many): &(&Point<'_>, &Point<'_>)| record(few, many, &each_client(few, many)?);
    let mut found: Vec<ClientMemory> = pairs(points).iter().filter_map(each).collect();
    found.sort_by_key(|memory| rank(&memory.home));
    found
}

/// The noise of the memory per client: the difference between two equal pairs of cells, for the
/// first pair that was measured twice.
pub(super) fn noise(points: &[Point<'_>], twins: &[Point<'_>]) -> Option<ClientMemory> {
    let twins = pairs(twins);
    let (few, many) = twins.first()?;
    let is_same = |(_, other): &&(&Point<'_>, &Point<'_>)| other.place == many.place;
    let firsts = pairs(points);
    let (first_few, first_many) = firsts.iter().find(is_same)?;
    let (of, to) = (each_client(few, many)?, each_client(first_few, first_many)?);
    let differences: Vec<f64> = of.iter().zip(&to).map(|(of, to)| of - to).collect();
    record(few, many, &differences)
}

/// The cells with the fewest clients and with the most, among the cells that are measured for their
/// memory.
fn pairs<'a, 'b>(points: &'b [Point<'a>]) -> Vec<(&'b Point<'a>, &'b Point<'a>)> {
    let held: Vec<&Point<'_>> = points.iter().filter(|point| point.held).collect();
    let levels = Levels::of_places(held.iter().map(|point| &point.place));
    let mut found = Vec::new();
    for home in &levels.homes {
        for history in &levels.histories {
            let here = held
                .iter()
                .filter(|point| point.place.home == *home && point.place.history == *history);
            let by_clients = |point: &&&Point<'_>| point.place.clients;
            let ends = (here.clone().min_by_key(by_clients), here.max_by_key(by_clients));
            if let (Some(few), Some(many)) = ends {
                found.push((*few, *many));
            }
        }
    }
    found
}

/// Bytes for each further client, block by block.
fn each_client(few: &Point<'_>, many: &Point<'_>) -> Option<Vec<f64>> {
    let [less, more] = [few, many].map(|point| &point.cell.pss_bytes.values);
    let further = as_f64(many.place.clients) - as_f64(few.place.clients);
    let is_told = further > 0.0 && less.len() == more.len();
    is_told.then(|| less.iter().zip(more).map(|(less, more)| (more - less) / further).collect())
}

fn record(few: &Point<'_>, many: &Point<'_>, each: &[f64]) -> Option<ClientMemory> {
    Some(ClientMemory {
        home: many.place.home.clone(),
        history: history_words(many.place.history),
        clients: [few, many].map(|point| as_f64(point.place.clients)),
        bytes: mean(each),
        interval: interval::student(each)?,
    })
}
