//! A cell with the data from its trials, and the label of its marks.

use std::collections::BTreeMap;

use super::looks::{self, family};
use super::micro;
use super::trials::Drawn;
use crate::document::{Cell, Label};

/// A cell and the data from its trials.
#[derive(Debug)]
pub(crate) struct Column<'a> {
    pub(crate) cell: &'a Cell,
    pub(crate) drawn: Drawn,
    pub(crate) label: Label,
}

impl Column<'_> {
    /// Whether its server's memory lacks what it shares with the generator; `None` if no trial tells.
    pub(crate) fn shares_program(&self) -> Option<bool> {
        self.drawn.typical.as_ref()?.shares_program()
    }
}

/// The number of each model of a run within its family.
pub(crate) type Numbers<'a> = BTreeMap<&'a str, usize>;

/// The numbers of all models in these cells.
pub(crate) fn numbers<'a>(cells: impl IntoIterator<Item = &'a Cell>) -> Numbers<'a> {
    looks::members(cells.into_iter().map(|cell| cell.model.as_str()))
}

/// A workload's cells with their labels.
pub(crate) fn columns<'a>(
    cells: &[&'a Cell],
    drawn: Vec<Drawn>,
    numbers: &Numbers<'_>,
) -> Vec<Column<'a>> {
    let mut columns: Vec<Column<'_>> = Vec::new();
    for (cell, drawn) in cells.iter().zip(drawn) {
        let first = !columns.iter().any(|other| other.label.family == family(&cell.model));
        columns.push(Column { cell, drawn, label: label(cell, numbers, first) });
    }
    columns
}

/// A cell's label; `first` if it is the best of its family.
pub(super) fn label(cell: &Cell, numbers: &Numbers<'_>, first: bool) -> Label {
    Label {
        model: cell.model.clone(),
        family: family(&cell.model).into(),
        member: numbers.get(cell.model.as_str()).copied().unwrap_or_default(),
        first,
        validity: cell.validity,
        why: why(cell),
    }
}

/// The caveats of a cell.
pub(super) fn why(cell: &Cell) -> Vec<String> {
    cell.flags.iter().map(|flag| micro(&flag.message)).collect()
}
