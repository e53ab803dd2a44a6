//! The columns of a workload's table: one list for the terminal, the page and the exports, so all
//! of them show the same, and a new column is one line here.

use crate::analysis::metric::{self, Kind};
use crate::analysis::standings::of_itself;
use crate::base::units::{show_bytes, show_count, show_ns_f64};
use crate::document::{Cell, CellQuantile, Estimate, NoiseFloor, Shown, Standings};
use crate::statistics::{Interval, Verdict};

/// The first column: the model of the row.
pub(crate) const MODEL: &str = "model";
/// The column after the numbers: a model's figure divided by the best model's, with its interval.
pub(crate) const AGAINST: &str = "x best";
/// The last column: the result of the checks. Exports have marks and notes instead.
pub(crate) const CHECKS: &str = "checks";

/// The quantity of a column, which decides its units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantity {
    /// Nanoseconds.
    Time,
    /// A number of things.
    Count,
    /// Bytes.
    Bytes,
    /// How many times as much.
    Ratio,
    /// A fraction of 1.
    Share,
}

/// A column of numbers.
#[derive(Debug)]
pub(crate) struct Column {
    /// Its name.
    pub(crate) name: &'static str,
    /// The quantity of its numbers, which decides their units.
    pub(crate) quantity: Quantity,
    of: Of,
    /// The field of `summary.json` with the number, and a note on the fields beside it.
    pub(crate) source: (&'static str, &'static str),
    /// The priority on a narrow terminal, which drops the column with the lowest first. The second
    /// number is for models that are ranked by latency.
    pub(crate) stays: [u8; 2],
}

#[derive(Clone, Copy, Debug)]
enum Of {
    /// A quantile of latency, of all trials together.
    Quantile(f64),
    /// A median over the trials.
    Median(fn(&Cell) -> Option<&Estimate>),
    /// The same, with the largest deviation of a trial from it.
    Spread(fn(&Cell) -> Option<&Estimate>),
    /// A number that is not an estimate.
    Number(fn(&Cell) -> Option<f64>),
}

/// A column that always stays.
const ALWAYS: u8 = u8::MAX;
/// The priority of the column [`AGAINST`].
const AGAINST_STAYS: [u8; 2] = [9, 9];

static COLUMNS: [Column; 10] = [
    column("replies/s", Quantity::Count, Of::Spread(replies), REPLIES, [ALWAYS, ALWAYS]),
    column("p50", Quantity::Time, Of::Quantile(0.5), LATENCY, [8, 7]),
    column("p90", Quantity::Time, Of::Quantile(0.9), LATENCY, [1, 1]),
    column("p95", Quantity::Time, Of::Quantile(0.95), LATENCY, [6, 8]),
    column("p99", Quantity::Time, Of::Quantile(0.99), LATENCY, [7, 10]),
    column("p99.9", Quantity::Time, Of::Quantile(0.999), LATENCY, [4, 5]),
    column("max", Quantity::Time, Of::Quantile(1.0), LATENCY, [3, 2]),
    column("CPU/request", Quantity::Time, Of::Spread(cpu), CPU, [10, 6]),
    column("calls/request", Quantity::Count, Of::Number(calls), CALLS, [2, 3]),
    column("memory", Quantity::Bytes, Of::Median(Cell::memory), MEMORY, [5, 4]),
];

const REPLIES: (&str, &str) =
    ("cells[].throughput_per_s.median", "values: one for each trial; interval: 95 %");
const LATENCY: (&str, &str) =
    ("cells[].latency[].pooled.value_ns", "q: the quantile; of_trials: the quantile of each trial");
const CPU: (&str, &str) = ("cells[].server_cpu_per_request_ns.median", "the server's");
const CALLS: (&str, &str) = ("cells[].syscalls.per_request", "system calls; by_name: each of them");
const MEMORY: (&str, &str) = ("cells[].pss_bytes.median", "the server's");

const fn column(
    name: &'static str,
    quantity: Quantity,
    of: Of,
    source: (&'static str, &'static str),
    stays: [u8; 2],
) -> Column {
    Column { name, quantity, of, source, stays }
}

fn replies(cell: &Cell) -> Option<&Estimate> {
    Some(&cell.throughput_per_s)
}

fn cpu(cell: &Cell) -> Option<&Estimate> {
    cell.server_cpu_per_request_ns.as_ref()
}

fn calls(cell: &Cell) -> Option<f64> {
    cell.syscalls.as_ref().map(|calls| calls.per_request)
}

/// The content of a column for a cell.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Figure {
    /// A number.
    Known(Shown),
    /// There are too few samples to say.
    TooFew,
    /// There is no such figure.
    Absent,
}

impl Figure {
    /// The number that a row is sorted by.
    pub(crate) fn value(&self) -> Option<f64> {
        match self {
            Self::Known(shown) => Some(shown.value),
            Self::TooFew | Self::Absent => None,
        }
    }

    fn of(shown: Option<Shown>) -> Self {
        shown.map_or(Self::Absent, Self::Known)
    }

    /// A quantile of all trials together; an earlier version may have left it out.
    pub(crate) fn quantile(quantile: Option<&CellQuantile>) -> Self {
        match quantile {
            Some(quantile) => quantile.shown().map_or(Self::TooFew, Self::Known),
            None => Self::Absent,
        }
    }

    /// As text, in the unit that suits its size.
    pub(crate) fn text(&self, quantity: Quantity) -> String {
        let shown = match self {
            Self::Known(shown) => shown,
            Self::TooFew => return TOO_FEW.into(),
            Self::Absent => return ABSENT.into(),
        };
        let number = match quantity {
            Quantity::Time => show_ns_f64(shown.value),
            Quantity::Bytes => show_bytes(shown.value),
            Quantity::Count | Quantity::Ratio | Quantity::Share => show_count(shown.value),
        };
        let bound = if shown.at_least { ">= " } else { "" };
        format!("{bound}{number}")
    }
}

impl Column {
    /// The content of this column for a cell.
    pub(crate) fn of(&self, cell: &Cell) -> Figure {
        match self.of {
            Of::Quantile(q) => Figure::quantile(cell.quantile(q)),
            Of::Median(of) | Of::Spread(of) => Figure::of(of(cell).map(Shown::from_estimate)),
            Of::Number(of) => Figure::of(of(cell).map(alone)),
        }
    }

    /// The same as text; some columns add the spread of the trials.
    pub(crate) fn text(&self, cell: &Cell) -> String {
        let figure = self.of(cell);
        let spread = match (&self.of, &figure) {
            (Of::Spread(_), Figure::Known(shown)) => spread(shown.value, &shown.values),
            _ => String::new(),
        };
        figure.text(self.quantity) + &spread
    }

    /// Whether this column shows the metric of this name.
    fn shows(&self, metric: &str) -> bool {
        let quantile = metric.strip_suffix("_ns").is_some_and(|metric| metric == self.name);
        quantile || self.source.0 == format!("cells[].{metric}.median")
    }
}

/// Shown instead of a number that has too few samples.
pub(crate) const TOO_FEW: &str = "too few";
/// Shown instead of a number that does not exist.
pub(crate) const ABSENT: &str = "-";

/// The largest deviation of a trial from the median, as text; empty for a single trial.
pub(crate) fn spread(median: f64, values: &[f64]) -> String {
    let [_, _, ..] = values else { return String::new() };
    let away = values.iter().map(|value| (value - median).abs()).fold(0.0, f64::max);
    let percent = if median > 0.0 { away / median * 100.0 } else { 0.0 };
    format!(" ±{percent:.0}%")
}

fn alone(value: f64) -> Shown {
    Shown { value, low: value, high: value, values: vec![value], at_least: false }
}

/// Two neighbouring quantiles. Beside the second, the first adds little: it is left out unless
/// models are ranked by it.
const NEIGHBOURS: (&str, &str) = ("p90", "p95");

/// The columns of a table of cells with these standings, and the names of the columns that are left
/// out because no cell has enough samples: an empty column would take the room of another.
pub(crate) fn shown_columns(
    cells: &[&Cell],
    standings: &[&Standings],
) -> (Vec<&'static Column>, Vec<&'static str>) {
    let (mut shown, mut left_out): (Vec<&Column>, Vec<&str>) = (Vec::new(), Vec::new());
    for column in &COLUMNS {
        let figures: Vec<Figure> = cells.iter().map(|cell| column.of(cell)).collect();
        if figures.iter().any(|figure| figure.value().is_some()) {
            shown.push(column);
        } else if figures.contains(&Figure::TooFew) {
            left_out.push(column.name);
        }
    }
    let (nearer, farther) = NEIGHBOURS;
    let ranks = |column: &Column| standings.iter().any(|own| column.shows(&own.metric));
    if shown.iter().any(|column| column.name == farther) {
        shown.retain(|column| column.name != nearer || ranks(column));
    }
    (shown, left_out)
}

/// The sentence about a column that was left out.
pub(crate) fn left_out(name: &str) -> String {
    format!("{name} is left out: no model has enough samples.")
}

/// The columns in the order in which a narrow terminal drops them; the one that ranks the models is
/// the last.
pub(crate) fn give_way(
    columns: &[&'static Column],
    standings: Option<&Standings>,
) -> Vec<&'static str> {
    let metric = standings.and_then(|standings| metric::named(&standings.metric));
    let by_latency = usize::from(metric.is_some_and(|metric| metric.kind() == Kind::Latency));
    let ranks = |column: &Column| metric.is_some_and(|metric| column.shows(metric.name));
    let mut order: Vec<(u8, &str)> = columns
        .iter()
        .filter(|column| column.stays[by_latency] < ALWAYS)
        .map(|column| (if ranks(column) { ALWAYS } else { column.stays[by_latency] }, column.name))
        .chain([(AGAINST_STAYS[by_latency], AGAINST)])
        .collect();
    order.sort_by_key(|(stays, _)| *stays);
    order.into_iter().map(|(_, name)| name).collect()
}

/// The quantiles that tables show, with their names.
pub(crate) fn quantiles() -> impl Iterator<Item = (&'static str, f64)> {
    COLUMNS.iter().filter_map(|column| match column.of {
        Of::Quantile(q) => Some((column.name, q)),
        _ => None,
    })
}

/// The fields from which the columns' numbers come; the columns of one field share an entry.
pub(crate) fn sources() -> Vec<(String, &'static str, &'static str)> {
    let mut sources: Vec<(String, &str, &str)> = Vec::new();
    for Column { name, source: (field, and), .. } in &COLUMNS {
        match sources.iter_mut().find(|(_, own, _)| own == field) {
            Some((names, ..)) => *names = format!("{names}, {name}"),
            None => sources.push(((*name).into(), field, and)),
        }
    }
    sources
}

/// How a cell stands against the best of its workload.
#[derive(Debug)]
pub(crate) enum Against<'a> {
    /// It is the best.
    Best,
    /// Its figure divided by the best model's.
    Ratio(f64, Interval, Option<Verdict>),
    /// Its throughput divided by the best model's. The others are compared by another figure, but
    /// this model serves far less than they do.
    Replies(f64, Interval, Option<Verdict>),
    /// The second measurement of a model divided by the first.
    Itself(&'a NoiseFloor),
    /// The figure is not known.
    Unknown,
}

impl<'a> Against<'a> {
    /// The standing of a cell. A ratio without an interval counts as unknown: it would not say how
    /// far to trust it.
    pub(crate) fn of(cell: &Cell, standings: Option<&Standings>, noise: &'a [NoiseFloor]) -> Self {
        let Some(standings) = standings else { return Self::Unknown };
        if cell.twin {
            let own = |floor: &&NoiseFloor| {
                floor.workload == cell.workload
                    && floor.model == cell.model
                    && floor.metric == standings.metric
            };
            return noise.iter().find(own).map_or(Self::Unknown, Self::Itself);
        }
        if standings.best == cell.model {
            return Self::Best;
        }
        let own = standings.others.iter().find(|other| other.model == cell.model);
        let Some((own, (ratio, interval))) =
            own.and_then(|own| Some((own, own.ratio.zip(own.interval)?)))
        else {
            return Self::Unknown;
        };
        match own.metric {
            Some(_) => Self::Replies(ratio, interval, own.verdict),
            None => Self::Ratio(ratio, interval, own.verdict),
        }
    }

    /// Short enough for a terminal.
    pub(crate) fn short(&self) -> String {
        match self {
            Self::Best => "best".into(),
            Self::Ratio(ratio, Interval { low, high }, _) => {
                format!("{ratio:.2} [{low:.2}, {high:.2}]")
            }
            Self::Replies(ratio, Interval { low, high }, _) => {
                format!("{ratio:.2} [{low:.2}, {high:.2}] of replies")
            }
            Self::Itself(_) | Self::Unknown => ABSENT.into(),
        }
    }

    /// With its verdict.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Ratio(ratio, Interval { low, high }, verdict) => {
                let verdict = verdict.map_or("no verdict", Verdict::words);
                format!("{ratio:.2} ({low:.2} to {high:.2}), {verdict}")
            }
            Self::Replies(ratio, Interval { low, high }, verdict) => {
                let verdict = verdict.map_or("no verdict", Verdict::words);
                format!("{ratio:.2} ({low:.2} to {high:.2}) of the replies, {verdict}")
            }
            Self::Itself(floor) => of_itself(floor),
            Self::Best | Self::Unknown => self.short(),
        }
    }

    /// The number that a row is sorted by.
    pub(crate) fn value(&self) -> Option<f64> {
        match self {
            Self::Best => Some(1.0),
            Self::Ratio(ratio, ..) => Some(*ratio),
            // Inverted, because less is better in this column: the model is sorted among the worst.
            Self::Replies(ratio, ..) => Some(1.0 / ratio),
            Self::Itself(_) | Self::Unknown => None,
        }
    }
}
