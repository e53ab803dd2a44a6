//! The cells of a summary by what was varied in them.

use crate::document::{Cell, Estimate, Summary, Validity};
use crate::metric::{self, CAPACITY, Metric, SERVER_CPU, TAIL};
use crate::units::show_bytes;

/// Homes of the state, in the order of tables; others come behind them. The first is what the
/// others are compared with.
const HOMES: [&str; 5] = ["none", "connection", "table", "client", "external"];

/// What is varied, as designs call it.
pub(super) const CONNECTION: &str = "connection";
pub(super) const HOME: &str = "home";
pub(super) const HISTORY: &str = "history";

/// The level of connections that stay, in words.
pub(super) const KEPT: &str = "kept";

/// A cell and where it lies.
#[derive(Clone, Debug)]
pub(super) struct Point<'a> {
    pub(super) cell: &'a Cell,
    pub(super) place: Place,
    /// Clients, where their number was varied: such a cell tells of memory only.
    pub(super) clients: Option<usize>,
}

/// A combination of levels.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Place {
    /// Requests of a connection; 0 where it is kept.
    pub(super) connection: u64,
    pub(super) home: String,
    /// Bytes of history.
    pub(super) history: u64,
}

/// The figures that are looked at, in the order of tables: two of the closed loops, and one of the open
/// ones, which all have the same rate.
pub(super) const FIGURES: [Metric; 3] = [SERVER_CPU, CAPACITY, TAIL];

/// A figure in words, by its name in documents.
pub(super) fn figure_words(name: &str) -> String {
    let words = metric::named(name).map_or(name, |figure| figure.words);
    if name == TAIL.name { format!("{words} at equal load") } else { words.into() }
}

/// The same at the beginning of a line.
pub(super) fn figure_title(name: &str) -> String {
    let words = figure_words(name);
    words[..1].to_uppercase() + &words[1..]
}

/// The values of a figure in a cell, block by block. A cell that failed a check still tells what its
/// requests cost the server, and not how many there could have been or how long they took.
pub(super) fn values(figure: &Metric, point: &Point<'_>) -> Option<Vec<f64>> {
    let cell = point.cell;
    let usable = cell.replies_wrong == 0
        && point.clients.is_none()
        && cell.is_closed() != figure.is(&TAIL)
        && (figure.is(&SERVER_CPU) || cell.validity != Validity::Invalid);
    // The kernel's clock may have been too coarse for a short trial: nothing costs nothing.
    let is_known = |estimate: &&Estimate| usable && estimate.values.iter().all(|v| *v > 0.0);
    (figure.of)(cell).filter(is_known).map(|estimate| estimate.values.clone())
}

/// The cells of a model in which the home of the state was varied.
pub(super) fn of<'a>(summary: &'a Summary, model: &str) -> Vec<Point<'a>> {
    let cells = summary.cells.iter().filter(|cell| cell.model == model && !cell.twin);
    cells.filter_map(point).collect()
}

/// The models that have such cells, in the order of the summary.
pub(super) fn models(summary: &Summary) -> Vec<String> {
    let mut models: Vec<String> = Vec::new();
    for cell in &summary.cells {
        if point(cell).is_some() && !models.contains(&cell.model) {
            models.push(cell.model.clone());
        }
    }
    models
}

fn point(cell: &Cell) -> Option<Point<'_>> {
    let of = |name: &str| {
        let last = |factor: &str| factor.rsplit('.').next() == Some(name);
        cell.factors.iter().find(|factor| last(&factor.name))
    };
    let number = |name: &str| {
        let value = of(name)?.number.filter(|value| *value >= 0.0 && value.fract() == 0.0)?;
        format!("{value:.0}").parse::<u64>().ok()
    };
    let place = Place {
        connection: number("requests-per-connection").unwrap_or(0),
        home: of("state")?.text.clone(),
        history: number("history").unwrap_or(0),
    };
    let clients = of("connections").map(|_| cell.connections);
    Some(Point { cell, place, clients })
}

/// The levels of the three factors that some point has, in the order of tables.
pub(super) struct Levels {
    pub(super) connections: Vec<u64>,
    pub(super) homes: Vec<String>,
    pub(super) histories: Vec<u64>,
}

impl Levels {
    pub(super) fn of<'a>(places: impl Iterator<Item = &'a Place> + Clone) -> Self {
        let mut connections: Vec<u64> = places.clone().map(|place| place.connection).collect();
        // Kept is first, then the longest lived.
        connections.sort_by_key(|k| if *k == 0 { 0 } else { u64::MAX - k });
        let mut histories: Vec<u64> = places.clone().map(|place| place.history).collect();
        histories.sort_unstable();
        let mut homes: Vec<String> = places.map(|place| place.home.clone()).collect();
        homes.sort_by_key(|home| (rank(home), home.clone()));
        connections.dedup();
        histories.dedup();
        homes.dedup();
        Self { connections, homes, histories }
    }

    pub(super) fn sizes(&self) -> [usize; 3] {
        [self.connections.len(), self.homes.len(), self.histories.len()]
    }

    pub(super) fn at(&self, cell: &[usize]) -> Place {
        Place {
            connection: self.connections[cell[0]],
            home: self.homes[cell[1]].clone(),
            history: self.histories[cell[2]],
        }
    }
}

/// Where a home stands among the homes.
pub(super) fn rank(home: &str) -> usize {
    HOMES.iter().position(|known| *known == home).unwrap_or(HOMES.len())
}

/// A level of the connection, in words.
pub(super) fn connection_words(requests: u64) -> String {
    match requests {
        0 => KEPT.into(),
        1 => "one per request".into(),
        n => format!("every {n} requests"),
    }
}

/// A level of the history, in words.
pub(super) fn history_words(bytes: u64) -> String {
    show_bytes(crate::units::as_f64(bytes))
}
