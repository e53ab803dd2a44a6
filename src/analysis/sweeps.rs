//! Sweeps: the cells of one series, which differ in a numeric setting.
//!
//! The setting with the most different values is swept. If a plan varies further settings, each
//! combination of them is a separate panel.

pub(crate) mod crossover;
pub(crate) mod scaling;

use crate::base::units::show_count;
use crate::document::{Cell, Factor, Summary};

/// Settings differ by decades from this ratio of the largest to the smallest on.
const DECADES: f64 = 10.0;

/// One panel of a series.
#[derive(Debug)]
pub(crate) struct Sweep<'a> {
    /// The workload that the plan varied.
    pub(crate) series: &'a str,
    /// The setting that is swept.
    pub(crate) factor: &'a str,
    /// The others, and what they are here.
    pub(crate) fixed: Vec<Factor>,
    /// Every value of the setting in the series, in ascending order, with how the plan spells it.
    pub(crate) values: Vec<(f64, &'a str)>,
    /// One for each model, in the order of the cells.
    pub(crate) lines: Vec<Line<'a>>,
}

/// A model's cells, in ascending order of the setting.
#[derive(Debug)]
pub(crate) struct Line<'a> {
    pub(crate) model: &'a str,
    pub(crate) points: Vec<(f64, &'a Cell)>,
}

impl<'a> Line<'a> {
    /// The cell at one value of the setting.
    pub(crate) fn at(&self, x: f64) -> Option<&'a Cell> {
        self.points.iter().find(|(place, _)| place.total_cmp(&x).is_eq()).map(|(_, cell)| *cell)
    }
}

impl Sweep<'_> {
    /// Whether the setting spans decades, so that its ratios matter and not its differences.
    pub(crate) fn is_logarithmic(&self) -> bool {
        let above = self.values.iter().map(|(x, _)| *x).filter(|x| *x > 0.0);
        let (low, high) =
            above.fold((f64::INFINITY, 0.0_f64), |(low, high), x| (low.min(x), high.max(x)));
        self.values.iter().all(|(x, _)| *x >= 0.0) && high / low >= DECADES
    }

    /// The setting between two of its values: by ratio where it spans decades, but from 0 on by
    /// difference.
    pub(crate) fn between(&self, low: f64, high: f64, share: f64) -> f64 {
        if low > 0.0 && self.is_logarithmic() {
            low * (high / low).powf(share)
        } else {
            low + (high - low) * share
        }
    }

    /// The settings that are not swept, for people; empty where there are none.
    pub(crate) fn fixed_text(&self) -> String {
        fixed_text(&self.fixed)
    }
}

/// Settings for people; empty where there are none.
pub(crate) fn fixed_text(fixed: &[Factor]) -> String {
    let texts: Vec<String> =
        fixed.iter().map(|factor| format!("{} {}", factor.name, factor.text)).collect();
    texts.join(", ")
}

/// Settings within a sentence, in brackets.
pub(crate) fn within(fixed: &[Factor]) -> String {
    if fixed.is_empty() { String::new() } else { format!(" ({})", fixed_text(fixed)) }
}

/// A value of a setting that was not itself one of the plan's.
pub(crate) fn show_setting(x: f64) -> String {
    if x < 10.0 { format!("{x:.2}") } else { show_count(x) }
}

/// Every panel of every series that has something to sweep.
pub(crate) fn find_sweeps(summary: &Summary) -> Vec<Sweep<'_>> {
    let cells: Vec<&Cell> = summary.cells.iter().filter(|cell| !cell.twin).collect();
    let mut names: Vec<&str> = Vec::new();
    for name in cells.iter().filter_map(|cell| cell.series.as_deref()) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let own = |name: &str| -> Vec<&Cell> {
        cells.iter().copied().filter(|cell| cell.series.as_deref() == Some(name)).collect()
    };
    names.into_iter().flat_map(|name| panels(name, &own(name))).collect()
}

fn panels<'a>(series: &'a str, cells: &[&'a Cell]) -> Vec<Sweep<'a>> {
    let Some(factor) = swept(cells) else { return Vec::new() };
    let values = values(cells, factor);
    let mut panels: Vec<Sweep<'a>> = Vec::new();
    for cell in cells {
        let Some(x) = number(cell, factor) else { continue };
        let fixed: Vec<Factor> =
            cell.factors.iter().filter(|other| other.name != factor).cloned().collect();
        let at = panels.iter().position(|panel| panel.fixed == fixed).unwrap_or_else(|| {
            let values = values.clone();
            panels.push(Sweep { series, factor, fixed, values, lines: Vec::new() });
            panels.len() - 1
        });
        let lines = &mut panels[at].lines;
        let line = lines.iter().position(|line| line.model == cell.model).unwrap_or_else(|| {
            lines.push(Line { model: &cell.model, points: Vec::new() });
            lines.len() - 1
        });
        lines[line].points.push((x, cell));
    }
    for line in panels.iter_mut().flat_map(|panel| &mut panel.lines) {
        line.points.sort_by(|a, b| a.0.total_cmp(&b.0));
    }
    panels
}

fn number(cell: &Cell, factor: &str) -> Option<f64> {
    cell.factors.iter().find(|other| other.name == factor)?.number
}

/// The setting with the most different numbers, the first of several; two are no less a sweep.
fn swept<'a>(cells: &[&'a Cell]) -> Option<&'a str> {
    let first = cells.first()?;
    let counts = first.factors.iter().map(|factor| (values(cells, &factor.name).len(), factor));
    let several = counts.filter(|(count, _)| *count > 1);
    let most = several.reduce(|a, b| if b.0 > a.0 { b } else { a });
    most.map(|(_, factor)| factor.name.as_str())
}

fn values<'a>(cells: &[&'a Cell], factor: &str) -> Vec<(f64, &'a str)> {
    let known = cells.iter().filter_map(|cell| {
        let factor = cell.factors.iter().find(|other| other.name == factor)?;
        Some((factor.number?, factor.text.as_str()))
    });
    let mut values: Vec<(f64, &str)> = known.collect();
    values.sort_by(|a, b| a.0.total_cmp(&b.0));
    values.dedup_by(|a, b| a.0.total_cmp(&b.0).is_eq());
    values
}

#[cfg(test)]
mod tests;
