//! What the figures of a run show: `figures.json`. The page and the scripts draw it, and compute
//! nothing of their own.

use std::collections::BTreeMap;

#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{SchemaId, Shown, Validity};

/// The figures of a run, `figures.json` beside its summary.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct FigureSet {
    /// Which document this is.
    pub schema: SchemaId,
    /// The run.
    pub run: String,
    /// The run, the program and the machine in a few words each: the foot of a printed figure.
    pub made_by: Vec<String>,
    /// The colours of each family's models; a model's number in its family chooses among them.
    pub families: BTreeMap<String, Colours>,
    /// The colours of parts, which are of no family.
    pub parts: Colours,
    /// In the order of the page.
    pub figures: Vec<Figure>,
}

/// Colours, each with its like for the other ground.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Colours {
    /// On white, as `#rrggbb`.
    pub light: Vec<String>,
    /// On a dark screen.
    pub dark: Vec<String>,
}

/// One figure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub struct Figure {
    /// Where it is on the page.
    pub id: String,
    /// What it shows, in a word.
    pub name: String,
    /// The workload or the series that it is of; of a lab what it is about.
    pub of: String,
    /// Its title.
    pub title: String,
    /// The load, and how many trials were made.
    pub load: String,
    /// What is drawn, and how to read it.
    pub shows: String,
    /// What to notice.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notice: Vec<String>,
    /// The models that are greyed, with the checks that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub greyed: Option<String>,
    /// What can mislead in it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub caveats: Vec<String>,
    /// The unit of its values.
    pub unit: Unit,
    /// The title of the axis of values.
    pub axis: String,
    /// Over a setting: the axis of that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sweep: Option<SettingAxis>,
    /// What is drawn.
    #[serde(flatten)]
    pub marks: Marks,
}

/// A unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Nanoseconds.
    Ns,
    /// Bytes.
    Bytes,
    /// How many in a second.
    PerS,
    /// How many.
    Count,
    /// How many times as much.
    Ratio,
}

/// The axis of a setting that a plan varies.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SettingAxis {
    /// The setting.
    pub factor: String,
    /// Whether its values span decades.
    pub logarithmic: bool,
    /// Every value of the setting and how the plan spells it.
    pub ticks: Vec<(f64, String)>,
    /// The other settings of each panel; one empty text with a single panel.
    pub panels: Vec<String>,
}

/// The marks of a figure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(tag = "kind", content = "rows", rename_all = "kebab-case")]
pub enum Marks {
    /// A bar from 0 with an interval, for each model, the best first.
    Bars(Vec<Row>),
    /// A dot with an interval, for each model, on a logarithmic axis, the best first.
    Dots(Vec<Row>),
    /// Several quantiles of each model in one row, the best first.
    Quantiles(Vec<QuantileRow>),
    /// A line for each model: latency by percentile.
    Curves(Vec<Line>),
    /// A line for each model: replies and p99 from slice to slice.
    Slices(Vec<Line>),
    /// A line with its band for each model in each panel: a figure over a setting.
    Sweep(Vec<SweepLine>),
    /// Dots with intervals in rows with labels, a colour for each series.
    Effects(Vec<Series>),
    /// Bars of parts, one after the other, a colour for each series.
    Parts(Vec<Series>),
}

/// The model of a mark, and whether its figure can be trusted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub struct Label {
    /// The model.
    pub model: String,
    /// Its family, which chooses the colours.
    pub family: String,
    /// Its number in its family, the same in every run: it chooses the shade, the dash and the mark.
    pub member: usize,
    /// Whether it is the best of its family in this figure, which is drawn where all would be too
    /// many.
    pub first: bool,
    /// Whether its figure can be trusted.
    pub validity: Validity,
    /// The caveats.
    pub why: Vec<String>,
}

/// A model's figure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub struct Row {
    /// The model.
    #[serde(flatten)]
    pub label: Label,
    /// The median of the trials; of a quantile, that of all trials together.
    pub value: f64,
    /// The interval, or the spread where trials are too few for one; of a quantile, the spread.
    pub low: f64,
    /// The other end of it.
    pub high: f64,
    /// The trials' own.
    pub values: Vec<f64>,
    /// Whether the truth may be more.
    pub at_least: bool,
    /// Of CPU time: the share in user mode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_share: Option<f64>,
    /// In addition to CPU time: how often the server waited per second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits_per_s: Option<f64>,
}

impl Row {
    /// What is shown of a model, and nothing in addition.
    #[must_use]
    pub fn shown(label: Label, shown: Shown) -> Self {
        let Shown { value, low, high, values, at_least } = shown;
        Self { label, value, low, high, values, at_least, user_share: None, waits_per_s: None }
    }
}

/// A model's quantiles, of all trials together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub struct QuantileRow {
    /// The model.
    #[serde(flatten)]
    pub label: Label,
    /// Quantile, value, and whether that is a lower bound.
    pub quantiles: Vec<(f64, f64, bool)>,
}

/// A model's line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub struct Line {
    /// The model.
    #[serde(flatten)]
    pub label: Label,
    /// Whether it is drawn at first.
    pub shown: bool,
    /// Curves: quantile and value. Slices: start in nanoseconds, replies per second, p99.
    pub points: Vec<(f64, f64, Option<f64>)>,
    /// Slices: the trial's file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trial: Option<String>,
}

/// A model's line in a panel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub struct SweepLine {
    /// The model.
    #[serde(flatten)]
    pub label: Label,
    /// Whether it is drawn at first.
    pub shown: bool,
    /// The panel, counted from 0.
    pub panel: usize,
    /// In the order of the setting.
    pub points: Vec<Point>,
    /// The fitted law, where there is one.
    pub law: Vec<(f64, f64)>,
}

/// A cell in a line over a setting.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Point {
    /// The setting.
    pub x: f64,
    /// The value.
    pub value: f64,
    /// Where it may be, or how far the trials spread.
    pub low: f64,
    /// The other end of it.
    pub high: f64,
    /// Whether it can be trusted.
    pub validity: Validity,
    /// The caveats.
    pub why: Vec<String>,
}

/// Marks of one colour.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Series {
    /// The model or the part.
    pub name: String,
    /// Of a model: its family.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub family: Option<String>,
    /// The number in its family, or the part's own.
    pub member: usize,
    /// Its marks.
    pub marks: Vec<Mark>,
}

/// A value in a row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Mark {
    /// The labels of the row, the coarser first.
    pub row: Vec<String>,
    /// The value.
    pub value: f64,
    /// Its interval; absent where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub low: Option<f64>,
    /// The other end of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub high: Option<f64>,
}

impl Figure {
    /// Whether it has no mark.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match &self.marks {
            Marks::Bars(rows) | Marks::Dots(rows) => rows.is_empty(),
            Marks::Quantiles(rows) => rows.is_empty(),
            Marks::Curves(lines) | Marks::Slices(lines) => lines.is_empty(),
            Marks::Sweep(lines) => lines.is_empty(),
            Marks::Effects(all) | Marks::Parts(all) => all.iter().all(|own| own.marks.is_empty()),
        }
    }
}
