//! The figures of the lab "stateful". All of their data is in `lab.json` too.

use super::looks::{family, members};
use crate::analysis::metric::{Metric, SERVER_CPU, TAIL};
use crate::document::{EffectRecord, Figure, LabModel, LabReport, Mark, Marks, Series, Unit};
use crate::statistics::Interval;

/// The name of all of a lab's figures.
pub(super) const NAME: &str = "lab";

/// All figures that have a mark.
pub(crate) fn lab_figures(report: &LabReport) -> Vec<Figure> {
    let cpu = effects(report, &SERVER_CPU, "cpu", "What each factor does to a request's cost");
    let tail = effects(report, &TAIL, "p99", "What each factor does to the p99 at equal load");
    let figures = [cpu].into_iter().chain(splits(report)).chain([tail, memory(report)]);
    figures.filter(|figure| !figure.is_empty()).collect()
}

/// A figure of these words and marks.
fn figure(of: &str, title: &str, shows: &str, (axis, unit): (&str, Unit), marks: Marks) -> Figure {
    Figure {
        id: format!("figure-{of}"),
        name: NAME.into(),
        of: of.into(),
        title: title.into(),
        load: String::new(),
        shows: shows.into(),
        notice: Vec::new(),
        greyed: None,
        caveats: Vec::new(),
        unit,
        axis: axis.into(),
        sweep: None,
        marks,
    }
}

/// A series for each model, in its colour.
fn of_models(report: &LabReport, marks: impl Fn(&LabModel) -> Vec<Mark>) -> Vec<Series> {
    let numbers = members(report.models.iter().map(|model| model.model.as_str()));
    let series = |model: &LabModel| Series {
        name: model.model.clone(),
        family: Some(family(&model.model).into()),
        member: numbers.get(model.model.as_str()).copied().unwrap_or_default(),
        marks: marks(model),
    };
    report.models.iter().map(series).collect()
}

fn mark(row: [String; 2], value: f64, interval: Interval) -> Mark {
    Mark { row: row.into(), value, low: Some(interval.low), high: Some(interval.high) }
}

fn effects(report: &LabReport, metric: &Metric, of: &str, title: &str) -> Figure {
    let marks = |model: &LabModel| {
        let designs = model.designs.iter().filter(|design| design.metric == metric.name);
        let marks = designs.flat_map(|design| {
            // The other effects of a design over clients repeat those of the first design.
            let is_of_clients = design.is_of_clients();
            let own = move |effect: &&EffectRecord| !is_of_clients || effect.is_of_clients();
            design.effects.iter().filter(own).map(move |effect| {
                let levels = format!("{} / {}", effect.level, effect.against);
                mark([design.factor_words(&effect.factor), levels], effect.ratio, effect.interval)
            })
        });
        marks.collect()
    };
    figure(
        of,
        title,
        "The ratio of each level to the first level of its factor, over all levels of the other \
         factors, in pairs of the same block, with its 95 % interval. If the interval includes 1, \
         no effect can be distinguished.",
        ("times as much", Unit::Ratio),
        Marks::Effects(of_models(report, marks)),
    )
}

/// The figures of the parts of a cost: the last part, the name and the title of each.
const SPLITS: [(&str, &str, &str); 3] = [
    ("connecting", "split", "Where a request's cost comes from"),
    ("history", "split-history", "The same while connections are kept"),
    ("home", "split-home", "The same without a history, while connections are kept"),
];

/// All bars of one figure have the same parts. The first figure has every part up to connecting;
/// each later one has a part less, and is drawn only if more homes have cells for it.
fn splits(report: &LabReport) -> Vec<Figure> {
    let mut figures = Vec::new();
    let mut drawn = 0;
    for (last, of, title) in SPLITS {
        let all = report.models.iter().flat_map(|model| &model.split);
        let bars = all.filter(|split| split.reaches(last)).count();
        if bars > drawn {
            drawn = bars;
            figures.push(split(report, last, of, title));
        }
    }
    figures
}

fn split(report: &LabReport, last: &str, of: &str, title: &str) -> Figure {
    let names = [
        ("request", "the plain request"),
        ("home", "its home"),
        ("history", "the history"),
        ("connecting", "connecting"),
    ];
    let series = |(member, (key, name)): (usize, &(&str, &str))| {
        let mut marks = Vec::new();
        for model in &report.models {
            for split in model.split.iter().filter(|split| split.reaches(last)) {
                let parts = split.parts.iter().filter(|part| part.name == *key);
                let row = || [model.model.clone(), split.home.clone()];
                marks.extend(parts.map(|part| mark(row(), part.ns, part.interval)));
            }
        }
        Series { name: (*name).into(), family: None, member, marks }
    };
    let end = names.iter().position(|(key, _)| *key == last).map_or(names.len(), |at| at + 1);
    figure(
        of,
        title,
        "Server CPU for each request, one thing added after the other: a plain request over a kept \
         connection, the home of its state, a history, and a connection for each request. All bars \
         of a figure have the same parts; a home that lacks a cell for one of them is left out. A \
         part to the left of 0 makes the request cheaper.",
        ("server CPU for each request", Unit::Ns),
        Marks::Parts(names[..end].iter().enumerate().map(series).collect()),
    )
}

fn memory(report: &LabReport) -> Figure {
    let marks = |model: &LabModel| {
        let marks = model.memory.iter().map(|memory| {
            let row = [memory.home.clone(), format!("history {}", memory.history)];
            mark(row, memory.bytes, memory.interval)
        });
        marks.collect()
    };
    figure(
        "memory",
        "Memory of a client",
        "The server's proportional set size for each further client, from the difference \
         between many and few clients.",
        ("bytes for each further client", Unit::Bytes),
        Marks::Effects(of_models(report, marks)),
    )
}
