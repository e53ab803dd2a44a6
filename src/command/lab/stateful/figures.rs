//! The data of the figures on the lab's page. All of it is in `lab.json` too.

use serde::Serialize;

use super::points::CLIENTS;
use super::tables::{factor_words, reaches};
use crate::analysis::metric::{Metric, SERVER_CPU, TAIL};
use crate::document::{EffectRecord, LabModel, LabReport};

/// All that the script needs.
#[derive(Debug, Serialize)]
pub(super) struct Data {
    pub(super) figures: Vec<Figure>,
}

/// One figure.
#[derive(Debug, Serialize)]
pub(super) struct Figure {
    /// Where it is drawn.
    pub(super) id: &'static str,
    #[serde(skip)]
    pub(super) title: &'static str,
    #[serde(skip)]
    pub(super) shows: &'static str,
    axis: &'static str,
    kind: Kind,
    /// `ratio`, `ns` or `bytes`.
    unit: &'static str,
    series: Vec<Series>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    /// A dot with an interval, a colour for each series.
    Dots,
    /// Stacked parts, with a colour for each series.
    Stack,
}

/// Marks of one colour.
#[derive(Debug, Serialize)]
struct Series {
    name: String,
    marks: Vec<Mark>,
}

/// A value with its interval.
#[derive(Debug, Serialize)]
struct Mark {
    /// The labels of the row, the coarser first.
    row: [String; 2],
    value: f64,
    low: f64,
    high: f64,
}

/// All figures that have a mark.
pub(super) fn stateful_figures(report: &LabReport) -> Vec<Figure> {
    let cpu =
        effects(report, &SERVER_CPU, "figure-cpu", "What each factor does to a request's cost");
    let tail =
        effects(report, &TAIL, "figure-p99", "What each factor does to the p99 at equal load");
    let figures = [cpu].into_iter().chain(splits(report)).chain([tail, memory(report)]);
    let has_marks = |figure: &Figure| figure.series.iter().any(|series| !series.marks.is_empty());
    figures.filter(has_marks).collect()
}

fn effects(report: &LabReport, figure: &Metric, id: &'static str, title: &'static str) -> Figure {
    let series = |model: &LabModel| {
        let designs = model.designs.iter().filter(|design| design.metric == figure.name);
        let marks = designs.flat_map(|design| {
            // The other effects of a design over clients repeat those of the first design.
            let own = |effect: &&EffectRecord| !design.is_of_clients() || effect.factor == CLIENTS;
            design.effects.iter().filter(own).map(move |effect| Mark {
                row: [
                    factor_words(design, &effect.factor),
                    format!("{} / {}", effect.level, effect.against),
                ],
                value: effect.ratio,
                low: effect.interval.low,
                high: effect.interval.high,
            })
        });
        Series { name: model.model.clone(), marks: marks.collect() }
    };
    Figure {
        id,
        title,
        shows: "Each level against the first of its factor, over all levels of the others: how many times as \
                much, in pairs of the same block, with its 95 % interval. What touches the line at 1 cannot be told \
                from no effect.",
        axis: "times as much",
        kind: Kind::Dots,
        unit: "ratio",
        series: report.models.iter().map(series).collect(),
    }
}

/// The drawings of the parts of a cost: the last part, the id, and the title.
const SPLITS: [(&str, &str, &str); 3] = [
    ("connecting", "figure-split", "Where a request's cost comes from"),
    ("history", "figure-split-history", "The same while connections are kept"),
    ("home", "figure-split-home", "The same without a history, while connections are kept"),
];

/// Bars of which all have the same parts: one figure as far as connecting, and one more for each step back
/// that other homes have cells for.
fn splits(report: &LabReport) -> Vec<Figure> {
    let mut figures = Vec::new();
    let mut drawn = 0;
    for (last, id, title) in SPLITS {
        let all = report.models.iter().flat_map(|model| &model.split);
        let bars = all.filter(|split| reaches(split, last)).count();
        if bars > drawn {
            drawn = bars;
            figures.push(split(report, last, id, title));
        }
    }
    figures
}

fn split(report: &LabReport, last: &str, id: &'static str, title: &'static str) -> Figure {
    let names = [
        ("request", "the plain request"),
        ("home", "its home"),
        ("history", "the history"),
        ("connecting", "connecting"),
    ];
    let series = |(key, name): &(&str, &str)| {
        let mut marks = Vec::new();
        for model in &report.models {
            for split in model.split.iter().filter(|split| reaches(split, last)) {
                let parts = split.parts.iter().filter(|part| part.name == *key);
                marks.extend(parts.map(|part| Mark {
                    row: [model.model.clone(), split.home.clone()],
                    value: part.ns,
                    low: part.interval.low,
                    high: part.interval.high,
                }));
            }
        }
        Series { name: (*name).into(), marks }
    };
    let end = names.iter().position(|(key, _)| *key == last).map_or(names.len(), |at| at + 1);
    Figure {
        id,
        title,
        shows: "Server CPU for each request, one thing added after the other: a plain request over a kept \
                connection, the home of its state, a history, and a connection for each request. All bars of a \
                figure have the same parts; a home that lacks a cell is in none that would need it. A part to the \
                left of 0 makes it cheaper.",
        axis: "server CPU for each request",
        kind: Kind::Stack,
        unit: "ns",
        series: names[..end].iter().map(series).collect(),
    }
}

fn memory(report: &LabReport) -> Figure {
    let series = |model: &LabModel| {
        let marks = model.memory.iter().map(|memory| Mark {
            row: [memory.home.clone(), format!("history {}", memory.history)],
            value: memory.bytes,
            low: memory.interval.low,
            high: memory.interval.high,
        });
        Series { name: model.model.clone(), marks: marks.collect() }
    };
    Figure {
        id: "figure-memory",
        title: "Memory of a client",
        shows: "The server's proportional set size for each further client, from the difference of many and few.",
        axis: "bytes for each further client",
        kind: Kind::Dots,
        unit: "bytes",
        series: report.models.iter().map(series).collect(),
    }
}
