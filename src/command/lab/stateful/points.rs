//! The cells of a summary, by the levels of their factors.

use crate::analysis::metric::{self, CAPACITY, Metric, SERVER_CPU, TAIL};
use crate::base::units::show_bytes;
pub(super) use crate::document::{CLIENTS, CONNECTION};
use crate::document::{Cell, Estimate, KEPT, Summary, Validity};

/// Homes of the state, in the order of tables; others follow. The others are compared with the
/// first one.
const HOMES: [&str; 5] = ["none", "connection", "table", "client", "external"];

/// The names of factors in designs, beside those of the document.
pub(super) const HOME: &str = "home";
pub(super) const HISTORY: &str = "history";

/// A cell and where it lies.
#[derive(Clone, Debug)]
pub(super) struct Point<'a> {
    pub(super) cell: &'a Cell,
    pub(super) place: Place,
    /// Whether it is measured for its memory only: its number of clients was measured with a single
    /// life of connections.
    pub(super) held: bool,
}

/// A combination of levels.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Place {
    /// Requests of a connection; 0 where it is kept.
    pub(super) connection: u64,
    pub(super) home: String,
    /// Bytes of history.
    pub(super) history: u64,
    pub(super) clients: u64,
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

/// The values of a figure in a cell, block by block. A cell that failed a check still counts for
/// CPU, and not for throughput or latency.
pub(super) fn values(figure: &Metric, point: &Point<'_>) -> Option<Vec<f64>> {
    let cell = point.cell;
    let usable = cell.replies_wrong == 0
        && !point.held
        && cell.is_closed() != figure.is(&TAIL)
        && (figure.is(&SERVER_CPU) || cell.validity != Validity::Invalid);
    // The kernel's clock may have been too coarse for a short trial: nothing costs nothing.
    let is_known = |estimate: &&Estimate| usable && estimate.values.iter().all(|v| *v > 0.0);
    (figure.of)(cell).filter(is_known).map(|estimate| estimate.values.clone())
}

/// The cells of a model in which the home of the state was varied.
pub(super) fn points_of_model<'a>(summary: &'a Summary, model: &str) -> Vec<Point<'a>> {
    points(summary.cells.iter().filter(|cell| cell.model == model && !cell.twin))
}

/// The same for the cells that were measured a second time.
pub(super) fn twins<'a>(summary: &'a Summary, model: &str) -> Vec<Point<'a>> {
    points(summary.cells.iter().filter(|cell| cell.model == model && cell.twin))
}

/// The model that was measured twice.
pub(super) fn twin(summary: &Summary) -> Option<String> {
    let twin = summary.cells.iter().find(|cell| cell.twin && point(cell).is_some());
    twin.map(|cell| cell.model.clone())
}

fn points<'a>(cells: impl Iterator<Item = &'a Cell>) -> Vec<Point<'a>> {
    let mut points: Vec<Point<'_>> = cells.filter_map(point).collect();
    let lives: Vec<(u64, u64)> =
        points.iter().map(|p| (p.place.clients, p.place.connection)).collect();
    for point in points.iter_mut().filter(|point| point.held) {
        let Place { clients, connection, .. } = point.place;
        point.held = !lives.iter().any(|(n, life)| *n == clients && *life != connection);
    }
    points
}

/// The fewest clients that all was measured with but memory.
pub(super) fn fewest_clients(points: &[Point<'_>]) -> u64 {
    let clients = points.iter().filter(|point| !point.held).map(|point| point.place.clients);
    clients.min().unwrap_or(0)
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

/// A cell by its levels. For now, `held` says whether the number of clients was varied.
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
        clients: cell.connections as u64,
    };
    Some(Point { cell, place, held: of("connections").is_some() })
}

/// The levels of the factors that some point has, in the order of tables.
pub(super) struct Levels {
    pub(super) connections: Vec<u64>,
    pub(super) homes: Vec<String>,
    pub(super) histories: Vec<u64>,
    pub(super) clients: Vec<u64>,
}

impl Levels {
    pub(super) fn of_places<'a>(places: impl Iterator<Item = &'a Place> + Clone) -> Self {
        let mut connections: Vec<u64> = places.clone().map(|place| place.connection).collect();
        // Kept is first, then the longest lived.
        connections.sort_by_key(|k| if *k == 0 { 0 } else { u64::MAX - k });
        let mut histories: Vec<u64> = places.clone().map(|place| place.history).collect();
        histories.sort_unstable();
        let mut clients: Vec<u64> = places.clone().map(|place| place.clients).collect();
        clients.sort_unstable();
        let mut homes: Vec<String> = places.map(|place| place.home.clone()).collect();
        homes.sort_by_key(|home| (rank(home), home.clone()));
        connections.dedup();
        histories.dedup();
        homes.dedup();
        clients.dedup();
        Self { connections, homes, histories, clients }
    }

    /// How many levels a factor has.
    pub(super) fn count(&self, factor: &str) -> usize {
        match factor {
            CONNECTION => self.connections.len(),
            HOME => self.homes.len(),
            HISTORY => self.histories.len(),
            _ => self.clients.len(),
        }
    }

    /// A level of a factor, in words.
    pub(super) fn words(&self, factor: &str, level: usize) -> String {
        match factor {
            CONNECTION => connection_words(self.connections[level]),
            HOME => self.homes[level].clone(),
            HISTORY => history_words(self.histories[level]),
            _ => self.clients[level].to_string(),
        }
    }

    /// Where these levels of these factors are, with the first of every other factor.
    pub(super) fn at(&self, factors: &[&str], levels: &[usize]) -> Place {
        let of = |name: &str| {
            factors.iter().position(|factor| *factor == name).map_or(0, |at| levels[at])
        };
        Place {
            connection: self.connections[of(CONNECTION)],
            home: self.homes[of(HOME)].clone(),
            history: self.histories[of(HISTORY)],
            clients: self.clients[of(CLIENTS)],
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
    show_bytes(crate::base::units::as_f64(bytes))
}

/// A home of the state in words.
pub(super) fn home_words(home: &str) -> String {
    match home {
        "none" => "state that the request carries".into(),
        "connection" => "state in the connection".into(),
        "table" => "state in a table".into(),
        "client" => "state in a signed token".into(),
        "client, key in a file" => "state in a token signed with a key that is kept".into(),
        "external" => "state in an external store".into(),
        other => format!("state in {other}"),
    }
}

/// A level of a factor, in words.
pub(super) fn level_words(factor: &str, level: &str) -> String {
    match factor {
        CLIENTS => format!("clients, {level} of them,"),
        CONNECTION => format!("connections {level}"),
        HOME => home_words(level),
        HISTORY if level == history_words(0) => "no history".into(),
        _ => format!("a history of {level}"),
    }
}
